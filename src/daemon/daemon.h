/* SPDX-License-Identifier: MIT */
/*
 * The parts of paragpud, put together. One thread runs all of them in one
 * event loop. Guest and VMM are peers that may do anything; none of it ends
 * the process.
 */
#ifndef PG_DAEMON_DAEMON_H
#define PG_DAEMON_DAEMON_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include <paragpu/device.h>

#include "base/log.h"
#include "base/loop.h"
#include "daemon/control.h"
#include "daemon/messages.h"
#include "daemon/options.h"
#include "daemon/renderers.h"
#include "display/display.h"
#include "transport/vhost_user/vhost_user.h"

/* Exit statuses of paragpud. */
#define PG_DAEMON_OK 0     /* ended by SIGTERM, SIGINT, SIGHUP, or with the last connection */
#define PG_DAEMON_FAILED 1 /* could not start, or something demanded cannot be had */
#define PG_DAEMON_USAGE 2  /* the command line is wrong */

struct pg_daemon {
	const struct pg_daemon_options *options;
	struct pg_messages messages;
	struct pg_logger logger;
	struct pg_loop *loop;
	struct pg_vhost_user *server;
	struct paragpu_device *device;
	struct pg_display *vmm; /* the VMM's own windows, if it has some */
	struct pg_display *displays[PG_MAX_DISPLAYS];
	size_t display_count;
	struct pg_daemon_renderer renderers[PG_MAX_RENDERER_OPTIONS];
	size_t renderer_count;
	struct pg_display *eye; /* for screenshots */
	struct pg_control *control;
	int signal_fd;
	struct pg_watch signal_watch;
	uint64_t started_ns;
};

/* Puts everything together. Returns 0, or a negative errno; the reason was printed. */
int pg_daemon_create(const struct pg_daemon_options *options, struct pg_daemon **out);
/* Serves until it shall end. Returns the exit status. */
int pg_daemon_run(struct pg_daemon *daemon);
void pg_daemon_destroy(struct pg_daemon **daemon);

/* What can be asked over the control socket: commands.c. Its data is the struct pg_daemon. */
extern const struct pg_control_command pg_daemon_commands[];

/* What there is to know about the device and its connection, as JSON: facts.c. */
json_t *pg_daemon_facts(struct pg_daemon *daemon);
/* At most `limit` resources with ids above `after`; *next becomes the last id, or 0 at the end. */
json_t *pg_daemon_resource_facts(struct pg_daemon *daemon, uint32_t after, size_t limit,
				 uint32_t *next);

/* The host's part of the window: window.c. */
void pg_daemon_map_blob(void *data, const struct paragpu_mapping *mapping,
			struct paragpu_window_operation *operation);
void pg_daemon_unmap_blob(void *data, const struct paragpu_mapping *mapping,
			  struct paragpu_window_operation *operation);

/* The line that says what is offered, what is not, and why: summary.c. */
void pg_daemon_summarize(const struct pg_daemon *daemon);
/* The answer to --print-capabilities, by trying what it names. */
void pg_daemon_print_capabilities(FILE *stream);

/* All of paragpud but main(). Returns the exit status. */
int pg_daemon_main(int argc, char **argv);

#endif
