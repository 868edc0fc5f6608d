/* SPDX-License-Identifier: MIT */
/* The options of paragpud; see options.h. */
#include "daemon/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "daemon/renderers.h"
#include "protocol/virtio_gpu.h"

/* By feature bit. */
static const char *const feature_names[] = {
	[VIRTIO_GPU_F_VIRGL] = "virgl",
	[VIRTIO_GPU_F_EDID] = "edid",
	[VIRTIO_GPU_F_RESOURCE_UUID] = "uuid",
	[VIRTIO_GPU_F_RESOURCE_BLOB] = "blob",
	[VIRTIO_GPU_F_CONTEXT_INIT] = "context-init",
	[VIRTIO_GPU_F_BLOB_ALIGNMENT] = "blob-alignment",
};

/* With a renderer: enough for a desktop, small enough for any guest's PCI space. */
#define DEFAULT_WINDOW (256ull << 20)

#define FEATURE_COUNT (sizeof(feature_names) / sizeof(feature_names[0]))

static const char *set_socket_path(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	options->socket_path = value;
	return *value ? NULL : "the path is empty";
}

static const char *set_fd(void *target, const char *value)
{
	struct pg_daemon_options *options = target;
	uint32_t fd;

	if (!pg_value_u32(value, 0, INT32_MAX, &fd))
		return "give the number of a connected socket that paragpud inherits, such as 3";
	options->fd = (int)fd;
	return NULL;
}

static const char *set_control(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	options->control_path = value;
	return *value ? NULL : "the path is empty";
}

static const char *set_heads(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	if (!pg_value_u32(value, 1, PARAGPU_MAX_HEADS, &options->settings.head_count))
		return "a device has 1 to 16 heads";
	return NULL;
}

/* Splits "[HEAD:]WxH[@HZ]" and checks its numbers; head -1 stands for all. */
static bool parse_mode(const char *text, int *head, struct paragpu_head *mode)
{
	unsigned int index, width, height, hz = 60;
	int length = 0;

	*head = -1;
	/* %u would take signs and blanks */
	if (strspn(text, "0123456789:x@") != strlen(text))
		return false;
	if (strchr(text, ':')) {
		if (sscanf(text, "%2u:%n", &index, &length) != 1 || !length ||
		    index >= PARAGPU_MAX_HEADS)
			return false;
		*head = (int)index;
		text += length;
	}
	length = 0;
	if (sscanf(text, "%5ux%5u%n", &width, &height, &length) != 2 || !length)
		return false;
	text += length;
	length = 0;
	if (*text && (sscanf(text, "@%3u%n", &hz, &length) != 1 || !length || text[length]))
		return false;
	if (!width || width > 65535 || !height || height > 65535 || !hz)
		return false;
	mode->width = width;
	mode->height = height;
	mode->refresh_mhz = hz * 1000;
	return true;
}

static const char *set_mode(void *target, const char *value)
{
	struct pg_daemon_options *options = target;
	struct paragpu_head mode;
	int head;

	if (!parse_mode(value, &head, &mode))
		return "give WIDTHxHEIGHT of 1 to 65535 pixels, @HZ behind and HEAD: (0 to 15) "
		       "before "
		       "it if need be, such as 1920x1080, 1920x1080@75 or 1:800x600";
	for (int i = 0; i < PARAGPU_MAX_HEADS; i++) {
		struct paragpu_head *settings = &options->settings.heads[i];

		if (head >= 0 && i != head)
			continue;
		settings->width = mode.width;
		settings->height = mode.height;
		settings->refresh_mhz = mode.refresh_mhz;
		/* who gives one head a mode wants to see it */
		if (head >= 0)
			settings->connected = true;
	}
	return NULL;
}

/* Applies one "NAME[=on|off]" of `length` characters. */
static const char *set_feature(struct pg_daemon_options *options, const char *word, size_t length)
{
	size_t name_length = strcspn(word, "=,");
	const char *value = word + name_length;
	bool on = true;

	if (name_length > length)
		name_length = length;
	if (name_length < length) {
		on = length - name_length == 3 && !memcmp(value, "=on", 3);
		if (!on && !(length - name_length == 4 && !memcmp(value, "=off", 4)))
			return "behind a feature stands =on, =off or nothing, such as blob=off";
	}
	for (unsigned int bit = 0; bit < FEATURE_COUNT; bit++) {
		if (strlen(feature_names[bit]) != name_length ||
		    memcmp(feature_names[bit], word, name_length))
			continue;
		if (bit == VIRTIO_GPU_F_VIRGL || bit == VIRTIO_GPU_F_CONTEXT_INIT)
			options->wants_3d |= on;
		options->settings.features &= ~(1ull << bit);
		options->settings.features |= (uint64_t)on << bit;
		/* there is nothing to align without blobs */
		if (bit == VIRTIO_GPU_F_RESOURCE_BLOB && !on)
			options->settings.features &= ~(1ull << VIRTIO_GPU_F_BLOB_ALIGNMENT);
		if (bit == VIRTIO_GPU_F_VIRGL && !on)
			options->settings.features &= ~(1ull << VIRTIO_GPU_F_CONTEXT_INIT);
		return NULL;
	}
	return "the features are edid, uuid, blob, blob-alignment, virgl and context-init";
}

static const char *set_features(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	for (;;) {
		size_t length = strcspn(value, ",");
		const char *wrong = set_feature(options, value, length);

		if (wrong || !value[length])
			return wrong;
		value += length + 1;
	}
}

static const char *set_blob_alignment(void *target, const char *value)
{
	struct pg_daemon_options *options = target;
	uint64_t bytes;

	if (!strcmp(value, "page")) {
		options->settings.blob_alignment = (uint32_t)sysconf(_SC_PAGESIZE);
		return NULL;
	}
	if (!pg_value_size(value, &bytes) || !pg_is_power_of_two(bytes) || bytes > 1u << 30)
		return "give a power of two up to 1G, such as 4096 or 64K, or page for the host's "
		       "page "
		       "size";
	options->settings.blob_alignment = (uint32_t)bytes;
	return NULL;
}

static const char count_wrong[] = "give a whole number from 1 to 4294967295";

static const char *set_max_resources(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	return pg_value_u32(value, 1, UINT32_MAX, &options->settings.limits.resources)
		       ? NULL
		       : count_wrong;
}

static const char *set_max_host_memory(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	if (!pg_value_size(value, &options->settings.limits.host_bytes))
		return "give a number of bytes with K, M, G or T behind it if need be, such as "
		       "512M";
	return NULL;
}

static const char *set_max_backing_entries(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	return pg_value_u32(value, 1, UINT32_MAX, &options->settings.limits.backing_entries)
		       ? NULL
		       : count_wrong;
}

static const char *set_max_total_entries(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	return pg_value_u64(value, 1, UINT32_MAX, &options->settings.limits.total_entries)
		       ? NULL
		       : count_wrong;
}

static const char *set_max_pending(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	return pg_value_u32(value, 1, UINT32_MAX, &options->settings.limits.pending) ? NULL
										     : count_wrong;
}

static const char *set_display(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	if (options->display_count == PG_MAX_DISPLAYS)
		return "that is one display too many, 8 can be given";
	options->displays[options->display_count++] = value;
	return NULL;
}

static const char *set_shmem_bit(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	/* the reserved protocol bits of vhost-user that are somebody's SHMEM: 20, 21, 22 */
	if (!pg_value_u32(value, 20, 63, &options->shmem_bit))
		return "give the number of the protocol feature bit that the VMM calls SHMEM, 20 "
		       "to 63; "
		       "QEMU and crosvm: 22";
	return NULL;
}

static const char switch_wrong[] = "say on or off";

static const char *set_window(void *target, const char *value)
{
	struct pg_daemon_options *options = target;
	uint64_t bytes;

	options->window_given = true;
	if (!strcmp(value, "off")) {
		options->window_size = 0;
		return NULL;
	}
	/* QEMU aborts at any other size */
	if (!pg_value_size(value, &bytes) || !pg_is_power_of_two(bytes) || bytes < 1u << 20 ||
	    bytes > 1ull << 40)
		return "give a power of two from 1M to 1T, such as 256M, or off";
	options->window_size = bytes;
	return NULL;
}

static const char *set_poll(void *target, const char *value)
{
	struct pg_daemon_options *options = target;
	uint32_t microseconds;

	if (!pg_value_u32(value, 0, 1000000, &microseconds))
		return "give a number of microseconds up to 1000000";
	options->poll_ns = microseconds * 1000ull;
	return NULL;
}

static const char *set_packed(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	return pg_value_switch(value, &options->packed) ? NULL : switch_wrong;
}

static const char *set_in_order(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	return pg_value_switch(value, &options->in_order) ? NULL : switch_wrong;
}

static const char *set_render_node(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	options->render_node = value;
	return NULL;
}

static const char *set_renderer(void *target, const char *value)
{
	struct pg_daemon_options *options = target;
	size_t length = strcspn(value, ",");
	const char *wrong = pg_renderer_choose(value, NULL);

	if (wrong)
		return wrong;
	for (size_t i = 0; i < options->renderer_count; i++)
		if (!strncmp(options->renderers[i], value, length) &&
		    strcspn(options->renderers[i], ",") == length)
			return "this renderer was given already; each can be had once";
	if (options->renderer_count == PG_MAX_RENDERER_OPTIONS)
		return "that is one renderer too many";
	options->renderers[options->renderer_count++] = value;
	return NULL;
}

static const char *set_virgl(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	(void)value;
	options->virgl = true;
	return NULL;
}

static const char *set_once(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	(void)value;
	options->once = true;
	return NULL;
}

static const char *set_print_capabilities(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	(void)value;
	options->print_capabilities = true;
	return NULL;
}

static const char *set_help(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	(void)value;
	options->help = true;
	return NULL;
}

static const char *set_version(void *target, const char *value)
{
	struct pg_daemon_options *options = target;

	(void)value;
	options->version = true;
	return NULL;
}

/* The defaults repeat those of the library, so that --help can show them; a test compares. */
const struct pg_option pg_daemon_option_table[] = {
	{"socket-path", "PATH", NULL, "listen for the VMM on the UNIX socket PATH",
	 set_socket_path},
	{"fd", "N", NULL,
	 "serve the VMM on the connected socket N, which is inherited;\n"
	 "ends with that connection",
	 set_fd},
	{"control", "PATH", NULL,
	 "let this user's paragpu inspect, screenshot, resize and trace\n"
	 "the device over the UNIX socket PATH",
	 set_control},
	{"display", "KIND[,...]", NULL,
	 "show the heads; --display=help lists the kinds; may be repeated", set_display},
	{"heads", "N", "1", "number of heads, 1 to 16", set_heads},
	{"mode", "[HEAD:]WxH[@HZ]", "1280x800@60",
	 "preferred mode of all heads, or of one head, which is then\n"
	 "connected from the start; may be repeated",
	 set_mode},
	{"features", "NAME[=off],...", NULL,
	 "switch device features on or off: edid, uuid, blob,\n"
	 "blob-alignment, virgl, context-init; all are on if nothing\n"
	 "is said, the last two only with a renderer",
	 set_features},
	{"blob-alignment", "SIZE", "page", "what blob sizes must be a multiple of",
	 set_blob_alignment},
	{"packed", "on|off", "off", "offer packed rings", set_packed},
	{"in-order", "on|off", "off", "offer in-order rings", set_in_order},
	{"poll", "MICROSECONDS", "0", "how long to look for more work before sleeping", set_poll},
	{"window", "SIZE|off", NULL,
	 "size of the host-visible window, in which guests map\n"
	 "memory of renderers; 256M with a renderer, else off",
	 set_window},
	{"shmem-bit", "N", "22", "the protocol feature bit that the VMM calls SHMEM",
	 set_shmem_bit},
	{"max-resources", "N", "131072", "resources alive at once", set_max_resources},
	{"max-host-memory", "SIZE", "1G", "bytes of host memory for images", set_max_host_memory},
	{"max-backing-entries", "N", "1048576", "memory entries in one backing",
	 set_max_backing_entries},
	{"max-total-entries", "N", "4194304", "memory entries in all backings together",
	 set_max_total_entries},
	{"max-pending", "N", "16384", "requests held for fences at once", set_max_pending},
	{"once", NULL, NULL, "end when the first connection ends", set_once},
	{"renderer", "KIND[,...]", NULL,
	 "execute 3D in a worker process: virgl (OpenGL and Vulkan by\n"
	 "virglrenderer; early) or memory (for tests); may be repeated",
	 set_renderer},
	{"virgl", NULL, NULL, "demand OpenGL: --renderer=virgl", set_virgl},
	{"render-node", "PATH", NULL, "the DRM render node for --renderer=virgl", set_render_node},
	{"print-capabilities", NULL, NULL, "print what this back end can do as JSON and end",
	 set_print_capabilities},
	{"help", NULL, NULL, "print this text and end", set_help},
	{"version", NULL, NULL, "print the version and end", set_version},
	{NULL, NULL, NULL, NULL, NULL},
};

void pg_daemon_options_init(struct pg_daemon_options *options)
{
	*options = (struct pg_daemon_options){.fd = -1};
	paragpu_settings_init(&options->settings);
	pg_options_init(pg_daemon_option_table, options);
}

/* What other options say about renderers and their window. */
static void complete_3d(struct pg_daemon_options *options)
{
	bool virgl = false;

	for (size_t i = 0; i < options->renderer_count; i++)
		virgl |= !strncmp(options->renderers[i], "virgl", 5);
	if (options->virgl && !virgl && options->renderer_count < PG_MAX_RENDERER_OPTIONS)
		options->renderers[options->renderer_count++] = "virgl";
	if (options->renderer_count && !options->window_given)
		options->window_size = DEFAULT_WINDOW;
}

/* What no single option can see. */
static const char *check_together(const struct pg_daemon_options *options)
{
	if (options->socket_path && options->fd >= 0)
		return "--socket-path and --fd exclude each other; give the one by which the VMM "
		       "comes";
	if (!options->socket_path && options->fd < 0)
		return "where is the VMM? Give --socket-path=PATH or --fd=N; --help lists all "
		       "options";
	for (uint32_t i = options->settings.head_count; i < PARAGPU_MAX_HEADS; i++)
		if (options->settings.heads[i].connected)
			return "--mode names a head that the device does not have; heads count "
			       "from 0, "
			       "--heads=N says how many there are";
	if (options->wants_3d && !options->renderer_count)
		return "the features virgl and context-init need a 3D renderer; give "
		       "--renderer=virgl";
	if (options->fd >= 0 && fcntl(options->fd, F_GETFD) < 0)
		return "--fd names a descriptor that is not open";
	return NULL;
}

int pg_daemon_options_parse(struct pg_daemon_options *options, int argc, char *const *argv,
			    char *problem, size_t problem_size)
{
	const char *wrong;
	int error;

	/* The convention of vhost-user back ends: this one ignores everything else. */
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--print-capabilities"))
			options->print_capabilities = true;
	if (options->print_capabilities)
		return 0;
	error = pg_options_parse(pg_daemon_option_table, options, argc, argv, 1, NULL, problem,
				 problem_size);
	if (error < 0 || options->help || options->version)
		return error;
	for (size_t i = 0; i < options->display_count; i++)
		if (!strcmp(options->displays[i], "help"))
			return 0;
	complete_3d(options);
	wrong = check_together(options);
	if (!wrong)
		return 0;
	snprintf(problem, problem_size, "%s", wrong);
	return -EINVAL;
}
