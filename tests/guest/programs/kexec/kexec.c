/* SPDX-License-Identifier: MIT */
/*
 * kexec: starts another kernel in the guest, in two steps, so that the test can see the first fail:
 * `kexec KERNEL INITRD COMMAND-LINE` loads it, `kexec go` leaves for it. Does not shut anything
 * down first: the point is a device that was in use. Runs as root in a throw-away guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "kexec: %s: %s\n", what, strerror(errno));
	return 1;
}

static int load(const char *kernel, const char *initrd, const char *command_line)
{
#ifdef SYS_kexec_file_load
	int kernel_fd = open(kernel, O_RDONLY | O_CLOEXEC);
	int initrd_fd = open(initrd, O_RDONLY | O_CLOEXEC);

	if (kernel_fd < 0)
		return fail(kernel);
	if (initrd_fd < 0)
		return fail(initrd);
	if (syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, strlen(command_line) + 1,
		    command_line, 0ul) < 0)
		return fail("loading");
	return 0;
#else
	(void)kernel;
	(void)initrd;
	(void)command_line;
	errno = ENOSYS;
	return fail("loading");
#endif
}

int main(int argc, char **argv)
{
	if (argc == 4)
		return load(argv[1], argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "go") == 0) {
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_KEXEC, NULL);
		return fail("leaving");
	}
	fprintf(stderr, "usage: kexec KERNEL INITRD COMMAND-LINE | kexec go\n");
	return 2;
}
