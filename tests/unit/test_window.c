/* SPDX-License-Identifier: MIT */
/* Rules of the host-visible window: names say which. */
#include "gpu.h"

#include <fcntl.h>
#include <stdlib.h>

#define G struct gpu *gpu = *state
#define MAPPED VIRTIO_GPU_RESP_OK_MAP_INFO

/* Blobs 5, 6, 7 of 2 pages in context 1. */
static int setup(void **state)
{
	struct gpu *gpu;

	gpu_setup(state);
	gpu = *state;
	ctx_create(gpu, 1, SCRIPTED_VENUS);
	for (uint32_t id = 5; id < 8; id++)
		assert_int_equal(host_blob(gpu, 1, id, 2 * PAGE)->type, OK);
	return 0;
}

static void window_size_must_be_a_power_of_two_with_functions(void **state)
{
	G;
	struct paragpu_settings settings = gpu->settings;
	struct paragpu_device *device;

	settings.window_size = WINDOW + PAGE;
	assert_int_equal(paragpu_device_create(&settings, &device, NULL), -EINVAL);
	settings.window_size = WINDOW;
	settings.host.unmap_blob = NULL;
	assert_int_equal(paragpu_device_create(&settings, &device, NULL), -EINVAL);
	settings.window_size = 0;
	assert_int_equal(paragpu_device_create(&settings, &device, NULL), 0);
	paragpu_device_destroy(&device);
}

static void map_shows_the_blob_and_tells_how(void **state)
{
	G;
	struct ask *ask;

	ask = map_blob(gpu, 5, 4 * PAGE);
	assert_int_equal(ask->type, MAPPED);
	assert_int_equal(pg_from_le32(ask->response.map.map_info), VIRTIO_GPU_MAP_CACHE_CACHED);
	assert_memory_equal(gpu->window + 4 * PAGE, "blob", 4);
	assert_int_equal(stats(gpu).mapped_bytes, 2 * PAGE);
	assert_int_equal(unmap_blob(gpu, 5)->type, OK);
	assert_true(window_empty(gpu));
}

static void map_info_is_the_renderers_without_upper_bits(void **state)
{
	G;
	struct ask *ask;

	gpu->scripted.map_info = 0xff3;
	host_blob(gpu, 1, 9, PAGE);
	ask = map_blob(gpu, 9, 0);
	assert_int_equal(pg_from_le32(ask->response.map.map_info), VIRTIO_GPU_MAP_CACHE_WC);
}

static void map_outside_or_wrapping_is_invalid(void **state)
{
	G;
	static const uint64_t offsets[] = {WINDOW, WINDOW - PAGE, UINT64_MAX - PAGE + 1,
					   UINT64_C(1) << 63};

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		assert_int_equal(map_blob(gpu, 5, offsets[i])->type, BAD_PARAMETER);
	assert_int_equal(gpu->maps, 0);
	assert_int_equal(map_blob(gpu, 5, WINDOW - 2 * PAGE)->type, MAPPED);
}

static void map_off_a_page_is_invalid(void **state)
{
	G;
	assert_int_equal(map_blob(gpu, 5, 1)->type, BAD_PARAMETER);
	assert_int_equal(map_blob(gpu, 5, PAGE / 2)->type, BAD_PARAMETER);
}

static void map_off_the_blob_alignment_is_invalid(void **state)
{
	G;
	gpu_stop(gpu);
	gpu_init(gpu);
	gpu->settings.blob_alignment = 4 * PAGE;
	gpu_start(gpu);
	ctx_create(gpu, 1, SCRIPTED_VENUS);
	assert_int_equal(host_blob(gpu, 1, 5, PAGE)->type, BAD_PARAMETER);
	assert_int_equal(host_blob(gpu, 1, 5, 4 * PAGE)->type, OK);
	assert_int_equal(map_blob(gpu, 5, PAGE)->type, BAD_PARAMETER);
	assert_int_equal(map_blob(gpu, 5, 4 * PAGE)->type, MAPPED);
}

static void map_over_another_is_invalid_and_changes_nothing(void **state)
{
	G;
	assert_int_equal(map_blob(gpu, 5, 4 * PAGE)->type, MAPPED);
	for (uint64_t page = 3; page < 6; page++)
		assert_int_equal(map_blob(gpu, 6, page * PAGE)->type, BAD_PARAMETER);
	assert_int_equal(map_blob(gpu, 6, 2 * PAGE)->type, MAPPED);
	assert_int_equal(map_blob(gpu, 7, 6 * PAGE)->type, MAPPED);
	assert_int_equal(gpu->maps, 3);
}

static void map_twice_is_invalid_and_the_first_stays(void **state)
{
	G;
	map_blob(gpu, 5, 0);
	assert_int_equal(map_blob(gpu, 5, 0)->type, BAD_PARAMETER);
	assert_int_equal(map_blob(gpu, 5, 8 * PAGE)->type, BAD_PARAMETER);
	assert_memory_equal(gpu->window, "blob", 4);
	assert_int_equal(stats(gpu).mappings, 1);
}

static void map_of_unknown_or_other_resources_is_an_error(void **state)
{
	G;
	struct virtio_gpu_mem_entry one = entry(0, (uint32_t)PAGE);

	assert_int_equal(map_blob(gpu, 0, 0)->type, BAD_RESOURCE);
	assert_int_equal(map_blob(gpu, 99, 0)->type, BAD_RESOURCE);
	create_2d(gpu, 20, 4, 4);
	assert_int_equal(map_blob(gpu, 20, 0)->type, BAD_PARAMETER);
	create_blob(gpu, 0, 21, VIRTIO_GPU_BLOB_MEM_GUEST, 1, 0, PAGE, &one, 1);
	assert_int_equal(map_blob(gpu, 21, 0)->type, BAD_PARAMETER);
	create_blob(gpu, 1, 22, VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, 1, 0, PAGE, &one, 1);
	assert_int_equal(map_blob(gpu, 22, 0)->type, BAD_PARAMETER);
	create_blob(gpu, 1, 23, VIRTIO_GPU_BLOB_MEM_HOST3D, 2, 0, PAGE, NULL, 0);
	assert_int_equal(map_blob(gpu, 23, 0)->type, BAD_PARAMETER);
	assert_int_equal(gpu->maps, 0);
}

static void map_of_memory_that_cannot_leave_is_unspec(void **state)
{
	G;
	gpu->scripted.no_file = true;
	assert_int_equal(host_blob(gpu, 1, 9, PAGE)->type, OK);
	assert_int_equal(map_blob(gpu, 9, 0)->type, UNSPEC);
	gpu->scripted.no_file = false;
	gpu->scripted.unmappable = true;
	assert_int_equal(host_blob(gpu, 1, 10, PAGE)->type, OK);
	assert_int_equal(map_blob(gpu, 10, 0)->type, UNSPEC);
	gpu->scripted.unmappable = false;
	gpu->scripted.blob_offset = 100;
	assert_int_equal(host_blob(gpu, 1, 11, PAGE)->type, OK);
	assert_int_equal(map_blob(gpu, 11, 0)->type, UNSPEC);
}

static void map_begins_where_the_memory_does(void **state)
{
	G;
	gpu->scripted.blob_offset = 3 * PAGE;
	assert_int_equal(host_blob(gpu, 1, 9, PAGE)->type, OK);
	assert_int_equal(map_blob(gpu, 9, 0)->type, MAPPED);
	assert_memory_equal(gpu->window, "blob", 4);
}

static void map_takes_what_the_guest_asked_for_not_what_the_renderer_has(void **state)
{
	G;
	gpu->scripted.blob_size = 64 * PAGE;
	assert_int_equal(host_blob(gpu, 1, 9, PAGE)->type, OK);
	assert_int_equal(map_blob(gpu, 9, 0)->type, MAPPED);
	assert_int_equal(stats(gpu).mapped_bytes, PAGE);
	assert_int_equal(map_blob(gpu, 5, PAGE)->type, MAPPED);
}

static void map_without_a_window_is_unspec(void **state)
{
	G;
	gpu_stop(gpu);
	gpu_init(gpu);
	gpu->settings.window_size = 0;
	gpu_start(gpu);
	ctx_create(gpu, 1, SCRIPTED_VENUS);
	host_blob(gpu, 1, 5, PAGE);
	assert_int_equal(map_blob(gpu, 5, 0)->type, UNSPEC);
	assert_int_equal(unmap_blob(gpu, 5)->type, UNSPEC);
}

static void map_that_the_host_refuses_leaves_the_place_free(void **state)
{
	G;
	gpu->map_error = -ENOSPC;
	assert_int_equal(map_blob(gpu, 5, 0)->type, UNSPEC);
	assert_true(window_empty(gpu));
	gpu->map_error = 0;
	assert_int_equal(unmap_blob(gpu, 5)->type, OK);
	assert_int_equal(gpu->unmaps, 0);
	assert_int_equal(map_blob(gpu, 5, 0)->type, MAPPED);
}

static void unmap_of_never_mapped_is_fine_and_of_unknown_is_not(void **state)
{
	G;
	assert_int_equal(unmap_blob(gpu, 5)->type, OK);
	assert_int_equal(unmap_blob(gpu, 99)->type, BAD_RESOURCE);
	map_blob(gpu, 5, 0);
	assert_int_equal(unmap_blob(gpu, 5)->type, OK);
	assert_int_equal(unmap_blob(gpu, 5)->type, OK);
	assert_int_equal(gpu->unmaps, 1);
}

static void map_answers_when_the_host_has_mapped(void **state)
{
	G;
	struct ask *map, *unmap;

	gpu->hold_window = true;
	map = map_blob(gpu, 5, 0);
	unmap = unmap_blob(gpu, 5);
	assert_int_equal(map->type, PENDING);
	assert_int_equal(gpu->operation_count, 1);
	answer_window(gpu, 0);
	assert_int_equal(map->type, MAPPED);
	assert_int_equal(unmap->type, PENDING);
	assert_int_equal(gpu->operation_count, 1);
	answer_window(gpu, 0);
	assert_int_equal(unmap->type, OK);
	assert_true(window_empty(gpu));
}

static void unref_unmaps_before_the_renderer_forgets(void **state)
{
	G;
	struct ask *ask;

	map_blob(gpu, 5, 0);
	gpu->hold_window = true;
	gpu->scripted.hold[UNREF] = true;
	ask = unref(gpu, 5);
	assert_int_equal(gpu->scripted.count[UNREF], 0);
	answer_window(gpu, 0);
	assert_int_equal(gpu->scripted.count[UNREF], 1);
	assert_int_equal(ask->type, PENDING);
	answer(&gpu->scripted, UNREF, 0);
	assert_int_equal(ask->type, OK);
	assert_true(window_empty(gpu));
	assert_int_equal(map_blob(gpu, 5, 0)->type, BAD_RESOURCE);
}

static void an_id_being_unreffed_is_free_only_afterwards(void **state)
{
	G;
	struct ask *gone, *again;

	map_blob(gpu, 5, 0);
	gpu->hold_window = true;
	gone = unref(gpu, 5);
	again = create_2d(gpu, 5, 4, 4);
	assert_int_equal(again->type, PENDING);
	answer_window(gpu, 0);
	assert_int_equal(gone->type, OK);
	assert_int_equal(again->type, OK);
}

static void a_place_that_cannot_be_unmapped_is_never_used_again(void **state)
{
	G;
	map_blob(gpu, 5, 0);
	gpu->unmap_error = -EIO;
	assert_int_equal(unmap_blob(gpu, 5)->type, UNSPEC);
	gpu->unmap_error = 0;
	assert_int_equal(map_blob(gpu, 6, PAGE)->type, UNSPEC);
	assert_int_equal(map_blob(gpu, 6, 2 * PAGE)->type, MAPPED);
	assert_int_equal(unref(gpu, 5)->type, OK);
}

static void reset_unmaps_everything(void **state)
{
	G;
	for (uint32_t id = 5; id < 8; id++)
		map_blob(gpu, id, (id - 5) * 2 * PAGE);
	paragpu_device_reset(gpu->device);
	assert_int_equal(gpu->unmaps, 3);
	assert_true(window_empty(gpu));
}

static void reset_while_mapping_unmaps_what_comes(void **state)
{
	G;
	struct ask *map;

	gpu->hold_window = true;
	map = map_blob(gpu, 5, 0);
	paragpu_device_reset(gpu->device);
	assert_int_equal(gpu->unmaps, 0);
	answer_window(gpu, 0);
	assert_int_equal(gpu->unmaps, 1);
	assert_false(window_empty(gpu));
	answer_window(gpu, 0);
	assert_true(window_empty(gpu));
	assert_int_equal(map->completed, 0);
}

static void reset_while_unmapping_waits_for_the_answer_only(void **state)
{
	G;
	struct ask *unmap, *gone;

	map_blob(gpu, 5, 0);
	map_blob(gpu, 6, 2 * PAGE);
	gpu->hold_window = true;
	unmap = unmap_blob(gpu, 5);
	gone = unref(gpu, 6);
	paragpu_device_reset(gpu->device);
	assert_int_equal(gpu->unmaps, 2);
	answer_window(gpu, 0);
	answer_window(gpu, 0);
	assert_true(window_empty(gpu));
	assert_int_equal(unmap->completed | gone->completed, 0);
}

static void the_next_driver_waits_for_the_place_of_the_last(void **state)
{
	G;
	struct ask *map, *later;

	map_blob(gpu, 5, 0);
	gpu->hold_window = true;
	paragpu_device_reset(gpu->device);
	gpu_accept(gpu);
	ctx_create(gpu, 1, SCRIPTED_VENUS);
	host_blob(gpu, 1, 5, PAGE);
	map = map_blob(gpu, 5, 0);
	later = unref(gpu, 5);
	assert_int_equal(map->type, PENDING);
	assert_int_equal(gpu->maps, 1);
	answer_window(gpu, 0);
	assert_int_equal(gpu->maps, 2);
	assert_int_equal(later->type, PENDING);
	gpu->hold_window = false;
	answer_window(gpu, 0);
	assert_int_equal(map->type, MAPPED);
	assert_int_equal(later->type, OK);
	assert_true(map->place < later->place);
}

static void answers_after_the_device_is_gone_are_fine(void **state)
{
	G;
	map_blob(gpu, 5, 0);
	gpu->hold_window = true;
	unmap_blob(gpu, 5);
	map_blob(gpu, 6, 4 * PAGE);
	/* The fixture destroys the device first, then answers. */
}

static void a_lost_renderers_mappings_read_as_zeroes(void **state)
{
	G;
	map_blob(gpu, 5, 0);
	assert_memory_equal(gpu->window, "blob", 4);
	paragpu_renderer_lost(&gpu->scripted.base, "test");
	assert_memory_equal(gpu->window, "\0\0\0\0", 4);
	gpu->window[PAGE] = 1;
	assert_int_equal(map_blob(gpu, 6, 2 * PAGE)->type, UNSPEC);
	assert_int_equal(unmap_blob(gpu, 5)->type, OK);
	assert_int_equal(unref(gpu, 5)->type, OK);
	assert_int_equal(gpu->scripted.count[UNREF], 0);
	assert_true(window_empty(gpu));
}

static void a_renderer_lost_while_mapping_ends_in_zeroes(void **state)
{
	G;
	struct ask *map;

	gpu->hold_window = true;
	map = map_blob(gpu, 5, 0);
	paragpu_renderer_lost(&gpu->scripted.base, "test");
	assert_int_equal(map->type, PENDING);
	answer_window(gpu, 0);
	assert_int_equal(map->type, MAPPED);
	gpu->hold_window = false;
	answer_window(gpu, 0);
	assert_memory_equal(gpu->window, "\0\0\0\0", 4);
	assert_int_equal(unref(gpu, 5)->type, OK);
	assert_true(window_empty(gpu));
}

static void unref_while_zeroes_come_ends_unmapped(void **state)
{
	G;
	struct ask *gone;

	map_blob(gpu, 5, 0);
	gpu->hold_window = true;
	paragpu_renderer_lost(&gpu->scripted.base, "test");
	gone = unref(gpu, 5);
	answer_window(gpu, 0);
	assert_int_equal(gone->type, OK);
	assert_true(window_empty(gpu));
}

static unsigned int open_descriptors(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void ten_thousand_blobs_leave_nothing(void **state)
{
	G;
	unsigned int before = open_descriptors();

	for (unsigned int i = 0; i < 10000; i++) {
		gpu->ask_count = 100;
		assert_int_equal(host_blob(gpu, 1, 50, PAGE)->type, OK);
		assert_int_equal(map_blob(gpu, 50, 16 * PAGE)->type, MAPPED);
		if (i & 1)
			assert_int_equal(unmap_blob(gpu, 50)->type, OK);
		assert_int_equal(unref(gpu, 50)->type, OK);
	}
	assert_true(window_empty(gpu));
	assert_int_equal(stats(gpu).resources, 3);
	assert_int_equal(open_descriptors(), before);
}

/* Random maps against a plain model: a map succeeds exactly where nothing is. */
static void the_map_of_the_window_agrees_with_a_model(void **state)
{
	G;
	bool used[64] = {false};
	int place[32];
	uint64_t pages[32];

	srand(1);
	for (unsigned int i = 0; i < 32; i++) {
		place[i] = -1;
		pages[i] = 1 + (unsigned int)rand() % 4;
		gpu->ask_count = 100;
		host_blob(gpu, 1, 100 + i, pages[i] * PAGE);
	}
	for (unsigned int step = 0; step < 4000; step++) {
		unsigned int i = (unsigned int)rand() % 32, at = (unsigned int)rand() % 62;
		bool expected = true;

		gpu->ask_count = 100;
		if (place[i] >= 0) {
			assert_int_equal(unmap_blob(gpu, 100 + i)->type, OK);
			for (uint64_t page = 0; page < pages[i]; page++)
				used[(unsigned int)place[i] + page] = false;
			place[i] = -1;
			continue;
		}
		for (uint64_t page = 0; page < pages[i]; page++)
			expected &= at + page < 64 && !used[at + page];
		if (at + pages[i] > 64)
			continue;
		assert_int_equal(map_blob(gpu, 100 + i, at * PAGE)->type,
				 expected ? MAPPED : BAD_PARAMETER);
		if (!expected)
			continue;
		place[i] = (int)at;
		for (uint64_t page = 0; page < pages[i]; page++)
			used[at + page] = true;
	}
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, gpu_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(window_size_must_be_a_power_of_two_with_functions),
		RULE(map_shows_the_blob_and_tells_how),
		RULE(map_info_is_the_renderers_without_upper_bits),
		RULE(map_outside_or_wrapping_is_invalid),
		RULE(map_off_a_page_is_invalid),
		RULE(map_off_the_blob_alignment_is_invalid),
		RULE(map_over_another_is_invalid_and_changes_nothing),
		RULE(map_twice_is_invalid_and_the_first_stays),
		RULE(map_of_unknown_or_other_resources_is_an_error),
		RULE(map_of_memory_that_cannot_leave_is_unspec),
		RULE(map_begins_where_the_memory_does),
		RULE(map_takes_what_the_guest_asked_for_not_what_the_renderer_has),
		RULE(map_without_a_window_is_unspec),
		RULE(map_that_the_host_refuses_leaves_the_place_free),
		RULE(unmap_of_never_mapped_is_fine_and_of_unknown_is_not),
		RULE(map_answers_when_the_host_has_mapped),
		RULE(unref_unmaps_before_the_renderer_forgets),
		RULE(an_id_being_unreffed_is_free_only_afterwards),
		RULE(a_place_that_cannot_be_unmapped_is_never_used_again),
		RULE(reset_unmaps_everything),
		RULE(reset_while_mapping_unmaps_what_comes),
		RULE(reset_while_unmapping_waits_for_the_answer_only),
		RULE(the_next_driver_waits_for_the_place_of_the_last),
		RULE(answers_after_the_device_is_gone_are_fine),
		RULE(a_lost_renderers_mappings_read_as_zeroes),
		RULE(a_renderer_lost_while_mapping_ends_in_zeroes),
		RULE(unref_while_zeroes_come_ends_unmapped),
		RULE(ten_thousand_blobs_leave_nothing),
		RULE(the_map_of_the_window_agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
