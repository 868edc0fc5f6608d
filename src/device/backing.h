/* SPDX-License-Identifier: MIT */
/* Lists of guest memory as commands carry them. */
#ifndef PG_DEVICE_BACKING_H
#define PG_DEVICE_BACKING_H

#include "device/object.h"
#include "device/request.h"

/*
 * Reads `count` entries from the tail of the request and makes an object of
 * them. Every address must be guest memory right now. Returns OK_NODATA, or an
 * error, and then nothing was made.
 */
uint32_t pg_backing_read(struct pg_call *call, uint32_t count, struct pg_object **out);

/*
 * The guest pages of an object (NULL: none) as renderers take them, to be freed.
 * Returns 0 or -ENOMEM; *spans is NULL for none.
 */
int pg_backing_spans(const struct pg_object *backing, struct paragpu_span **spans, size_t *count);

#endif
