/* SPDX-License-Identifier: MIT */
/*
 * What a person may want to know about a running device, as JSON. Names are
 * documented in docs/control-protocol.md; a name once there keeps its meaning.
 * Nothing here changes anything.
 */
#include "daemon/daemon.h"

#include <inttypes.h>

#include "protocol/commands.h"
#include "worker/proxy.h"

/* Places of the window in one answer, about 100 bytes each; `stats` has their number. */
#define MAX_MAPPINGS 256

/* No function below needs to look whether this worked: jansson takes NULLs for what they are. */
static void put(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

static void put_u64(json_t *object, const char *name, uint64_t value)
{
	put(object, name, json_integer((json_int_t)value));
}

/* Bits that may be beyond 63-bit integers. */
static json_t *word(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *named_bits(uint64_t bits, const char *(*name_of)(unsigned int bit))
{
	json_t *names = json_array();

	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *name = name_of(bit);
		char number[16];

		if (!(bits >> bit & 1))
			continue;
		snprintf(number, sizeof(number), "bit %u", bit);
		json_array_append_new(names, json_string(name ? name : number));
	}
	return names;
}

/* Device features and those of the ring. */
static const char *feature_name(unsigned int bit)
{
	switch (bit) {
	case 24:
		return "NOTIFY_ON_EMPTY";
	case 26:
		return "LOG_ALL";
	case 28:
		return "RING_INDIRECT_DESC";
	case 29:
		return "RING_EVENT_IDX";
	case 30:
		return "PROTOCOL_FEATURES";
	case 32:
		return "VERSION_1";
	case 33:
		return "ACCESS_PLATFORM";
	case 34:
		return "RING_PACKED";
	case 35:
		return "IN_ORDER";
	case 38:
		return "NOTIFICATION_DATA";
	case 40:
		return "RING_RESET";
	default:
		return pg_feature_name(bit);
	}
}

static const char *protocol_feature_name(unsigned int bit)
{
	static const char *const names[] = {
		[0] = "MQ",
		[1] = "LOG_SHMFD",
		[3] = "REPLY_ACK",
		[5] = "BACKEND_REQ",
		[9] = "CONFIG",
		[10] = "BACKEND_SEND_FD",
		[12] = "INFLIGHT_SHMFD",
		[13] = "RESET_DEVICE",
		[14] = "INBAND_NOTIFICATIONS",
		[15] = "CONFIGURE_MEM_SLOTS",
		[16] = "STATUS",
		[17] = "XEN_MMAP",
		[18] = "SHARED_OBJECT",
		[19] = "DEVICE_STATE",
		[21] = "GPA_ADDRESSES",
		[22] = "SHMEM",
	};

	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}

static json_t *queue_facts(const struct pg_vhost_user_queue_info *queue, unsigned int index)
{
	json_t *facts = json_object();

	put(facts, "name", json_string(index ? "cursor" : "control"));
	put(facts, "started", json_boolean(queue->started));
	put(facts, "enabled", json_boolean(queue->enabled));
	put(facts, "broken", queue->broken ? json_string(queue->reason) : json_false());
	put(facts, "layout", json_string(queue->packed ? "packed" : "split"));
	put_u64(facts, "size", queue->size);
	put_u64(facts, "in_flight", queue->in_flight);
	put_u64(facts, "kicks", queue->kicks);
	put_u64(facts, "requests", queue->requests);
	put_u64(facts, "interrupts", queue->interrupts);
	return facts;
}

static json_t *memory_facts(const struct pg_vhost_user *server)
{
	struct pg_vhost_user_region_info region;
	json_t *regions = json_array();

	for (size_t i = 0; pg_vhost_user_get_region(server, i, &region); i++) {
		json_t *facts = json_object();

		put(facts, "address", word(region.guest_addr));
		put_u64(facts, "size", region.size);
		put(facts, "window", json_boolean(region.window));
		json_array_append_new(regions, facts);
	}
	return regions;
}

static json_t *connection_facts(const struct pg_vhost_user *server)
{
	static const char *const front_ends[] = {"unknown", "gpu", "generic"};
	struct pg_vhost_user_info info;
	json_t *facts = json_object();
	json_t *queues = json_array();

	pg_vhost_user_get_info(server, &info);
	put(facts, "connected", json_boolean(info.connected));
	put(facts, "front_end", json_string(front_ends[info.front_end]));
	put(facts, "paused", json_boolean(info.paused));
	put_u64(facts, "connections", info.connections);
	put_u64(facts, "messages", info.messages);
	put_u64(facts, "resets", info.resets);
	put_u64(facts, "resumes", info.resumes);
	put(facts, "offered_features", named_bits(info.offered_features, feature_name));
	put(facts, "features", named_bits(info.features, feature_name));
	put(facts, "offered_protocol_features",
	    named_bits(info.offered_protocol_features, protocol_feature_name));
	put(facts, "protocol_features", named_bits(info.protocol_features, protocol_feature_name));
	put_u64(facts, "window_size", info.window_size);
	put_u64(facts, "window_mappings", info.mappings);
	for (unsigned int i = 0; i < PG_VHOST_USER_QUEUES; i++)
		json_array_append_new(queues, queue_facts(&info.queues[i], i));
	put(facts, "queues", queues);
	put(facts, "memory", memory_facts(server));
	return facts;
}

static json_t *format_fact(uint32_t format)
{
	const char *name = pg_format_name(format);

	return name ? json_string(name) : json_integer(format);
}

static json_t *rect_facts(const struct paragpu_rect *rect)
{
	return json_pack("[I,I,I,I]", (json_int_t)rect->x, (json_int_t)rect->y,
			 (json_int_t)rect->width, (json_int_t)rect->height);
}

static json_t *head_facts(const struct paragpu_device *device, uint32_t index)
{
	struct paragpu_scanout_info scanout;
	struct paragpu_head head;
	json_t *facts;

	if (paragpu_device_get_head(device, index, &head) < 0 ||
	    !paragpu_device_get_scanout(device, index, &scanout))
		return NULL;
	facts = json_object();
	put_u64(facts, "head", index);
	put(facts, "connected", json_boolean(head.connected));
	put_u64(facts, "width", head.width);
	put_u64(facts, "height", head.height);
	put_u64(facts, "refresh_mhz", head.refresh_mhz);
	put(facts, "enabled", json_boolean(scanout.enabled));
	if (scanout.enabled) {
		put_u64(facts, "resource", scanout.resource_id);
		put(facts, "rect", rect_facts(&scanout.rect));
		put(facts, "format", format_fact(scanout.format));
		put_u64(facts, "stride", scanout.stride);
	}
	if (scanout.cursor.visible)
		put(facts, "cursor",
		    json_pack("{s:i,s:i}", "x", (int)scanout.cursor.x, "y", (int)scanout.cursor.y));
	return facts;
}

static json_t *stats_facts(const struct paragpu_device *device)
{
	struct paragpu_stats stats;
	json_t *facts = json_object();

	paragpu_device_get_stats(device, &stats);
	put_u64(facts, "commands", stats.commands);
	put_u64(facts, "errors", stats.errors);
	put_u64(facts, "malformed", stats.malformed);
	put_u64(facts, "flushes", stats.flushes);
	put_u64(facts, "bytes_transferred", stats.bytes_transferred);
	put_u64(facts, "resources", stats.resources);
	put_u64(facts, "host_bytes", stats.host_bytes);
	put_u64(facts, "backing_entries", stats.backing_entries);
	put_u64(facts, "contexts", stats.contexts);
	put_u64(facts, "pending", stats.pending);
	put_u64(facts, "resets", stats.resets);
	put_u64(facts, "fences", stats.fences);
	put_u64(facts, "stalled", stats.stalled);
	put_u64(facts, "mappings", stats.mappings);
	put_u64(facts, "mapped_bytes", stats.mapped_bytes);
	put_u64(facts, "lost", stats.lost);
	return facts;
}

static json_t *limit_facts(const struct paragpu_limits *limits)
{
	json_t *facts = json_object();

	put_u64(facts, "resources", limits->resources);
	put_u64(facts, "host_bytes", limits->host_bytes);
	put_u64(facts, "backing_entries", limits->backing_entries);
	put_u64(facts, "total_entries", limits->total_entries);
	put_u64(facts, "pending", limits->pending);
	put_u64(facts, "contexts", limits->contexts);
	return facts;
}

static json_t *renderer_facts(const struct pg_daemon *daemon)
{
	json_t *renderers = json_array();

	for (size_t i = 0; i < daemon->renderer_count; i++) {
		struct pg_proxy_info info;
		json_t *facts = json_object();

		pg_proxy_get_info(daemon->renderers[i].renderer, &info);
		put(facts, "name", json_string(daemon->renderers[i].kind));
		put(facts, "pid", info.pid ? json_integer(info.pid) : json_null());
		put_u64(facts, "starts", info.starts);
		put_u64(facts, "losses", info.losses);
		put_u64(facts, "contexts", info.contexts);
		put_u64(facts, "operations", info.open_operations);
		put_u64(facts, "fences", info.open_fences);
		put_u64(facts, "queued_bytes", info.queued_bytes);
		json_array_append_new(renderers, facts);
	}
	return renderers;
}

static json_t *capset_name(uint32_t id)
{
	const char *name = pg_capset_name(id);

	return name ? json_string(name) : json_integer(id);
}

static json_t *capset_facts(const struct paragpu_device *device)
{
	struct paragpu_capset capset;
	json_t *capsets = json_array();
	const char *renderer;

	for (uint32_t i = 0; paragpu_device_get_capset(device, i, &capset, &renderer); i++) {
		json_t *facts = json_object();

		put_u64(facts, "id", capset.id);
		put(facts, "name", capset_name(capset.id));
		put_u64(facts, "version", capset.max_version);
		put_u64(facts, "size", capset.max_size);
		put(facts, "renderer", json_string(renderer));
		json_array_append_new(capsets, facts);
	}
	return capsets;
}

/* The guest chose it: any bytes. */
static json_t *printable(const char *name)
{
	char text[65];
	size_t length = 0;

	for (; length < sizeof(text) - 1 && name[length]; length++)
		text[length] = name[length] < ' ' || name[length] > '~' ? '?' : name[length];
	text[length] = '\0';
	return json_string(text);
}

static json_t *context_facts(const struct paragpu_device *device)
{
	struct paragpu_context_info info;
	json_t *contexts = json_array();

	for (uint32_t id = 0; paragpu_device_next_context(device, id, &info); id = info.id) {
		json_t *facts = json_object();

		put_u64(facts, "id", info.id);
		put(facts, "name", printable(info.name));
		put(facts, "capset", capset_name(info.capset_id));
		put(facts, "renderer", info.renderer ? json_string(info.renderer) : json_null());
		put(facts, "lost", json_boolean(info.lost));
		put_u64(facts, "resources", info.resources);
		put_u64(facts, "fences", info.fences);
		json_array_append_new(contexts, facts);
	}
	return contexts;
}

static json_t *mapping_facts(const struct paragpu_device *device)
{
	struct paragpu_mapping_info info;
	json_t *mappings = json_array();

	for (uint64_t from = 0; json_array_size(mappings) < MAX_MAPPINGS &&
				paragpu_device_next_mapping(device, from, &info);
	     from = info.offset + info.length) {
		json_t *facts = json_object();

		put(facts, "offset", word(info.offset));
		put_u64(facts, "length", info.length);
		put(facts, "resource",
		    info.resource_id ? json_integer(info.resource_id) : json_null());
		put(facts, "settled", json_boolean(info.settled));
		json_array_append_new(mappings, facts);
	}
	return mappings;
}

static json_t *display_facts(const struct pg_daemon *daemon)
{
	json_t *names = json_array();

	if (pg_vmm_connected(daemon->vmm))
		json_array_append_new(names, json_string("vmm"));
	for (size_t i = 0; i < daemon->display_count; i++)
		json_array_append_new(names, json_string(daemon->options->displays[i]));
	return names;
}

static json_t *one_resource(const struct paragpu_resource_info *info)
{
	static const char *const kinds[] = {"2d", "3d", "blob"};
	json_t *facts = json_object();
	json_t *heads = json_array();

	put_u64(facts, "id", info->id);
	put(facts, "kind", json_string(kinds[info->kind]));
	if (info->kind == PARAGPU_RESOURCE_BLOB) {
		put_u64(facts, "blob_mem", info->blob_mem);
		put_u64(facts, "blob_flags", info->blob_flags);
	} else {
		put(facts, "format", format_fact(info->format));
		put_u64(facts, "width", info->width);
		put_u64(facts, "height", info->height);
	}
	put_u64(facts, "size", info->size);
	put_u64(facts, "backing_entries", info->backing_entries);
	for (unsigned int head = 0; head < PARAGPU_MAX_HEADS; head++)
		if (info->scanouts >> head & 1)
			json_array_append_new(heads, json_integer((json_int_t)head));
	put(facts, "heads", heads);
	if (info->has_uuid) {
		char text[37];
		const uint8_t *u = info->uuid;

		snprintf(text, sizeof(text),
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
			 u[12], u[13], u[14], u[15]);
		put(facts, "uuid", json_string(text));
	}
	return facts;
}

json_t *pg_daemon_resource_facts(struct pg_daemon *daemon, uint32_t after, size_t limit,
				 uint32_t *next)
{
	struct paragpu_resource_info info;
	json_t *resources = json_array();

	*next = 0;
	while (paragpu_device_next_resource(daemon->device, after, &info)) {
		if (!limit--) {
			*next = after;
			break;
		}
		json_array_append_new(resources, one_resource(&info));
		after = info.id;
	}
	return resources;
}

json_t *pg_daemon_facts(struct pg_daemon *daemon)
{
	json_t *facts = json_object();
	json_t *heads = json_array();

	put(facts, "version", json_string(paragpu_version()));
	put_u64(facts, "uptime_ms", (pg_now_ns() - daemon->started_ns) / 1000000);
	put(facts, "connection", connection_facts(daemon->server));
	put(facts, "displays", display_facts(daemon));
	for (uint32_t i = 0; i < daemon->options->settings.head_count; i++)
		json_array_append_new(heads, head_facts(daemon->device, i));
	put(facts, "heads", heads);
	put(facts, "stats", stats_facts(daemon->device));
	put(facts, "renderers", renderer_facts(daemon));
	put(facts, "capsets", capset_facts(daemon->device));
	put(facts, "contexts", context_facts(daemon->device));
	put(facts, "mappings", mapping_facts(daemon->device));
	put(facts, "limits", limit_facts(&daemon->options->settings.limits));
	return facts;
}
