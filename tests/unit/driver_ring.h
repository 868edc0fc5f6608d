/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of one virtqueue for tests: guest memory, a ring in it, and
 * the helpers to do everything right, or anything wrong.
 */
#ifndef PG_TESTS_DRIVER_RING_H
#define PG_TESTS_DRIVER_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "protocol/virtio_ring.h"
#include "transport/virtqueue.h"

/* Guest memory: two regions that touch at SEAM but lie apart here, and nothing behind them. */
#define GUEST_BASE UINT64_C(0x100000)
#define GUEST_SEAM UINT64_C(0x180000)
#define GUEST_END UINT64_C(0x280000)

/* Where things lie in it. */
#define RING_DESC (GUEST_BASE + 0x0000)
#define RING_DRIVER (GUEST_BASE + 0x10000)
#define RING_DEVICE (GUEST_BASE + 0x20000)
#define BUFFERS (GUEST_BASE + 0x40000)
#define TABLES (GUEST_BASE + 0x60000)

struct driver {
	struct pg_logger logger;
	unsigned int errors; /* messages of level error */
	char message[512];   /* the last of them */
	uint8_t *low, *high; /* the two regions */
	struct paragpu_memory *memory;
	struct pg_ring ring;
	struct pg_virtqueue queue;
	/* split */
	uint16_t avail_idx;
	/* packed */
	uint16_t next;
	bool wrap;
	uint16_t used_next;
	bool used_wrap;
};

/* A queue of `size` descriptors, started at the initial base, with all features of struct pg_ring. */
void driver_init(struct driver *driver, bool packed, uint16_t size);
/* Starts it again as after a reset, with other features. */
void driver_restart(struct driver *driver, bool event_idx, bool indirect, bool in_order);
/* Fails the test if something is left. */
void driver_finish(struct driver *driver);

/* Where guest address `address` lies in this process. */
void *driver_at(struct driver *driver, uint64_t address);

/* Split. */
void split_describe(struct driver *driver, uint16_t index, uint64_t addr, uint32_t len,
		    uint16_t flags, uint16_t next);
void split_offer(struct driver *driver, uint16_t head);
struct virtq_avail *split_avail(struct driver *driver);
struct virtq_used *split_used(struct driver *driver);
le16 *split_used_event(struct driver *driver);
le16 *split_avail_event(struct driver *driver);
/* Writes entry `index` of an indirect table; the same in both layouts but for the flags' place. */
void table_describe(struct driver *driver, uint64_t table, uint32_t index, uint64_t addr,
		    uint32_t len, uint16_t flags, uint16_t next);

/* Packed: writes the next slots; the first one's flags come with packed_offer(). */
struct packed_slot {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags; /* NEXT, WRITE, INDIRECT */
};
void packed_offer(struct driver *driver, const struct packed_slot *slots, uint16_t count);
/* The next used element, if there is one; `slots` is how many its chain took. */
bool packed_used(struct driver *driver, uint16_t slots, uint16_t *id, uint32_t *len);
struct pvirtq_event_suppress *packed_driver_event(struct driver *driver);
struct pvirtq_event_suppress *packed_device_event(struct driver *driver);

/* One readable descriptor of 24 bytes and one writable of 24, by whichever layout; id is `id`. */
void driver_offer_simple(struct driver *driver, uint16_t id);

/* Pops, and fails the test unless there is a chain. */
struct pg_chain *driver_pop(struct driver *driver);
/* Fails the test unless the next pop breaks the queue with a reason that contains `word`. */
void driver_expect_broken(struct driver *driver, const char *word);

#endif
