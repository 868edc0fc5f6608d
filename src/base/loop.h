/* SPDX-License-Identifier: MIT */
/*
 * The event loop of the programs: descriptors, timers and work deferred to the
 * end of the current round. One thread, no locks; callbacks run in
 * pg_loop_dispatch() only. libparagpu itself needs no loop.
 *
 * A callback may remove or free any watch, timer or deferred call, its own
 * included, as long as it removed it from the loop first.
 */
#ifndef PG_BASE_LOOP_H
#define PG_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct pg_loop;

/* `events` are epoll's: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR. */
typedef void (*pg_watch_callback)(void *data, uint32_t events);
typedef void (*pg_loop_callback)(void *data);

/* Embedded in its user. All zeroes means "not in a loop". */
struct pg_watch {
	/* private */
	struct pg_loop *loop;
	int fd;
	uint32_t events;
	pg_watch_callback callback;
	void *data;
};

struct pg_timer {
	/* private */
	struct pg_loop *loop;
	struct pg_list link;
	uint64_t deadline_ns;
	pg_loop_callback callback;
	void *data;
};

struct pg_deferred {
	/* private */
	struct pg_loop *loop;
	struct pg_list link;
	pg_loop_callback callback;
	void *data;
};

int pg_loop_create(struct pg_loop **out);

/* Watches and timers still in the loop are forgotten, not freed. Accepts NULL. */
void pg_loop_destroy(struct pg_loop *loop);

/* Watches `fd`, which stays the caller's and must outlive the watch. Returns 0 or a negative errno. */
int pg_watch_add(struct pg_loop *loop, struct pg_watch *watch, int fd, uint32_t events,
		 pg_watch_callback callback, void *data);
int pg_watch_set_events(struct pg_watch *watch, uint32_t events);
/* Harmless for a watch that is in no loop. Call it before closing the descriptor. */
void pg_watch_remove(struct pg_watch *watch);

/* Calls back once, `delay_ns` from now; setting it again moves it. */
void pg_timer_set(struct pg_loop *loop, struct pg_timer *timer, uint64_t delay_ns,
		  pg_loop_callback callback, void *data);
void pg_timer_cancel(struct pg_timer *timer);

/* Calls back once, after the events of this round; a call already deferred stays as it is. */
void pg_defer(struct pg_loop *loop, struct pg_deferred *deferred, pg_loop_callback callback,
	      void *data);
void pg_defer_cancel(struct pg_deferred *deferred);

/*
 * One round: waits at most `timeout_ms` (-1: for ever, 0: not at all) and runs
 * what is due. Returns 0 or a negative errno; a signal ends the wait, not the round.
 */
int pg_loop_dispatch(struct pg_loop *loop, int timeout_ms);

/* Runs rounds until pg_loop_stop(). Returns 0 or a negative errno. */
int pg_loop_run(struct pg_loop *loop);
void pg_loop_stop(struct pg_loop *loop);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t pg_now_ns(void);

#endif
