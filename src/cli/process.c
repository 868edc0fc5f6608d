/* SPDX-License-Identifier: MIT */
/* Child processes that do not outlive us; see process.h. */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"

#define CAPTURE_MS 10000

/* In the child: becomes argv, or reports why not. */
static void execute(char *const *argv, bool apart, int output, int report, pid_t parent)
{
	sigset_t none;
	int error;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it died before we asked */
		_exit(1);
	if (apart)
		setpgid(0, 0);
	if (output >= 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, 0);
		dup2(output, 1);
		dup2(null, 2);
	}
	execvp(argv[0], argv);
	error = -errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

static int start(struct pg_process *process, char *const *argv, bool apart, int output)
{
	pid_t parent = getpid();
	int report[2], error = 0;

	*process = (struct pg_process){.pid = -1, .fd = -1};
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	process->pid = fork();
	if (process->pid < 0) {
		error = -errno;
		pg_close(&report[0]);
		pg_close(&report[1]);
		return error;
	}
	if (!process->pid)
		execute(argv, apart, output, report[1], parent);
	pg_close(&report[1]);
	/* the end of the pipe without a word: execve() has closed it */
	if (read(report[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	pg_close(&report[0]);
	process->fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	if (!error && process->fd < 0)
		error = -errno;
	if (error)
		pg_process_end(process, 0);
	return error;
}

int pg_process_start(struct pg_process *process, char *const *argv, bool apart)
{
	return start(process, argv, apart, -1);
}

static void reap(struct pg_process *process, int options)
{
	pid_t pid;

	if (process->pid <= 0 || process->reaped)
		return;
	do
		pid = waitpid(process->pid, &process->status, options);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return;
	process->reaped = true;
	pg_close(&process->fd);
}

bool pg_process_ended(struct pg_process *process)
{
	reap(process, WNOHANG);
	return process->reaped;
}

/* Waits at most `timeout_ms` for the end, whatever signals come. */
static void await(const struct pg_process *process, int timeout_ms)
{
	uint64_t end = pg_now_ns() + (uint64_t)timeout_ms * 1000000;
	struct pollfd poll_fd = {.fd = process->fd, .events = POLLIN};

	while (poll(&poll_fd, 1, timeout_ms) < 0 && errno == EINTR) {
		uint64_t now = pg_now_ns();

		timeout_ms = now < end ? (int)((end - now) / 1000000) : 0;
	}
}

void pg_process_end(struct pg_process *process, int grace_ms)
{
	if (process->pid <= 0 || pg_process_ended(process))
		return;
	if (grace_ms) {
		kill(process->pid, SIGTERM);
		await(process, grace_ms);
		if (pg_process_ended(process))
			return;
	}
	kill(process->pid, SIGKILL);
	reap(process, 0);
}

int pg_process_exit_code(const struct pg_process *process)
{
	if (WIFSIGNALED(process->status))
		return 128 + WTERMSIG(process->status);
	return WEXITSTATUS(process->status);
}

/* Reads until the end, of which only the beginning is kept. */
static int read_all(int fd, char *output, size_t size)
{
	uint64_t end = pg_now_ns() + CAPTURE_MS * 1000000ull;
	size_t length = 0;
	char rest[4096];

	for (;;) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		uint64_t now = pg_now_ns();
		bool full = length + 1 >= size;
		ssize_t count;

		if (now >= end || poll(&poll_fd, 1, (int)((end - now) / 1000000)) == 0)
			return -ETIMEDOUT;
		count = read(fd, full ? rest : output + length,
			     full ? sizeof(rest) : size - 1 - length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!full)
			length += (size_t)count;
		output[length] = '\0';
		if (!count)
			return 0;
	}
}

int pg_process_capture(char *const *argv, char *output, size_t size)
{
	struct pg_process process;
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	error = start(&process, argv, true, ends[1]);
	pg_close(&ends[1]);
	if (!error) {
		error = read_all(ends[0], output, size);
		if (!error)
			reap(&process, 0);
		else
			pg_process_end(&process, 1000);
		if (!error && pg_process_exit_code(&process))
			error = -EIO;
	}
	pg_close(&ends[0]);
	return error;
}
