/* SPDX-License-Identifier: MIT */
/*
 * Fences of renderers: a fenced request waits until the renderer signals the
 * cookie that stands for it. Timelines (fence.h) then put the answers in order.
 */
#ifndef PG_DEVICE_SIGNAL_H
#define PG_DEVICE_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "device/renderer.h"

struct pg_call;
struct paragpu_device;

#define PG_SIGNAL_BUCKETS 256

struct pg_signals {
	struct pg_list buckets[PG_SIGNAL_BUCKETS]; /* by cookie */
	uint64_t last_cookie;                      /* never used twice, resets included */
	uint64_t open;
};

void pg_signals_init(struct pg_signals *signals);

/*
 * Sets aside what pg_signal_expect() needs, before anything is done that could
 * not be undone. Returns false when there is no memory.
 */
bool pg_signal_prepare(struct pg_call *call);

/*
 * If the request has a fence, and was prepared, it waits until `renderer` has done everything
 * that it was told so far on the request's timeline.
 */
void pg_signal_expect(struct pg_call *call, struct pg_renderer *renderer);

/* All of a renderer are over by an error: it is lost. */
void pg_signals_fail(struct pg_renderer *renderer);

/* The same for the rings of one context; `failed` or merely over. */
void pg_signals_end_context(struct pg_renderer *renderer, uint32_t context_id, bool failed);

/* How many are open on the rings of a context. */
uint64_t pg_signals_of_context(const struct pg_renderer *renderer, uint32_t context_id);

/* Forgets all: the requests are gone. */
void pg_signals_drop_all(struct paragpu_device *device);

#endif
