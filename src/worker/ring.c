/* SPDX-License-Identifier: MIT */
/* The ring; see ring.h. Records lie at multiples of 16 and may wrap round anywhere. */
#include "worker/ring.h"

#include <errno.h>
#include <string.h>

#define ALIGNMENT 16u

void pg_ring_init(struct pg_ring *ring, void *memory, uint32_t size)
{
	*ring = (struct pg_ring){.shared = memory, .size = size};
}

static uint32_t padded(uint32_t payload)
{
	return (uint32_t)sizeof(struct pg_record) + ((payload + ALIGNMENT - 1) & ~(ALIGNMENT - 1));
}

/* --- writer --- */

static int writer_room(struct pg_ring *ring, uint32_t *room)
{
	uint32_t used =
		ring->position - atomic_load_explicit(&ring->shared->read, memory_order_acquire);

	if (ring->broken || used > ring->size || used % ALIGNMENT) {
		ring->broken = true;
		return -EPROTO;
	}
	*room = ring->size - used;
	return 0;
}

void pg_ring_wait(struct pg_ring *ring)
{
	atomic_store(&ring->shared->writer_waits, 1);
}

int pg_ring_reserve(struct pg_ring *ring, size_t payload)
{
	uint32_t room = 0;
	int error;

	if (payload > pg_ring_max_payload(ring->size))
		return -EMSGSIZE;
	error = writer_room(ring, &room);
	if (error || room >= padded((uint32_t)payload))
		return error;
	/* once more after asking: the reader may have passed in between */
	pg_ring_wait(ring);
	error = writer_room(ring, &room);
	return error || room >= padded((uint32_t)payload) ? error : -EAGAIN;
}

static uint32_t copy_in(struct pg_ring *ring, uint32_t at, const void *bytes, size_t size)
{
	uint32_t start = at & (ring->size - 1);
	size_t first = size < ring->size - start ? size : ring->size - start;

	if (size) {
		memcpy(ring->shared->data + start, bytes, first);
		memcpy(ring->shared->data, (const uint8_t *)bytes + first, size - first);
	}
	return at + (uint32_t)size;
}

bool pg_ring_write(struct pg_ring *ring, const struct pg_record *record, const struct iovec *pieces,
		   size_t count)
{
	uint32_t at = copy_in(ring, ring->position, record, sizeof(*record));

	for (size_t i = 0; i < count; i++)
		at = copy_in(ring, at, pieces[i].iov_base, pieces[i].iov_len);
	ring->position += padded(record->size);
	/* before looking whether the reader sleeps, hence not just a release */
	atomic_store(&ring->shared->written, ring->position);
	return atomic_load(&ring->shared->reader_sleeps) != 0 &&
	       atomic_exchange(&ring->shared->reader_sleeps, 0) != 0;
}

/* --- reader --- */

static int reader_used(struct pg_ring *ring, uint32_t *used)
{
	*used = atomic_load_explicit(&ring->shared->written, memory_order_acquire) - ring->position;
	if (ring->broken || *used > ring->size || *used % ALIGNMENT) {
		ring->broken = true;
		return -EPROTO;
	}
	return 0;
}

int pg_ring_poll(struct pg_ring *ring)
{
	uint32_t used;
	int error = reader_used(ring, &used);

	return error ? error : used != 0;
}

static void copy_out(const struct pg_ring *ring, uint32_t at, void *bytes, size_t size)
{
	uint32_t start = at & (ring->size - 1);
	size_t first = size < ring->size - start ? size : ring->size - start;

	if (size) {
		memcpy(bytes, ring->shared->data + start, first);
		memcpy((uint8_t *)bytes + first, ring->shared->data, size - first);
	}
}

int pg_ring_peek(struct pg_ring *ring, struct pg_record *record)
{
	uint32_t used;
	int error = reader_used(ring, &used);

	if (error)
		return error;
	copy_out(ring, ring->position, record, sizeof(*record));
	if (used < sizeof(*record) || record->size > pg_ring_max_payload(ring->size) ||
	    padded(record->size) > used) {
		ring->broken = true;
		return -EPROTO;
	}
	return 0;
}

bool pg_ring_read(struct pg_ring *ring, const struct pg_record *record, void *payload)
{
	copy_out(ring, ring->position + (uint32_t)sizeof(*record), payload, record->size);
	ring->position += padded(record->size);
	atomic_store(&ring->shared->read, ring->position);
	return atomic_load(&ring->shared->writer_waits) != 0 &&
	       atomic_exchange(&ring->shared->writer_waits, 0) != 0;
}

bool pg_ring_sleep(struct pg_ring *ring)
{
	atomic_store(&ring->shared->reader_sleeps, 1);
	return pg_ring_poll(ring) == 0;
}

void pg_ring_awake(struct pg_ring *ring)
{
	atomic_store(&ring->shared->reader_sleeps, 0);
}
