/* SPDX-License-Identifier: MIT */
/*
 * A worker for tests of the proxy: its renderer does what the first word of a
 * stream says, and with a mode on its command line it is an enemy instead.
 * usage: scripted-worker --renderer=… --fd=3 [MODE]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "scripted_worker.h"
#include "worker/channel.h"
#include "worker/server.h"
#include "worker/wire.h"

/* --- the obedient renderer --- */

struct scripted {
	struct paragpu_renderer base;
	struct paragpu_memory *memory;
	struct paragpu_operation *kept;
};

static size_t get_capsets(struct paragpu_renderer *renderer,
			  struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS])
{
	(void)renderer;
	capsets[0] = (struct paragpu_capset){SCRIPTED_CAPSET, 3, 100};
	return 1;
}

static int fill_capset(struct paragpu_renderer *renderer, uint32_t id, uint32_t version, void *data,
		       size_t size)
{
	(void)renderer;
	memset(data, (int)(id + version), size);
	return 0;
}

static void set_memory(struct paragpu_renderer *renderer, struct paragpu_memory *memory)
{
	struct scripted *scripted = (struct scripted *)renderer;

	if (memory)
		paragpu_memory_ref(memory);
	paragpu_memory_unref(&scripted->memory);
	scripted->memory = memory;
}

static void reset(struct paragpu_renderer *renderer)
{
	(void)renderer;
}

static void context_create(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t capset_id,
			   const char *name, struct paragpu_operation *operation)
{
	(void)renderer;
	paragpu_operation_done(operation,
			       capset_id == SCRIPTED_CAPSET && ctx_id && *name ? 0 : -EINVAL);
}

static void context_destroy(struct paragpu_renderer *renderer, uint32_t ctx_id)
{
	(void)renderer;
	(void)ctx_id;
}

static int check_pattern(const uint8_t *bytes, size_t size)
{
	for (size_t i = 4; i < size; i++) {
		if (bytes[i] != (uint8_t)(i * 7))
			return -EINVAL;
	}
	return 0;
}

static void submit(struct paragpu_renderer *renderer, uint32_t ctx_id, const struct iovec *pieces,
		   size_t count, size_t size, struct paragpu_operation *operation)
{
	uint32_t words[2] = {SCRIPT_NOTHING, 0};
	int error = 0;

	(void)count;
	memcpy(words, pieces[0].iov_base, size < sizeof(words) ? size : sizeof(words));
	switch (words[0]) {
	case SCRIPT_CHECK_PATTERN:
		error = check_pattern(pieces[0].iov_base, size);
		break;
	case SCRIPT_CRASH:
		abort();
	case SCRIPT_HANG:
		for (;;)
			pause();
	case SCRIPT_LOSE_CONTEXT:
		paragpu_renderer_context_lost(renderer, ctx_id, "the script says so");
		error = -EIO;
		break;
	case SCRIPT_LOSE_ALL:
		paragpu_operation_done(operation, 0);
		paragpu_renderer_lost(renderer, "the script says so");
		return;
	case SCRIPT_HAS_FD:
		error = fcntl((int)words[1], F_GETFD) >= 0 ? -EEXIST : 0;
		break;
	case SCRIPT_HAS_VARIABLES:
		error = getenv("VREND_DEBUG") || getenv("PARAGPU_TEST_SECRET") ? -EEXIST : 0;
		break;
	case SCRIPT_KEEP_OPEN:
		((struct scripted *)renderer)->kept = operation;
		return;
	default:
		break;
	}
	paragpu_operation_done(operation, error);
}

static int fence(struct paragpu_renderer *renderer, uint32_t ctx_id, bool has_ring,
		 uint8_t ring_idx, uint64_t cookie)
{
	(void)ctx_id;
	(void)has_ring;
	if (ring_idx == SCRIPTED_BAD_RING)
		return -EINVAL;
	paragpu_renderer_signal(renderer, cookie);
	return 0;
}

/* Writes one byte, `level`, all over `w` bytes of guest memory. */
static void transfer(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t resource_id,
		     bool to_host, const struct paragpu_transfer *args,
		     struct paragpu_operation *operation)
{
	struct scripted *scripted = (struct scripted *)renderer;
	uint64_t available = 0;
	void *bytes = scripted->memory ? paragpu_memory_translate(scripted->memory, args->offset,
								  args->w, &available)
				       : NULL;

	(void)ctx_id;
	(void)resource_id;
	(void)to_host;
	if (bytes)
		memset(bytes, (int)args->level, available);
	paragpu_operation_done(operation, bytes ? 0 : -EFAULT);
}

static int run_scripted(int *fd)
{
	static const struct paragpu_renderer_ops ops = {
		.name = "scripted",
		.get_capsets = get_capsets,
		.fill_capset = fill_capset,
		.set_memory = set_memory,
		.reset = reset,
		.context_create = context_create,
		.context_destroy = context_destroy,
		.submit = submit,
		.fence = fence,
		.transfer = transfer,
	};
	struct scripted scripted = {.base.ops = &ops};
	int error = pg_server_run(&scripted.base, fd, NULL);

	free(scripted.kept);
	return error ? 1 : 0;
}

/* --- the enemies --- */

static void send(struct pg_channel *channel, uint32_t type, const void *bytes, size_t size, int fd)
{
	const struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};

	if (pg_channel_send(channel, type, &piece, 1, fd))
		exit(3);
}

static void greet(struct pg_channel *channel)
{
	struct pg_wire_hello hello = {.magic = PG_WIRE_MAGIC, .capset_count = 1};
	const uint8_t data[100] = {1};

	hello.capsets[0] = (struct paragpu_capset){SCRIPTED_CAPSET, 3, sizeof(data)};
	send(channel, PG_WIRE_HELLO, &hello, sizeof(hello), -1);
	send(channel, PG_WIRE_CAPSET, data, sizeof(data), -1);
}

static void answer_blob(struct pg_channel *channel, uint64_t handle, bool seal, uint64_t size)
{
	const struct pg_wire_blob_created created = {
		.handle = handle,
		.memory = {.size = size, .handle = PARAGPU_HANDLE_SHM, .mappable = 1},
	};
	int fd = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (ftruncate(fd, 4096) || (seal && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)))
		exit(3);
	send(channel, PG_WIRE_BLOB_CREATED, &created, sizeof(created), fd);
	pg_close(&fd);
}

/* `handle` is of an open operation; of a blob for the modes about blobs. */
static void attack(struct pg_channel *channel, const char *mode, uint64_t handle)
{
	struct pg_wire_done done = {.handle = handle};

	if (!strcmp(mode, "handle")) {
		done.handle ^= (uint64_t)1 << 32;
	} else if (!strcmp(mode, "index")) {
		done.handle |= 0xffffff;
	} else if (!strcmp(mode, "error")) {
		done.error = 1;
	} else if (!strcmp(mode, "twice")) {
		send(channel, PG_WIRE_DONE, &done, sizeof(done), -1);
	} else if (!strcmp(mode, "kind")) {
		answer_blob(channel, handle, true, 4096);
	} else if (!strcmp(mode, "unsealed")) {
		answer_blob(channel, handle, false, 4096);
	} else if (!strcmp(mode, "short")) {
		answer_blob(channel, handle, true, 8192);
	} else if (!strcmp(mode, "size")) {
		send(channel, PG_WIRE_DONE, &done, 8, -1);
	} else if (!strcmp(mode, "type")) {
		send(channel, 4711, &done, sizeof(done), -1);
	} else if (!strcmp(mode, "hello")) {
		greet(channel);
	} else if (!strcmp(mode, "ring")) {
		atomic_store(&channel->out.shared->written, 0x12345670u);
		if (write(channel->bell_out, &(uint64_t){1}, 8) != 8)
			exit(3);
		return;
	}
	send(channel, PG_WIRE_DONE, &done, sizeof(done), -1);
}

static int run_enemy(const char *mode, int *fd)
{
	struct pg_channel channel;
	bool about_blobs = !strcmp(mode, "unsealed") || !strcmp(mode, "short");
	uint64_t handle;

	if (!strcmp(mode, "exit"))
		return 3;
	if (!strcmp(mode, "silent"))
		pause();
	if (pg_channel_join(&channel, fd))
		return 3;
	greet(&channel);
	for (;;) {
		int result = pg_channel_receive(&channel);

		if (result < 0)
			return 3;
		usleep(1000);
		if (!result)
			continue;
		memcpy(&handle, channel.message.payload, sizeof(handle));
		if (channel.message.type == PG_WIRE_CONTEXT_CREATE && about_blobs)
			send(&channel, PG_WIRE_DONE, &(struct pg_wire_done){.handle = handle},
			     sizeof(struct pg_wire_done), -1);
		else if (channel.message.type == PG_WIRE_CONTEXT_CREATE ||
			 channel.message.type == PG_WIRE_RESOURCE_CREATE_BLOB)
			attack(&channel, mode, handle);
	}
}

int main(int argc, char **argv)
{
	int fd = 3;

	return argc > 3 ? run_enemy(argv[3], &fd) : run_scripted(&fd);
}
