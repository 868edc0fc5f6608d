/* SPDX-License-Identifier: MIT */
/*
 * `paragpu run`: the parts of it, for its own files only.
 *
 *   run_options.c  what the user asked
 *   run_plan.c     which two programs that makes, and why
 *   run.c          starts them, and ends them together
 */
#ifndef PG_CLI_RUN_H
#define PG_CLI_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/qemu.h"
#include "cli/words.h"
#include "daemon/options.h"

enum pg_run_frontend {
	PG_FRONTEND_AUTO,
	PG_FRONTEND_GENERIC, /* vhost-user-test-device-pci: all features, no window of QEMU's */
	PG_FRONTEND_GPU,     /* vhost-user-gpu-pci */
	PG_FRONTEND_VGA,     /* vhost-user-vga: the same with a boot screen */
};

struct pg_run_options {
	enum pg_run_frontend frontend;
	const char *qemu;     /* NULL: of this machine's architecture */
	const char *paragpud; /* NULL: the one beside us, else the one in PATH */
	const char *name;     /* NULL: vm-PID */
	bool dry_run;
	bool help;
	/* Options for paragpud, and what they say. */
	struct pg_words daemon_words;
	struct pg_daemon_options daemon;
	/* Options for QEMU. */
	char *const *qemu_words;
	int qemu_count;
};

/* Returns 0, or -EINVAL and a message for people. pg_run_options_finish() in any case. */
int pg_run_options_parse(struct pg_run_options *options, int argc, char **argv, char *problem,
			 size_t problem_size);
void pg_run_options_finish(struct pg_run_options *options);
void pg_run_print_help(FILE *stream);

#define PG_RUN_MAX_NOTES 8

/* What is to be started. */
struct pg_run_plan {
	struct pg_words daemon; /* empty if QEMU is only asked something */
	struct pg_words qemu;
	char control[256];
	/* what a person should know before: no KVM, features missing, … */
	char notes[PG_RUN_MAX_NOTES][256];
	size_t note_count;
};

/*
 * Looks at QEMU, KVM and the options, and decides. Returns 0, or a negative errno
 * and a message for people. pg_run_plan_finish() in any case.
 */
int pg_run_plan_make(struct pg_run_plan *plan, const struct pg_run_options *options, char *problem,
		     size_t problem_size);
void pg_run_plan_finish(struct pg_run_plan *plan);

#endif
