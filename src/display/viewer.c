/* SPDX-License-Identifier: MIT */
/* Displays in processes of their own; see viewer.h. */
#include "display/viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
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

static void on_destroyed(void *data)
{
	struct viewer *viewer = data;

	wait_until_gone(viewer->pid);
	free(viewer);
}

/* Leaves nothing of the device's process but standard streams, socket (3) and resource (4). */
static void become_viewer(int socket, int resource, pg_viewer_main main, void *data)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* out of the way of 3 and 4 first */
	socket = fcntl(socket, F_DUPFD, 5);
	if (resource >= 0)
		resource = fcntl(resource, F_DUPFD, 5);
	if (socket < 0 || dup3(socket, 3, O_CLOEXEC) < 0)
		_exit(1);
	if (resource >= 0 && dup3(resource, 4, O_CLOEXEC) < 0)
		_exit(1);
	close_range(resource >= 0 ? 5 : 4, ~0u, 0);
	_exit(main(3, resource >= 0 ? 4 : -1, data));
}

static int start(struct viewer *viewer, pg_viewer_main main, int resource, void *data, int *socket)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	viewer->pid = fork();
	if (viewer->pid == 0)
		become_viewer(pair[1], resource, main, data);
	pg_close(&pair[1]);
	if (viewer->pid < 0) {
		int error = -errno;

		pg_close(&pair[0]);
		return error;
	}
	*socket = pair[0];
	return 0;
}

int pg_viewer_create(struct pg_loop *loop, const struct pg_logger *logger, const char *name,
		     pg_viewer_main main, int *resource, void *data, struct pg_display **out)
{
	struct viewer *viewer = calloc(1, sizeof(*viewer));
	struct pg_vmm_options options = {
		.name = name,
		.destroyed = on_destroyed,
		.data = viewer,
	};
	int socket = -1, error = -ENOMEM;

	if (!viewer)
		goto failed;
	error = start(viewer, main, *resource, data, &socket);
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
