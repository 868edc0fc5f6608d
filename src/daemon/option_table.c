/* SPDX-License-Identifier: MIT */
/* Command lines from a table; see option_table.h. */
#include "daemon/option_table.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

void pg_options_init(const struct pg_option *table, void *target)
{
	for (const struct pg_option *option = table; option->name; option++) {
		if (option->initial) {
			const char *wrong = option->set(target, option->initial);

			assert(!wrong);
			(void)wrong;
		}
	}
}

const struct pg_option *pg_options_find(const struct pg_option *table, const char *name,
					size_t length)
{
	for (const struct pg_option *option = table; option->name; option++)
		if (strlen(option->name) == length && !memcmp(option->name, name, length))
			return option;
	return NULL;
}

int pg_options_parse_one(const struct pg_option *table, void *target, int argc, char *const *argv,
			 int *index, char *problem, size_t problem_size)
{
	const char *word = argv[*index] + 2;
	size_t length = strcspn(word, "=");
	const struct pg_option *option = pg_options_find(table, word, length);
	const char *value = word[length] ? word + length + 1 : NULL;
	const char *wrong;

	if (!option) {
		snprintf(problem, problem_size, "there is no option --%.*s; --help lists them",
			 (int)length, word);
		return -EINVAL;
	}
	if (!option->argument && value) {
		snprintf(problem, problem_size, "--%s takes no value, but was given \"%s\"",
			 option->name, value);
		return -EINVAL;
	}
	if (option->argument && !value) {
		if (*index + 1 >= argc) {
			snprintf(problem, problem_size, "--%s needs a value: --%s=%s", option->name,
				 option->name, option->argument);
			return -EINVAL;
		}
		value = argv[++*index];
	}
	++*index;
	wrong = option->set(target, value);
	if (!wrong)
		return 0;
	if (value)
		snprintf(problem, problem_size, "--%s=%s: %s", option->name, value, wrong);
	else
		snprintf(problem, problem_size, "--%s: %s", option->name, wrong);
	return -EINVAL;
}

int pg_options_parse(const struct pg_option *table, void *target, int argc, char *const *argv,
		     int first, int *next, char *problem, size_t problem_size)
{
	int index = first;

	while (index < argc && !strncmp(argv[index], "--", 2)) {
		if (!argv[index][2]) {
			index++;
			break;
		}
		if (pg_options_parse_one(table, target, argc, argv, &index, problem, problem_size) <
		    0)
			return -EINVAL;
	}
	if (next) {
		*next = index;
		return 0;
	}
	if (index == argc)
		return 0;
	snprintf(problem, problem_size,
		 "\"%s\" is not an option and nothing else is expected; "
		 "--help lists the options",
		 argv[index]);
	return -EINVAL;
}

#define HELP_COLUMN 28

void pg_options_print(const struct pg_option *table, FILE *stream)
{
	for (const struct pg_option *option = table; option->name; option++) {
		int width = fprintf(stream, "  --%s%s%s", option->name, option->argument ? "=" : "",
				    option->argument ? option->argument : "");
		const char *line = option->help;

		if (width >= HELP_COLUMN) {
			fputc('\n', stream);
			width = 0;
		}
		for (;;) {
			size_t length = strcspn(line, "\n");

			fprintf(stream, "%*s%.*s", HELP_COLUMN - width, "", (int)length, line);
			line += length;
			if (!*line)
				break;
			line++;
			fputc('\n', stream);
			width = 0;
		}
		if (option->initial)
			fprintf(stream, " (default %s)", option->initial);
		fputc('\n', stream);
	}
}

bool pg_value_u64(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || *end || number < minimum || number > maximum)
		return false;
	*value = number;
	return true;
}

bool pg_value_u32(const char *text, uint32_t minimum, uint32_t maximum, uint32_t *value)
{
	uint64_t number;

	if (!pg_value_u64(text, minimum, maximum, &number))
		return false;
	*value = (uint32_t)number;
	return true;
}

bool pg_value_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, "0123456789");
	const char *unit;
	char number[24];
	uint64_t value;

	if (!digits || digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (!pg_value_u64(number, 0, UINT64_MAX, &value))
		return false;
	text += digits;
	if (*text) {
		unit = strchr(units, toupper((unsigned char)*text));
		if (!unit || (text[1] && strcmp(text + 1, "iB") && strcmp(text + 1, "B")) ||
		    !pg_mul_u64(value, 1ull << (10 * (unit - units + 1)), &value))
			return false;
	}
	*bytes = value;
	return true;
}

bool pg_value_switch(const char *text, bool *on)
{
	if (strcmp(text, "on") && strcmp(text, "off"))
		return false;
	*on = !strcmp(text, "on");
	return true;
}
