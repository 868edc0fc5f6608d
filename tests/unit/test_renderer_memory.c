/* SPDX-License-Identifier: MIT */
/* Rules of the context type `memory`, through the whole device: names say which. */
#include "gpu.h"

#include <stdlib.h>

#define G struct gpu *gpu = *state
#define LOW(value) pg_to_le32((uint32_t)(value)), pg_to_le32(0)
#define W(value) pg_to_le32(value)
#define STREAM(gpu, context, ...) \
	submit(gpu, context, (const le32[]){__VA_ARGS__}, sizeof((const le32[]){__VA_ARGS__}))

/* Context 1 with guest blob 5 (page 0 and page 8 of RAM) and host blob 6, a page each way. */
static int setup(void **state)
{
	struct virtio_gpu_mem_entry two[] = {entry(0, (uint32_t)PAGE),
					     entry(8 * PAGE, (uint32_t)PAGE)};
	struct gpu *gpu;

	gpu_setup(state);
	gpu = *state;
	assert_int_equal(ctx_create(gpu, 1, PG_MEMORY_CAPSET_ID)->type, OK);
	create_blob(gpu, 0, 5, VIRTIO_GPU_BLOB_MEM_GUEST, 0, 0, 2 * PAGE, two, 2);
	assert_int_equal(host_blob(gpu, 1, 6, 2 * PAGE)->type, OK);
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, OK);
	assert_int_equal(ctx_attach(gpu, 1, 6)->type, OK);
	assert_int_equal(map_blob(gpu, 6, 0)->type, VIRTIO_GPU_RESP_OK_MAP_INFO);
	return 0;
}

static void fill_works_on_guest_pages_in_place(void **state)
{
	G;
	assert_int_equal(
		STREAM(gpu, 1, W(PG_MEMORY_FILL), W(5), LOW(PAGE - 2), LOW(4), W(0xaa))->type, OK);
	assert_int_equal(gpu->ram[PAGE - 3], 0);
	assert_int_equal(gpu->ram[PAGE - 2] & gpu->ram[PAGE - 1], 0xaa);
	assert_int_equal(gpu->ram[8 * PAGE] & gpu->ram[8 * PAGE + 1], 0xaa);
	assert_int_equal(gpu->ram[PAGE] | gpu->ram[8 * PAGE + 2], 0);
}

static void copy_from_the_guest_is_seen_in_the_window(void **state)
{
	G;
	for (unsigned int i = 0; i < PAGE; i++)
		gpu->ram[i] = (uint8_t)i;
	assert_int_equal(
		STREAM(gpu, 1, W(PG_MEMORY_COPY), W(6), LOW(16), W(5), LOW(0), LOW(PAGE))->type,
		OK);
	assert_memory_equal(gpu->window + 16, gpu->ram, PAGE);
}

static void copy_within_one_resource_may_overlap(void **state)
{
	G;
	uint8_t expected[2 * PAGE];

	for (unsigned int i = 0; i < 2 * PAGE; i++)
		gpu->window[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(expected, gpu->window, sizeof(expected));
	memmove(expected + 100, expected, 8000);
	assert_int_equal(
		STREAM(gpu, 1, W(PG_MEMORY_COPY), W(6), LOW(100), W(6), LOW(0), LOW(8000))->type,
		OK);
	assert_memory_equal(gpu->window, expected, sizeof(expected));
	memmove(expected, expected + 50, 8000);
	assert_int_equal(
		STREAM(gpu, 1, W(PG_MEMORY_COPY), W(6), LOW(0), W(6), LOW(50), LOW(8000))->type,
		OK);
	assert_memory_equal(gpu->window, expected, sizeof(expected));
}

static void add_and_sum_compute(void **state)
{
	G;
	le32 *words = (le32 *)(void *)gpu->window;
	uint64_t sum;

	words[1] = W(41);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_ADD), W(6), LOW(4), W(2), W(1))->type, OK);
	assert_int_equal(pg_from_le32(words[0]), 0);
	assert_int_equal(pg_from_le32(words[1]), 42);
	assert_int_equal(pg_from_le32(words[2]), 1);
	memcpy(gpu->window, "foobar", 6);
	assert_int_equal(
		STREAM(gpu, 1, W(PG_MEMORY_SUM), W(6), LOW(0), LOW(6), W(6), LOW(64))->type, OK);
	memcpy(&sum, gpu->window + 64, sizeof(sum));
	/* FNV-1a's own test vector */
	assert_true(sum == UINT64_C(0x85944171f73967e8));
}

static void ranges_outside_are_invalid_and_end_the_stream(void **state)
{
	G;
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_FILL), W(6), LOW(0), LOW(1), W(1),
				W(PG_MEMORY_FILL), W(6), LOW(2 * PAGE), LOW(1), W(1),
				W(PG_MEMORY_FILL), W(6), LOW(1), LOW(1), W(1))
				 ->type,
			 BAD_PARAMETER);
	assert_int_equal(gpu->window[0], 1);
	assert_int_equal(gpu->window[1], 0);
	assert_int_equal(
		STREAM(gpu, 1, W(PG_MEMORY_FILL), W(6), W(0xffffffff), W(0xffffffff), LOW(2), W(1))
			->type,
		BAD_PARAMETER);
}

static void short_odd_and_unknown_streams_are_invalid(void **state)
{
	G;
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_FILL), W(6))->type, BAD_PARAMETER);
	assert_int_equal(submit(gpu, 1, "12345", 5)->type, BAD_PARAMETER);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_COMMANDS))->type, BAD_PARAMETER);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_NOP), W(PG_MEMORY_NOP))->type, OK);
}

static void resources_are_seen_only_while_attached(void **state)
{
	G;
	assert_int_equal(ctx_create(gpu, 2, PG_MEMORY_CAPSET_ID)->type, OK);
	assert_int_equal(STREAM(gpu, 2, W(PG_MEMORY_FILL), W(6), LOW(0), LOW(1), W(1))->type,
			 BAD_PARAMETER);
	assert_int_equal(ctx_detach(gpu, 1, 6)->type, OK);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_FILL), W(6), LOW(0), LOW(1), W(1))->type,
			 BAD_PARAMETER);
	assert_int_equal(gpu->window[0], 0);
}

static void blob_ids_are_the_contexts_and_used_once(void **state)
{
	G;
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_ALLOCATE), LOW(77), LOW(PAGE))->type, OK);
	ctx_create(gpu, 2, PG_MEMORY_CAPSET_ID);
	assert_int_equal(create_blob(gpu, 2, 9, 2, 1, 77, PAGE, NULL, 0)->type, BAD_PARAMETER);
	assert_int_equal(create_blob(gpu, 1, 9, 2, 1, 77, 2 * PAGE, NULL, 0)->type, BAD_PARAMETER);
	assert_int_equal(create_blob(gpu, 1, 9, 2, 1, 77, PAGE, NULL, 0)->type, OK);
	assert_int_equal(create_blob(gpu, 1, 10, 2, 1, 77, PAGE, NULL, 0)->type, BAD_PARAMETER);
}

static void host_memory_is_bounded(void **state)
{
	G;
	assert_int_equal(host_blob(gpu, 1, 9, UINT64_C(1) << 30)->type, NO_MEMORY);
	assert_int_equal(host_blob(gpu, 1, 9, UINT64_C(200) << 20)->type, OK);
	assert_int_equal(host_blob(gpu, 1, 10, UINT64_C(200) << 20)->type, NO_MEMORY);
	assert_int_equal(unref(gpu, 9)->type, OK);
	assert_int_equal(host_blob(gpu, 1, 10, UINT64_C(200) << 20)->type, OK);
}

static void held_rings_wait_until_they_are_released(void **state)
{
	G;
	struct ask *first, *second, *other;

	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_HOLD), W(3))->type, OK);
	gpu->fence = 1;
	gpu->ring = 3;
	first = STREAM(gpu, 1, W(PG_MEMORY_NOP));
	gpu->fence = 2;
	second = STREAM(gpu, 1, W(PG_MEMORY_NOP));
	gpu->fence = 3;
	gpu->ring = 4;
	other = STREAM(gpu, 1, W(PG_MEMORY_NOP));
	gpu->fence = 0;
	assert_int_equal(first->type | second->type, PENDING);
	assert_int_equal(other->type, OK);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_RELEASE), W(3))->type, OK);
	assert_int_equal(first->type, OK);
	assert_int_equal(first->place + 1, second->place);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_HOLD), W(64))->type, BAD_PARAMETER);
}

static void a_blob_of_another_renderer_is_the_same_bytes(void **state)
{
	G;
	ctx_create(gpu, 2, SCRIPTED_VENUS);
	assert_int_equal(host_blob(gpu, 2, 9, PAGE)->type, OK);
	assert_int_equal(ctx_attach(gpu, 1, 9)->type, OK);
	assert_int_equal(map_blob(gpu, 9, 16 * PAGE)->type, VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_FILL), W(9), LOW(1), LOW(2), W('x'))->type, OK);
	assert_memory_equal(gpu->window + 16 * PAGE, "bxxb", 4);
	assert_int_equal(unref(gpu, 9)->type, OK);
	assert_int_equal(gpu->scripted.count[UNREF], 1);
}

static void an_image_of_the_device_is_the_same_bytes(void **state)
{
	G;
	create_2d(gpu, 9, 64, 32);
	set_scanout(gpu, 0, 9, 64, 32);
	assert_int_equal(ctx_attach(gpu, 1, 9)->type, OK);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_FILL), W(9), LOW(0), LOW(4), W(0x5a))->type,
			 OK);
	assert_int_equal(flush(gpu, 9, 64, 32)->type, OK);
	assert_int_equal(gpu->first_pixel, 0x5a5a5a5a);
}

static void shadow_pages_and_memory_of_the_host_are_two(void **state)
{
	G;
	struct virtio_gpu_mem_entry one = entry(16 * PAGE, (uint32_t)PAGE);

	assert_int_equal(
		create_blob(gpu, 1, 9, VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, 0, 0, PAGE, &one, 1)->type,
		OK);
	ctx_attach(gpu, 1, 9);
	gpu->ram[16 * PAGE + 5] = 0x33;
	assert_int_equal(transfer_3d(gpu, 1, true, 9, box(5, 0, 0, 1, 1, 1), 5, 0)->type, OK);
	assert_int_equal(
		STREAM(gpu, 1, W(PG_MEMORY_COPY), W(6), LOW(0), W(9), LOW(5), LOW(1))->type, OK);
	assert_int_equal(gpu->window[0], 0x33);
	assert_int_equal(transfer_3d(gpu, 1, false, 9, box(5, 0, 0, 1, 1, 1), 7, 0)->type, OK);
	assert_int_equal(gpu->ram[16 * PAGE + 7], 0x33);
	assert_int_equal(transfer_3d(gpu, 1, true, 9, box(4095, 0, 0, 2, 1, 1), 0, 0)->type,
			 BAD_PARAMETER);
}

static void pages_that_went_read_as_zeroes(void **state)
{
	G;
	struct paragpu_memory *empty;

	memset(gpu->ram, 1, PAGE);
	gpu->window[0] = 9;
	assert_int_equal(paragpu_memory_create(&empty), 0);
	paragpu_device_set_memory(gpu->device, empty);
	assert_int_equal(
		STREAM(gpu, 1, W(PG_MEMORY_COPY), W(6), LOW(0), W(5), LOW(0), LOW(8))->type, OK);
	assert_int_equal(gpu->window[0], 0);
	assert_int_equal(STREAM(gpu, 1, W(PG_MEMORY_FILL), W(5), LOW(0), LOW(8), W(7))->type, OK);
	assert_int_equal(gpu->ram[0], 1);
	paragpu_memory_unref(&empty);
}

/* Random words, often near commands: nothing to be seen but that it ends, clean under sanitizers. */
static void random_streams_do_no_harm(void **state)
{
	G;
	le32 stream[32];

	srand(7);
	for (unsigned int round = 0; round < 20000; round++) {
		size_t count = 1 + (size_t)rand() % 32;

		for (size_t i = 0; i < count; i++) {
			uint32_t word = (uint32_t)rand();

			stream[i] = W(word & 0x700 ? word % 9 : word);
		}
		gpu->ask_count = 100;
		assert_true(submit(gpu, 1, stream, count * sizeof(le32))->completed);
	}
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, gpu_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(fill_works_on_guest_pages_in_place),
		RULE(copy_from_the_guest_is_seen_in_the_window),
		RULE(copy_within_one_resource_may_overlap),
		RULE(add_and_sum_compute),
		RULE(ranges_outside_are_invalid_and_end_the_stream),
		RULE(short_odd_and_unknown_streams_are_invalid),
		RULE(resources_are_seen_only_while_attached),
		RULE(blob_ids_are_the_contexts_and_used_once),
		RULE(host_memory_is_bounded),
		RULE(held_rings_wait_until_they_are_released),
		RULE(a_blob_of_another_renderer_is_the_same_bytes),
		RULE(an_image_of_the_device_is_the_same_bytes),
		RULE(shadow_pages_and_memory_of_the_host_are_two),
		RULE(pages_that_went_read_as_zeroes),
		RULE(random_streams_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
