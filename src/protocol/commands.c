/* SPDX-License-Identifier: MIT */
/* The table of commands, responses, features, formats and capsets; see commands.h. */
#include "protocol/commands.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct pg_command commands[PG_COMMAND_COUNT] = {
#define ROW(command, request, ok, reply, needed, where)              \
	[PG_COMMAND_##command] = {                                   \
		.name = #command,                                    \
		.code = VIRTIO_GPU_CMD_##command,                    \
		.request_size = sizeof(struct virtio_gpu_##request), \
		.response_size = sizeof(struct virtio_gpu_##reply),  \
		.response = VIRTIO_GPU_RESP_##ok,                    \
		.features = (uint8_t)(needed),                       \
		.queue = VIRTIO_GPU_QUEUE_##where,                   \
		.index = PG_COMMAND_##command,                       \
	},
	PG_COMMANDS(ROW)
#undef ROW
};

#define CHECK_SIZE(command, request, ok, reply, needed, where)                       \
	static_assert(sizeof(struct virtio_gpu_##request) <= PG_REQUEST_FIXED_MAX && \
			      sizeof(struct virtio_gpu_##request) >=                 \
				      sizeof(struct virtio_gpu_ctrl_hdr),            \
		      "request of " #command);
PG_COMMANDS(CHECK_SIZE)
#undef CHECK_SIZE

/* The codes of each of the three families follow each other without gaps. */
static const struct {
	uint32_t first_code;
	unsigned int first_index;
	unsigned int end_index;
} families[] = {
	{VIRTIO_GPU_CMD_GET_DISPLAY_INFO, PG_COMMAND_GET_DISPLAY_INFO, PG_COMMAND_CTX_CREATE},
	{VIRTIO_GPU_CMD_CTX_CREATE, PG_COMMAND_CTX_CREATE, PG_COMMAND_UPDATE_CURSOR},
	{VIRTIO_GPU_CMD_UPDATE_CURSOR, PG_COMMAND_UPDATE_CURSOR, PG_COMMAND_COUNT},
};

const struct pg_command *pg_command_find(uint32_t code)
{
	for (size_t i = 0; i < COUNT(families); i++) {
		uint32_t distance = code - families[i].first_code;

		if (distance < families[i].end_index - families[i].first_index)
			return &commands[families[i].first_index + distance];
	}
	return NULL;
}

const struct pg_command *pg_command_at(unsigned int index)
{
	return &commands[index];
}

const char *pg_command_name(uint32_t code)
{
	const struct pg_command *command = pg_command_find(code);

	return command ? command->name : NULL;
}

const char *pg_response_name(uint32_t code)
{
#define NAME(response)                   \
	case VIRTIO_GPU_RESP_##response: \
		return #response;
	switch (code) {
		NAME(OK_NODATA)
		NAME(OK_DISPLAY_INFO)
		NAME(OK_CAPSET_INFO)
		NAME(OK_CAPSET)
		NAME(OK_EDID)
		NAME(OK_RESOURCE_UUID)
		NAME(OK_MAP_INFO)
		NAME(ERR_UNSPEC)
		NAME(ERR_OUT_OF_MEMORY)
		NAME(ERR_INVALID_SCANOUT_ID)
		NAME(ERR_INVALID_RESOURCE_ID)
		NAME(ERR_INVALID_CONTEXT_ID)
		NAME(ERR_INVALID_PARAMETER)
	default:
		return NULL;
	}
#undef NAME
}

const char *pg_feature_name(unsigned int bit)
{
	static const char *const names[] = {
		[VIRTIO_GPU_F_VIRGL] = "VIRGL",
		[VIRTIO_GPU_F_EDID] = "EDID",
		[VIRTIO_GPU_F_RESOURCE_UUID] = "RESOURCE_UUID",
		[VIRTIO_GPU_F_RESOURCE_BLOB] = "RESOURCE_BLOB",
		[VIRTIO_GPU_F_CONTEXT_INIT] = "CONTEXT_INIT",
		[VIRTIO_GPU_F_BLOB_ALIGNMENT] = "BLOB_ALIGNMENT",
	};

	return bit < COUNT(names) ? names[bit] : NULL;
}

const char *pg_capset_name(uint32_t id)
{
	static const char *const names[] = {
		[VIRTIO_GPU_CAPSET_VIRGL] = "VIRGL",
		[VIRTIO_GPU_CAPSET_VIRGL2] = "VIRGL2",
		[VIRTIO_GPU_CAPSET_GFXSTREAM_VULKAN] = "GFXSTREAM_VULKAN",
		[VIRTIO_GPU_CAPSET_VENUS] = "VENUS",
		[VIRTIO_GPU_CAPSET_CROSS_DOMAIN] = "CROSS_DOMAIN",
		[VIRTIO_GPU_CAPSET_DRM] = "DRM",
	};

	return id < COUNT(names) ? names[id] : NULL;
}

#define FOURCC(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* Formats here are named by bytes in memory, DRM's by bits of a little-endian word: reversed. */
static const struct pg_format formats[] = {
	{"B8G8R8A8", VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, FOURCC('A', 'R', '2', '4'), true},
	{"B8G8R8X8", VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, FOURCC('X', 'R', '2', '4'), false},
	{"A8R8G8B8", VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, FOURCC('B', 'A', '2', '4'), true},
	{"X8R8G8B8", VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, FOURCC('B', 'X', '2', '4'), false},
	{"R8G8B8A8", VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, FOURCC('A', 'B', '2', '4'), true},
	{"X8B8G8R8", VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, FOURCC('R', 'X', '2', '4'), false},
	{"A8B8G8R8", VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, FOURCC('R', 'A', '2', '4'), true},
	{"R8G8B8X8", VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, FOURCC('X', 'B', '2', '4'), false},
};

const struct pg_format *pg_format_at(unsigned int index)
{
	return index < COUNT(formats) ? &formats[index] : NULL;
}

const struct pg_format *pg_format_find(uint32_t value)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (formats[i].value == value)
			return &formats[i];
	return NULL;
}

const char *pg_format_name(uint32_t format)
{
	const struct pg_format *found = pg_format_find(format);

	return found ? found->name : NULL;
}
