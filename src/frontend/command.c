/* SPDX-License-Identifier: MIT */
/*
 * One virtio-gpu request and its response: places both in guest memory, cuts
 * them into descriptors of the wanted shape, waits, and checks what every
 * response has to be whatever the command was (virtio specification, "Device
 * Operation: Request header").
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/internal.h"

#define POISON 0xa5 /* what response memory holds before the back end writes */

void pg_fe_set_shape(struct pg_fe *fe, uint32_t readable_chunk, uint32_t writable_chunk)
{
	fe->readable_chunk = readable_chunk;
	fe->writable_chunk = writable_chunk;
}

void pg_fe_fence_next(struct pg_fe *fe, uint32_t flags, uint64_t fence_id, uint8_t ring_idx)
{
	fe->next_flags = flags;
	fe->next_fence = fence_id;
	fe->next_ring = ring_idx;
}

void pg_fe_context_next(struct pg_fe *fe, uint32_t ctx_id)
{
	fe->next_context = ctx_id;
}

static int find_command(struct pg_fe *fe, uint32_t *handle)
{
	uint32_t grown = fe->command_count ? fe->command_count * 2 : 16;
	struct pg_fe_command *commands;

	for (uint32_t i = 0; i < fe->command_count; i++) {
		if (!fe->commands[i].busy) {
			*handle = i;
			return 0;
		}
	}
	commands = realloc(fe->commands, grown * sizeof(*commands));
	if (!commands)
		return pg_fe_fail(fe, -ENOMEM, "out of memory");
	memset(commands + fe->command_count, 0, (grown - fe->command_count) * sizeof(*commands));
	*handle = fe->command_count;
	fe->commands = commands;
	fe->command_count = grown;
	return 0;
}

static int reserve(struct pg_fe *fe, uint64_t *address, uint64_t *capacity, uint64_t size)
{
	if (*capacity >= size)
		return 0;
	if (size < 2048)
		size = 2048;
	*address = pg_fe_alloc(fe, size, 64);
	*capacity = *address ? size : 0;
	return *address ? 0 : -ENOMEM;
}

static int add_segments(struct pg_fe *fe, uint32_t *count, uint64_t address, uint64_t size,
			uint32_t chunk, bool writable)
{
	while (size) {
		uint64_t length = chunk && chunk < size ? chunk : size;

		if (*count == fe->segment_capacity) {
			size_t capacity = fe->segment_capacity ? fe->segment_capacity * 2 : 64;
			void *grown = realloc(fe->segments, capacity * sizeof(*fe->segments));

			if (!grown)
				return pg_fe_fail(fe, -ENOMEM, "out of memory");
			fe->segments = grown;
			fe->segment_capacity = capacity;
		}
		fe->segments[(*count)++] =
			(struct pg_fe_segment){address, (uint32_t)length, writable};
		address += length;
		size -= length;
	}
	return 0;
}

/* Copies the request to guest memory with the fence asked for, and remembers its header. */
static int place_request(struct pg_fe *fe, struct pg_fe_command *command, const void *request,
			 size_t size, const void *extra, size_t extra_size)
{
	uint8_t *memory = pg_fe_memory(fe, command->request, size + extra_size);
	size_t header_size = sizeof(command->header);

	if (!memory)
		return -ENOMEM;
	memset(&command->header, 0, header_size);
	memcpy(&command->header, request, size < header_size ? size : header_size);
	if (fe->next_flags) {
		command->header.flags = pg_to_le32(fe->next_flags);
		command->header.fence_id = pg_to_le64(fe->next_fence);
		command->header.ring_idx = fe->next_ring;
	}
	if (fe->next_context)
		command->header.ctx_id = pg_to_le32(fe->next_context);
	fe->next_flags = fe->next_context = 0;
	memcpy(memory, request, size);
	memcpy(memory, &command->header, size < header_size ? size : header_size);
	if (extra_size)
		memcpy(memory + size, extra, extra_size);
	return 0;
}

int pg_fe_command_start(struct pg_fe *fe, uint32_t queue, const void *request, size_t size,
			const void *extra, size_t extra_size, uint32_t response_size,
			uint32_t *handle)
{
	struct pg_fe_command *command;
	uint32_t count = 0;
	int error = fe->dead;

	if (!error)
		error = find_command(fe, handle);
	if (error)
		return error;
	command = &fe->commands[*handle];
	error = reserve(fe, &command->request, &command->request_capacity, size + extra_size);
	if (!error)
		error = reserve(fe, &command->response, &command->response_capacity, response_size);
	if (!error)
		error = place_request(fe, command, request, size, extra, extra_size);
	/* Linux gives header + fixed part one descriptor and what follows another. */
	if (!error && fe->readable_chunk)
		error = add_segments(fe, &count, command->request, size + extra_size,
				     fe->readable_chunk, false);
	else if (!error)
		error = add_segments(fe, &count, command->request, size, 0, false);
	if (!error && !fe->readable_chunk)
		error = add_segments(fe, &count, command->request + size, extra_size, 0, false);
	if (!error)
		error = add_segments(fe, &count, command->response, response_size,
				     fe->writable_chunk, true);
	if (error)
		return error;
	if (response_size)
		memset(pg_fe_memory(fe, command->response, response_size), POISON, response_size);
	command->queue = queue;
	command->response_size = response_size;
	error = pg_fe_submit(fe, queue, fe->segments, count, &command->token);
	command->busy = !error;
	return error;
}

__attribute__((format(printf, 2, 3))) static void fault(struct pg_fe *fe, const char *format, ...)
{
	va_list arguments;

	if (fe->framing_fault[0])
		return;
	va_start(arguments, format);
	vsnprintf(fe->framing_fault, sizeof(fe->framing_fault), format, arguments);
	va_end(arguments);
}

static void check_flags(struct pg_fe *fe, const struct pg_fe_command *command)
{
	uint32_t asked = pg_from_le32(command->header.flags) & VIRTIO_GPU_FLAG_FENCE;
	uint32_t given = pg_from_le32(fe->last_response.flags) & VIRTIO_GPU_FLAG_FENCE;
	uint64_t wanted = pg_from_le64(command->header.fence_id);
	uint64_t got = pg_from_le64(fe->last_response.fence_id);

	if (asked && !given)
		fault(fe, "the response to a fenced request lacks FLAG_FENCE");
	else if (!asked && given)
		fault(fe, "the response to an unfenced request has FLAG_FENCE");
	else if (asked && wanted != got)
		fault(fe, "fence_id %llu came back as %llu", (unsigned long long)wanted,
		      (unsigned long long)got);
}

static void check_response(struct pg_fe *fe, const struct pg_fe_command *command, uint32_t used)
{
	uint32_t type = pg_from_le32(fe->last_response.type);

	if (command->response_size < sizeof(fe->last_response)) {
		if (used > command->response_size)
			fault(fe, "used length %u for a response buffer of %u", used,
			      command->response_size);
		return;
	}
	if (!used && command->queue == VIRTIO_GPU_QUEUE_CURSOR)
		return; /* nobody reads answers there; all may go without */
	if (used < sizeof(fe->last_response)) {
		fault(fe, "a response of %u bytes is shorter than its header", used);
		return;
	}
	if (!(type >= VIRTIO_GPU_RESP_OK_NODATA && type <= VIRTIO_GPU_RESP_OK_MAP_INFO) &&
	    !(type >= VIRTIO_GPU_RESP_ERR_UNSPEC && type <= VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER))
		fault(fe, "0x%x is no type of a response", type);
	check_flags(fe, command);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

int pg_fe_command_finish(struct pg_fe *fe, uint32_t handle, uint32_t timeout_ms, void *response,
			 uint32_t response_size, uint32_t *used_length)
{
	struct pg_fe_command *command = &fe->commands[handle];
	const void *memory = pg_fe_memory(fe, command->response, command->response_size);
	uint32_t used = 0;
	int error = fe->dead;

	if (!error)
		error = pg_fe_wait(fe, command->queue, command->token, timeout_ms, &used);
	if (error)
		return error;
	command->busy = false;
	memset(&fe->last_response, 0, sizeof(fe->last_response));
	memcpy(&fe->last_response, memory,
	       smaller(smaller(used, command->response_size), sizeof(fe->last_response)));
	check_response(fe, command, used);
	if (response) {
		memset(response, 0, response_size);
		memcpy(response, memory, smaller(command->response_size, response_size));
	}
	if (used_length)
		*used_length = used;
	return 0;
}

bool pg_fe_command_done(struct pg_fe *fe, uint32_t handle)
{
	struct pg_fe_command *command = &fe->commands[handle];
	struct pg_fe_queue *queue = &fe->queues[command->queue];

	if (fe->dead || pg_fe_collect(fe, queue))
		return false;
	for (size_t i = 0; i < queue->done_count; i++) {
		if (queue->done[i].token == command->token)
			return true;
	}
	return false;
}

int pg_fe_execute(struct pg_fe *fe, uint32_t queue, const void *request, size_t size,
		  const void *extra, size_t extra_size, void *response, uint32_t response_size,
		  uint32_t *used_length)
{
	uint32_t handle = 0;
	int error = pg_fe_command_start(fe, queue, request, size, extra, extra_size, response_size,
					&handle);

	if (!error)
		error = pg_fe_kick(fe, queue);
	if (!error)
		error = pg_fe_command_finish(fe, handle, PG_FE_WAIT_DEFAULT, response,
					     response_size, used_length);
	if (error == -ETIMEDOUT)
		pg_fe_die(fe, error, "command 0x%x: no response within %u ms",
			  size >= 4 ? pg_from_le32(
					      ((const struct virtio_gpu_ctrl_hdr *)request)->type)
				    : 0,
			  fe->settings.timeout_ms);
	return error;
}

void pg_fe_last_response(const struct pg_fe *fe, struct virtio_gpu_ctrl_hdr *header)
{
	*header = fe->last_response;
}

const char *pg_fe_framing_fault(const struct pg_fe *fe)
{
	return fe->framing_fault;
}
