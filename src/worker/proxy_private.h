/* SPDX-License-Identifier: MIT */
/*
 * What the files of the proxy share: proxy.c is the worker's life, proxy_calls.c
 * what goes to it, proxy_answers.c what comes from it.
 */
#ifndef PG_WORKER_PROXY_PRIVATE_H
#define PG_WORKER_PROXY_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/idmap.h"
#include "base/list.h"
#include "worker/channel.h"
#include "worker/proxy.h"
#include "worker/spawn.h"
#include "worker/wire.h"

enum pg_slot_kind {
	PG_SLOT_FREE,
	PG_SLOT_DONE,    /* an operation answered by `done` alone */
	PG_SLOT_CONTEXT, /* the same, of a context that failure does away with */
	PG_SLOT_BLOB,
	PG_SLOT_PRESENT,
	PG_SLOT_FENCE,
};

/* Something that the worker owes. Its handle is index and generation: stale ones mean nothing. */
struct pg_slot {
	uint32_t generation;
	enum pg_slot_kind kind;
	uint32_t ctx_id;
	uint32_t next_free;
	struct paragpu_operation *operation;
	uint64_t cookie;
};

struct pg_proxy_context {
	uint32_t id;
	uint32_t serial;
};

/* A record that the ring had no room for. */
struct pg_queued {
	struct pg_list link;
	uint32_t type;
	int fd;
	size_t size;
	_Alignas(16) uint8_t payload[];
};

struct pg_proxy {
	struct paragpu_renderer base;
	struct paragpu_renderer_ops ops; /* with its own name */
	const struct pg_logger *log;
	char *name;
	char *program;
	const char **arguments; /* the whole command line */
	uint32_t hang_timeout_ms;

	/* the worker */
	struct pg_process process; /* pid 0: none runs */
	struct pg_channel channel;
	bool greeted;
	bool used;           /* something was asked of it */
	const char *failure; /* it is lost; to be said in the next dispatch */
	char reason[PG_WIRE_REASON];

	int epoll;
	int wake;  /* eventfd: `failure` was set outside of dispatch */
	int timer; /* watchdog */
	bool timer_runs;
	bool pinged;
	uint32_t idle_ticks; /* without progress while pinged */
	uint32_t last_read;  /* the worker's position at the last tick */

	struct pg_slot *slots;
	uint32_t slot_count, first_free; /* UINT32_MAX: none free */
	uint32_t operations, fences;     /* open */
	struct pg_idmap contexts;
	uint32_t next_serial;
	struct pg_list queue;
	size_t queued;

	struct paragpu_memory *memory;
	size_t capset_count;
	size_t capsets_filled;
	struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS];
	void *capset_data[PARAGPU_MAX_CAPSETS];
	uint32_t starts, losses;
};

static inline struct pg_proxy *pg_proxy_from(struct paragpu_renderer *renderer)
{
	return pg_container_of(renderer, struct pg_proxy, base);
}

/* proxy.c */
/* Makes sure that there is a worker. Returns 0 or a negative errno. */
int pg_proxy_need(struct pg_proxy *proxy);
/* The worker is of no use any more: what waits is answered in the next dispatch. Keeps the first reason. */
void pg_proxy_fail(struct pg_proxy *proxy, const char *reason);
/* Something waits for the worker from now on. */
void pg_proxy_watch(struct pg_proxy *proxy);

/* proxy_slots.c. Handle 0 is none. */
uint64_t pg_slot_take(struct pg_proxy *proxy, enum pg_slot_kind kind, uint32_t ctx_id);
struct pg_slot *pg_slot_find(struct pg_proxy *proxy, uint64_t handle);
void pg_slot_give(struct pg_proxy *proxy, struct pg_slot *slot);
/* Frees the fences of a context. */
void pg_slot_drop_fences(struct pg_proxy *proxy, uint32_t ctx_id);
void pg_slot_drop_all(struct pg_proxy *proxy);

/* proxy_calls.c */
void pg_proxy_context_create(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t capset_id,
			     const char *name, struct paragpu_operation *operation);
void pg_proxy_context_destroy(struct paragpu_renderer *renderer, uint32_t ctx_id);
void pg_proxy_context_attach(struct paragpu_renderer *renderer, uint32_t ctx_id,
			     uint32_t resource_id);
void pg_proxy_context_detach(struct paragpu_renderer *renderer, uint32_t ctx_id,
			     uint32_t resource_id);
void pg_proxy_submit(struct paragpu_renderer *renderer, uint32_t ctx_id, const struct iovec *pieces,
		     size_t count, size_t size, struct paragpu_operation *operation);
int pg_proxy_fence(struct paragpu_renderer *renderer, uint32_t ctx_id, bool has_ring,
		   uint8_t ring_idx, uint64_t cookie);
void pg_proxy_resource_create_3d(struct paragpu_renderer *renderer, uint32_t resource_id,
				 const struct paragpu_resource_3d *args,
				 struct paragpu_operation *operation);
void pg_proxy_resource_create_blob(struct paragpu_renderer *renderer, uint32_t ctx_id,
				   uint32_t resource_id, const struct paragpu_blob *args,
				   const struct paragpu_span *spans, size_t count,
				   struct paragpu_operation *operation);
void pg_proxy_resource_import(struct paragpu_renderer *renderer, uint32_t resource_id,
			      const struct paragpu_import *import,
			      struct paragpu_operation *operation);
void pg_proxy_resource_attach_backing(struct paragpu_renderer *renderer, uint32_t resource_id,
				      const struct paragpu_span *spans, size_t count,
				      struct paragpu_operation *operation);
void pg_proxy_resource_detach_backing(struct paragpu_renderer *renderer, uint32_t resource_id,
				      struct paragpu_operation *operation);
void pg_proxy_resource_unref(struct paragpu_renderer *renderer, uint32_t resource_id,
			     struct paragpu_operation *operation);
void pg_proxy_transfer(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t resource_id,
		       bool to_host, const struct paragpu_transfer *args,
		       struct paragpu_operation *operation);
void pg_proxy_present(struct paragpu_renderer *renderer, uint32_t resource_id,
		      struct paragpu_rect rect, struct paragpu_operation *operation);
void pg_proxy_send_memory(struct pg_proxy *proxy);
/* Sends, or queues. Returns 0, -ENOMEM if there is too much already, or -EMSGSIZE. */
int pg_proxy_send(struct pg_proxy *proxy, enum pg_wire_type type, const void *head, size_t size,
		  const void *data, size_t data_size, int fd);
/* Sends what is queued, as far as there is room. */
void pg_proxy_flush(struct pg_proxy *proxy);
void pg_proxy_drop_queue(struct pg_proxy *proxy);

/* proxy_answers.c: takes in what the worker says. Returns 0, or -EPROTO for nonsense. */
int pg_proxy_answer(struct pg_proxy *proxy, struct pg_message *message);

#endif
