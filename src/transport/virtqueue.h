/* SPDX-License-Identifier: MIT */
/*
 * One virtqueue, split or packed, from the device's side (virtio specification,
 * "Virtqueues"): takes descriptor chains out of guest memory as requests and
 * puts them back used.
 *
 * It knows nothing of vhost-user, eventfds or loops: who owns the queue says
 * when to look (pg_virtqueue_pop) and interrupts the guest when
 * pg_virtqueue_flush says so. The guest is not trusted: whatever is wrong with
 * a ring breaks this queue, with one message, until it is started again.
 */
#ifndef PG_TRANSPORT_VIRTQUEUE_H
#define PG_TRANSPORT_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <paragpu/host.h>
#include <paragpu/memory.h>

#include "base/list.h"
#include "base/log.h"

/*
 * Pieces of memory of one chain that need no allocation. Linux sends at most
 * three descriptors for all but vmalloc'ed data.
 */
#define PG_CHAIN_INLINE 8

/*
 * Descriptors of one chain. Linux needs one for each page of vmalloc'ed data,
 * so that this is 1 GiB of it; the bound keeps a chain of empty descriptors
 * from holding the loop.
 */
#define PG_CHAIN_MAX_DESCRIPTORS (1u << 18)

/*
 * Pieces of memory in all requests of one queue that the device holds. Beyond
 * it nothing more is taken from the ring until some come back: 16 MiB at most
 * are kept for a guest which makes them as long as it can. One request with
 * more breaks the queue: descriptors can cross as many regions as the VMM has.
 */
#define PG_QUEUE_MAX_VECTORS (1u << 20)

/* No ring has that many entries. */
#define PG_CHAIN_NO_RECORD UINT16_MAX

struct pg_virtqueue;
struct pg_inflight_queue;

/* A request in the device's hands, and the memory it lies in. */
struct pg_chain {
	struct paragpu_request request; /* first: it is all that the device gives back */

	/* private */
	struct pg_list link; /* queue->busy by age, queue->abandoned, or queue->free */
	struct pg_virtqueue *queue;
	struct paragpu_memory *memory; /* keeps the vectors valid */
	uint64_t readable_size;
	uint64_t writable_size;
	struct iovec *vectors; /* readable ones first */
	size_t vector_count;
	size_t vector_capacity;
	size_t readable_count;
	uint32_t written;
	uint16_t id;     /* split: head; packed: buffer id */
	uint16_t slots;  /* descriptors of the ring that it takes */
	uint16_t record; /* packed: its entry in the in-flight region, or PG_CHAIN_NO_RECORD */
	bool done;       /* completed, not yet in the ring */
	bool abandoned;  /* its ring is gone: nobody waits for it */
	uint8_t *bounce; /* stands in for the guest's memory while the ring is stopped */
	struct iovec bounce_vector;
	struct iovec inline_vectors[PG_CHAIN_INLINE];
};

/* Where the ring lies in this process and how it is used. */
struct pg_ring {
	uint16_t size;
	bool packed;
	bool event_idx;
	bool indirect;
	bool in_order;
	struct paragpu_memory *memory; /* the queue takes a reference of its own */
	void *desc;
	void *driver; /* split: available ring; packed: driver event suppression */
	void *device; /* split: used ring; packed: device event suppression */
};

struct pg_virtqueue {
	/* given to pg_virtqueue_init() */
	const struct pg_logger *logger;
	unsigned int index;
	enum paragpu_queue role;

	/* for whoever shows them */
	uint64_t requests;   /* taken from the ring */
	uint64_t interrupts; /* asked for by pg_virtqueue_flush() */
	bool broken;
	char reason[192]; /* why, if broken */

	/* private */
	struct pg_ring ring;
	bool running;
	uint16_t avail_idx;    /* the next slot to take from */
	uint16_t used_idx;     /* the next slot to put a used one in */
	uint16_t avail_shadow; /* split: the driver's index as last read */
	bool avail_wrap;       /* packed: the wrap counters */
	bool used_wrap;
	uint16_t added;      /* slots put since the last flush */
	bool signal_always;  /* the first flush after a start interrupts in any case */
	bool batch_held;     /* packed: the first slot of this batch is published last */
	uint16_t batch_slot; /* an index: the ring may move before that */
	uint16_t batch_flags;
	struct pg_list busy; /* in the device's hands or done and held, by age */
	struct pg_list abandoned;
	struct pg_list free;
	uint32_t in_flight; /* chains in `busy` */
	uint32_t slots_in_flight;
	size_t vectors_in_flight;
	struct pg_inflight_queue *inflight; /* NULL: not recorded */
};

void pg_virtqueue_init(struct pg_virtqueue *queue, unsigned int index,
		       const struct pg_logger *logger);

/* Forgets every request and frees all. The device must not hold any (it was reset). */
void pg_virtqueue_finish(struct pg_virtqueue *queue);

/*
 * Starts the ring at `base`, in the encoding of SET_VRING_BASE. Mends a broken
 * queue. Requests that were in flight at pg_virtqueue_stop() go on: those done
 * meanwhile are put into the ring by this call; but a ring of another size or
 * layout is another ring, and they are abandoned. Returns 0, or -EINVAL if the
 * ring is misaligned or its size is not allowed; then the queue is broken.
 */
int pg_virtqueue_start(struct pg_virtqueue *queue, const struct pg_ring *ring, uint32_t base);

/*
 * The same memory, mapped elsewhere or with other regions beside it: for a
 * running queue. Requests in flight keep the table they came with.
 */
void pg_virtqueue_move(struct pg_virtqueue *queue, const struct pg_ring *ring);

/*
 * Stops the ring and returns where it stood, in the encoding of GET_VRING_BASE.
 * What the device still holds is parked: from here on its responses go to
 * private memory, and into the guest's at the next start.
 */
uint32_t pg_virtqueue_stop(struct pg_virtqueue *queue);

/*
 * The driver has reset this ring alone: its requests are forgotten, but the
 * device still has them. Only for a stopped queue.
 */
void pg_virtqueue_abandon(struct pg_virtqueue *queue);

/* The device forgot all requests (it was reset): takes them back. */
void pg_virtqueue_forget(struct pg_virtqueue *queue);

/*
 * Takes the next request. Returns 1 and the chain, which is the caller's until
 * pg_virtqueue_push(); 0 if there is none; -EBUSY if too much is in flight;
 * -EPIPE if the queue is or just became broken; -ENOMEM (try again later).
 */
int pg_virtqueue_pop(struct pg_virtqueue *queue, struct pg_chain **out);

/*
 * Returns a chain with `written` bytes in its writable part, capped at the size
 * of that. The guest sees it after the next pg_virtqueue_flush(). Also valid
 * while the queue is stopped or broken.
 */
void pg_virtqueue_push(struct pg_chain *chain, size_t written);

/* Shows the guest what was pushed. Returns whether it wants an interrupt for it. */
bool pg_virtqueue_flush(struct pg_virtqueue *queue);

/* Asks the driver not to kick while the ring is being looked at anyway. */
void pg_virtqueue_disable_kicks(struct pg_virtqueue *queue);

/* Asks for kicks again. Returns whether something is in the ring already: then no kick may come. */
bool pg_virtqueue_enable_kicks(struct pg_virtqueue *queue);

/* Whether a request waits in the ring. */
bool pg_virtqueue_pending(struct pg_virtqueue *queue);

/* Breaks the queue: one message, nothing more is taken from it until it is started again. */
__attribute__((format(printf, 2, 3))) void pg_virtqueue_break(struct pg_virtqueue *queue,
							      const char *format, ...);

/* "control", "cursor", or "unused" */
const char *pg_virtqueue_name(const struct pg_virtqueue *queue);

/* The position of a ring that the driver just made. */
static inline uint32_t pg_virtqueue_initial_base(bool packed)
{
	return packed ? 0x80008000u : 0;
}

#endif
