/* SPDX-License-Identifier: MIT */
/* `paragpu resize`, `connect` and `disconnect`: the heads of a running device. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/watch_options.h"

/* Asks and prints nothing if all is well; takes the reference to `request`. */
static int ask(const struct pg_watch_options *options, json_t *request)
{
	struct pg_control_client client;
	int status = pg_client_open(&client, options->device);

	if (status) {
		json_decref(request);
	} else {
		json_t *result = pg_client_ask(&client, request);

		status = result ? PG_EXIT_OK : PG_EXIT_FAILED;
		json_decref(result);
	}
	pg_client_close(&client);
	return status;
}

static int parse(struct pg_watch_options *options, const char *usage, int argc, char **argv,
		 const char **words, int count, uint32_t *head)
{
	const struct pg_option table[] = {
		pg_option_device,
		pg_option_help,
		{NULL, NULL, NULL, NULL, NULL},
	};
	int status = pg_watch_parse(options, table, usage, argc, argv, words, count);

	if (status >= 0 || pg_value_u32(words[0], 0, 15, head))
		return status;
	fprintf(stderr, "paragpu %s: \"%s\" is not a head; heads are counted from 0 to 15\n",
		argv[0], words[0]);
	return PG_EXIT_USAGE;
}

int pg_cli_resize(int argc, char **argv)
{
	static const char usage[] = "usage: paragpu resize HEAD WIDTHxHEIGHT [OPTION…]\n";
	struct pg_watch_options options;
	unsigned int width, height;
	const char *words[2];
	int length = 0;
	uint32_t head;
	int status = parse(&options, usage, argc, argv, words, 2, &head);

	if (status >= 0)
		return status;
	if (strspn(words[1], "0123456789x") != strlen(words[1]) ||
	    sscanf(words[1], "%5ux%5u%n", &width, &height, &length) != 2 || words[1][length]) {
		fprintf(stderr,
			"paragpu resize: \"%s\" is not a size; give WIDTHxHEIGHT, such as "
			"1920x1080\n",
			words[1]);
		return PG_EXIT_USAGE;
	}
	return ask(&options,
		   json_pack("{s:s,s:I,s:I,s:I}", "command", "resize", "head", (json_int_t)head,
			     "width", (json_int_t)width, "height", (json_int_t)height));
}

static int plug(int argc, char **argv, const char *command, const char *usage)
{
	struct pg_watch_options options;
	const char *word;
	uint32_t head;
	int status = parse(&options, usage, argc, argv, &word, 1, &head);

	if (status >= 0)
		return status;
	return ask(&options, json_pack("{s:s,s:I}", "command", command, "head", (json_int_t)head));
}

int pg_cli_connect(int argc, char **argv)
{
	return plug(argc, argv, "connect", "usage: paragpu connect HEAD [OPTION…]\n");
}

int pg_cli_disconnect(int argc, char **argv)
{
	return plug(argc, argv, "disconnect", "usage: paragpu disconnect HEAD [OPTION…]\n");
}
