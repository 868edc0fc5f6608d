/* SPDX-License-Identifier: MIT */
/*
 * One line of text per finished command: name, arguments, response, time.
 * The request comes from a guest: nothing in it is trusted, its strings are
 * not printed. Pure: no allocation, no state.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <paragpu/host.h>

#include "protocol/commands.h"

/* A buffer that counts on when it is full, as snprintf() does. */
struct line {
	char *buffer;
	size_t size;
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...)
{
	size_t used = line->length < line->size ? line->length : line->size;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->size ? line->buffer + used : NULL, line->size - used, format,
			   arguments);
	va_end(arguments);
	if (length > 0)
		line->length += (size_t)length;
}

enum argument_kind {
	ARGUMENT_END,
	ARGUMENT_NUMBER,
	ARGUMENT_SIGNED,
	ARGUMENT_HEX,
	ARGUMENT_NUMBER64,
	ARGUMENT_HEX64,
	ARGUMENT_RECT,
	ARGUMENT_BOX,
	ARGUMENT_FORMAT,
	ARGUMENT_CAPSET,
};

struct argument {
	const char *name;
	uint16_t offset;
	uint16_t kind;
};

#define ARGUMENTS_MAX 11
#define A(label, type, member, form) \
	{label, offsetof(struct virtio_gpu_##type, member), ARGUMENT_##form}
#define RESOURCE A("resource", resource_unref, resource_id, NUMBER)
#define CURSOR                                                                                     \
	A("scanout", update_cursor, pos.scanout_id, NUMBER), A("x", update_cursor, pos.x, SIGNED), \
		A("y", update_cursor, pos.y, SIGNED)
#define TRANSFER_3D                                              \
	A("resource", transfer_host_3d, resource_id, NUMBER),    \
		A("box", transfer_host_3d, box, BOX),            \
		A("offset", transfer_host_3d, offset, NUMBER64), \
		A("level", transfer_host_3d, level, NUMBER),     \
		A("stride", transfer_host_3d, stride, NUMBER),   \
		A("layer_stride", transfer_host_3d, layer_stride, NUMBER)

static const struct argument arguments[PG_COMMAND_COUNT][ARGUMENTS_MAX + 1] =
	{
		[PG_COMMAND_RESOURCE_CREATE_2D] =
			{
				RESOURCE,
				A("format", resource_create_2d, format, FORMAT),
				A("width", resource_create_2d, width, NUMBER),
				A("height", resource_create_2d, height, NUMBER),
			},
		[PG_COMMAND_RESOURCE_UNREF] = {RESOURCE},
		[PG_COMMAND_SET_SCANOUT] =
			{
				A("scanout", set_scanout, scanout_id, NUMBER),
				A("resource", set_scanout, resource_id, NUMBER),
				A("rect", set_scanout, r, RECT),
			},
		[PG_COMMAND_RESOURCE_FLUSH] =
			{
				A("resource", resource_flush, resource_id, NUMBER),
				A("rect", resource_flush, r, RECT),
			},
		[PG_COMMAND_TRANSFER_TO_HOST_2D] =
			{
				A("resource", transfer_to_host_2d, resource_id, NUMBER),
				A("rect", transfer_to_host_2d, r, RECT),
				A("offset", transfer_to_host_2d, offset, NUMBER64),
			},
		[PG_COMMAND_RESOURCE_ATTACH_BACKING] =
			{
				RESOURCE,
				A("entries", resource_attach_backing, nr_entries, NUMBER),
			},
		[PG_COMMAND_RESOURCE_DETACH_BACKING] = {RESOURCE},
		[PG_COMMAND_GET_CAPSET_INFO] = {A("index", get_capset_info, capset_index, NUMBER)},
		[PG_COMMAND_GET_CAPSET] =
			{
				A("capset", get_capset, capset_id, CAPSET),
				A("version", get_capset, capset_version, NUMBER),
			},
		[PG_COMMAND_GET_EDID] = {A("scanout", cmd_get_edid, scanout, NUMBER)},
		[PG_COMMAND_RESOURCE_ASSIGN_UUID] = {RESOURCE},
		[PG_COMMAND_RESOURCE_CREATE_BLOB] =
			{
				RESOURCE,
				A("mem", resource_create_blob, blob_mem, NUMBER),
				A("flags", resource_create_blob, blob_flags, HEX),
				A("entries", resource_create_blob, nr_entries, NUMBER),
				A("blob_id", resource_create_blob, blob_id, HEX64),
				A("size", resource_create_blob, size, NUMBER64),
			},
		[PG_COMMAND_SET_SCANOUT_BLOB] =
			{
				A("scanout", set_scanout_blob, scanout_id, NUMBER),
				A("resource", set_scanout_blob, resource_id, NUMBER),
				A("rect", set_scanout_blob, r, RECT),
				A("width", set_scanout_blob, width, NUMBER),
				A("height", set_scanout_blob, height, NUMBER),
				A("format", set_scanout_blob, format, FORMAT),
				A("stride", set_scanout_blob, strides[0], NUMBER),
				A("offset", set_scanout_blob, offsets[0], NUMBER),
			},
		[PG_COMMAND_CTX_CREATE] = {A("init", ctx_create, context_init, HEX)},
		[PG_COMMAND_CTX_ATTACH_RESOURCE] = {RESOURCE},
		[PG_COMMAND_CTX_DETACH_RESOURCE] = {RESOURCE},
		[PG_COMMAND_RESOURCE_CREATE_3D] =
			{
				RESOURCE,
				A("target", resource_create_3d, target, NUMBER),
				A("format", resource_create_3d, format, NUMBER),
				A("bind", resource_create_3d, bind, HEX),
				A("width", resource_create_3d, width, NUMBER),
				A("height", resource_create_3d, height, NUMBER),
				A("depth", resource_create_3d, depth, NUMBER),
				A("array_size", resource_create_3d, array_size, NUMBER),
				A("last_level", resource_create_3d, last_level, NUMBER),
				A("samples", resource_create_3d, nr_samples, NUMBER),
				A("flags", resource_create_3d, flags, HEX),
			},
		[PG_COMMAND_TRANSFER_TO_HOST_3D] = {TRANSFER_3D},
		[PG_COMMAND_TRANSFER_FROM_HOST_3D] = {TRANSFER_3D},
		[PG_COMMAND_SUBMIT_3D] = {A("size", cmd_submit, size, NUMBER)},
		[PG_COMMAND_RESOURCE_MAP_BLOB] =
			{
				RESOURCE,
				A("offset", resource_map_blob, offset, HEX64),
			},
		[PG_COMMAND_RESOURCE_UNMAP_BLOB] = {RESOURCE},
		[PG_COMMAND_UPDATE_CURSOR] =
			{
				CURSOR,
				A("resource", update_cursor, resource_id, NUMBER),
				A("hot_x", update_cursor, hot_x, NUMBER),
				A("hot_y", update_cursor, hot_y, NUMBER),
			},
		[PG_COMMAND_MOVE_CURSOR] = {CURSOR},
};

static uint32_t word(const uint8_t *request, size_t offset)
{
	le32 value;

	memcpy(&value, request + offset, sizeof(value));
	return pg_from_le32(value);
}

static uint64_t long_word(const uint8_t *request, size_t offset)
{
	le64 value;

	memcpy(&value, request + offset, sizeof(value));
	return pg_from_le64(value);
}

static void append_name_or_number(struct line *line, const char *name, uint32_t number)
{
	if (name)
		append(line, "%s", name);
	else
		append(line, "%" PRIu32, number);
}

static void append_argument(struct line *line, const struct argument *argument,
			    const uint8_t *request)
{
	size_t at = argument->offset;
	uint32_t value = word(request, at);

	append(line, " %s=", argument->name);
	switch ((enum argument_kind)argument->kind) {
	case ARGUMENT_END:
		break;
	case ARGUMENT_NUMBER:
		append(line, "%" PRIu32, value);
		break;
	case ARGUMENT_SIGNED:
		append(line, "%" PRId32, (int32_t)value);
		break;
	case ARGUMENT_HEX:
		append(line, "0x%" PRIx32, value);
		break;
	case ARGUMENT_NUMBER64:
		append(line, "%" PRIu64, long_word(request, at));
		break;
	case ARGUMENT_HEX64:
		append(line, "0x%" PRIx64, long_word(request, at));
		break;
	case ARGUMENT_RECT:
		append(line, "%" PRIu32 "x%" PRIu32 "+%" PRIu32 "+%" PRIu32, word(request, at + 8),
		       word(request, at + 12), value, word(request, at + 4));
		break;
	case ARGUMENT_BOX:
		append(line, "%" PRIu32 "x%" PRIu32 "x%" PRIu32 "+%" PRIu32 "+%" PRIu32 "+%" PRIu32,
		       word(request, at + 12), word(request, at + 16), word(request, at + 20),
		       value, word(request, at + 4), word(request, at + 8));
		break;
	case ARGUMENT_FORMAT:
		append_name_or_number(line, pg_format_name(value), value);
		break;
	case ARGUMENT_CAPSET:
		append_name_or_number(line, pg_capset_name(value), value);
		break;
	}
}

static void append_header(struct line *line, const struct virtio_gpu_ctrl_hdr *hdr,
			  const struct pg_command *command)
{
	uint32_t flags = pg_from_le32(hdr->flags);
	bool in_context = command && (command->features & PG_F(VIRGL));

	if (pg_from_le32(hdr->ctx_id) || in_context)
		append(line, " ctx=%" PRIu32, pg_from_le32(hdr->ctx_id));
	if (flags & VIRTIO_GPU_FLAG_FENCE)
		append(line, " fence=%" PRIu64, pg_from_le64(hdr->fence_id));
	if (flags & VIRTIO_GPU_FLAG_INFO_RING_IDX)
		append(line, " ring=%u", hdr->ring_idx);
}

size_t paragpu_trace_format(const struct paragpu_trace *trace, char *buffer, size_t size)
{
	struct line line = {.buffer = buffer, .size = size};
	const struct pg_command *command = NULL;
	struct virtio_gpu_ctrl_hdr hdr;

	if (size)
		buffer[0] = '\0';
	if (trace->request_size < sizeof(hdr)) {
		append(&line, "(no header, %zu bytes)", trace->request_size);
	} else {
		memcpy(&hdr, trace->request, sizeof(hdr));
		command = pg_command_find(pg_from_le32(hdr.type));
		if (command)
			append(&line, "%s", command->name);
		else
			append(&line, "0x%04" PRIx32, pg_from_le32(hdr.type));
		if (command && trace->request_size >= command->request_size)
			for (const struct argument *argument = arguments[command->index];
			     argument->kind != ARGUMENT_END; argument++)
				append_argument(&line, argument, trace->request);
		else if (command)
			append(&line, " (short, %zu bytes)", trace->request_size);
		append_header(&line, &hdr, command);
	}
	if (trace->queue == PARAGPU_QUEUE_CURSOR && (!command || command->queue != trace->queue))
		append(&line, " (on the cursor queue)");
	append(&line, " -> ");
	if (pg_response_name(trace->response))
		append(&line, "%s", pg_response_name(trace->response));
	else
		append(&line, "0x%04" PRIx32, trace->response);
	append(&line, " %" PRIu64 ".%" PRIu64 "us", trace->duration_ns / 1000,
	       trace->duration_ns / 100 % 10);
	return line.length;
}
