/* SPDX-License-Identifier: MIT */
/* Starting and ending worker processes; see spawn.h. Installs no signal handlers. */
#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define KILL_WAIT_MS 10000

/*
 * What a worker may inherit: where drivers and caches are, and which to use.
 * Not: debugging switches of virglrenderer, some of which obey the guest.
 */
static const char *const allowed[] = {
	"HOME=",
	"LANG=",
	"LC_ALL=",
	"LD_LIBRARY_PATH=",
	"PATH=",
	"TMPDIR=",
	"XDG_CACHE_HOME=",
	"XDG_RUNTIME_DIR=",
	"XDG_DATA_DIRS=",
	"DRI_PRIME=",
	"GALLIUM_DRIVER=",
	"LIBGL_",
	"LP_",
	"MESA_",
	"NVIDIA_",
	"OCL_ICD_",
	"POCL_",
	"VK_",
	"__EGL_VENDOR_LIBRARY_",
	"__NV_",
	"__GLX_VENDOR_LIBRARY_NAME=",
	"PARAGPU_LOG=",
	"ASAN_OPTIONS=",
	"LSAN_OPTIONS=",
	"UBSAN_OPTIONS=",
};

static bool is_allowed(const char *variable)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		if (!strncmp(variable, allowed[i], strlen(allowed[i])))
			return true;
	}
	return false;
}

static const char **make_environment(void)
{
	size_t count = 0;
	const char **environment;

	while (environ[count])
		count++;
	environment = calloc(count + 1, sizeof(*environment));
	if (!environment)
		return NULL;
	count = 0;
	for (char **variable = environ; *variable; variable++) {
		if (is_allowed(*variable))
			environment[count++] = *variable;
	}
	return environment;
}

/* In the child, between fork and exec: only what is safe there. */
static _Noreturn void become_worker(const char *program, const char *const *arguments,
				    const char *const *environment, int socket, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(127);
	if (socket == PG_WORKER_FD ? fcntl(socket, F_SETFD, 0) : dup2(socket, PG_WORKER_FD) < 0)
		_exit(127);
	if (close_range(PG_WORKER_FD + 1, ~0u, 0))
		_exit(127);
	execve(program, (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
	_exit(127);
}

int pg_process_start(struct pg_process *process, const char *program, const char *const *arguments,
		     int *socket)
{
	const char **environment = make_environment();
	pid_t parent = getpid();
	int error = 0;

	process->pidfd = -1;
	if (!environment)
		return -ENOMEM;
	process->pid = fork();
	if (process->pid == 0)
		become_worker(program, arguments, environment, *socket, parent);
	if (process->pid < 0) {
		error = -errno;
		process->pid = 0;
	}
	free(environment);
	if (error)
		return error;
	pg_close(socket);
	/* here too, so that the group exists when we kill it, whoever is first */
	setpgid(process->pid, process->pid);
	process->pidfd = pidfd_open(process->pid, 0);
	if (process->pidfd < 0) {
		error = -errno;
		pg_process_kill(process);
	}
	return error;
}

int pg_process_kill(struct pg_process *process)
{
	struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
	int status = -1;

	if (!process->pid)
		return -1;
	/* its children too, stopped ones among them; the group exists until we reap its leader */
	kill(-process->pid, SIGKILL);
	kill(process->pid, SIGKILL);
	while (process->pidfd >= 0 && poll(&ended, 1, KILL_WAIT_MS) < 0 && errno == EINTR)
		;
	if (waitpid(process->pid, &status, WNOHANG) != process->pid)
		status = -1;
	pg_close(&process->pidfd);
	process->pid = 0;
	return status;
}
