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

/* "; capsets VIRGL2 by virgl, …" */
static void add_capsets(struct line *line, const struct pg_daemon *daemon)
{
	struct paragpu_capset capset;
	const char *renderer;

	for (uint32_t i = 0; paragpu_device_get_capset(daemon->device, i, &capset, &renderer);
	     i++) {
		const char *name = pg_capset_name(capset.id);

		add(line, "%s ", i ? "," : "; capsets");
		if (name)
			add(line, "%s by %s", name, renderer);
		else
			add(line, "%" PRIu32 " by %s", capset.id, renderer);
	}
}

static bool has_capset(const struct pg_daemon *daemon, uint32_t id)
{
	struct paragpu_capset capset;
	const char *renderer;

	for (uint32_t i = 0; paragpu_device_get_capset(daemon->device, i, &capset, &renderer); i++)
		if (capset.id == id)
			return true;
	return false;
}

__attribute__((format(printf, 2, 3))) static void add_item(struct line *line, const char *format,
							   ...)
{
	char text[200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	add(line, "%s%s", line->length ? ", " : "", text);
}

/* What the renderer virgl could have had; it has tried each and said what was in the way. */
static void add_missing_capsets(struct line *missing, const struct pg_daemon *daemon)
{
	static const uint32_t possible[] = {VIRTIO_GPU_CAPSET_VIRGL, VIRTIO_GPU_CAPSET_VIRGL2,
					    VIRTIO_GPU_CAPSET_VENUS, VIRTIO_GPU_CAPSET_DRM};
	struct line names = {.length = 0};

	for (size_t i = 0; i < daemon->renderer_count; i++) {
		if (strcmp(daemon->renderers[i].kind, "virgl") != 0)
			continue;
		for (size_t j = 0; j < sizeof(possible) / sizeof(possible[0]); j++)
			if (!has_capset(daemon, possible[j]))
				add_item(&names, "%s", pg_capset_name(possible[j]));
	}
	if (names.length)
		add_item(missing,
			 "capsets %s (not to be had here, or switched off; paragpu-worker "
			 "says which)",
			 names.text);
}

/* Each thing that is missing with its reason. */
static void add_missing(struct line *line, const struct pg_daemon *daemon, uint64_t features)
{
	const struct pg_daemon_options *options = daemon->options;
	struct line missing = {.length = 0};
	struct line off = {.length = 0};
	uint64_t expected = (1u << 24) - 1;
	char program[PATH_MAX];

	if (!options->renderer_count) {
		expected &= ~(PG_F(VIRGL) | PG_F(CONTEXT_INIT));
		add_item(&missing, "VIRGL, CONTEXT_INIT (no 3D renderer asked for: --renderer)");
	}
	add_missing_capsets(&missing, daemon);
	for (unsigned int bit = 0; bit < 24; bit++)
		if ((expected & ~features) >> bit & 1 && pg_feature_name(bit))
			add_item(&off, "%s", pg_feature_name(bit));
	if (off.length)
		add_item(&missing, "%s (--features)", off.text);
	if (!pg_vnc_find(PG_VNC_SELF, program))
		add_item(&missing, "VNC (" PG_VNC_PROGRAM " is not installed)");
	if (!options->packed)
		add_item(&missing, "packed rings (--packed)");
	if (!options->in_order)
		add_item(&missing, "in-order rings (--in-order)");
	if (!options->window_size)
		add_item(&missing, "host-visible window (--window)");
	if (missing.length)
		add(line, "; not offered: %s", missing.text);
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
	add_capsets(&line, daemon);
	add_missing(&line, daemon, features);
	if (options->socket_path)
		add(&line, "; waits for a VMM at %s", options->socket_path);
	else
		add(&line, "; serves descriptor %d", options->fd);
	pg_log(&daemon->logger, PG_LOG_INFO, "daemon", "%s", line.text);
}

/*
 * "virgl" and "render-node" promise that their options are of use. Only worker and
 * library are tried: starting a GPU driver takes longer than the asker waits.
 */
void pg_daemon_print_capabilities(FILE *stream)
{
	json_t *features = pg_daemon_has_virgl() ? json_pack("[s,s]", "virgl", "render-node")
						 : json_array();
	json_t *capabilities = json_pack("{s:s,s:o}", "type", "gpu", "features", features);

	json_dumpf(capabilities, stream, JSON_INDENT(2));
	fputc('\n', stream);
	json_decref(capabilities);
}
