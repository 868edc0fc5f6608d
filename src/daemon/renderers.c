/* SPDX-License-Identifier: MIT */
/* Renderers in worker processes; see renderers.h. */
#include "daemon/renderers.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/proxy.h"

#define MODULE "daemon"

/* A GPU driver's first start compiles shaders; a busy host takes long for that. */
#define START_TIMEOUT_MS 60000

/* --- the worker's program ------------------------------------------------------------------------ */

/* Beside us in the build tree, or where it is installed. */
static void find_worker(char *path, size_t size)
{
	char self[512];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length < 0 ? 0 : length] = '\0';
	if (strrchr(self, '/')) {
		*strrchr(self, '/') = '\0';
		snprintf(path, size, "%s/../worker/paragpu-worker", self);
		if (!access(path, X_OK))
			return;
	}
	snprintf(path, size, "%s/paragpu-worker", PG_LIBEXECDIR);
}

bool pg_daemon_has_virgl(void)
{
	char path[768], name[] = "paragpu-worker", kind[] = "--renderer=virgl", probe[] = "--probe";
	char *const arguments[] = {name, kind, probe, NULL};
	posix_spawn_file_actions_t actions;
	pid_t child;
	int status, error;

	find_worker(path, sizeof(path));
	if (posix_spawn_file_actions_init(&actions))
		return false;
	error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, 0, 1);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, 0, 2);
	if (!error)
		error = posix_spawn(&child, path, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return false;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* --- one that runs ------------------------------------------------------------------------------- */

static void has_news(void *data, uint32_t events)
{
	struct pg_daemon_renderer *renderer = data;

	(void)events;
	renderer->renderer->ops->dispatch(renderer->renderer);
}

int pg_daemon_renderer_start(struct pg_daemon_renderer *renderer,
			     const struct pg_renderer_choice *choice, const char *render_node,
			     struct pg_loop *loop, const struct pg_logger *logger)
{
	const char *arguments[PG_RENDERER_ARGUMENTS + 2];
	char path[768], node[512];
	struct pg_proxy_options options = {
		.name = choice->kind,
		.program = path,
		.arguments = arguments,
		.log = logger,
		.start_timeout_ms = START_TIMEOUT_MS,
		.hang_timeout_ms = choice->hang_timeout_ms,
	};
	size_t count = 0;
	int error;

	find_worker(path, sizeof(path));
	for (; count < choice->count; count++)
		arguments[count] = choice->texts[count];
	if (render_node && !choice->has_render_node && !strcmp(choice->kind, "virgl")) {
		snprintf(node, sizeof(node), "--render-node=%s", render_node);
		arguments[count++] = node;
	}
	arguments[count] = NULL;
	error = access(path, X_OK) ? -errno : pg_proxy_create(&options, &renderer->renderer);
	if (error) {
		pg_log(logger, PG_LOG_ERROR, MODULE,
		       "the renderer %s was demanded and there is no 3D renderer of this kind to "
		       "be had: %s (worker %s); what was said before tells why; leave it out to "
		       "use 2D",
		       choice->kind, strerror(-error), path);
		return error;
	}
	snprintf(renderer->kind, sizeof(renderer->kind), "%s", choice->kind);
	error = pg_watch_add(loop, &renderer->watch,
			     renderer->renderer->ops->poll_fd(renderer->renderer), EPOLLIN,
			     has_news, renderer);
	if (error)
		pg_log(logger, PG_LOG_ERROR, MODULE, "cannot watch the renderer %s: %s",
		       choice->kind, strerror(-error));
	return error;
}

void pg_daemon_renderer_stop(struct pg_daemon_renderer *renderer)
{
	pg_watch_remove(&renderer->watch);
	pg_proxy_destroy(renderer->renderer);
	renderer->renderer = NULL;
}
