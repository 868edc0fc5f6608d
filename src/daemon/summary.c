/* SPDX-License-Identifier: MIT */
/* What this process offers, for people and for programs; see daemon.h. */
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "display/vnc.h"
#include "protocol/commands.h"

struct line {
	char text[900];
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->text + line->length, room, format, arguments);
	va_end(arguments);
	line->length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

static void add_offered(struct line *line, uint64_t features,
			const struct paragpu_settings *settings)
{
	add(line, "2D");
	for (unsigned int bit = 0; bit < 24; bit++) {
		const char *name = pg_feature_name(bit);

		if (!(features >> bit & 1) || !name)
			continue;
		add(line, ", %s", name);
		if (bit == VIRTIO_GPU_F_BLOB_ALIGNMENT)
			add(line, " of %" PRIu32, settings->blob_alignment);
	}
}

static void add_heads(struct line *line, const struct paragpu_settings *settings)
{
	const struct paragpu_head *first = &settings->heads[0];

	add(line, "; %" PRIu32 " %s, %" PRIu32 "x%" PRIu32 " at %" PRIu32 " Hz",
	    settings->head_count, settings->head_count == 1 ? "head" : "heads", first->width,
	    first->height, first->refresh_mhz / 1000);
}

/* Each thing that is missing with its reason. */
static void add_missing(struct line *line, const struct pg_daemon *daemon, uint64_t features)
{
	const struct pg_daemon_options *options = daemon->options;
	struct line off = {.length = 0};
	char program[PATH_MAX];

	add(line, "; not offered: VIRGL, CONTEXT_INIT (no 3D renderer in this build)");
	for (unsigned int bit = 0; bit < 24; bit++)
		if (bit != VIRTIO_GPU_F_VIRGL && bit != VIRTIO_GPU_F_CONTEXT_INIT &&
		    pg_feature_name(bit) && !(features >> bit & 1))
			add(&off, "%s%s", off.length ? ", " : "", pg_feature_name(bit));
	if (off.length)
		add(line, ", %s (--features)", off.text);
	if (!pg_vnc_find(PG_VNC_SELF, program))
		add(line, ", VNC (" PG_VNC_PROGRAM " is not installed)");
	if (!options->packed)
		add(line, ", packed rings (--packed)");
	if (!options->in_order)
		add(line, ", in-order rings (--in-order)");
	if (!options->window_size)
		add(line, ", host-visible window (--window)");
}

void pg_daemon_summarize(const struct pg_daemon *daemon)
{
	const struct pg_daemon_options *options = daemon->options;
	uint64_t features = paragpu_device_features(daemon->device);
	struct line line = {.length = 0};

	add(&line, "paragpu %s offers ", paragpu_version());
	add_offered(&line, features, &options->settings);
	if (options->packed)
		add(&line, ", packed rings");
	if (options->in_order)
		add(&line, ", in-order rings");
	if (options->window_size)
		add(&line, ", a window of %" PRIu64 " MiB", options->window_size >> 20);
	add_heads(&line, &options->settings);
	add_missing(&line, daemon, features);
	if (options->socket_path)
		add(&line, "; waits for a VMM at %s", options->socket_path);
	else
		add(&line, "; serves descriptor %d", options->fd);
	pg_log(&daemon->logger, PG_LOG_INFO, "daemon", "%s", line.text);
}

/*
 * "virgl" and "render-node" would promise that their options give OpenGL. This
 * build has no renderer that could be tried, so that the list is empty; QEMU and
 * libvirt then use the device for 2D.
 */
void pg_daemon_print_capabilities(FILE *stream)
{
	json_t *capabilities = json_pack("{s:s,s:[]}", "type", "gpu", "features");

	json_dumpf(capabilities, stream, JSON_INDENT(2));
	fputc('\n', stream);
	json_decref(capabilities);
}
