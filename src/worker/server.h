/* SPDX-License-Identifier: MIT */
/*
 * The worker's side: takes calls from the channel, makes them of a renderer in
 * this process, and sends its answers. Here stand the functions that renderers
 * call (paragpu_operation_done() and so on), as the device has them elsewhere:
 * a program has the one or the other. One server in a process.
 */
#ifndef PG_WORKER_SERVER_H
#define PG_WORKER_SERVER_H

#include <paragpu/renderer.h>

#include "base/log.h"

/*
 * Serves `renderer` over *socket, which it takes, until the other side is gone.
 * Returns 0 then, or a negative errno. `log` may be NULL.
 */
int pg_server_run(struct paragpu_renderer *renderer, int *socket, const struct pg_logger *log);

#endif
