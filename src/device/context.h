/* SPDX-License-Identifier: MIT */
/*
 * Contexts: what a guest's context id names, who executes it, and which
 * resources it sees. What a context does is its renderer's.
 */
#ifndef PG_DEVICE_CONTEXT_H
#define PG_DEVICE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "device/renderer.h"

struct pg_call;
struct pg_resource;

#define PG_CONTEXT_BUCKETS 64
#define PG_CONTEXT_NAME 64

struct pg_context {
	struct pg_list link; /* in its bucket */
	uint32_t id;
	uint32_t capset_id;
	struct pg_renderer *renderer; /* NULL: lost together with it */
	bool lost;
	struct pg_list attachments;
	char name[PG_CONTEXT_NAME + 1];
};

/* That a context sees a resource. */
struct pg_attachment {
	struct pg_list of_context;
	struct pg_list of_resource;
	struct pg_context *context;
	struct pg_resource *resource;
};

void pg_attachment_free(struct pg_attachment *attachment);

struct pg_contexts {
	struct pg_list buckets[PG_CONTEXT_BUCKETS];
};

void pg_contexts_init(struct pg_contexts *contexts);

/* The context with this id, or NULL; 0 names none. */
struct pg_context *pg_context_find(const struct paragpu_device *device, uint32_t id);

/* The context of the call's header. */
struct pg_context *pg_call_context(const struct pg_call *call);

/* Whether the context sees the resource. */
bool pg_context_has(const struct pg_context *context, const struct pg_resource *resource);

/* All contexts of a renderer that is lost: they stay, as lost. */
void pg_contexts_lose(struct paragpu_device *device, struct pg_renderer *renderer);

/* Takes a resource that is about to go from all contexts. */
void pg_attachments_drop(struct paragpu_device *device, struct pg_resource *resource);

/* Forgets all contexts; their renderers were reset. */
void pg_contexts_drop_all(struct paragpu_device *device);

#endif
