/* SPDX-License-Identifier: MIT */
/* All conformance rules, in the order of reports. */
#include "cli/conform/conform.h"

const struct pg_rule_set *const pg_rule_sets[] = {
	&pg_rules_command, &pg_rules_2d,      &pg_rules_scanout, &pg_rules_blob,
	&pg_rules_cursor,  &pg_rules_query,   &pg_rules_fence,   &pg_rules_ring,
	&pg_rules_message, &pg_rules_session, &pg_rules_display,
};

const size_t pg_rule_set_count = sizeof(pg_rule_sets) / sizeof(pg_rule_sets[0]);
