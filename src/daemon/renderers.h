/* SPDX-License-Identifier: MIT */
/*
 * The renderers of --renderer=, each in a worker process (worker/proxy.h): what
 * was asked for, where the worker's program is, and their part in the loop. No
 * GPU library comes into this process.
 */
#ifndef PG_DAEMON_RENDERERS_H
#define PG_DAEMON_RENDERERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/renderer.h>

#include "base/log.h"
#include "base/loop.h"

#define PG_RENDERER_ARGUMENTS 8

/* One --renderer=, taken apart. */
struct pg_renderer_choice {
	char kind[16];
	char texts[PG_RENDERER_ARGUMENTS][256]; /* for the worker's command line */
	size_t count;
	bool has_render_node;
	uint32_t hang_timeout_ms; /* 0: the default */
};

/*
 * Takes "KIND[,NAME=VALUE…]" apart; `choice` may be NULL. Returns NULL, or a
 * constant sentence that says what would have been right.
 */
const char *pg_renderer_choose(const char *text, struct pg_renderer_choice *choice);

/* A renderer that runs. */
struct pg_daemon_renderer {
	char kind[16];
	struct paragpu_renderer *renderer; /* a proxy */
	struct pg_watch watch;
};

/*
 * Starts the worker, waits for what it offers, and watches it. `render_node`
 * (may be NULL) is for those whose own option names none. Returns 0 or a
 * negative errno; the reason was logged. The device must be given the renderer.
 */
int pg_daemon_renderer_start(struct pg_daemon_renderer *renderer,
			     const struct pg_renderer_choice *choice, const char *render_node,
			     struct pg_loop *loop, const struct pg_logger *logger);

/* After the device is gone. Harmless for one that was not started. */
void pg_daemon_renderer_stop(struct pg_daemon_renderer *renderer);

/* Whether virgl has its worker program and its library here; no driver is started. */
bool pg_daemon_has_virgl(void);

#endif
