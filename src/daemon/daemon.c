/* SPDX-License-Identifier: MIT */
/* The parts of paragpud, put together; see daemon.h. */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/memory_fault.h"
#include "display/options.h"
#include "protocol/virtio_gpu.h"

#define MODULE "daemon"

/* --- what the device asks of us ---------------------------------------------------------------- */

static void config_changed(void *data)
{
	struct pg_daemon *daemon = data;

	pg_vhost_user_config_changed(daemon->server);
}

static void device_log(void *data, enum paragpu_log_level level, const char *module,
		       const char *message)
{
	const struct pg_daemon *daemon = data;

	pg_log(&daemon->logger, (enum pg_log_level)level, module, "%s", message);
}

static void device_trace(void *data, const struct paragpu_trace *trace)
{
	struct pg_daemon *daemon = data;
	char line[512];

	if (!pg_control_followed(daemon->control))
		return;
	paragpu_trace_format(trace, line, sizeof(line));
	pg_control_tell(daemon->control, line);
}

/* --- what the connection tells us -------------------------------------------------------------- */

static void connection_closed(void *data)
{
	struct pg_daemon *daemon = data;
	int none = -1;

	pg_vmm_set_socket(daemon->vmm, &none);
	if (daemon->options->once || daemon->options->fd >= 0)
		pg_loop_stop(daemon->loop);
}

static void display_socket(void *data, int *fd)
{
	struct pg_daemon *daemon = data;
	int error = pg_vmm_set_socket(daemon->vmm, fd);

	if (error)
		pg_log(&daemon->logger, PG_LOG_WARN, MODULE,
		       "the VMM's display socket cannot be used: %s; its window stays empty",
		       strerror(-error));
}

static void memory_lost(void *data)
{
	struct pg_daemon *daemon = data;

	pg_vhost_user_disconnect(daemon->server,
				 "the memory that it shared is not there any more: its file was "
				 "cut short, or the host has no more pages for it");
}

static void signalled(void *data, uint32_t events)
{
	struct pg_daemon *daemon = data;
	struct signalfd_siginfo info;

	(void)events;
	if (read(daemon->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	pg_log(&daemon->logger, PG_LOG_INFO, MODULE, "ends: asked to by signal %s (process %u)",
	       sigabbrev_np((int)info.ssi_signo), info.ssi_pid);
	pg_loop_stop(daemon->loop);
}

/* --- putting together --------------------------------------------------------------------------- */

static int fail(struct pg_daemon *daemon, int error, const char *what, const char *why)
{
	pg_log(&daemon->logger, PG_LOG_ERROR, MODULE, "%s: %s", what, why ? why : strerror(-error));
	return error;
}

static int create_loop(struct pg_daemon *daemon)
{
	sigset_t ends;
	int error = pg_loop_create(&daemon->loop);

	if (error)
		return fail(daemon, error, "cannot make an event loop", NULL);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->signal_fd < 0)
		return fail(daemon, -errno, "cannot receive signals", NULL);
	error = pg_watch_add(daemon->loop, &daemon->signal_watch, daemon->signal_fd, EPOLLIN,
			     signalled, daemon);
	if (!error)
		error = pg_memory_fault_init(daemon->loop, memory_lost, daemon);
	return error ? fail(daemon, error, "cannot receive signals", NULL) : 0;
}

static int create_server(struct pg_daemon *daemon)
{
	const struct pg_daemon_options *options = daemon->options;
	struct pg_vhost_user_settings settings;
	const char *problem = NULL;
	int error;

	pg_vhost_user_settings_init(&settings);
	settings.loop = daemon->loop;
	settings.logger = &daemon->logger;
	settings.callbacks = (struct pg_vhost_user_callbacks){
		.closed = connection_closed,
		.display_socket = display_socket,
		.data = daemon,
	};
	settings.shmem_bit = options->shmem_bit;
	settings.window_size = options->window_size;
	settings.packed = options->packed;
	settings.in_order = options->in_order;
	settings.poll_ns = options->poll_ns;
	error = pg_vhost_user_create(&settings, &daemon->server, &problem);
	return error ? fail(daemon, error, "cannot make the vhost-user server", problem) : 0;
}

static int create_device(struct pg_daemon *daemon)
{
	struct paragpu_settings settings = daemon->options->settings;
	const char *problem = NULL;
	int error;

	settings.host = (struct paragpu_host){
		.complete = pg_vhost_user_complete,
		.config_changed = config_changed,
		.log = device_log,
		.trace = device_trace,
		.map_blob = pg_daemon_map_blob,
		.unmap_blob = pg_daemon_unmap_blob,
		.data = daemon,
	};
	settings.window_size = daemon->options->window_size;
	error = paragpu_device_create(&settings, &daemon->device, &problem);
	if (error)
		return fail(daemon, error, "cannot make the device", problem);
	pg_vhost_user_set_device(daemon->server, daemon->device);
	return 0;
}

static bool offers_opengl(const struct pg_daemon *daemon)
{
	struct paragpu_capset capset;
	const char *renderer;

	for (uint32_t i = 0; paragpu_device_get_capset(daemon->device, i, &capset, &renderer); i++)
		if (capset.id == VIRTIO_GPU_CAPSET_VIRGL || capset.id == VIRTIO_GPU_CAPSET_VIRGL2)
			return true;
	return false;
}

/* What was demanded must be had: who relies on it shall not find out later. */
static int create_renderers(struct pg_daemon *daemon)
{
	const struct pg_daemon_options *options = daemon->options;
	struct pg_renderer_choice choice;
	int error = 0;

	for (size_t i = 0; !error && i < options->renderer_count; i++) {
		struct pg_daemon_renderer *renderer = &daemon->renderers[i];

		pg_renderer_choose(options->renderers[i], &choice);
		daemon->renderer_count++;
		error = pg_daemon_renderer_start(renderer, &choice, options->render_node,
						 daemon->loop, &daemon->logger);
		if (error)
			return error; /* the reason was logged */
		error = paragpu_device_add_renderer(daemon->device, renderer->renderer);
		if (error)
			return fail(daemon, error, "cannot attach a renderer", NULL);
	}
	if (options->virgl && !offers_opengl(daemon))
		return fail(daemon, -ENOTSUP, "--virgl demands OpenGL",
			    "no 3D renderer offers it on this host; leave it out to use 2D");
	return 0;
}

static int attach(struct pg_daemon *daemon, struct paragpu_display *display)
{
	int error = paragpu_device_add_display(daemon->device, display);

	return error ? fail(daemon, error, "cannot attach a display", NULL) : 0;
}

static int create_displays(struct pg_daemon *daemon)
{
	const struct pg_daemon_options *options = daemon->options;
	struct pg_vmm_options vmm;
	struct pg_problem problem;
	int error;

	error = pg_observer_create(&daemon->eye);
	if (error)
		return fail(daemon, error, "cannot make the display for screenshots", NULL);
	error = attach(daemon, &daemon->eye->base);
	if (error)
		return error;
	pg_vmm_options_init(&vmm);
	error = pg_vmm_create(daemon->loop, &daemon->logger, &vmm, &daemon->vmm);
	if (error)
		return fail(daemon, error, "cannot make the VMM's display", NULL);
	error = attach(daemon, &daemon->vmm->base);
	for (size_t i = 0; !error && i < options->display_count; i++) {
		error = pg_display_from_option(options->displays[i], daemon->loop, &daemon->logger,
					       &daemon->displays[i], &problem);
		if (error)
			return fail(daemon, error, "cannot make a display", problem.text);
		daemon->display_count++;
		error = attach(daemon, &daemon->displays[i]->base);
	}
	return error;
}

/* Last of all: who finds a socket there finds everything behind it ready. */
static int open_sockets(struct pg_daemon *daemon)
{
	const struct pg_daemon_options *options = daemon->options;
	int error, fd = options->fd;
	char problem[512];

	if (options->socket_path) {
		error = pg_vhost_user_listen(daemon->server, options->socket_path);
		if (error)
			return error; /* the reason was logged */
	} else {
		error = pg_vhost_user_adopt(daemon->server, &fd);
		if (error)
			return fail(daemon, error, "--fd: the descriptor cannot be served", NULL);
	}
	if (!options->control_path)
		return 0;
	error = pg_control_create(daemon->loop, &daemon->logger, options->control_path,
				  pg_daemon_commands, daemon, &daemon->control, problem,
				  sizeof(problem));
	if (error)
		pg_log(&daemon->logger, PG_LOG_ERROR, MODULE, "--control: %s", problem);
	return error;
}

static void configure_log(struct pg_daemon *daemon)
{
	const char *specification = getenv("PARAGPU_LOG");
	const char *bad;

	pg_messages_init(&daemon->messages, STDERR_FILENO, "paragpud");
	pg_logger_init(&daemon->logger, pg_messages_write, &daemon->messages);
	if (specification && *specification &&
	    pg_logger_configure(&daemon->logger, specification, &bad) < 0)
		pg_log(&daemon->logger, PG_LOG_WARN, MODULE,
		       "PARAGPU_LOG=%s: \"%s\" and what follows is not understood and left out; "
		       "write "
		       "LEVEL or LEVEL:MODULE, with commas between, LEVEL being error, warn, info, "
		       "debug or trace",
		       specification, bad);
}

int pg_daemon_create(const struct pg_daemon_options *options, struct pg_daemon **out)
{
	struct pg_daemon *daemon = calloc(1, sizeof(*daemon));
	int error;

	if (!daemon)
		return -ENOMEM;
	daemon->options = options;
	daemon->signal_fd = -1;
	daemon->started_ns = pg_now_ns();
	configure_log(daemon);
	error = create_loop(daemon);
	if (!error)
		error = create_server(daemon);
	if (!error)
		error = create_device(daemon);
	if (!error)
		error = create_renderers(daemon);
	if (!error)
		error = create_displays(daemon);
	if (!error)
		error = open_sockets(daemon);
	if (error) {
		pg_daemon_destroy(&daemon);
		return error;
	}
	*out = daemon;
	return 0;
}

int pg_daemon_run(struct pg_daemon *daemon)
{
	int error = pg_loop_run(daemon->loop);

	if (error)
		pg_log(&daemon->logger, PG_LOG_ERROR, MODULE, "the event loop failed: %s",
		       strerror(-error));
	return error ? PG_DAEMON_FAILED : PG_DAEMON_OK;
}

/* In the order in which QEMU minds least: its display first, then the connection. */
void pg_daemon_destroy(struct pg_daemon **daemon)
{
	struct pg_daemon *taken = *daemon;
	int none = -1;

	*daemon = NULL;
	if (!taken)
		return;
	pg_control_destroy(&taken->control);
	if (taken->vmm)
		pg_vmm_set_socket(taken->vmm, &none);
	pg_vhost_user_destroy(&taken->server);
	if (taken->device) {
		if (taken->eye)
			paragpu_device_remove_display(taken->device, &taken->eye->base);
		if (taken->vmm)
			paragpu_device_remove_display(taken->device, &taken->vmm->base);
		for (size_t i = 0; i < taken->display_count; i++)
			paragpu_device_remove_display(taken->device, &taken->displays[i]->base);
	}
	for (size_t i = 0; i < taken->display_count; i++)
		pg_display_destroy(&taken->displays[i]);
	pg_display_destroy(&taken->vmm);
	pg_display_destroy(&taken->eye);
	paragpu_device_destroy(&taken->device);
	for (size_t i = 0; i < taken->renderer_count; i++)
		pg_daemon_renderer_stop(&taken->renderers[i]);
	pg_memory_fault_finish();
	pg_watch_remove(&taken->signal_watch);
	pg_close(&taken->signal_fd);
	pg_loop_destroy(taken->loop);
	free(taken);
}
