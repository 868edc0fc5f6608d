/* SPDX-License-Identifier: MIT */
/* `paragpu screenshot`: what a head shows, as a PNG file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/watch_options.h"
#include "display/image.h"
#include "display/png_file.h"

static const char usage[] = "usage: paragpu screenshot FILE.png [OPTION…]\n"
			    "FILE may be - for the standard output.\n";

/* Encodes the pixels that came with `result`, which the daemon has no time for. */
static int save(struct pg_control_client *client, json_t *result, const char *path)
{
	struct pg_image image;
	json_int_t width = 0, height = 0;
	int error;

	if (json_unpack(result, "{s:I,s:I}", "width", &width, "height", &height) < 0 ||
	    client->received_fd < 0) {
		fprintf(stderr, "paragpu: the device answered without a picture\n");
		return PG_EXIT_FAILED;
	}
	error = pg_image_open(&client->received_fd, (uint32_t)width, (uint32_t)height, &image);
	if (error) {
		fprintf(stderr, "paragpu: cannot read the picture: %s\n", strerror(-error));
		return PG_EXIT_FAILED;
	}
	error = strcmp(path, "-") ? pg_png_save(&image, path) : pg_png_write(&image, STDOUT_FILENO);
	pg_image_finish(&image);
	if (!error)
		return PG_EXIT_OK;
	fprintf(stderr, "paragpu: cannot write %s: %s\n", path, strerror(-error));
	return PG_EXIT_FAILED;
}

int pg_cli_screenshot(int argc, char **argv)
{
	const struct pg_option table[] = {
		pg_option_head,
		pg_option_no_cursor,
		pg_option_device,
		pg_option_help,
		{NULL, NULL, NULL, NULL, NULL},
	};
	struct pg_watch_options options;
	struct pg_control_client client;
	const char *path;
	json_t *result;
	int status = pg_watch_parse(&options, table, usage, argc, argv, &path, 1);

	if (status >= 0)
		return status;
	status = pg_client_open(&client, options.device);
	if (!status) {
		result = pg_client_ask(&client, json_pack("{s:s,s:I,s:b}", "command", "screenshot",
							  "head", (json_int_t)options.head,
							  "cursor", !options.no_cursor));
		status = result ? save(&client, result, path) : PG_EXIT_FAILED;
		json_decref(result);
	}
	pg_client_close(&client);
	return status;
}
