/* SPDX-License-Identifier: MIT */
/* The options that the commands for a running device share. */
#ifndef PG_CLI_WATCH_OPTIONS_H
#define PG_CLI_WATCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/option_table.h"

struct pg_watch_options {
	const char *device; /* NULL: the one that is running */
	uint32_t head;
	bool json;
	bool no_cursor;
	bool help;
};

extern const struct pg_option pg_option_device;
extern const struct pg_option pg_option_head;
extern const struct pg_option pg_option_json;
extern const struct pg_option pg_option_no_cursor;
extern const struct pg_option pg_option_help;

/*
 * Reads options and then exactly `count` words into `words`. `usage` is printed
 * for --help, with the table. Returns -1 to go on, or an exit status.
 */
int pg_watch_parse(struct pg_watch_options *options, const struct pg_option *table,
		   const char *usage, int argc, char **argv, const char **words, int count);

#endif
