/* SPDX-License-Identifier: MIT */
/*
 * A command line in the making: words that are formatted, owned and ended by
 * NULL. Out of memory is remembered and asked for once, at the end.
 */
#ifndef PG_CLI_WORDS_H
#define PG_CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct pg_words {
	char **words; /* NULL behind the last; NULL as long as there is none */
	size_t count;
	bool failed; /* a word is missing for want of memory */
};

__attribute__((format(printf, 2, 3))) void pg_words_add(struct pg_words *words, const char *format,
							...);
void pg_words_append(struct pg_words *words, char *const *more, size_t count);
void pg_words_finish(struct pg_words *words);

/* Prints the words as a line for the shell, quoted where need be. */
void pg_words_print(const struct pg_words *words, FILE *stream);

#endif
