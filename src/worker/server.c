/* SPDX-License-Identifier: MIT */
/*
 * The loop of a worker; see server.h. The device process has checked the calls;
 * what is checked here is that a broken one cannot make us run wild, and that
 * calls which crossed the loss of their context do not reach the renderer.
 */
#include "worker/server_private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"

/* Wake-ups cost microseconds that a busy guest notices: look for a moment before sleeping. */
#define MAX_SPIN_NS 50000u
#define MIN_SPIN_NS 1000u
/* Calls in a row before the renderer's own events get their turn */
#define MAX_BATCH 64

/* --- sending: the other side empties the ring whatever happens, so waiting is right --- */

static int wait_for_bell(struct pg_server *server)
{
	struct pollfd fds[2] = {
		{.fd = server->channel.bell_in, .events = POLLIN},
		{.fd = server->channel.socket, .events = 0},
	};

	if (poll(fds, 2, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents)
		return -EPIPE;
	pg_channel_quiet(&server->channel);
	return 0;
}

void pg_server_send(struct pg_server *server, enum pg_wire_type type, const void *head, size_t size,
		    const void *data, size_t data_size, int fd)
{
	const struct iovec pieces[2] = {
		{.iov_base = (void *)(uintptr_t)head, .iov_len = size},
		{.iov_base = (void *)(uintptr_t)data, .iov_len = data_size},
	};

	while (!server->error) {
		int error = pg_channel_send(&server->channel, type, pieces, 2, fd);

		if (!error)
			return;
		if (error == -EAGAIN)
			error = wait_for_bell(server);
		server->error = error;
	}
}

/* --- what renderers call --- */

static struct pg_server *server_of(struct paragpu_renderer *renderer)
{
	return renderer->device;
}

static void operation_end(struct paragpu_operation *operation)
{
	free(operation);
}

void paragpu_operation_done(struct paragpu_operation *operation, int error)
{
	const struct pg_wire_done done = {.handle = operation->handle, .error = error};

	if (error && operation->ctx_id)
		free(pg_idmap_take(&operation->server->contexts, operation->ctx_id));
	pg_server_send(operation->server, PG_WIRE_DONE, &done, sizeof(done), NULL, 0, -1);
	operation_end(operation);
}

static struct pg_wire_export wire_export(const struct paragpu_export *memory)
{
	return (struct pg_wire_export){
		.fd_offset = memory->fd_offset,
		.size = memory->size,
		.handle = memory->handle,
		.map_info = memory->map_info,
		.mappable = memory->mappable,
	};
}

void paragpu_operation_blob_created(struct paragpu_operation *operation,
				    const struct paragpu_export *memory)
{
	const struct pg_wire_blob_created created = {
		.handle = operation->handle,
		.memory = wire_export(memory),
	};
	int fd = memory->fd;

	pg_server_send(operation->server, PG_WIRE_BLOB_CREATED, &created, sizeof(created), NULL, 0,
		       fd);
	pg_close(&fd);
	operation_end(operation);
}

void paragpu_operation_presented(struct paragpu_operation *operation,
				 const struct paragpu_image *image)
{
	const struct pg_wire_presented presented = {
		.handle = operation->handle,
		.image = {.width = image->width,
			  .height = image->height,
			  .format = image->format,
			  .stride = image->stride,
			  .modifier = image->modifier,
			  .memory = wire_export(&image->memory)},
	};
	int fd = image->memory.fd;

	pg_server_send(operation->server, PG_WIRE_PRESENTED, &presented, sizeof(presented), NULL, 0,
		       fd);
	pg_close(&fd);
	operation_end(operation);
}

void paragpu_renderer_signal(struct paragpu_renderer *renderer, uint64_t cookie)
{
	const struct pg_wire_signal signal = {.handle = cookie};

	pg_server_send(server_of(renderer), PG_WIRE_SIGNAL, &signal, sizeof(signal), NULL, 0, -1);
}

void paragpu_renderer_context_lost(struct paragpu_renderer *renderer, uint32_t ctx_id,
				   const char *reason)
{
	struct pg_server *server = server_of(renderer);
	struct pg_served_context *context = pg_idmap_take(&server->contexts, ctx_id);
	struct pg_wire_context_lost lost = {.ctx_id = ctx_id};

	if (!context)
		return;
	lost.serial = context->serial;
	free(context);
	strncpy(lost.reason, reason, sizeof(lost.reason) - 1);
	pg_server_send(server, PG_WIRE_CONTEXT_LOST, &lost, sizeof(lost), NULL, 0, -1);
}

void paragpu_renderer_lost(struct paragpu_renderer *renderer, const char *reason)
{
	struct pg_server *server = server_of(renderer);
	struct pg_wire_context_lost lost = {0};

	strncpy(lost.reason, reason, sizeof(lost.reason) - 1);
	pg_server_send(server, PG_WIRE_LOST, &lost, sizeof(lost), NULL, 0, -1);
	/* the device process ends this one and starts another */
	if (!server->error)
		server->error = -EPIPE;
}

/* --- the loop --- */

static void say_hello(struct pg_server *server)
{
	struct paragpu_renderer *renderer = server->renderer;
	struct pg_wire_hello hello = {.magic = PG_WIRE_MAGIC};

	hello.capset_count = (uint32_t)renderer->ops->get_capsets(renderer, hello.capsets);
	pg_server_send(server, PG_WIRE_HELLO, &hello, sizeof(hello), NULL, 0, -1);
	for (uint32_t i = 0; i < hello.capset_count; i++) {
		size_t size = hello.capsets[i].max_size;
		void *data = calloc(1, size ? size : 1);

		if (!data || renderer->ops->fill_capset(renderer, hello.capsets[i].id,
							hello.capsets[i].max_version, data, size))
			server->error = -EIO;
		else
			pg_server_send(server, PG_WIRE_CAPSET, NULL, 0, data, size, -1);
		free(data);
	}
}

/* Takes what is there, a batch at most. Returns the number of calls taken. */
static int take_calls(struct pg_server *server)
{
	int count = 0;

	while (count < MAX_BATCH && !server->error) {
		int result = pg_channel_receive(&server->channel);

		if (result == 0)
			break;
		server->error = result < 0 ? result : pg_server_call(server);
		count++;
	}
	return count;
}

static int take_events(struct pg_server *server, int timeout_ms)
{
	struct epoll_event events[4];
	int count = epoll_wait(server->epoll, events, 4, timeout_ms);

	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == server->channel.bell_in) {
			pg_channel_quiet(&server->channel);
		} else if (events[i].data.fd == server->channel.socket) {
			if (events[i].events & (EPOLLHUP | EPOLLERR))
				server->error = -EPIPE;
		} else {
			server->renderer->ops->dispatch(server->renderer);
		}
	}
	return count;
}

/* Looks for work for as long as it has paid of late. Returns whether there is some. */
static bool spin(struct pg_server *server)
{
	uint64_t end = pg_now_ns() + server->spin_ns;

	do {
		if (pg_ring_poll(&server->channel.in) || take_events(server, 0) > 0) {
			server->spin_ns = server->spin_ns * 2 < MAX_SPIN_NS ? server->spin_ns * 2
									    : MAX_SPIN_NS;
			return true;
		}
	} while (pg_now_ns() < end);
	server->spin_ns = server->spin_ns / 2 > MIN_SPIN_NS ? server->spin_ns / 2 : MIN_SPIN_NS;
	return false;
}

static void serve(struct pg_server *server)
{
	while (!server->error) {
		if (take_calls(server)) {
			take_events(server, 0);
			continue;
		}
		if (server->error || spin(server))
			continue;
		if (pg_ring_sleep(&server->channel.in))
			take_events(server, -1);
		pg_ring_awake(&server->channel.in);
	}
}

static int watch(struct pg_server *server, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return fd < 0 || !epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) ? 0 : -errno;
}

static int set_up(struct pg_server *server, int *socket)
{
	struct paragpu_renderer *renderer = server->renderer;
	int error = pg_channel_join(&server->channel, socket);

	if (error)
		return error;
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll < 0)
		return -errno;
	error = watch(server, server->channel.bell_in, EPOLLIN);
	if (!error)
		error = watch(server, server->channel.socket, 0);
	if (!error && renderer->ops->poll_fd)
		error = watch(server, renderer->ops->poll_fd(renderer), EPOLLIN);
	return error;
}

int pg_server_run(struct paragpu_renderer *renderer, int *socket, const struct pg_logger *log)
{
	struct pg_server server = {
		.renderer = renderer, .log = log, .epoll = -1, .spin_ns = MIN_SPIN_NS};
	void *context;

	pg_channel_init(&server.channel);
	/* cppcheck-suppress autoVariables ; taken back below */
	renderer->device = &server;
	server.error = set_up(&server, socket);
	if (!server.error)
		say_hello(&server);
	serve(&server);
	if (server.error != -EPIPE)
		pg_log(log, PG_LOG_ERROR, "worker", "ends: %s", strerror(-server.error));
	renderer->ops->reset(renderer);
	if (renderer->ops->set_memory)
		renderer->ops->set_memory(renderer, NULL);
	while ((context = pg_idmap_any(&server.contexts)))
		free(pg_idmap_take(&server.contexts, ((struct pg_served_context *)context)->id));
	pg_idmap_finish(&server.contexts);
	paragpu_memory_unref(&server.next_memory);
	renderer->device = NULL;
	pg_close(&server.epoll);
	pg_channel_finish(&server.channel);
	return server.error == -EPIPE ? 0 : server.error;
}
