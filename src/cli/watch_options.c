/* SPDX-License-Identifier: MIT */
/* The options that the commands for a running device share; see watch_options.h. */
#include "cli/watch_options.h"

#include <string.h>

#include "cli/commands.h"

static const char *set_device(void *target, const char *value)
{
	struct pg_watch_options *options = target;

	options->device = value;
	return *value ? NULL : "the name is empty";
}

static const char *set_head(void *target, const char *value)
{
	struct pg_watch_options *options = target;

	return pg_value_u32(value, 0, 15, &options->head) ? NULL : "heads are counted from 0 to 15";
}

static const char *set_json(void *target, const char *value)
{
	struct pg_watch_options *options = target;

	(void)value;
	options->json = true;
	return NULL;
}

static const char *set_no_cursor(void *target, const char *value)
{
	struct pg_watch_options *options = target;

	(void)value;
	options->no_cursor = true;
	return NULL;
}

static const char *set_help(void *target, const char *value)
{
	struct pg_watch_options *options = target;

	(void)value;
	options->help = true;
	return NULL;
}

const struct pg_option pg_option_device = {
	"device",
	"NAME|PATH",
	NULL,
	"which device: the name it was run by, or its control socket;\n"
	"default: the one that is running",
	set_device,
};
const struct pg_option pg_option_head = {"head", "N", "0", "which head", set_head};
const struct pg_option pg_option_json = {"json", NULL, NULL, "print JSON", set_json};
const struct pg_option pg_option_no_cursor = {
	"no-cursor", NULL, NULL, "leave the pointer out", set_no_cursor,
};
const struct pg_option pg_option_help = {"help", NULL, NULL, "print this text and end", set_help};

int pg_watch_parse(struct pg_watch_options *options, const struct pg_option *table,
		   const char *usage, int argc, char **argv, const char **words, int count)
{
	char problem[512];
	int found = 0;

	*options = (struct pg_watch_options){0};
	pg_options_init(table, options);
	for (int index = 1; index < argc;) {
		if (!strncmp(argv[index], "--", 2)) {
			if (pg_options_parse_one(table, options, argc, argv, &index, problem,
						 sizeof(problem)) < 0) {
				fprintf(stderr, "paragpu %s: %s\n", argv[0], problem);
				return PG_EXIT_USAGE;
			}
			continue;
		}
		if (found < count)
			words[found] = argv[index];
		found++;
		index++;
	}
	if (options->help) {
		fputs(usage, stdout);
		fputc('\n', stdout);
		pg_options_print(table, stdout);
		return PG_EXIT_OK;
	}
	if (found == count)
		return -1;
	fputs(usage, stderr);
	return PG_EXIT_USAGE;
}
