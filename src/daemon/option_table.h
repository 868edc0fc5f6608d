/* SPDX-License-Identifier: MIT */
/*
 * Command lines from a table: one entry an option, with its name, what its
 * value looks like, a default and a function that checks and stores the value.
 * --help is printed from the same table, so the two cannot differ.
 *
 * Long options only: "--name=VALUE", "--name VALUE", "--name". Nothing here
 * ends the program or prints; the caller says what went wrong to whom. The
 * command line is the user's own and trusted not to be an attack, not to be right.
 */
#ifndef PG_DAEMON_OPTION_TABLE_H
#define PG_DAEMON_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct pg_option {
	const char *name;     /* without the dashes */
	const char *argument; /* "PATH", "N"; NULL: takes none */
	const char *initial;  /* the default, stored by pg_options_init(); NULL: none */
	const char *help;     /* lower case, no full stop; "\n" where a line shall end */
	/*
	 * Stores `value` (NULL for options that take none). Returns NULL, or a
	 * sentence that says what would have been right, which must be constant.
	 */
	const char *(*set)(void *target, const char *value);
};

/* A table ends with an entry without a name. Stores all defaults, which must be right. */
void pg_options_init(const struct pg_option *table, void *target);

/*
 * Reads the options of argv[first .. argc), in order. Stops at the first word
 * that is no option and behind "--"; *next (may be NULL) is the index of what follows.
 * Returns 0, or -EINVAL and a message for people in `problem`.
 */
int pg_options_parse(const struct pg_option *table, void *target, int argc, char *const *argv,
		     int first, int *next, char *problem, size_t problem_size);

/* Reads the one option at argv[*index], which begins with "--", and moves *index behind it. */
int pg_options_parse_one(const struct pg_option *table, void *target, int argc, char *const *argv,
			 int *index, char *problem, size_t problem_size);

/* The entry called `name`, of which only `length` characters count; NULL if there is none. */
const struct pg_option *pg_options_find(const struct pg_option *table, const char *name,
					size_t length);

/* Prints the table's part of --help. */
void pg_options_print(const struct pg_option *table, FILE *stream);

/* Values. Each returns false for anything but a complete, well-formed one in range. */
bool pg_value_u32(const char *text, uint32_t minimum, uint32_t maximum, uint32_t *value);
bool pg_value_u64(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value);
/* A count of bytes with an optional K, M, G or T (powers of 1024): "4096", "512M". */
bool pg_value_size(const char *text, uint64_t *bytes);
/* "on" or "off". */
bool pg_value_switch(const char *text, bool *on);

#endif
