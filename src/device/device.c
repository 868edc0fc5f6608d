/* SPDX-License-Identifier: MIT */
/*
 * The life of a device: settings, features, memory, reset. The embedder is
 * trusted but can err: settings are checked and refused with a sentence.
 */
#include "device/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "device/operation.h"
#include "protocol/commands.h"

#define FEATURES                                                                \
	(PG_F(VIRGL) | PG_F(EDID) | PG_F(RESOURCE_UUID) | PG_F(RESOURCE_BLOB) | \
	 PG_F(CONTEXT_INIT) | PG_F(BLOB_ALIGNMENT))

/* These make no sense without anybody who executes a context. */
#define RENDERER_FEATURES (PG_F(VIRGL) | PG_F(CONTEXT_INIT))

/* Twice, so that the arguments are expanded before they become text. */
#define VERSION_OF(major, minor, patch) #major "." #minor "." #patch
#define VERSION(major, minor, patch) VERSION_OF(major, minor, patch)

const char *paragpu_version(void)
{
	return VERSION(PARAGPU_VERSION_MAJOR, PARAGPU_VERSION_MINOR, PARAGPU_VERSION_PATCH);
}

void paragpu_settings_init(struct paragpu_settings *settings)
{
	*settings = (struct paragpu_settings){
		.features = FEATURES,
		.head_count = 1,
		.blob_alignment = (uint32_t)sysconf(_SC_PAGESIZE),
		.limits =
			{
				.resources = 131072,
				.host_bytes = UINT64_C(1) << 30,
				.backing_entries = 1048576,
				.total_entries = 4194304,
				.contexts = 256,
				.pending = 16384,
				.submit_bytes = UINT32_C(64) << 20,
			},
	};
	for (unsigned int i = 0; i < PARAGPU_MAX_HEADS; i++)
		settings->heads[i] = (struct paragpu_head){
			.connected = i == 0,
			.width = 1280,
			.height = 800,
			.refresh_mhz = 60000,
		};
}

static bool refuse(const char **problem, const char *sentence)
{
	if (problem)
		*problem = sentence;
	return false;
}

bool pg_head_valid(const struct paragpu_head *head, const char **problem)
{
	if (!head->width || head->width > 65535 || !head->height || head->height > 65535)
		return refuse(problem, "A head's width and height must be from 1 to 65535.");
	if (!memchr(head->name, '\0', sizeof(head->name)))
		return refuse(problem, "A head's name must have at most 13 characters.");
	return true;
}

static bool settings_valid(const struct paragpu_settings *settings, const char **problem)
{
	if (!settings->host.complete)
		return refuse(problem, "The host's function `complete` must be set.");
	if (!settings->head_count || settings->head_count > PARAGPU_MAX_HEADS)
		return refuse(problem, "The number of heads must be from 1 to 16.");
	if (settings->features & ~FEATURES)
		return refuse(problem, "A feature was asked for that this library does not have.");
	if ((settings->features & PG_F(BLOB_ALIGNMENT)) &&
	    !(settings->features & PG_F(RESOURCE_BLOB)))
		return refuse(problem, "BLOB_ALIGNMENT needs RESOURCE_BLOB.");
	if ((settings->features & PG_F(CONTEXT_INIT)) && !(settings->features & PG_F(VIRGL)))
		return refuse(problem, "CONTEXT_INIT needs VIRGL.");
	if (settings->window_size && (!pg_is_power_of_two(settings->window_size) ||
				      settings->window_size < (uint64_t)sysconf(_SC_PAGESIZE)))
		return refuse(
			problem,
			"The host-visible window must be a power of two and at least a page.");
	if (settings->window_size && (!settings->host.map_blob || !settings->host.unmap_blob))
		return refuse(problem, "A host-visible window needs the host's functions "
				       "`map_blob` and `unmap_blob`.");
	if (!pg_is_power_of_two(settings->blob_alignment))
		return refuse(problem, "The blob alignment must be a power of two.");
	for (uint32_t i = 0; i < settings->head_count; i++)
		if (!pg_head_valid(&settings->heads[i], problem))
			return false;
	return true;
}

/* The logger's levels and the embedder's are the same numbers. */
static_assert(PG_LOG_ERROR + 0 == PARAGPU_LOG_ERROR + 0 &&
		      PG_LOG_TRACE + 0 == PARAGPU_LOG_TRACE + 0,
	      "log levels");

static void log_to_host(void *data, enum pg_log_level level, const char *module,
			const char *message)
{
	const struct paragpu_device *device = data;

	device->host.log(device->host.data, (enum paragpu_log_level)level, module, message);
}

int paragpu_device_create(const struct paragpu_settings *settings, struct paragpu_device **out,
			  const char **problem)
{
	struct paragpu_device *device;
	int error;

	if (problem)
		*problem = NULL;
	if (!settings_valid(settings, problem))
		return -EINVAL;
	device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->host = settings->host;
	device->offered = settings->features;
	device->head_count = settings->head_count;
	device->blob_alignment = settings->blob_alignment;
	device->quota.limits = settings->limits;
	memcpy(device->heads, settings->heads, sizeof(device->heads));
	pg_list_init(&device->displays);
	pg_list_init(&device->flushes);
	pg_list_init(&device->queries);
	pg_list_init(&device->works);
	pg_list_init(&device->spare_works);
	pg_fences_init(&device->fences);
	pg_contexts_init(&device->contexts);
	pg_signals_init(&device->signals);
	pg_order_init(&device->order);
	device->window.size = settings->window_size;
	pg_logger_init(&device->log, device->host.log ? log_to_host : NULL, device);
	device->log.level = PG_LOG_DEBUG;
	error = pg_resource_table_init(&device->resources);
	if (error) {
		paragpu_device_destroy(&device);
		return error;
	}
	*out = device;
	return 0;
}

/* Everything that a reset forgets; tells the displays. */
static void clear(struct paragpu_device *device)
{
	/* First of all: nothing that follows may complete a request of a ring that is gone. */
	pg_queries_orphan(device);
	pg_flushes_orphan(device);
	pg_order_drop_all(device);
	pg_fences_drop_all(device);
	pg_signals_drop_all(device);
	pg_window_reset(device);
	pg_renderers_reset(device);
	pg_works_drop_all(device);
	pg_contexts_drop_all(device);
	pg_scanouts_reset(device);
	pg_resources_destroy_all(device);
	device->accepted = 0;
	device->events = 0;
}

void paragpu_device_destroy(struct paragpu_device **device)
{
	struct paragpu_device *going = *device;

	*device = NULL;
	if (!going)
		return;
	/* The window is the embedder's to drop, and it may not be called any more. */
	pg_window_finish(going);
	clear(going);
	pg_works_finish(going);
	pg_renderers_finish(going);
	while (!pg_list_empty(&going->displays))
		paragpu_device_remove_display(going, pg_display_of(going->displays.next));
	pg_resource_table_finish(&going->resources);
	paragpu_memory_unref(&going->memory);
	free(going);
}

uint64_t paragpu_device_features(const struct paragpu_device *device)
{
	return device->capset_count ? device->offered : device->offered & ~RENDERER_FEATURES;
}

void paragpu_device_accept_features(struct paragpu_device *device, uint64_t features)
{
	device->accepted = features & paragpu_device_features(device);
	pg_log(&device->log, PG_LOG_DEBUG, PG_LOG_DEVICE,
	       "the driver accepted features 0x%llx of 0x%llx",
	       (unsigned long long)device->accepted,
	       (unsigned long long)paragpu_device_features(device));
}

void paragpu_device_set_memory(struct paragpu_device *device, struct paragpu_memory *memory)
{
	pg_scanouts_set_memory(device, memory ? paragpu_memory_ref(memory) : NULL);
	pg_renderers_set_memory(device);
}

void paragpu_device_reset(struct paragpu_device *device)
{
	pg_log(&device->log, PG_LOG_DEBUG, PG_LOG_DEVICE,
	       "reset with %u resources and %u held requests", device->quota.resources,
	       device->fences.pending);
	clear(device);
	device->resets++;
}
