/* SPDX-License-Identifier: MIT */
/*
 * What can be asked of paragpud on its command line. `paragpu run` hands the
 * same options through and checks them by the same table.
 */
#ifndef PG_DAEMON_OPTIONS_H
#define PG_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/device.h>

#include "daemon/option_table.h"

#define PG_MAX_DISPLAYS 8
#define PG_MAX_RENDERER_OPTIONS 4

/* Strings belong to the command line. */
struct pg_daemon_options {
	const char *socket_path;
	int fd; /* -1: none */
	const char *control_path;
	const char *render_node;
	bool virgl;
	bool wants_3d; /* virgl or context-init was switched on by name */
	bool once;
	bool print_capabilities;
	bool help;
	bool version;

	/* For the device: features, heads, blob alignment, limits. `host` stays empty. */
	struct paragpu_settings settings;

	const char *displays[PG_MAX_DISPLAYS];
	size_t display_count;
	const char *renderers[PG_MAX_RENDERER_OPTIONS];
	size_t renderer_count;

	/* For the transport. */
	uint64_t window_size;
	bool window_given;
	uint64_t poll_ns;
	uint32_t shmem_bit;
	bool packed;
	bool in_order;
};

extern const struct pg_option pg_daemon_option_table[];

/* Everything at its default. */
void pg_daemon_options_init(struct pg_daemon_options *options);

/* Reads and checks argv[1..]. Returns 0, or -EINVAL and a message in `problem`. */
int pg_daemon_options_parse(struct pg_daemon_options *options, int argc, char *const *argv,
			    char *problem, size_t problem_size);

#endif
