/* SPDX-License-Identifier: MIT */
/*
 * A renderer whose work is done by a worker process: looks like any other to
 * the device. Calls become records and never block; answers come by dispatch.
 * The worker may be taken over by a guest: nothing it says is believed
 * unchecked. If it ends, hangs, or talks nonsense, the renderer is lost, and
 * the next call that makes something starts another worker.
 */
#ifndef PG_WORKER_PROXY_H
#define PG_WORKER_PROXY_H

#include <stdint.h>
#include <sys/types.h>

#include <paragpu/renderer.h>

#include "base/log.h"

struct pg_proxy_options {
	const char *name;             /* of the renderer, as in --renderer= */
	const char *program;          /* path of paragpu-worker */
	const char *const *arguments; /* more for its command line; NULL at the end, or NULL */
	const struct pg_logger *log;  /* NULL: silent; outlives the proxy */
	uint32_t start_timeout_ms;    /* for the first start; 0: 20000 */
	/* No progress for this long while something waits: it hangs. 0: 10000; UINT32_MAX: never */
	uint32_t hang_timeout_ms;
};

/* For inspection. */
struct pg_proxy_info {
	pid_t pid; /* 0: none runs */
	uint32_t starts, losses;
	uint32_t open_operations, open_fences, contexts;
	uint64_t queued_bytes; /* waiting for room in the ring */
};

/*
 * Starts a worker and waits until it says what it can do: this is how a driver
 * that crashes when tried is found out. Everything in `options` but `log` is
 * copied. Returns 0; -ENOTSUP if the worker ended or offers nothing, which the
 * log explains; -ETIMEDOUT; or another errno.
 */
int pg_proxy_create(const struct pg_proxy_options *options, struct paragpu_renderer **out);

/* Ends the worker. Open operations are not answered. Accepts NULL. */
void pg_proxy_destroy(struct paragpu_renderer *renderer);

void pg_proxy_get_info(const struct paragpu_renderer *renderer, struct pg_proxy_info *info);

#endif
