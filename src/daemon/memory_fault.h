/* SPDX-License-Identifier: MIT */
/*
 * Guest memory that goes away under us. A VMM may cut short the file behind it
 * (or the host may run out of huge pages); the next access is a SIGBUS, which
 * by default ends the process and with it every display. Here the mapping is
 * replaced by zeroes, the access goes on, and the event loop is told, which
 * ends the connection: nothing of that VMM can be relied on any more.
 *
 * For the program only: the library has no signal handlers, and an embedder
 * that doubts its own files seals them (F_SEAL_SHRINK).
 */
#ifndef PG_DAEMON_MEMORY_FAULT_H
#define PG_DAEMON_MEMORY_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

/*
 * Handles SIGBUS from now on, once in a process. `lost` is called from the
 * loop, once for all faults since the last call. Returns 0 or a negative errno.
 */
int pg_memory_fault_init(struct pg_loop *loop, pg_loop_callback lost, void *data);

/* Leaves SIGBUS to the system again. Harmless without pg_memory_fault_init(). */
void pg_memory_fault_finish(void);

/*
 * Finds the mapping that has `address` in lines of /proc/PID/maps as far as
 * they are complete. Returns the bytes of `text` that it is done with, all
 * lines before the one found. Only shared, writable mappings count: *end is 0
 * unless there is one. Safe in signal handlers.
 */
size_t pg_memory_fault_parse(const char *text, size_t size, uintptr_t address, uintptr_t *end);

#endif
