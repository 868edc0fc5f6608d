/* SPDX-License-Identifier: MIT */
/*
 * Descriptor chains as requests: descriptors in, vectors of this process's
 * memory out. Nothing that a descriptor says is trusted; each is a private
 * copy by the time it gets here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "memory/iov.h"
#include "transport/shared.h"
#include "transport/virtqueue_private.h"

/*
 * No response of the device is longer; what a guest offers beyond it stays
 * unused while parked. A guest can have two rings of 32768 requests parked.
 */
#define BOUNCE_MAX 4096u

struct pg_chain *pg_chain_take(struct pg_virtqueue *queue)
{
	struct pg_chain *chain;

	if (!pg_list_empty(&queue->free)) {
		chain = pg_container_of(queue->free.next, struct pg_chain, link);
		pg_list_remove(&chain->link);
	} else {
		chain = calloc(1, sizeof(*chain));
		if (!chain)
			return NULL;
		pg_list_init(&chain->link);
		chain->queue = queue;
		chain->vectors = chain->inline_vectors;
		chain->vector_capacity = PG_CHAIN_INLINE;
	}
	memset(&chain->request.device, 0, sizeof(chain->request.device));
	chain->readable_size = 0;
	chain->writable_size = 0;
	chain->vector_count = 0;
	chain->readable_count = 0;
	chain->slots = 0;
	chain->record = PG_CHAIN_NO_RECORD;
	chain->done = false;
	chain->abandoned = false;
	chain->memory = paragpu_memory_ref(queue->ring.memory);
	return chain;
}

void pg_chain_recycle(struct pg_chain *chain)
{
	if (chain->vectors != chain->inline_vectors) {
		free(chain->vectors);
		chain->vectors = chain->inline_vectors;
		chain->vector_capacity = PG_CHAIN_INLINE;
	}
	free(chain->bounce);
	chain->bounce = NULL;
	paragpu_memory_unref(&chain->memory);
	pg_list_insert(&chain->queue->free, &chain->link);
}

static int grow(struct pg_chain *chain)
{
	size_t capacity = chain->vector_capacity * 4;
	bool was_inline = chain->vectors == chain->inline_vectors;
	struct iovec *vectors =
		realloc(was_inline ? NULL : chain->vectors, capacity * sizeof(*vectors));

	if (!vectors)
		return -ENOMEM;
	if (was_inline)
		memcpy(vectors, chain->inline_vectors, sizeof(chain->inline_vectors));
	chain->vectors = vectors;
	chain->vector_capacity = capacity;
	return 0;
}

/* A buffer may cross regions that are adjacent for the guest but not here: one vector for each. */
static int add_vectors(struct pg_chain *chain, uint64_t addr, uint64_t len)
{
	while (len) {
		uint64_t available = 0;
		void *pointer = paragpu_memory_translate(chain->memory, addr, len, &available);

		if (!pointer) {
			pg_virtqueue_break(chain->queue,
					   "a descriptor points to 0x%" PRIx64 " (%" PRIu64
					   " bytes), which is not guest memory",
					   addr, len);
			return -EPIPE;
		}
		if (chain->vector_count == PG_QUEUE_MAX_VECTORS) {
			pg_virtqueue_break(chain->queue,
					   "a request that lies in more than %u pieces",
					   PG_QUEUE_MAX_VECTORS);
			return -EPIPE;
		}
		if (chain->vector_count == chain->vector_capacity && grow(chain))
			return -ENOMEM;
		chain->vectors[chain->vector_count++] = (struct iovec){
			.iov_base = pointer,
			.iov_len = (size_t)available,
		};
		addr += available;
		len -= available;
	}
	return 0;
}

int pg_chain_add(struct pg_chain *chain, const struct pg_descriptor *descriptor)
{
	bool writable = descriptor->flags & VIRTQ_DESC_F_WRITE;
	uint64_t *size = writable ? &chain->writable_size : &chain->readable_size;
	uint64_t end;
	int error;

	if (!writable && chain->writable_size) {
		pg_virtqueue_break(chain->queue, "a readable descriptor follows a writable one");
		return -EPIPE;
	}
	if (!pg_add_u64(descriptor->addr, descriptor->len, &end)) {
		pg_virtqueue_break(chain->queue,
				   "a descriptor at 0x%" PRIx64 " of %" PRIu32
				   " bytes passes the end of the address space",
				   descriptor->addr, descriptor->len);
		return -EPIPE;
	}
	error = add_vectors(chain, descriptor->addr, descriptor->len);
	if (error)
		return error;
	if (!writable)
		chain->readable_count = chain->vector_count;
	*size += descriptor->len; /* 2^18 descriptors of 2^32 bytes do not wrap */
	return 0;
}

/* An indirect table in guest memory; `base` is as much of it as lies in one piece. */
struct table {
	const struct pg_chain *chain;
	uint64_t addr;
	uint32_t count;
	const uint8_t *base;
	uint64_t contiguous;
};

/* Reads entry `index`, which may straddle regions. Returns false if it is no guest memory. */
static bool read_entry(const struct table *table, uint32_t index, void *entry)
{
	uint64_t offset = (uint64_t)index * sizeof(struct virtq_desc);
	uint8_t *destination = entry;
	size_t left = sizeof(struct virtq_desc);

	if (offset + left <= table->contiguous) {
		pg_copy_shared(entry, table->base + offset, left);
		return true;
	}
	while (left) {
		uint64_t available = 0;
		const void *source = paragpu_memory_translate(
			table->chain->memory, table->addr + offset, left, &available);

		if (!source)
			return false;
		pg_copy_shared(destination, source, (size_t)available);
		destination += available;
		offset += available;
		left -= (size_t)available;
	}
	return true;
}

static int open_table(struct pg_chain *chain, const struct pg_descriptor *descriptor,
		      struct table *table)
{
	struct pg_virtqueue *queue = chain->queue;
	uint64_t end;

	if (!queue->ring.indirect) {
		pg_virtqueue_break(queue, "an indirect descriptor, which was not negotiated");
		return -EPIPE;
	}
	if (descriptor->flags & VIRTQ_DESC_F_NEXT) {
		pg_virtqueue_break(queue, "an indirect descriptor is not the last of its chain");
		return -EPIPE;
	}
	if (!descriptor->len || descriptor->len % sizeof(struct virtq_desc)) {
		pg_virtqueue_break(queue,
				   "an indirect table of %" PRIu32
				   " bytes, which is not a multiple of 16",
				   descriptor->len);
		return -EPIPE;
	}
	if (!pg_add_u64(descriptor->addr, descriptor->len, &end)) {
		pg_virtqueue_break(queue,
				   "an indirect table at 0x%" PRIx64
				   " passes the end of the address space",
				   descriptor->addr);
		return -EPIPE;
	}
	*table = (struct table){
		.chain = chain,
		.addr = descriptor->addr,
		.count = descriptor->len / (uint32_t)sizeof(struct virtq_desc),
	};
	table->base = paragpu_memory_translate(chain->memory, descriptor->addr, descriptor->len,
					       &table->contiguous);
	if (!table->base)
		table->contiguous = 0;
	return 0;
}

static int read_descriptor(const struct table *table, uint32_t index,
			   struct pg_descriptor *descriptor)
{
	struct pg_virtqueue *queue = table->chain->queue;
	struct virtq_desc entry;

	/* Both layouts put addr, len and flags alike but for the order of the last two fields. */
	if (!read_entry(table, index, &entry)) {
		pg_virtqueue_break(queue, "an indirect table at 0x%" PRIx64 " is not guest memory",
				   table->addr);
		return -EPIPE;
	}
	*descriptor = (struct pg_descriptor){
		.addr = pg_from_le64(entry.addr),
		.len = pg_from_le32(entry.len),
		.flags = pg_from_le16(queue->ring.packed ? entry.next : entry.flags),
		.next = pg_from_le16(queue->ring.packed ? entry.flags : entry.next),
	};
	if (descriptor->flags & VIRTQ_DESC_F_INDIRECT) {
		pg_virtqueue_break(queue, "an indirect table inside an indirect table");
		return -EPIPE;
	}
	return 0;
}

/* Packed: all entries in order, NEXT means nothing. Split: linked, from entry 0. */
int pg_chain_add_table(struct pg_chain *chain, const struct pg_descriptor *descriptor)
{
	struct pg_virtqueue *queue = chain->queue;
	struct pg_descriptor entry;
	struct table table;
	uint32_t index = 0;
	int error = open_table(chain, descriptor, &table);

	for (uint32_t seen = 1; !error; seen++) {
		if (seen > PG_CHAIN_MAX_DESCRIPTORS) {
			pg_virtqueue_break(queue, "a request of more than %u descriptors",
					   PG_CHAIN_MAX_DESCRIPTORS);
			return -EPIPE;
		}
		error = read_descriptor(&table, index, &entry);
		if (!error)
			error = pg_chain_add(chain, &entry);
		if (error)
			return error;
		if (queue->ring.packed ? seen == table.count : !(entry.flags & VIRTQ_DESC_F_NEXT))
			return 0;
		index = queue->ring.packed ? seen : entry.next;
		if (index >= table.count) {
			pg_virtqueue_break(queue,
					   "an indirect table of %" PRIu32
					   " descriptors continues at %" PRIu32,
					   table.count, index);
			return -EPIPE;
		}
		if (seen == table.count) {
			pg_virtqueue_break(queue, "a descriptor loop in an indirect table");
			return -EPIPE;
		}
	}
	return error;
}

void pg_chain_seal(struct pg_chain *chain)
{
	chain->request.readable = chain->vectors;
	chain->request.readable_count = chain->readable_count;
	chain->request.writable = chain->vectors + chain->readable_count;
	chain->request.writable_count = chain->vector_count - chain->readable_count;
	chain->request.queue = chain->queue->role;
}

void pg_chain_park(struct pg_chain *chain)
{
	size_t size = chain->writable_size < BOUNCE_MAX ? (size_t)chain->writable_size : BOUNCE_MAX;
	const struct iovec *vectors = chain->vectors + chain->readable_count;

	if (chain->done || chain->bounce)
		return;
	chain->bounce = calloc(1, size ? size : 1);
	chain->bounce_vector = (struct iovec){.iov_base = chain->bounce, .iov_len = size};
	chain->request.writable = &chain->bounce_vector;
	/* Without memory the guest gets an empty response rather than a write it does not expect. */
	chain->request.writable_count = chain->bounce ? 1 : 0;
	/* The response may be there already, and the request wait for a fence only. */
	if (chain->bounce)
		pg_iov_read(vectors, chain->vector_count - chain->readable_count, 0, chain->bounce,
			    size);
}

void pg_chain_unpark(struct pg_chain *chain)
{
	const struct iovec *vectors = chain->vectors + chain->readable_count;

	if (chain->bounce)
		pg_iov_write(vectors, chain->vector_count - chain->readable_count, 0, chain->bounce,
			     chain->done ? chain->written : chain->bounce_vector.iov_len);
	free(chain->bounce);
	chain->bounce = NULL;
	pg_chain_seal(chain);
}
