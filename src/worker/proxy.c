/* SPDX-License-Identifier: MIT */
/*
 * The life of a worker as its device process sees it: start, greeting, events,
 * watchdog, loss; see proxy.h. Calls and answers are in files of their own.
 */
#include "worker/proxy_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"

#define START_TIMEOUT_MS 20000
#define HANG_TIMEOUT_MS 10000
/* The watchdog looks this often per time-out. */
#define TICKS 4
/* Answers in a row before the device gets its turn */
#define MAX_BATCH 256

/* --- start and end of a worker --- */

static int watch(struct pg_proxy *proxy, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void set_timer(struct pg_proxy *proxy, bool run)
{
	uint64_t tick = (uint64_t)proxy->hang_timeout_ms * 1000000 / TICKS;
	struct itimerspec when = {0};

	if (run == proxy->timer_runs || proxy->hang_timeout_ms == UINT32_MAX)
		return;
	if (run) {
		when.it_interval.tv_sec = (time_t)(tick / 1000000000);
		when.it_interval.tv_nsec = (long)(tick % 1000000000);
		when.it_value = when.it_interval;
	}
	timerfd_settime(proxy->timer, 0, &when, NULL);
	proxy->timer_runs = run;
	proxy->idle_ticks = 0;
}

void pg_proxy_watch(struct pg_proxy *proxy)
{
	set_timer(proxy, true);
}

/* Ends the worker, whatever it does, and forgets what was open with it. Nothing is answered. */
static int end_worker(struct pg_proxy *proxy)
{
	struct pg_proxy_context *context;
	int status = pg_process_kill(&proxy->process);

	pg_channel_finish(&proxy->channel);
	pg_proxy_drop_queue(proxy);
	pg_slot_drop_all(proxy);
	while ((context = pg_idmap_any(&proxy->contexts)))
		free(pg_idmap_take(&proxy->contexts, context->id));
	set_timer(proxy, false);
	proxy->pinged = false;
	proxy->greeted = false;
	proxy->used = false;
	proxy->failure = NULL;
	return status;
}

static int start_worker(struct pg_proxy *proxy)
{
	int peer = -1;
	int error = pg_channel_create(&proxy->channel, &peer);

	if (!error)
		error = pg_process_start(&proxy->process, proxy->program, proxy->arguments, &peer);
	if (!error)
		error = watch(proxy, proxy->channel.bell_in, EPOLLIN);
	if (!error)
		error = watch(proxy, proxy->process.pidfd, EPOLLIN);
	pg_close(&peer);
	if (error) {
		pg_log(proxy->log, PG_LOG_ERROR, proxy->name, "cannot start %s: %s", proxy->program,
		       strerror(-error));
		end_worker(proxy);
		return error;
	}
	proxy->starts++;
	proxy->last_read = 0;
	pg_ring_sleep(&proxy->channel.in); /* from now on the worker rings */
	pg_log(proxy->log, PG_LOG_DEBUG, proxy->name, "worker %d started", (int)proxy->process.pid);
	if (proxy->memory)
		pg_proxy_send_memory(proxy);
	return 0;
}

int pg_proxy_need(struct pg_proxy *proxy)
{
	return proxy->process.pid ? 0 : start_worker(proxy);
}

void pg_proxy_fail(struct pg_proxy *proxy, const char *reason)
{
	uint64_t one = 1;

	if (proxy->failure)
		return;
	proxy->failure = reason;
	if (write(proxy->wake, &one, sizeof(one)) < 0)
		return;
}

static const char *describe_end(int status, char *text, size_t size)
{
	if (status < 0)
		snprintf(text, size, "still there");
	else if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		snprintf(text, size, "its program could not be run");
	else
		snprintf(text, size, "status %d", WEXITSTATUS(status));
	return text;
}

static void lose_worker(struct pg_proxy *proxy)
{
	char reason[PG_WIRE_REASON];
	char end[64];
	int pid = (int)proxy->process.pid;

	snprintf(reason, sizeof(reason), "%s", proxy->failure);
	proxy->losses++;
	pg_log(proxy->log, PG_LOG_ERROR, proxy->name,
	       "worker %d is lost: %s (%s); its contexts are gone, the next one starts another "
	       "worker",
	       pid, reason, describe_end(end_worker(proxy), end, sizeof(end)));
	paragpu_renderer_lost(&proxy->base, reason);
}

/* --- events --- */

/* Returns whether there may be more. */
static bool take_answers(struct pg_proxy *proxy)
{
	int result = 1;

	/* what the device does with an answer may end this worker, even start another */
	for (int i = 0; i < MAX_BATCH && result > 0 && !proxy->failure && proxy->process.pid; i++) {
		result = pg_channel_receive(&proxy->channel);
		if (result > 0) {
			proxy->idle_ticks = 0;
			if (pg_proxy_answer(proxy, &proxy->channel.message))
				result = -EPROTO;
		}
	}
	if (result < 0)
		pg_proxy_fail(proxy, "it broke the rules of its protocol");
	return result > 0 && !proxy->failure;
}

static void send_ping(struct pg_proxy *proxy)
{
	const struct pg_wire_signal ping = {0};

	if (!proxy->pinged && !pg_proxy_send(proxy, PG_WIRE_PING, &ping, sizeof(ping), NULL, 0, -1))
		proxy->pinged = true;
}

/*
 * While something waits, the worker is asked for a sign of life. A long
 * computation answers it; only a worker that takes nothing and says nothing hangs.
 */
static void tick(struct pg_proxy *proxy)
{
	uint32_t read_position;
	uint64_t count;

	if (read(proxy->timer, &count, sizeof(count)) < 0 || !proxy->process.pid)
		return;
	if (!proxy->operations && !proxy->fences && !proxy->queued && !proxy->pinged) {
		set_timer(proxy, false);
		return;
	}
	read_position = atomic_load(&proxy->channel.out.shared->read);
	if (read_position != proxy->last_read)
		proxy->idle_ticks = 0;
	proxy->last_read = read_position;
	if (proxy->idle_ticks++ >= TICKS)
		pg_proxy_fail(proxy, "it hangs");
	else
		send_ping(proxy);
}

static void drain(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static void handle_event(struct pg_proxy *proxy, int fd)
{
	if (fd == proxy->wake)
		drain(fd);
	else if (fd == proxy->timer)
		tick(proxy);
	else if (proxy->process.pid && fd == proxy->channel.bell_in)
		pg_channel_quiet(&proxy->channel);
	else if (proxy->process.pid && fd == proxy->process.pidfd)
		pg_proxy_fail(proxy, "it ended");
}

static void dispatch(struct paragpu_renderer *renderer)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct epoll_event events[8];
	uint64_t one = 1;
	bool more = false;
	int count;

	/* answers first: they are signs of life, and those of an ended worker count */
	if (proxy->process.pid)
		take_answers(proxy);
	count = epoll_wait(proxy->epoll, events, 8, 0);
	for (int i = 0; i < count; i++)
		handle_event(proxy, events[i].data.fd);
	if (proxy->process.pid && !proxy->failure)
		more = take_answers(proxy);
	if (proxy->process.pid && !proxy->failure) {
		pg_proxy_flush(proxy);
		if ((more || !pg_ring_sleep(&proxy->channel.in)) && !proxy->failure &&
		    write(proxy->wake, &one, sizeof(one)) < 0)
			pg_log(proxy->log, PG_LOG_DEBUG, proxy->name, "woken already");
	}
	if (proxy->failure && proxy->process.pid)
		lose_worker(proxy);
}

/* --- the rest of the renderer --- */

static size_t get_capsets(struct paragpu_renderer *renderer,
			  struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS])
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);

	memcpy(capsets, proxy->capsets, proxy->capset_count * sizeof(*capsets));
	return proxy->capset_count;
}

static int fill_capset(struct paragpu_renderer *renderer, uint32_t id, uint32_t version, void *data,
		       size_t size)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);

	for (size_t i = 0; i < proxy->capset_count; i++) {
		if (proxy->capsets[i].id != id)
			continue;
		if (version > proxy->capsets[i].max_version || size < proxy->capsets[i].max_size)
			return -EINVAL;
		memcpy(data, proxy->capset_data[i], proxy->capsets[i].max_size);
		return 0;
	}
	return -EINVAL;
}

static int poll_fd(struct paragpu_renderer *renderer)
{
	return pg_proxy_from(renderer)->epoll;
}

static void set_memory(struct paragpu_renderer *renderer, struct paragpu_memory *memory)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);

	if (memory)
		paragpu_memory_ref(memory);
	paragpu_memory_unref(&proxy->memory);
	proxy->memory = memory;
	if (proxy->process.pid)
		pg_proxy_send_memory(proxy);
}

/* The one way to be sure that nothing touches the guest's memory any more, and the fastest. */
static void reset(struct paragpu_renderer *renderer)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);

	if (proxy->used)
		end_worker(proxy);
}

static const struct paragpu_renderer_ops operations = {
	.name = "worker",
	.get_capsets = get_capsets,
	.fill_capset = fill_capset,
	.poll_fd = poll_fd,
	.dispatch = dispatch,
	.set_memory = set_memory,
	.reset = reset,
	.context_create = pg_proxy_context_create,
	.context_destroy = pg_proxy_context_destroy,
	.context_attach = pg_proxy_context_attach,
	.context_detach = pg_proxy_context_detach,
	.submit = pg_proxy_submit,
	.fence = pg_proxy_fence,
	.resource_create_3d = pg_proxy_resource_create_3d,
	.resource_create_blob = pg_proxy_resource_create_blob,
	.resource_import = pg_proxy_resource_import,
	.resource_attach_backing = pg_proxy_resource_attach_backing,
	.resource_detach_backing = pg_proxy_resource_detach_backing,
	.resource_unref = pg_proxy_resource_unref,
	.transfer = pg_proxy_transfer,
	.present = pg_proxy_present,
};

/* --- create, destroy --- */

static int copy_arguments(struct pg_proxy *proxy, const struct pg_proxy_options *options)
{
	size_t count = 0;
	char text[128];

	while (options->arguments && options->arguments[count])
		count++;
	proxy->arguments = calloc(count + 4, sizeof(*proxy->arguments));
	proxy->name = strdup(options->name);
	proxy->program = strdup(options->program);
	if (!proxy->arguments || !proxy->name || !proxy->program)
		return -ENOMEM;
	snprintf(text, sizeof(text), "--renderer=%s", options->name);
	proxy->arguments[0] = strdup("paragpu-worker");
	proxy->arguments[1] = strdup(text);
	snprintf(text, sizeof(text), "--fd=%d", PG_WORKER_FD);
	proxy->arguments[2] = strdup(text);
	for (size_t i = 0; i < count; i++)
		proxy->arguments[3 + i] = strdup(options->arguments[i]);
	for (size_t i = 0; i < count + 3; i++) {
		if (!proxy->arguments[i])
			return -ENOMEM;
	}
	return 0;
}

static int set_up(struct pg_proxy *proxy, const struct pg_proxy_options *options)
{
	int error = copy_arguments(proxy, options);

	if (error)
		return error;
	proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
	proxy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	proxy->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (proxy->epoll < 0 || proxy->wake < 0 || proxy->timer < 0)
		return -errno;
	error = watch(proxy, proxy->wake, EPOLLIN);
	return error ? error : watch(proxy, proxy->timer, EPOLLIN);
}

/* Waits for the first worker's greeting: at start-up, the one time that waiting is right. */
static int greet(struct pg_proxy *proxy, uint32_t timeout_ms)
{
	uint64_t end =
		pg_now_ns() + (uint64_t)(timeout_ms ? timeout_ms : START_TIMEOUT_MS) * 1000000;
	struct pollfd news = {.fd = proxy->epoll, .events = POLLIN};
	struct epoll_event events[8];
	char text[64];
	int count;

	while (!proxy->failure &&
	       !(proxy->greeted && proxy->capsets_filled == proxy->capset_count)) {
		if (pg_now_ns() >= end) {
			pg_log(proxy->log, PG_LOG_ERROR, proxy->name,
			       "not offered: the worker did not answer in %u ms",
			       timeout_ms ? timeout_ms : START_TIMEOUT_MS);
			return -ETIMEDOUT;
		}
		poll(&news, 1, 100);
		take_answers(proxy);
		count = epoll_wait(proxy->epoll, events, 8, 0);
		for (int i = 0; i < count; i++)
			handle_event(proxy, events[i].data.fd);
		take_answers(proxy);
		pg_ring_sleep(&proxy->channel.in);
	}
	if (!proxy->failure && proxy->capset_count)
		return 0;
	pg_log(proxy->log, PG_LOG_ERROR, proxy->name, "not offered: worker: %s (%s)",
	       proxy->failure ? proxy->failure : "it has nothing to offer",
	       describe_end(pg_process_kill(&proxy->process), text, sizeof(text)));
	return -ENOTSUP;
}

int pg_proxy_create(const struct pg_proxy_options *options, struct paragpu_renderer **out)
{
	struct pg_proxy *proxy = calloc(1, sizeof(*proxy));
	int error;

	if (!proxy)
		return -ENOMEM;
	proxy->ops = operations;
	proxy->base.ops = &proxy->ops;
	proxy->log = options->log;
	proxy->hang_timeout_ms = options->hang_timeout_ms ? options->hang_timeout_ms
							  : HANG_TIMEOUT_MS;
	proxy->epoll = proxy->wake = proxy->timer = proxy->process.pidfd = -1;
	proxy->first_free = UINT32_MAX;
	pg_channel_init(&proxy->channel);
	pg_list_init(&proxy->queue);
	error = set_up(proxy, options);
	if (!error)
		proxy->ops.name = proxy->name;
	if (!error)
		error = start_worker(proxy);
	if (!error)
		error = greet(proxy, options->start_timeout_ms);
	if (error) {
		pg_proxy_destroy(&proxy->base);
		return error;
	}
	*out = &proxy->base;
	return 0;
}

void pg_proxy_destroy(struct paragpu_renderer *renderer)
{
	struct pg_proxy *proxy;

	if (!renderer)
		return;
	proxy = pg_proxy_from(renderer);
	end_worker(proxy);
	for (size_t i = 0; i < proxy->capsets_filled; i++)
		free(proxy->capset_data[i]);
	for (size_t i = 0; proxy->arguments && proxy->arguments[i]; i++)
		free((void *)(uintptr_t)proxy->arguments[i]);
	free(proxy->arguments);
	free(proxy->name);
	free(proxy->program);
	free(proxy->slots);
	pg_idmap_finish(&proxy->contexts);
	paragpu_memory_unref(&proxy->memory);
	pg_close(&proxy->timer);
	pg_close(&proxy->wake);
	pg_close(&proxy->epoll);
	free(proxy);
}

void pg_proxy_get_info(const struct paragpu_renderer *renderer, struct pg_proxy_info *info)
{
	const struct pg_proxy *proxy =
		pg_proxy_from((struct paragpu_renderer *)(uintptr_t)renderer);

	*info = (struct pg_proxy_info){
		.pid = proxy->process.pid,
		.starts = proxy->starts,
		.losses = proxy->losses,
		.open_operations = proxy->operations,
		.open_fences = proxy->fences,
		.contexts = (uint32_t)proxy->contexts.count,
		.queued_bytes = proxy->queued,
	};
}
