/* SPDX-License-Identifier: MIT */
/* What the files of the virtqueue share with each other and with nobody else. */
#ifndef PG_TRANSPORT_VIRTQUEUE_PRIVATE_H
#define PG_TRANSPORT_VIRTQUEUE_PRIVATE_H

#include "protocol/virtio_ring.h"
#include "transport/virtqueue.h"

/* A descriptor in host order, private: the same for both layouts. */
struct pg_descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next; /* packed: the buffer id */
};

/* chain.c. Those that return an error have broken the queue, unless it is -ENOMEM. */
struct pg_chain *pg_chain_take(struct pg_virtqueue *queue);
/* Drops the chain's memory and puts it into the free list. It must be in no other list. */
void pg_chain_recycle(struct pg_chain *chain);
/* Adds one descriptor that is not indirect. */
int pg_chain_add(struct pg_chain *chain, const struct pg_descriptor *descriptor);
/* Adds all descriptors of the table to which `descriptor` points. */
int pg_chain_add_table(struct pg_chain *chain, const struct pg_descriptor *descriptor);
/* Makes the request of what was added. */
void pg_chain_seal(struct pg_chain *chain);
/* Redirects the writable part to private memory, and back with what was written there. */
void pg_chain_park(struct pg_chain *chain);
void pg_chain_unpark(struct pg_chain *chain);

/* split.c and packed.c: 1, 0 or an error as pg_virtqueue_pop(); `chain` is empty. */
int pg_split_pop(struct pg_virtqueue *queue, struct pg_chain *chain);
int pg_packed_pop(struct pg_virtqueue *queue, struct pg_chain *chain);
bool pg_split_pending(struct pg_virtqueue *queue);
bool pg_packed_pending(struct pg_virtqueue *queue);
void pg_split_put(struct pg_virtqueue *queue, const struct pg_chain *chain);
void pg_packed_put(struct pg_virtqueue *queue, const struct pg_chain *chain);
/* Publish what was put; return whether the driver wants an interrupt. */
bool pg_split_publish(struct pg_virtqueue *queue);
bool pg_packed_publish(struct pg_virtqueue *queue);
void pg_split_kicks(struct pg_virtqueue *queue, bool enable);
void pg_packed_kicks(struct pg_virtqueue *queue, bool enable);
void pg_split_start(struct pg_virtqueue *queue, uint32_t base);
void pg_packed_start(struct pg_virtqueue *queue, uint32_t base);

/* Rebuilds a chain that a previous process left in flight; `head` as the in-flight region has it. */
int pg_split_rebuild(struct pg_virtqueue *queue, struct pg_chain *chain, uint16_t head);

/* Whether going from index `old` to `new` passes `event` ("Virtqueue Notification Suppression"). */
static inline bool pg_need_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

#endif
