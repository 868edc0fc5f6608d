/* SPDX-License-Identifier: MIT */
/*
 * Starts virglrenderer's render server, whose children are the venus contexts.
 * The library would start it too, but with every descriptor of this process
 * that is not close-on-exec; ours gets its socket and the three standard ones,
 * dies with us, and its pid is known.
 */
#include "renderer/virgl/state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define SERVER_FD 3

static const char *find_server(struct pg_virgl *virgl)
{
	static const char *const places[] = {
		"/usr/libexec/virgl_render_server",
		"/usr/local/libexec/virgl_render_server",
		"/usr/lib/virgl_render_server",
	};

	if (virgl->server_path)
		return access(virgl->server_path, X_OK) ? NULL : virgl->server_path;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!access(places[i], X_OK))
			return places[i];
	}
	return NULL;
}

/* In the child, between fork and exec: only what is safe there. */
static _Noreturn void become_server(const char *path, int fd, pid_t parent)
{
	char number[] = {'0' + SERVER_FD, 0};
	const char *arguments[] = {"virgl_render_server", "--socket-fd", number, NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(127);
	if (fd == SERVER_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, SERVER_FD) < 0)
		_exit(127);
	if (close_range(SERVER_FD + 1, ~0u, 0))
		_exit(127);
	execv(path, (char *const *)(uintptr_t)arguments);
	_exit(127);
}

int pg_virgl_server_start(struct pg_virgl *virgl)
{
	const char *path = find_server(virgl);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = PG_VIRGL_EVENT_SERVER};
	int ends[2];
	pid_t parent = getpid();

	pg_virgl_server_stop(virgl);
	if (!path) {
		pg_log(virgl->log, PG_LOG_WARN, PG_VIRGL_MODULE,
		       "no Vulkan for guests: %s is not there; install virgl-server",
		       virgl->server_path ? virgl->server_path : "virgl_render_server");
		return -ENOENT;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	virgl->server_pid = fork();
	if (virgl->server_pid == 0)
		become_server(path, ends[1], parent);
	pg_close(&ends[1]);
	if (virgl->server_pid < 0) {
		pg_log(virgl->log, PG_LOG_WARN, PG_VIRGL_MODULE,
		       "no Vulkan for guests: cannot start %s: %s", path, strerror(errno));
		pg_close(&ends[0]);
		return -EAGAIN;
	}
	virgl->server_gone = false;
	virgl->server_pidfd = pidfd_open(virgl->server_pid, 0);
	if (virgl->server_pidfd >= 0)
		epoll_ctl(virgl->epoll, EPOLL_CTL_ADD, virgl->server_pidfd, &event);
	return ends[0];
}

void pg_virgl_server_stop(struct pg_virgl *virgl)
{
	pg_close(&virgl->server_pidfd);
	if (virgl->server_pid > 0) {
		kill(virgl->server_pid, SIGKILL);
		while (waitpid(virgl->server_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	virgl->server_pid = 0;
}
