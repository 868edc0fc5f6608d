/* SPDX-License-Identifier: MIT */
/*
 * virgl on llvmpipe and venus on the render server, by hand-encoded streams.
 * Many of these are traps of the library that a guest can step into.
 */
#include "virgl_suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "protocol/virtio_gpu.h"
#include "renderer_harness.h"

#define CONTEXT 1
#define OTHER_CONTEXT 2
#define VENUS_CONTEXT 3
#define IMAGE 10
#define OTHER_IMAGE 11
#define BLOB 20
#define SIDE 64

/* virgl's command stream */
#define COMMAND(opcode, object, length) ((uint32_t)(length) << 16 | (object) << 8 | (opcode))
#define CREATE_OBJECT 1
#define SET_FRAMEBUFFER 5
#define CLEAR 7
#define PIPE_RESOURCE_CREATE 48
#define OBJECT_SURFACE 8
#define CLEAR_COLOR0 4
#define BIND_RENDER_TARGET 2

#define ORANGE 0xffff8040u /* as a word: A, R, G, B */
#define OPS harness.renderer->ops

static bool has_capset(uint32_t id)
{
	struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS];
	size_t count = OPS->get_capsets(harness.renderer, capsets);

	for (size_t i = 0; i < count; i++) {
		if (capsets[i].id == id)
			return true;
	}
	return false;
}

/* --- small steps --- */

static int create_image_of(uint32_t id, uint32_t width, uint32_t height, uint32_t format)
{
	const struct paragpu_resource_3d args = {
		.target = 2,
		.format = format,
		.bind = BIND_RENDER_TARGET,
		.width = width,
		.height = height,
		.depth = 1,
		.array_size = 1,
	};
	struct paragpu_operation operation = {0};

	OPS->resource_create_3d(harness.renderer, id, &args, &operation);
	return harness_wait(&operation);
}

static void create_image(uint32_t id)
{
	assert_int_equal(create_image_of(id, SIDE, SIDE, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM), 0);
}

static int attach_backing(uint32_t id, uint64_t addr, uint64_t length)
{
	/* in two pieces, the second before the first */
	const struct paragpu_span spans[2] = {
		{addr + length / 2, length / 2},
		{addr, length / 2},
	};
	struct paragpu_operation operation = {0};

	OPS->resource_attach_backing(harness.renderer, id, spans, 2, &operation);
	return harness_wait(&operation);
}

static int transfer(uint32_t ctx_id, uint32_t id, bool to_host, const struct paragpu_transfer *args)
{
	struct paragpu_operation operation = {0};

	OPS->transfer(harness.renderer, ctx_id, id, to_host, args, &operation);
	return harness_wait(&operation);
}

static int transfer_all(uint32_t ctx_id, uint32_t id, bool to_host)
{
	const struct paragpu_transfer args = {.w = SIDE, .h = SIDE, .d = 1, .stride = SIDE * 4};

	return transfer(ctx_id, id, to_host, &args);
}

static uint32_t float_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* A stream that makes a surface of the image and fills it with ORANGE. */
static int clear_orange(uint32_t ctx_id, uint32_t surface, uint32_t image)
{
	const uint32_t stream[] = {
		COMMAND(CREATE_OBJECT, OBJECT_SURFACE, 5),
		surface,
		image,
		VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
		0,
		0,
		COMMAND(SET_FRAMEBUFFER, 0, 3),
		1,
		0,
		surface,
		COMMAND(CLEAR, 0, 8),
		CLEAR_COLOR0,
		float_bits(1.0f),
		float_bits(128 / 255.0f),
		float_bits(64 / 255.0f),
		float_bits(1.0f),
		0,
		0,
		0,
	};

	return harness_submit(ctx_id, stream, sizeof(stream));
}

static const uint32_t *ram_words(void)
{
	return (const uint32_t *)(void *)harness.ram;
}

/* The image's pixels through its backing, which lies in halves the wrong way round. */
static void assert_image_is(uint32_t ctx_id, uint32_t image, uint32_t word)
{
	memset(harness.ram, 0, (size_t)SIDE * SIDE * 4);
	assert_int_equal(transfer_all(ctx_id, image, false), 0);
	for (size_t i = 0; i < SIDE * SIDE; i++)
		assert_int_equal(ram_words()[i], word);
}

static void make_scene(void)
{
	assert_int_equal(harness_context(CONTEXT, VIRTIO_GPU_CAPSET_VIRGL2), 0);
	create_image(IMAGE);
	assert_int_equal(attach_backing(IMAGE, HARNESS_RAM_ADDR, (size_t)SIDE * SIDE * 4), 0);
	OPS->context_attach(harness.renderer, CONTEXT, IMAGE);
}

static int fence(uint32_t ctx_id, int ring, uint64_t cookie)
{
	return OPS->fence(harness.renderer, ctx_id, ring >= 0, (uint8_t)(ring >= 0 ? ring : 0),
			  cookie);
}

static struct paragpu_operation create_blob(uint32_t ctx_id, uint32_t id, uint64_t blob_id,
					    uint32_t flags, uint64_t size)
{
	const struct paragpu_blob args = {
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = flags,
		.blob_id = blob_id,
		.size = size,
	};
	struct paragpu_operation operation = {0};

	OPS->resource_create_blob(harness.renderer, ctx_id, id, &args, NULL, 0, &operation);
	harness_wait(&operation);
	return operation;
}

/* --- virgl --- */

static void capsets_are_those_that_work(void **state)
{
	struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS];
	size_t count = OPS->get_capsets(harness.renderer, capsets);

	(void)state;
	assert_true(has_capset(VIRTIO_GPU_CAPSET_VIRGL));
	assert_true(has_capset(VIRTIO_GPU_CAPSET_VIRGL2));
	assert_true(has_capset(VIRTIO_GPU_CAPSET_VENUS));
	for (size_t i = 0; i < count; i++) {
		uint8_t *data = calloc(1, capsets[i].max_size);
		size_t set = 0;

		assert_int_equal(OPS->fill_capset(harness.renderer, capsets[i].id,
						  capsets[i].max_version, data,
						  capsets[i].max_size),
				 0);
		for (size_t byte = 0; byte < capsets[i].max_size; byte++)
			set += data[byte] != 0;
		assert_true(set > 10);
		assert_int_not_equal(OPS->fill_capset(harness.renderer, capsets[i].id,
						      capsets[i].max_version + 1, data,
						      capsets[i].max_size),
				     0);
		free(data);
	}
}

static void a_context_of_an_unknown_capset_is_refused(void **state)
{
	(void)state;
	assert_int_equal(harness_context(CONTEXT, 3), -EINVAL);
	assert_int_equal(harness_context(CONTEXT, 30), -EINVAL);
	assert_int_equal(harness_context(CONTEXT, VIRTIO_GPU_CAPSET_VIRGL), 0);
}

static void a_cleared_image_comes_back_through_scattered_backing(void **state)
{
	(void)state;
	make_scene();
	assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), 0);
	assert_image_is(CONTEXT, IMAGE, ORANGE);
}

static void pixels_go_to_the_host_and_come_back(void **state)
{
	uint32_t *words = (uint32_t *)(void *)harness.ram;

	(void)state;
	make_scene();
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		words[i] = 0x01010101u * (i % 251);
	assert_int_equal(transfer_all(CONTEXT, IMAGE, true), 0);
	memset(words, 0, (size_t)SIDE * SIDE * 4);
	assert_int_equal(transfer_all(CONTEXT, IMAGE, false), 0);
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		assert_int_equal(words[i], 0x01010101u * (i % 251));
}

static void a_transfer_outside_of_image_or_backing_is_refused(void **state)
{
	struct paragpu_transfer args = {.w = SIDE + 1, .h = SIDE, .d = 1, .stride = SIDE * 4};

	(void)state;
	make_scene();
	assert_int_equal(transfer(CONTEXT, IMAGE, false, &args), -EINVAL);
	args.w = SIDE;
	args.offset = SIDE * SIDE * 4;
	assert_int_equal(transfer(CONTEXT, IMAGE, false, &args), -EINVAL);
	args.offset = 0;
	args.level = 0xffffffffu;
	assert_int_equal(transfer(CONTEXT, IMAGE, true, &args), -EINVAL);
	args.level = 0;
	assert_int_equal(transfer(CONTEXT, 999, true, &args), -ENOENT);
}

static void bad_images_are_refused(void **state)
{
	(void)state;
	assert_int_equal(create_image_of(IMAGE, 1u << 30, 1, 1), -EINVAL);
	assert_int_equal(create_image_of(IMAGE, 64, 64, 0xffff), -EINVAL);
	create_image(IMAGE);
	assert_int_equal(create_image_of(IMAGE, 64, 64, 1), -EINVAL);
	assert_int_equal(harness_unref(IMAGE), 0);
	assert_int_equal(harness_unref(IMAGE), -ENOENT);
}

static void backing_outside_of_memory_is_refused(void **state)
{
	(void)state;
	create_image(IMAGE);
	assert_int_equal(attach_backing(IMAGE, HARNESS_RAM_ADDR + HARNESS_RAM_SIZE - 4096, 8192),
			 -EINVAL);
	assert_int_equal(attach_backing(IMAGE, HARNESS_RAM_ADDR, 8192), 0);
	assert_int_equal(attach_backing(IMAGE, HARNESS_RAM_ADDR, 8192), -EINVAL);
}

static void detached_backing_is_not_touched_any_more(void **state)
{
	struct paragpu_operation operation = {0};

	(void)state;
	make_scene();
	assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), 0);
	OPS->resource_detach_backing(harness.renderer, IMAGE, &operation);
	assert_int_equal(harness_wait(&operation), 0);
	memset(harness.ram, 0, (size_t)SIDE * SIDE * 4);
	assert_int_not_equal(transfer_all(CONTEXT, IMAGE, false), 0);
	assert_int_equal(ram_words()[0], 0);
	assert_int_equal(attach_backing(IMAGE, HARNESS_RAM_ADDR, (size_t)SIDE * SIDE * 4), 0);
	assert_image_is(CONTEXT, IMAGE, ORANGE);
}

static void present_shows_the_pixels_of_the_rectangle(void **state)
{
	struct paragpu_operation operation = {0};
	struct paragpu_operation again = {0};
	const uint32_t *words;

	(void)state;
	make_scene();
	OPS->present(harness.renderer, IMAGE, (struct paragpu_rect){0, 0, SIDE, SIDE}, &operation);
	assert_int_equal(harness_wait(&operation), 0);
	assert_true(operation.has_image);
	assert_int_equal(operation.image.width, SIDE);
	assert_int_equal(operation.image.height, SIDE);
	assert_true(operation.image.memory.fd >= 0);
	words = mmap(NULL, operation.image.memory.size, PROT_READ, MAP_SHARED,
		     operation.image.memory.fd, (off_t)operation.image.memory.fd_offset);
	assert_ptr_not_equal(words, MAP_FAILED);
	assert_int_equal(words[0], 0);

	assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), 0);
	OPS->present(harness.renderer, IMAGE, (struct paragpu_rect){8, 8, 16, 16}, &again);
	assert_int_equal(harness_wait(&again), 0);
	assert_int_equal(again.image.memory.fd, -1);
	if (operation.image.memory.handle == PARAGPU_HANDLE_SHM) {
		assert_int_equal(operation.image.format, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
		assert_int_equal(words[8 * SIDE + 8], ORANGE);
		assert_int_equal(words[23 * SIDE + 23], ORANGE);
		assert_int_equal(words[0], 0);
	}
	munmap((void *)(uintptr_t)words, operation.image.memory.size);
	pg_close(&operation.image.memory.fd);
}

static void present_outside_of_the_image_is_refused(void **state)
{
	struct paragpu_operation operation = {0};

	(void)state;
	create_image(IMAGE);
	OPS->present(harness.renderer, IMAGE, (struct paragpu_rect){1, 0, SIDE, SIDE}, &operation);
	assert_int_equal(harness_wait(&operation), -EINVAL);
}

/* --- virgl: fences --- */

static void fences_signal_once_and_in_order(void **state)
{
	(void)state;
	make_scene();
	for (uint64_t cookie = 1; cookie <= 50; cookie++) {
		assert_int_equal(clear_orange(CONTEXT, (uint32_t)cookie, IMAGE), 0);
		assert_int_equal(fence(cookie % 2 ? CONTEXT : 0, cookie % 2 ? 0 : -1, cookie), 0);
	}
	for (uint64_t cookie = 1; cookie <= 50; cookie++)
		assert_true(harness_wait_signal(cookie));
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(harness.signals[i], i + 1);
}

/* The library would crash if the fences were the context's own. */
static void contexts_may_go_with_fences_pending(void **state)
{
	(void)state;
	create_image(IMAGE);
	assert_int_equal(attach_backing(IMAGE, HARNESS_RAM_ADDR, (size_t)SIDE * SIDE * 4), 0);
	for (uint32_t i = 1; i <= 100; i++) {
		assert_int_equal(harness_context(i, VIRTIO_GPU_CAPSET_VIRGL2), 0);
		OPS->context_attach(harness.renderer, i, IMAGE);
		assert_int_equal(clear_orange(i, 1, IMAGE), 0);
		assert_int_equal(fence(i, 0, 1000 + i), 0);
		assert_int_equal(fence(0, -1, 2000 + i), 0);
		assert_int_equal(fence(i, 0, 3000 + i), 0);
		OPS->context_destroy(harness.renderer, i);
	}
	for (uint32_t i = 1; i <= 100; i++)
		assert_true(harness_wait_signal(2000 + i));
	for (size_t i = 0; i < harness.signal_count; i++)
		assert_in_range(harness.signals[i], 1, 3000);
}

/* Without both thread flags the library forgets fences of those that live on. */
static void the_end_of_one_context_loses_no_fence_of_another(void **state)
{
	(void)state;
	make_scene();
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(harness_context(OTHER_CONTEXT, VIRTIO_GPU_CAPSET_VIRGL2), 0);
		assert_int_equal(clear_orange(CONTEXT, 100 + i, IMAGE), 0);
		assert_int_equal(fence(CONTEXT, 0, 5000 + i), 0);
		OPS->context_destroy(harness.renderer, OTHER_CONTEXT);
		assert_true(harness_wait_signal(5000 + i));
	}
}

static void an_opengl_context_has_one_timeline(void **state)
{
	(void)state;
	assert_int_equal(harness_context(CONTEXT, VIRTIO_GPU_CAPSET_VIRGL2), 0);
	assert_int_equal(fence(CONTEXT, 0, 1), 0);
	assert_true(harness_wait_signal(1));
}

/* --- virgl: streams --- */

/* Without returning to context 0 the first context's next stream would run in the second. */
static void a_new_context_does_not_disturb_the_current_one(void **state)
{
	(void)state;
	make_scene();
	create_image(OTHER_IMAGE);
	OPS->context_attach(harness.renderer, CONTEXT, OTHER_IMAGE);
	assert_int_equal(attach_backing(OTHER_IMAGE, HARNESS_RAM_ADDR, (size_t)SIDE * SIDE * 4), 0);
	assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), 0);
	assert_int_equal(harness_context(OTHER_CONTEXT, VIRTIO_GPU_CAPSET_VIRGL2), 0);
	assert_int_equal(clear_orange(CONTEXT, 2, OTHER_IMAGE), 0);
	assert_image_is(CONTEXT, OTHER_IMAGE, ORANGE);
}

static void bad_streams_hurt_their_context_only(void **state)
{
	const uint32_t unknown[] = {COMMAND(250, 0, 1), 0};
	const uint32_t too_long[] = {COMMAND(CLEAR, 0, 4000), 0};
	const uint32_t no_such_resource[] = {
		COMMAND(CREATE_OBJECT, OBJECT_SURFACE, 5), 7, 12345, 1, 0, 0};

	(void)state;
	make_scene();
	assert_int_equal(harness_context(OTHER_CONTEXT, VIRTIO_GPU_CAPSET_VIRGL2), 0);
	assert_int_equal(harness_submit(OTHER_CONTEXT, unknown, sizeof(unknown)), -EINVAL);
	harness_submit(OTHER_CONTEXT, too_long, sizeof(too_long));
	harness_submit(OTHER_CONTEXT, no_such_resource, sizeof(no_such_resource));
	assert_int_equal(harness_submit(OTHER_CONTEXT, unknown, 3), -EINVAL);
	assert_int_equal(harness_submit(OTHER_CONTEXT, unknown, 0), 0);
	assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), 0);
	assert_image_is(CONTEXT, IMAGE, ORANGE);
	assert_int_equal(fence(OTHER_CONTEXT, 0, 1), 0);
	assert_true(harness_wait_signal(1));
}

static void a_resource_is_seen_only_while_attached(void **state)
{
	(void)state;
	make_scene();
	OPS->context_detach(harness.renderer, CONTEXT, IMAGE);
	assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), -EINVAL);
}

/* A guest blob becomes an OpenGL resource by import. */
static void guest_pages_are_imported(void **state)
{
	const struct paragpu_blob blob = {.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST, .size = 65536};
	const struct paragpu_span span = {HARNESS_RAM_ADDR, 65536};
	const struct paragpu_import import = {.blob = &blob, .spans = &span, .count = 1};
	struct paragpu_operation operation = {0};

	(void)state;
	assert_int_equal(harness_context(CONTEXT, VIRTIO_GPU_CAPSET_VIRGL2), 0);
	OPS->resource_import(harness.renderer, BLOB, &import, &operation);
	assert_int_equal(harness_wait(&operation), 0);
	OPS->context_attach(harness.renderer, CONTEXT, BLOB);
	OPS->context_detach(harness.renderer, CONTEXT, BLOB);
	assert_int_equal(harness_unref(BLOB), 0);
}

static void an_image_of_the_device_is_imported_with_its_pixels(void **state)
{
	const struct paragpu_image image = {
		.width = SIDE,
		.height = SIDE,
		.format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
		.stride = SIDE * 4,
		.memory = {.handle = PARAGPU_HANDLE_SHM,
			   .fd = harness.ram_fd,
			   .fd_offset = 1u << 20,
			   .size = (uint64_t)SIDE * SIDE * 4,
			   .mappable = true},
	};
	const struct paragpu_import import = {.image = &image, .memory = &image.memory};
	struct paragpu_operation operation = {0};

	(void)state;
	for (size_t i = 0; i < SIDE * SIDE; i++)
		memcpy(harness.ram + (1u << 20) + 4 * i, &(uint32_t){ORANGE}, 4);
	OPS->resource_import(harness.renderer, IMAGE, &import, &operation);
	assert_int_equal(harness_wait(&operation), 0);
	assert_int_equal(attach_backing(IMAGE, HARNESS_RAM_ADDR, (size_t)SIDE * SIDE * 4), 0);
	assert_image_is(0, IMAGE, ORANGE);
}

/* Bytes of persistent buffers have no descriptor: none may be promised. */
static void a_texture_blob_promises_no_memory_that_cannot_leave(void **state)
{
	const uint32_t stream[] = {COMMAND(PIPE_RESOURCE_CREATE, 0, 11),
				   2,
				   VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
				   BIND_RENDER_TARGET,
				   SIDE,
				   SIDE,
				   1,
				   1,
				   0,
				   0,
				   0,
				   77};
	struct paragpu_operation operation;

	(void)state;
	assert_int_equal(harness_context(CONTEXT, VIRTIO_GPU_CAPSET_VIRGL2), 0);
	operation = create_blob(CONTEXT, BLOB, 76, 0, (size_t)SIDE * SIDE * 4);
	assert_int_equal(operation.error, -EINVAL);
	if (harness_submit(CONTEXT, stream, sizeof(stream)))
		fail_msg("the library does not take PIPE_RESOURCE_CREATE as encoded here");
	operation = create_blob(CONTEXT, BLOB, 77, 0, (size_t)SIDE * SIDE * 4);
	assert_int_equal(operation.error, 0);
	assert_true(operation.has_memory);
	if (operation.memory.handle == PARAGPU_HANDLE_NONE) {
		assert_int_equal(operation.memory.fd, -1);
		assert_false(operation.memory.mappable);
	}
	pg_close(&operation.memory.fd);
	assert_int_equal(create_blob(CONTEXT, BLOB + 1, 77, 0, 4096).error, -EINVAL);
}

static void after_reset_it_is_as_new(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		make_scene();
		assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), 0);
		assert_int_equal(fence(CONTEXT, 0, 100), 0);
		OPS->reset(harness.renderer);
		harness_dispatch(0);
		harness.signal_count = 0;
		make_scene();
		assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), 0);
		assert_int_equal(fence(CONTEXT, 0, 200), 0);
		assert_true(harness_wait_signal(200));
		assert_int_equal(harness_count_signals(100), 0);
		assert_image_is(CONTEXT, IMAGE, ORANGE);
		OPS->reset(harness.renderer);
	}
}

/* --- venus --- */

static void a_venus_blob_is_a_file_that_anyone_maps(void **state)
{
	struct paragpu_operation operation;
	struct stat status;
	uint8_t *bytes;

	(void)state;
	assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
	operation = create_blob(VENUS_CONTEXT, BLOB, 0, VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, 131072);
	assert_int_equal(operation.error, 0);
	assert_int_equal(operation.memory.handle, PARAGPU_HANDLE_SHM);
	assert_int_equal(operation.memory.fd_offset, 0);
	assert_int_equal(operation.memory.size, 131072);
	assert_int_equal(operation.memory.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	assert_true(operation.memory.mappable);
	assert_int_equal(fstat(operation.memory.fd, &status), 0);
	assert_int_equal(status.st_size, 131072);
	bytes = mmap(NULL, 131072, PROT_READ | PROT_WRITE, MAP_SHARED, operation.memory.fd, 0);
	assert_ptr_not_equal(bytes, MAP_FAILED);
	memset(bytes, 0x5a, 131072);
	munmap(bytes, 131072);
	pg_close(&operation.memory.fd);
	assert_int_equal(harness_unref(BLOB), 0);
}

static void a_bad_venus_blob_does_not_kill_its_context(void **state)
{
	(void)state;
	assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
	assert_int_equal(create_blob(VENUS_CONTEXT, BLOB, 0, 0, 4096).error, -EINVAL);
	assert_int_equal(create_blob(VENUS_CONTEXT, BLOB, 4711, 1, 4096).error, -EINVAL);
	assert_int_equal(create_blob(VENUS_CONTEXT, BLOB, 0, 1, (uint64_t)1 << 50).error, -EINVAL);
	harness_dispatch(100);
	assert_int_equal(fence(VENUS_CONTEXT, 0, 1), 0);
	assert_true(harness_wait_signal(1));
	assert_int_equal(harness.lost_contexts, 0);
}

static void venus_fences_signal_on_their_ring(void **state)
{
	(void)state;
	assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
	assert_int_equal(fence(VENUS_CONTEXT, 64, 1), -EINVAL);
	for (uint64_t cookie = 10; cookie < 60; cookie++)
		assert_int_equal(fence(VENUS_CONTEXT, 0, cookie), 0);
	for (uint64_t cookie = 10; cookie < 60; cookie++)
		assert_true(harness_wait_signal(cookie));
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(harness.signals[i], 10 + i);
}

static void a_venus_context_may_go_with_fences_pending(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
		assert_int_equal(fence(VENUS_CONTEXT, 0, 100 + i), 0);
		assert_int_equal(fence(VENUS_CONTEXT, 0, 200 + i), 0);
		OPS->context_destroy(harness.renderer, VENUS_CONTEXT);
	}
}

/* A bad stream ends the context's process; nothing but watching it tells. */
static void a_venus_context_that_dies_is_reported_without_being_asked(void **state)
{
	const uint32_t garbage[] = {0xffffffffu, 0xdeadbeefu, 1, 2};

	(void)state;
	assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
	assert_int_equal(harness_submit(VENUS_CONTEXT, garbage, sizeof(garbage)), 0);
	assert_true(harness_wait_context_lost(VENUS_CONTEXT));
	/* the id is free and the next context works */
	assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
	assert_int_equal(fence(VENUS_CONTEXT, 0, 1), 0);
	assert_true(harness_wait_signal(1));
	assert_int_equal(harness.lost, 0);
}

static void a_ring_without_a_queue_costs_the_context_only(void **state)
{
	(void)state;
	make_scene();
	assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
	assert_int_equal(fence(VENUS_CONTEXT, 5, 1), 0);
	assert_true(harness_wait_context_lost(VENUS_CONTEXT));
	assert_int_equal(clear_orange(CONTEXT, 1, IMAGE), 0);
	assert_image_is(CONTEXT, IMAGE, ORANGE);
}

/* The library would send a part of it, and the context be out of step. */
static void a_venus_stream_that_does_not_fit_is_refused_whole(void **state)
{
	const size_t size = 1u << 20;
	uint32_t *stream = calloc(1, size);

	(void)state;
	assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
	assert_int_equal(harness_submit(VENUS_CONTEXT, stream, size), -E2BIG);
	free(stream);
	assert_int_equal(fence(VENUS_CONTEXT, 0, 1), 0);
	assert_true(harness_wait_signal(1));
	assert_int_equal(harness.lost_contexts, 0);
}

static void blobs_outlive_their_venus_context(void **state)
{
	struct paragpu_operation operation;

	(void)state;
	assert_int_equal(harness_context(VENUS_CONTEXT, VIRTIO_GPU_CAPSET_VENUS), 0);
	operation = create_blob(VENUS_CONTEXT, BLOB, 0, 1, 4096);
	assert_int_equal(operation.error, 0);
	OPS->context_destroy(harness.renderer, VENUS_CONTEXT);
	assert_int_equal(lseek(operation.memory.fd, 0, SEEK_END), 4096);
	pg_close(&operation.memory.fd);
	assert_int_equal(harness_unref(BLOB), 0);
}

/* --- the frame --- */

/* One renderer for all: each test starts from a reset, which is a test in itself. */
static int group_setup(void **state)
{
	struct paragpu_renderer *renderer;
	int error = suite_create_renderer(&renderer);

	if (error) {
		fprintf(stderr, "no renderer: %s\n", strerror(-error));
		return -1;
	}
	*state = renderer;
	return 0;
}

static int group_teardown(void **state)
{
	suite_destroy_renderer(*state);
	return 0;
}

static int setup(void **state)
{
	harness_start(*state);
	return 0;
}

static int teardown(void **state)
{
	struct paragpu_renderer *renderer = *state;

	renderer->ops->reset(renderer);
	renderer->ops->set_memory(renderer, NULL);
	harness_finish();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int suite_run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(capsets_are_those_that_work),
		TEST(a_context_of_an_unknown_capset_is_refused),
		TEST(a_cleared_image_comes_back_through_scattered_backing),
		TEST(pixels_go_to_the_host_and_come_back),
		TEST(a_transfer_outside_of_image_or_backing_is_refused),
		TEST(bad_images_are_refused),
		TEST(backing_outside_of_memory_is_refused),
		TEST(detached_backing_is_not_touched_any_more),
		TEST(present_shows_the_pixels_of_the_rectangle),
		TEST(present_outside_of_the_image_is_refused),
		TEST(fences_signal_once_and_in_order),
		TEST(contexts_may_go_with_fences_pending),
		TEST(the_end_of_one_context_loses_no_fence_of_another),
		TEST(an_opengl_context_has_one_timeline),
		TEST(a_new_context_does_not_disturb_the_current_one),
		TEST(bad_streams_hurt_their_context_only),
		TEST(a_resource_is_seen_only_while_attached),
		TEST(guest_pages_are_imported),
		TEST(an_image_of_the_device_is_imported_with_its_pixels),
		TEST(a_texture_blob_promises_no_memory_that_cannot_leave),
		TEST(after_reset_it_is_as_new),
		TEST(a_venus_blob_is_a_file_that_anyone_maps),
		TEST(a_bad_venus_blob_does_not_kill_its_context),
		TEST(venus_fences_signal_on_their_ring),
		TEST(a_venus_context_may_go_with_fences_pending),
		TEST(a_venus_context_that_dies_is_reported_without_being_asked),
		TEST(a_ring_without_a_queue_costs_the_context_only),
		TEST(a_venus_stream_that_does_not_fit_is_refused_whole),
		TEST(blobs_outlive_their_venus_context),
	};
	void *library = dlopen("libvirglrenderer.so.1", RTLD_LAZY);

	if (!library) {
		printf("1..0 # SKIP THE RENDERER IS NOT TESTED: %s\n", dlerror());
		return 0;
	}
	dlclose(library);
	return cmocka_run_group_tests_name("virgl", tests, group_setup, group_teardown);
}
