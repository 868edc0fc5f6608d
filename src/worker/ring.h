/* SPDX-License-Identifier: MIT */
/*
 * Records from one process to another through shared memory: one writer, one
 * reader, no locks. Neither side trusts the other: each keeps its own position
 * to itself, checks the other's before use, and copies a record out once before
 * looking into it. Who breaks the rules gets -EPROTO for ever.
 *
 * Waking the other side is the caller's: the ring only says when.
 */
#ifndef PG_WORKER_RING_H
#define PG_WORKER_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* In the shared memory. Positions count bytes and wrap; a line of the cache each. */
struct pg_ring_shared {
	_Alignas(64) _Atomic uint32_t written;
	_Alignas(64) _Atomic uint32_t read;
	_Alignas(64) _Atomic uint32_t reader_sleeps;
	_Alignas(64) _Atomic uint32_t writer_waits;
	_Alignas(64) uint8_t data[];
};

/* Before each record. */
struct pg_record {
	uint32_t type;
	uint32_t size; /* of what follows, without padding */
	uint32_t fds;  /* descriptors that come along by socket */
	uint32_t flags;
};

_Static_assert(sizeof(struct pg_record) == 16, "on the wire");
_Static_assert(offsetof(struct pg_ring_shared, data) == 256, "on the wire");

struct pg_ring {
	struct pg_ring_shared *shared;
	uint32_t size;     /* of data; a power of two */
	uint32_t position; /* ours: the writer's or the reader's */
	bool broken;
};

/* Bytes of shared memory for a ring with `size` bytes of data. */
static inline size_t pg_ring_bytes(uint32_t size)
{
	return sizeof(struct pg_ring_shared) + size;
}

/* The longest record: so that two always fit. */
static inline uint32_t pg_ring_max_payload(uint32_t size)
{
	return size / 2 - (uint32_t)sizeof(struct pg_record);
}

/* `memory` is fresh, zeroed and aligned to 64; `size` is a power of two from 64 to 2^30. */
void pg_ring_init(struct pg_ring *ring, void *memory, uint32_t size);

/*
 * Writer. Whether a record with `payload` bytes fits now: 0, -EAGAIN (and then
 * the reader knows that somebody waits), -EMSGSIZE if it never will, -EPROTO.
 */
int pg_ring_reserve(struct pg_ring *ring, size_t payload);
/* Writes after a successful reserve of record->size. Returns whether the reader has to be woken. */
bool pg_ring_write(struct pg_ring *ring, const struct pg_record *record, const struct iovec *pieces,
		   size_t count);
/* Says that the writer waits for something else that the reader gives back by reading. */
void pg_ring_wait(struct pg_ring *ring);

/* Reader. Whether there is something: 1, 0, -EPROTO. */
int pg_ring_poll(struct pg_ring *ring);
/* Copies the head of the next record, which must be there. Returns 0 or -EPROTO. */
int pg_ring_peek(struct pg_ring *ring, struct pg_record *record);
/* Copies its payload of record->size bytes and passes on. Returns whether the writer has to be woken. */
bool pg_ring_read(struct pg_ring *ring, const struct pg_record *record, void *payload);
/* Going to sleep: returns true if there is still nothing, and the writer will wake us. */
bool pg_ring_sleep(struct pg_ring *ring);
void pg_ring_awake(struct pg_ring *ring);

#endif
