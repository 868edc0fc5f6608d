/* SPDX-License-Identifier: MIT */
/* `paragpu trace`: a line for each command that a running device executes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/watch_options.h"

static const char usage[] = "usage: paragpu trace [OPTION…]\n"
			    "Runs until it is interrupted or the device ends.\n";

static int print(json_t *line, bool json)
{
	const char *text = json_string_value(json_object_get(line, "trace"));
	json_t *dropped = json_object_get(line, "dropped");

	if (json) {
		json_dumpf(line, stdout, JSON_COMPACT);
		fputc('\n', stdout);
	} else if (text) {
		puts(text);
	} else if (dropped) {
		printf("(%lld commands were not shown: the reader was too slow)\n",
		       (long long)json_integer_value(dropped));
	}
	fflush(stdout);
	return ferror(stdout) ? PG_EXIT_FAILED : PG_EXIT_OK;
}

static int follow(struct pg_control_client *client, bool json)
{
	json_t *line = pg_client_ask(client, json_pack("{s:s}", "command", "trace"));
	int status = line ? PG_EXIT_OK : PG_EXIT_FAILED;
	int error = 0;

	json_decref(line);
	while (!status && (line = pg_client_read(client, &error))) {
		status = print(line, json);
		json_decref(line);
	}
	if (!error || error == -ECONNRESET)
		return status;
	fprintf(stderr, "paragpu: the connection to the device broke: %s\n", strerror(-error));
	return PG_EXIT_FAILED;
}

int pg_cli_trace(int argc, char **argv)
{
	const struct pg_option table[] = {
		pg_option_json,
		pg_option_device,
		pg_option_help,
		{NULL, NULL, NULL, NULL, NULL},
	};
	struct pg_watch_options options;
	struct pg_control_client client;
	int status = pg_watch_parse(&options, table, usage, argc, argv, NULL, 0);

	if (status >= 0)
		return status;
	status = pg_client_open(&client, options.device);
	if (!status)
		status = follow(&client, options.json);
	pg_client_close(&client);
	return status;
}
