/* SPDX-License-Identifier: MIT */
/* Displays in processes of their own; see viewer.h. */
#include "display/viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

/* For writing the last frame to a slow disk. */
#define FINISH_MS 5000

struct viewer {
	const struct pg_logger *logger;
	const char *name;
	pid_t pid;
};

static int wait_until_gone(pid_t pid)
{
	struct pollfd gone = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	int status = 0;

	/* without pidfd_open(): wait as long as it takes */
	if (gone.fd >= 0 && poll(&gone, 1, FINISH_MS) == 0)
		kill(pid, SIGKILL);
	pg_close(&gone.fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* Why, it has said itself: on our standard error, or by the system's log of crashes. */
static void on_lost(void *data)
{
	const struct viewer *viewer = data;

	pg_log(viewer->logger, PG_LOG_WARN, "display",
	       "%s has ended before its time; the device goes on without it", viewer->name);
}

static void on_destroyed(void *data)
{
	struct viewer *viewer = data;

	wait_until_gone(viewer->pid);
	free(viewer);
}

/* Standard streams stay; socket at 3, resource at 4, `verdict` at 5 until exec; the rest closes. */
static int place_descriptors(int socket, int resource, int verdict)
{
	int fds[] = {socket, resource, verdict};
	const int count = sizeof(fds) / sizeof(fds[0]);

	/* out of the way of each other first */
	for (int i = 0; i < count; i++) {
		fds[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD, 3 + count);
		if (fds[i] < 0 && i != 1)
			return -errno;
	}
	for (int i = 0; i < count; i++)
		if (fds[i] >= 0 && dup3(fds[i], 3 + i, i == 2 ? O_CLOEXEC : 0) < 0)
			return -errno;
	if (fds[1] < 0)
		close(4);
	close_range((unsigned int)(3 + count), ~0u, 0);
	return 0;
}

/* Does not return. What goes wrong before the viewer's own life begins goes to `verdict`. */
static void become_viewer(const struct pg_viewer_plan *plan, int socket, int resource, int verdict)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	sigset_t none;
	int error;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	error = place_descriptors(socket, resource, verdict);
	if (!error) {
		verdict = 5;
		if (!plan->words) {
			close(verdict);
			_exit(plan->main(3, resource >= 0 ? 4 : -1, plan->data));
		}
		/* words are not changed: exec's type is older than const */
		execv(plan->words[0], (char *const *)(uintptr_t)plan->words);
		error = -errno;
	}
	if (write(verdict, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Waits until the viewer's own life has begun. Returns 0, or why it has not. */
static int read_verdict(int fd)
{
	int error = 0;
	ssize_t got;

	do
		got = read(fd, &error, sizeof(error));
	while (got < 0 && errno == EINTR);
	return got == sizeof(error) ? error : 0;
}

static int start(struct viewer *viewer, const struct pg_viewer_plan *plan, int resource,
		 int *socket)
{
	int pair[2] = {-1, -1}, verdict[2] = {-1, -1}, error = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0 ||
	    pipe2(verdict, O_CLOEXEC) < 0)
		error = -errno;
	if (!error) {
		viewer->pid = fork();
		if (viewer->pid == 0)
			become_viewer(plan, pair[1], resource, verdict[1]);
		if (viewer->pid < 0)
			error = -errno;
	}
	pg_close(&pair[1]);
	pg_close(&verdict[1]);
	if (!error) {
		error = read_verdict(verdict[0]);
		if (error)
			wait_until_gone(viewer->pid);
	}
	pg_close(&verdict[0]);
	if (error)
		pg_close(&pair[0]);
	else
		*socket = pair[0];
	return error;
}

int pg_viewer_create(struct pg_loop *loop, const struct pg_logger *logger,
		     const struct pg_viewer_plan *plan, int *resource, struct pg_display **out)
{
	struct viewer *viewer = calloc(1, sizeof(*viewer));
	struct pg_vmm_options options = {
		.name = plan->name,
		.lost = on_lost,
		.destroyed = on_destroyed,
		.data = viewer,
	};
	int socket = -1, error = -ENOMEM;

	if (!viewer)
		goto failed;
	viewer->logger = logger;
	viewer->name = plan->name;
	error = start(viewer, plan, *resource, &socket);
	if (error)
		goto failed;
	error = pg_vmm_create(loop, logger, &options, out);
	if (error) {
		pg_close(&socket);
		wait_until_gone(viewer->pid);
		goto failed;
	}
	pg_close(resource);
	error = pg_vmm_set_socket(*out, &socket);
	if (error)
		pg_display_destroy(out); /* frees the viewer too */
	return error;
failed:
	free(viewer);
	pg_close(resource);
	return error;
}
