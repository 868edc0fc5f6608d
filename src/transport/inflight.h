/* SPDX-License-Identifier: MIT */
/*
 * The record of requests in flight that the front end keeps for us, so that
 * the next process can take them up (vhost-user specification, "Inflight I/O
 * tracking"). One region per queue, in memory shared with the front end.
 *
 * Written by us, perhaps by a process that died in the middle of it, and in
 * reach of the front end: what is read back is checked before use.
 */
#ifndef PG_TRANSPORT_INFLIGHT_H
#define PG_TRANSPORT_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_virtqueue;
struct pg_chain;
struct pg_descriptor;

struct pg_inflight_queue {
	/* given */
	void *region;
	uint16_t capacity; /* descriptors that the region has room for */

	/* private */
	uint16_t batch;     /* split: put but not published */
	uint16_t free_head; /* packed: as in the region, ahead of it while a chain is built */
	uint64_t counter;
	uint16_t *resubmit; /* heads or records that nobody works on, oldest first */
	size_t resubmit_count;
	size_t resubmit_next;
};

/* The size of one queue's region for rings of up to `size` descriptors. */
size_t pg_inflight_region_size(bool packed, uint16_t size);

/* Drops what is private. The region stays as it is. */
void pg_inflight_finish(struct pg_inflight_queue *inflight);

/* The device was reset: nothing is in flight. */
void pg_inflight_clear(struct pg_inflight_queue *inflight, bool packed);

/* 1 and a chain that was left in flight before this start; 0 if there are no more; or an error. */
int pg_inflight_resubmit(struct pg_virtqueue *queue, struct pg_chain *chain);

/* Split: returns the index to take from next, `base` unless the region knows better. */
uint16_t pg_inflight_split_start(struct pg_virtqueue *queue, uint16_t base);
void pg_inflight_split_taken(struct pg_virtqueue *queue, uint16_t head);
void pg_inflight_split_put(struct pg_virtqueue *queue, uint16_t head);
void pg_inflight_split_published(struct pg_virtqueue *queue);

/* Packed: sets the queue's indices where the region knows better. */
void pg_inflight_packed_start(struct pg_virtqueue *queue);
int pg_inflight_packed_slot(struct pg_virtqueue *queue, struct pg_chain *chain,
			    const struct pg_descriptor *descriptor);
void pg_inflight_packed_undo(struct pg_virtqueue *queue);
void pg_inflight_packed_taken(struct pg_virtqueue *queue, struct pg_chain *chain);
void pg_inflight_packed_put(struct pg_virtqueue *queue, const struct pg_chain *chain);
void pg_inflight_packed_published(struct pg_virtqueue *queue, const struct pg_chain *chain);

#endif
