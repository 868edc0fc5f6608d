/* SPDX-License-Identifier: MIT */
/*
 * The inside of `paragpu conform`: one run of one rule, the back end under
 * test, and all rules there are. Rules themselves see rule.h only.
 */
#ifndef PG_CLI_CONFORM_CONFORM_H
#define PG_CLI_CONFORM_CONFORM_H

#include <sys/types.h>

#include "cli/conform/rule.h"

enum pg_verdict {
	PG_PASS,
	PG_FAIL,
	PG_NOT_OFFERED,
};

struct pg_conform_options {
	const char *socket;   /* of a back end that runs already, or NULL */
	char *const *command; /* starts one; "{socket}" in it is replaced */
	uint32_t profile;
	uint32_t timeout_ms;
	bool strict, json, list, verbose;
	const char *rule; /* an id, or a prefix ending in '*'; NULL: all */
};

/* The back end under test. */
struct pg_target {
	const struct pg_conform_options *options;
	char directory[64]; /* with the socket and the output of a back end that we start */
	char socket[108];
	pid_t pid; /* 0: not ours or ended */
	int status;
	bool ended;
};

struct pg_run {
	const struct pg_conform_options *options;
	const struct pg_rule *rule;
	struct pg_target *target;
	struct pg_fe_settings settings;
	struct pg_fe *fe;
	enum pg_verdict verdict;
	char message[512];
	uint64_t witness;
};

int pg_target_init(struct pg_target *target, const struct pg_conform_options *options);
void pg_target_finish(struct pg_target *target);

/* Starts the back end if it is ours to start. */
int pg_target_start(struct pg_target *target);

/* Ends it in good order. Returns 0, or -1 and why its end was wrong in `why`. */
int pg_target_stop(struct pg_target *target, bool strict, char *why, size_t size);

/* Whether it has ended by itself, waiting a moment for it; `how` gets the manner. */
bool pg_target_died(struct pg_target *target, char *how, size_t size);

/* check.c: before and after the rule's own function. */
void pg_witness_make(struct pg_run *run, struct pg_fe *fe);
void pg_witness_check(struct pg_run *run, struct pg_fe *fe);
void pg_check_ends(struct pg_run *run, struct pg_fe *fe);

extern const struct pg_rule_set *const pg_rule_sets[];
extern const size_t pg_rule_set_count;

extern const struct pg_rule_set pg_rules_command, pg_rules_2d, pg_rules_scanout, pg_rules_blob,
	pg_rules_cursor, pg_rules_query, pg_rules_fence, pg_rules_ring, pg_rules_message,
	pg_rules_session, pg_rules_display;

#endif
