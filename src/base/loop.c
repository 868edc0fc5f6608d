/* SPDX-License-Identifier: MIT */
/* The event loop of the programs, on epoll; see loop.h. */
#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/fd.h"

#define BATCH 32

struct pg_loop {
	int epoll_fd;
	bool stopped;
	struct pg_list timers;   /* by deadline, earliest first */
	struct pg_list deferred; /* in order of their making */
	/* The batch being delivered, so that a removed watch can be struck out. */
	struct epoll_event batch[BATCH];
	int batch_count;
};

uint64_t pg_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int pg_loop_create(struct pg_loop **out)
{
	struct pg_loop *loop = calloc(1, sizeof(*loop));
	int error;

	if (!loop)
		return -ENOMEM;
	pg_list_init(&loop->timers);
	pg_list_init(&loop->deferred);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		error = -errno;
		pg_loop_destroy(loop);
		return error;
	}
	*out = loop;
	return 0;
}

void pg_loop_destroy(struct pg_loop *loop)
{
	if (!loop)
		return;
	pg_close(&loop->epoll_fd);
	free(loop);
}

int pg_watch_add(struct pg_loop *loop, struct pg_watch *watch, int fd, uint32_t events,
		 pg_watch_callback callback, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	*watch = (struct pg_watch){
		.loop = loop,
		.fd = fd,
		.events = events,
		.callback = callback,
		.data = data,
	};
	return 0;
}

int pg_watch_set_events(struct pg_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (watch->events == events)
		return 0;
	if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		return -errno;
	watch->events = events;
	return 0;
}

void pg_watch_remove(struct pg_watch *watch)
{
	struct pg_loop *loop = watch->loop;

	if (!loop)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = 0; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
	*watch = (struct pg_watch){.fd = -1};
}

void pg_timer_set(struct pg_loop *loop, struct pg_timer *timer, uint64_t delay_ns,
		  pg_loop_callback callback, void *data)
{
	struct pg_list *position;

	pg_timer_cancel(timer);
	timer->loop = loop;
	timer->deadline_ns = pg_now_ns() + delay_ns;
	timer->callback = callback;
	timer->data = data;
	position = loop->timers.prev;
	while (position != &loop->timers &&
	       pg_container_of(position, struct pg_timer, link)->deadline_ns > timer->deadline_ns)
		position = position->prev;
	pg_list_insert(position, &timer->link);
}

void pg_timer_cancel(struct pg_timer *timer)
{
	if (!timer->loop)
		return;
	pg_list_remove(&timer->link);
	timer->loop = NULL;
}

void pg_defer(struct pg_loop *loop, struct pg_deferred *deferred, pg_loop_callback callback,
	      void *data)
{
	if (deferred->loop)
		return;
	deferred->loop = loop;
	deferred->callback = callback;
	deferred->data = data;
	pg_list_append(&loop->deferred, &deferred->link);
}

void pg_defer_cancel(struct pg_deferred *deferred)
{
	if (!deferred->loop)
		return;
	pg_list_remove(&deferred->link);
	deferred->loop = NULL;
}

/* How long epoll may sleep: the caller's limit, cut by the next timer and by deferred work. */
static int sleep_ms(const struct pg_loop *loop, int timeout_ms)
{
	uint64_t now, deadline, wait_ms;

	if (!pg_list_empty(&loop->deferred))
		return 0;
	if (pg_list_empty(&loop->timers))
		return timeout_ms;
	now = pg_now_ns();
	deadline = pg_container_of(loop->timers.next, struct pg_timer, link)->deadline_ns;
	if (deadline <= now)
		return 0;
	wait_ms = (deadline - now + 999999) / 1000000;
	if (timeout_ms >= 0 && (uint64_t)timeout_ms < wait_ms)
		return timeout_ms;
	return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

static void run_timers(struct pg_loop *loop)
{
	uint64_t now = pg_now_ns();

	while (!pg_list_empty(&loop->timers)) {
		struct pg_timer *timer = pg_container_of(loop->timers.next, struct pg_timer, link);

		if (timer->deadline_ns > now)
			return;
		pg_timer_cancel(timer);
		timer->callback(timer->data);
	}
}

/* Runs what was deferred before now; what that defers again waits for the next round. */
static void run_deferred(struct pg_loop *loop)
{
	struct pg_list mark;

	pg_list_init(&mark);
	pg_list_append(&loop->deferred, &mark);
	while (loop->deferred.next != &mark) {
		struct pg_deferred *deferred =
			pg_container_of(loop->deferred.next, struct pg_deferred, link);

		pg_defer_cancel(deferred);
		deferred->callback(deferred->data);
	}
	pg_list_remove(&mark);
}

int pg_loop_dispatch(struct pg_loop *loop, int timeout_ms)
{
	int count = epoll_wait(loop->epoll_fd, loop->batch, BATCH, sleep_ms(loop, timeout_ms));

	if (count < 0 && errno != EINTR)
		return -errno;
	loop->batch_count = count < 0 ? 0 : count;
	for (int i = 0; i < loop->batch_count; i++) {
		struct pg_watch *watch = loop->batch[i].data.ptr;

		if (watch)
			watch->callback(watch->data, loop->batch[i].events);
	}
	loop->batch_count = 0;
	run_timers(loop);
	run_deferred(loop);
	return 0;
}

int pg_loop_run(struct pg_loop *loop)
{
	int error = 0;

	loop->stopped = false;
	while (!loop->stopped && !error)
		error = pg_loop_dispatch(loop, -1);
	return error;
}

void pg_loop_stop(struct pg_loop *loop)
{
	loop->stopped = true;
}
