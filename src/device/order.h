/* SPDX-License-Identifier: MIT */
/*
 * The order of commands that cannot be executed yet.
 *
 * A guest sends commands without waiting for answers: CREATE_BLOB, MAP_BLOB and
 * CTX_ATTACH of one resource come in a row. Where the first takes time, those
 * that touch the same resource, context or head must wait, and those that touch
 * what a waiting one touches wait behind it. All others go on.
 *
 * Each command under way that others must wait for, and each that waits, has a
 * claim in one list, oldest first.
 */
#ifndef PG_DEVICE_ORDER_H
#define PG_DEVICE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct pg_call;
struct paragpu_device;

/* What a command touches; 0: none. */
struct pg_keys {
	uint32_t context;
	uint32_t resource;
	uint32_t head; /* its index + 1 */
};

struct pg_stalled;

struct pg_claim {
	struct pg_list link;
	struct pg_keys keys;
	struct pg_stalled *stalled; /* NULL: the command is under way */
};

struct pg_order {
	struct pg_list claims;
	uint32_t stalled;
	bool running, again;
};

void pg_order_init(struct pg_order *order);

/* Forgets all waiting calls; claims of work under way are the work's to release. */
void pg_order_drop_all(struct paragpu_device *device);

/* What the command of a call touches. */
struct pg_keys pg_keys_of(const struct pg_call *call);

/* Whether something that is under way or waits touches the same. */
bool pg_order_conflict(const struct pg_order *order, const struct pg_keys *keys);

/*
 * Puts a call behind all others, or back to its place; it is executed when nothing before it touches
 * the same. Its request waits meanwhile. Returns OK_NODATA or an error.
 */
uint32_t pg_order_stall(struct pg_call *call);

/* Makes others that come behind `call` wait for keys until pg_claim_release(). */
void pg_claim_take(const struct pg_call *call, struct pg_claim *claim, const struct pg_keys *keys);
void pg_claim_release(struct pg_claim *claim);

/* Executes what may be executed now. Call it after something was released. */
void pg_order_run(struct paragpu_device *device);

#endif
