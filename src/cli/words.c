/* SPDX-License-Identifier: MIT */
/* A command line in the making; see words.h. */
#include "cli/words.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void add_owned(struct pg_words *words, char *word)
{
	char **grown;

	if (!word || words->failed) {
		words->failed = true;
		free(word);
		return;
	}
	grown = realloc(words->words, (words->count + 2) * sizeof(*grown));
	if (!grown) {
		words->failed = true;
		free(word);
		return;
	}
	words->words = grown;
	words->words[words->count++] = word;
	words->words[words->count] = NULL;
}

void pg_words_add(struct pg_words *words, const char *format, ...)
{
	va_list arguments;
	char *word;

	va_start(arguments, format);
	if (vasprintf(&word, format, arguments) < 0)
		word = NULL;
	va_end(arguments);
	add_owned(words, word);
}

void pg_words_append(struct pg_words *words, char *const *more, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_owned(words, strdup(more[i]));
}

void pg_words_finish(struct pg_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->words[i]);
	free(words->words);
	*words = (struct pg_words){0};
}

static void print_word(const char *word, FILE *stream)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "%+,-./:=@_";

	if (*word && strspn(word, plain) == strlen(word)) {
		fputs(word, stream);
		return;
	}
	fputc('\'', stream);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", stream);
		else
			fputc(*word, stream);
	}
	fputc('\'', stream);
}

void pg_words_print(const struct pg_words *words, FILE *stream)
{
	for (size_t i = 0; i < words->count; i++) {
		if (i)
			fputc(' ', stream);
		print_word(words->words[i], stream);
	}
	fputc('\n', stream);
}
