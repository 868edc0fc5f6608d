/* SPDX-License-Identifier: MIT */
/*
 * A worker process: started with one socket and the three standard descriptors,
 * in a process group of its own that its children share, with an environment of
 * known variables only. It dies with the thread that started it.
 */
#ifndef PG_WORKER_SPAWN_H
#define PG_WORKER_SPAWN_H

#include <sys/types.h>

/* The descriptor number that the worker finds its socket at. */
#define PG_WORKER_FD 3

struct pg_process {
	pid_t pid; /* 0: none */
	int pidfd; /* readable when it ended */
};

/*
 * Starts `program` (a path) with these arguments, NULL at the end, argv[0]
 * included, and *socket, which it takes. Returns 0 or a negative errno; that
 * the program cannot be executed shows only as its early end, with status 127.
 */
int pg_process_start(struct pg_process *process, const char *program, const char *const *arguments,
		     int *socket);

/*
 * Kills the process and its group, and waits for its end, which SIGKILL makes
 * short. Returns its wait status, -1 if it is not to be had. Harmless without a process.
 */
int pg_process_kill(struct pg_process *process);

#endif
