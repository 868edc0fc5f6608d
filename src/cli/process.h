/* SPDX-License-Identifier: MIT */
/*
 * Child processes that do not outlive us.
 */
#ifndef PG_CLI_PROCESS_H
#define PG_CLI_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pg_process {
	pid_t pid;
	int fd; /* a pidfd; readable when the process has ended; -1: none */
	bool reaped;
	int status; /* as of waitpid(), once reaped */
};

/*
 * Starts argv[0], found in PATH if it has no slash. It gets SIGTERM if we die;
 * with `apart`, the terminal's interrupt key does not reach it. Returns 0 or a
 * negative errno, also if the program cannot be executed.
 */
int pg_process_start(struct pg_process *process, char *const *argv, bool apart);

/* Whether it has ended by itself by now. */
bool pg_process_ended(struct pg_process *process);

/* SIGTERM, SIGKILL after `grace_ms`, and waits. Harmless for one that has ended. */
void pg_process_end(struct pg_process *process, int grace_ms);

/* The status as a shell gives it: 128 + the signal's number for a killed one. */
int pg_process_exit_code(const struct pg_process *process);

/*
 * Runs argv and stores what it writes to its standard output, as a string cut
 * at `size`. Returns 0; -EIO if it failed; -ETIMEDOUT after ten seconds; or
 * another negative errno if it did not start.
 */
int pg_process_capture(char *const *argv, char *output, size_t size);

#endif
