/* SPDX-License-Identifier: MIT */
/* Rules of blobs of the host, of renderers' images and of how they are shown: names say which. */
#include "gpu.h"

#include <unistd.h>

#define G struct gpu *gpu = *state
#define HOST3D VIRTIO_GPU_BLOB_MEM_HOST3D
#define HOST3D_GUEST VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST

static int setup(void **state)
{
	gpu_setup(state);
	ctx_create(*state, 1, SCRIPTED_VENUS);
	return 0;
}

static void blob_of_an_unknown_context_names_the_context(void **state)
{
	G;
	assert_int_equal(host_blob(gpu, 9, 5, PAGE)->type, BAD_CONTEXT);
	assert_int_equal(host_blob(gpu, 0, 5, PAGE)->type, BAD_CONTEXT);
}

static void blob_ids_in_use_are_refused_and_kept(void **state)
{
	G;
	assert_int_equal(host_blob(gpu, 1, 5, PAGE)->type, OK);
	assert_int_equal(host_blob(gpu, 1, 5, PAGE)->type, BAD_RESOURCE);
	assert_int_equal(host_blob(gpu, 1, 0, PAGE)->type, BAD_RESOURCE);
	assert_int_equal(gpu->scripted.count[CREATE_BLOB], 1);
	assert_int_equal(map_blob(gpu, 5, 0)->type, VIRTIO_GPU_RESP_OK_MAP_INFO);
}

static void blob_parameters_out_of_range_are_invalid(void **state)
{
	G;
	struct virtio_gpu_mem_entry one = entry(0, (uint32_t)PAGE);

	static const uint32_t mems[] = {0, 4, UINT32_MAX}, flags[] = {8, 0x10, 0x80000000};

	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(create_blob(gpu, 1, 5, mems[i], 0, 0, PAGE, NULL, 0)->type,
				 BAD_PARAMETER);
		assert_int_equal(create_blob(gpu, 1, 5, HOST3D, flags[i], 0, PAGE, NULL, 0)->type,
				 BAD_PARAMETER);
	}
	assert_int_equal(host_blob(gpu, 1, 5, 0)->type, BAD_PARAMETER);
	assert_int_equal(host_blob(gpu, 1, 5, UINT64_C(1) << 63)->type, BAD_PARAMETER);
	assert_int_equal(host_blob(gpu, 1, 5, UINT64_MAX - PAGE + 1)->type, BAD_PARAMETER);
	assert_int_equal(host_blob(gpu, 1, 5, PAGE + 1)->type, BAD_PARAMETER);
	assert_int_equal(create_blob(gpu, 1, 5, HOST3D, 0, 0, PAGE, &one, 1)->type, BAD_PARAMETER);
	assert_int_equal(create_blob(gpu, 1, 5, HOST3D_GUEST, 0, 0, 2 * PAGE, &one, 1)->type,
			 BAD_PARAMETER);
	assert_int_equal(gpu->scripted.count[CREATE_BLOB], 0);
	assert_int_equal(stats(gpu).resources, 0);
}

static void blob_of_host_and_guest_brings_its_pages(void **state)
{
	G;
	struct virtio_gpu_mem_entry two[] = {entry(0, (uint32_t)PAGE),
					     entry(4 * PAGE, (uint32_t)PAGE)};

	assert_int_equal(create_blob(gpu, 1, 5, HOST3D_GUEST, 0, 7, 2 * PAGE, two, 2)->type, OK);
	assert_int_equal(gpu->scripted.span_count, 2);
	assert_int_equal(gpu->scripted.spans[1].guest_addr, RAM_BASE + 4 * PAGE);
	assert_int_equal(gpu->scripted.spans[1].length, PAGE);
}

static void blob_of_host_alone_takes_no_pages_later(void **state)
{
	G;
	host_blob(gpu, 1, 5, PAGE);
	assert_int_equal(attach_backing(gpu, 5, 0, (uint32_t)PAGE)->type, BAD_PARAMETER);
}

static void blob_larger_than_its_memory_is_refused_and_unreffed(void **state)
{
	G;
	gpu->scripted.blob_size = PAGE;
	assert_int_equal(host_blob(gpu, 1, 5, UINT64_C(1) << 40)->type, BAD_PARAMETER);
	assert_int_equal(gpu->scripted.count[UNREF], 1);
	assert_int_equal(stats(gpu).resources, 0);
}

static void blob_larger_than_its_file_is_refused(void **state)
{
	G;
	gpu->scripted.blob_file_size = PAGE;
	assert_int_equal(host_blob(gpu, 1, 5, 2 * PAGE)->type, BAD_PARAMETER);
	gpu->scripted.blob_file_size = 4 * PAGE;
	gpu->scripted.blob_offset = 3 * PAGE;
	assert_int_equal(host_blob(gpu, 1, 5, 2 * PAGE)->type, BAD_PARAMETER);
	assert_int_equal(host_blob(gpu, 1, 5, PAGE)->type, OK);
}

static void blob_that_fails_leaves_nothing_and_all_that_follows_is_put_up_with(void **state)
{
	G;
	gpu->scripted.error[CREATE_BLOB] = -EINVAL;
	assert_int_equal(host_blob(gpu, 1, 5, PAGE)->type, BAD_PARAMETER);
	assert_int_equal(map_blob(gpu, 5, 0)->type, BAD_RESOURCE);
	assert_int_equal(ctx_attach(gpu, 1, 5)->type, BAD_RESOURCE);
	assert_int_equal(ctx_detach(gpu, 1, 5)->type, BAD_RESOURCE);
	assert_int_equal(unmap_blob(gpu, 5)->type, BAD_RESOURCE);
	assert_int_equal(unref(gpu, 5)->type, BAD_RESOURCE);
}

static void commands_sent_behind_the_creation_wait_for_it_in_order(void **state)
{
	G;
	struct ask *asks[5];

	gpu->scripted.hold[CREATE_BLOB] = true;
	asks[0] = host_blob(gpu, 1, 5, PAGE);
	asks[1] = map_blob(gpu, 5, 0);
	asks[2] = ctx_attach(gpu, 1, 5);
	asks[3] = submit(gpu, 1, "1234", 4);
	asks[4] = unref(gpu, 5);
	assert_int_equal(stats(gpu).stalled, 4);
	assert_int_equal(gpu->scripted.count[SUBMIT], 0);
	answer(&gpu->scripted, CREATE_BLOB, 0);
	assert_int_equal(asks[0]->type, OK);
	assert_int_equal(asks[1]->type, VIRTIO_GPU_RESP_OK_MAP_INFO);
	for (unsigned int i = 2; i < 5; i++)
		assert_int_equal(asks[i]->type, OK);
	for (unsigned int i = 1; i < 5; i++)
		assert_true(asks[i - 1]->place < asks[i]->place || i == 4);
	assert_int_equal(gpu->scripted.count[CONTEXT_DETACH], 1);
	assert_true(window_empty(gpu));
}

static void commands_behind_a_creation_that_fails_are_refused(void **state)
{
	G;
	struct ask *map, *attach;

	gpu->scripted.hold[CREATE_BLOB] = true;
	host_blob(gpu, 1, 5, PAGE);
	map = map_blob(gpu, 5, 0);
	attach = ctx_attach(gpu, 1, 5);
	answer(&gpu->scripted, CREATE_BLOB, -ENOMEM);
	assert_int_equal(map->type, BAD_RESOURCE);
	assert_int_equal(attach->type, BAD_RESOURCE);
}

static void a_slow_creation_holds_up_nobody_else(void **state)
{
	G;
	ctx_create(gpu, 2, SCRIPTED_VENUS);
	gpu->scripted.hold[CREATE_BLOB] = true;
	host_blob(gpu, 1, 5, PAGE);
	assert_int_equal(submit(gpu, 1, "1234", 4)->type, OK);
	assert_int_equal(submit(gpu, 2, "1234", 4)->type, OK);
	assert_int_equal(create_2d(gpu, 6, 4, 4)->type, OK);
	assert_int_equal(unref(gpu, 6)->type, OK);
	answer(&gpu->scripted, CREATE_BLOB, 0);
}

static void many_stalled_commands_are_executed_in_order(void **state)
{
	G;
	struct ask *asks[100];

	gpu->scripted.hold[CREATE_BLOB] = true;
	for (unsigned int i = 0; i < 50; i++)
		host_blob(gpu, 1, 100 + i, PAGE);
	for (unsigned int i = 0; i < 100; i++)
		asks[i] = ctx_attach(gpu, 1, 100 + i % 50);
	assert_int_equal(stats(gpu).stalled, 100);
	/* Each waits for its own resource and for all before it in the context. */
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(asks[i]->type, PENDING);
		answer(&gpu->scripted, CREATE_BLOB, 0);
		assert_int_equal(asks[i]->type, OK);
	}
	for (unsigned int i = 1; i < 100; i++)
		assert_int_equal(asks[i]->place, asks[i - 1]->place + 1 + (i < 50));
}

static void reset_at_each_stage_of_each_operation_forgets_it(void **state)
{
	static const enum called stages[] = {
		CONTEXT_CREATE, SUBMIT,         CREATE_3D, CREATE_BLOB, IMPORT,
		ATTACH_BACKING, DETACH_BACKING, UNREF,     TRANSFER,    PRESENT};
	G;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		unsigned int completions;
		bool held = false;

		gpu->ask_count = 0;
		gpu->scripted.hold[stages[i]] = true;
		ctx_create(gpu, 2, SCRIPTED_VENUS);
		create_2d(gpu, 30, 4, 4);
		create_3d(gpu, 31, 4, 4);
		attach_backing(gpu, 31, 0, (uint32_t)PAGE);
		ctx_attach(gpu, 2, 30);
		submit(gpu, 2, "1234", 4);
		host_blob(gpu, 2, 32, PAGE);
		transfer_3d(gpu, 0, true, 31, box(0, 0, 0, 1, 1, 1), 0, 0);
		set_scanout(gpu, 0, 31, 4, 4);
		flush(gpu, 31, 4, 4);
		detach_backing(gpu, 31);
		unref(gpu, 31);
		held = gpu->scripted.held_count[stages[i]] > 0;
		assert_true(held);
		completions = gpu->completions;
		paragpu_device_reset(gpu->device);
		gpu_accept(gpu);
		assert_int_equal(gpu->completions, completions);
		assert_int_equal(stats(gpu).pending | stats(gpu).stalled | stats(gpu).resources |
					 stats(gpu).contexts | stats(gpu).backing_entries,
				 0);
		gpu->scripted.hold[stages[i]] = false;
	}
}

static void a_renderer_lost_at_each_stage_answers_with_errors(void **state)
{
	static const enum called stages[] = {
		CONTEXT_CREATE, SUBMIT,         CREATE_3D, CREATE_BLOB, IMPORT,
		ATTACH_BACKING, DETACH_BACKING, UNREF,     TRANSFER,    PRESENT};
	G;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		gpu->ask_count = 0;
		gpu->scripted.hold[stages[i]] = true;
		ctx_create(gpu, 2, SCRIPTED_VENUS);
		create_2d(gpu, 30, 4, 4);
		create_3d(gpu, 31, 4, 4);
		attach_backing(gpu, 31, 0, (uint32_t)PAGE);
		ctx_attach(gpu, 2, 30);
		submit(gpu, 2, "1234", 4);
		host_blob(gpu, 2, 32, PAGE);
		transfer_3d(gpu, 0, true, 31, box(0, 0, 0, 1, 1, 1), 0, 0);
		set_scanout(gpu, 0, 31, 4, 4);
		flush(gpu, 31, 4, 4);
		detach_backing(gpu, 31);
		unref(gpu, 31);
		memset(gpu->scripted.held_count, 0, sizeof(gpu->scripted.held_count));
		gpu->scripted.hold[stages[i]] = false;
		paragpu_renderer_lost(&gpu->scripted.base, "test");
		assert_int_equal(stats(gpu).pending, 0);
		for (unsigned int j = 0; j < gpu->ask_count; j++)
			assert_int_equal(gpu->asks[j].completed, 1);
		paragpu_device_reset(gpu->device);
		gpu_accept(gpu);
	}
}

static void image_of_no_context_goes_to_the_renderer_of_virgl(void **state)
{
	G;
	gpu->context = 0;
	assert_int_equal(create_3d(gpu, 5, 64, 32)->type, OK);
	assert_int_equal(gpu->scripted.count[CREATE_3D], 1);
	assert_int_equal(create_3d(gpu, 5, 64, 32)->type, BAD_RESOURCE);
	assert_int_equal(create_3d(gpu, 0, 64, 32)->type, BAD_RESOURCE);
	gpu->context = 99;
	assert_int_equal(create_3d(gpu, 6, 64, 32)->type, BAD_CONTEXT);
}

static void backing_comes_and_goes_with_the_renderer(void **state)
{
	G;
	struct ask *detach;

	create_3d(gpu, 5, 4, 4);
	assert_int_equal(attach_backing(gpu, 5, 0x3000, 64)->type, OK);
	assert_int_equal(gpu->scripted.spans[0].guest_addr, RAM_BASE + 0x3000);
	assert_int_equal(attach_backing(gpu, 5, 0, 64)->type, BAD_PARAMETER);
	gpu->scripted.hold[DETACH_BACKING] = true;
	detach = detach_backing(gpu, 5);
	assert_int_equal(detach->type, PENDING);
	assert_int_equal(stats(gpu).backing_entries, 1);
	answer(&gpu->scripted, DETACH_BACKING, 0);
	assert_int_equal(detach->type, OK);
	assert_int_equal(stats(gpu).backing_entries, 0);
}

static void backing_that_the_renderer_refuses_is_not_kept(void **state)
{
	G;
	create_3d(gpu, 5, 4, 4);
	gpu->scripted.error[ATTACH_BACKING] = -ENOMEM;
	assert_int_equal(attach_backing(gpu, 5, 0, 64)->type, NO_MEMORY);
	assert_int_equal(stats(gpu).backing_entries, 0);
	gpu->scripted.error[ATTACH_BACKING] = 0;
	assert_int_equal(attach_backing(gpu, 5, 0, 64)->type, OK);
}

static void transfer_boxes_must_lie_in_the_level(void **state)
{
	G;
	const uint32_t max = UINT32_MAX;

	create_3d(gpu, 5, 64, 32);
	attach_backing(gpu, 5, 0, 64 * 32 * 4);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(0, 0, 0, 64, 32, 1), 8, 0)->type, OK);
	assert_int_equal(gpu->scripted.transfer.offset, 8);
	assert_int_equal(transfer_3d(gpu, 0, false, 5, box(63, 31, 0, 1, 1, 1), 0, 0)->type, OK);
	assert_false(gpu->scripted.to_host);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(1, 0, 0, 64, 1, 1), 0, 0)->type,
			 BAD_PARAMETER);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(max, 0, 0, 2, 1, 1), 0, 0)->type,
			 BAD_PARAMETER);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(0, 1, 0, 1, max, 1), 0, 0)->type,
			 BAD_PARAMETER);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(0, 0, 1, 1, 1, 1), 0, 0)->type,
			 BAD_PARAMETER);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(0, 0, 0, 1, 1, 0), 0, 0)->type,
			 BAD_PARAMETER);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(0, 0, 0, 1, 1, 1), 0, 1)->type,
			 BAD_PARAMETER);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(0, 0, 0, 1, 1, 1), 0, max)->type,
			 BAD_PARAMETER);
	assert_int_equal(gpu->scripted.count[TRANSFER], 2);
}

static void transfers_need_the_resource_in_their_context(void **state)
{
	G;
	create_3d(gpu, 5, 4, 4);
	attach_backing(gpu, 5, 0, 64);
	assert_int_equal(transfer_3d(gpu, 1, true, 5, box(0, 0, 0, 1, 1, 1), 0, 0)->type,
			 BAD_RESOURCE);
	ctx_attach(gpu, 1, 5);
	assert_int_equal(transfer_3d(gpu, 1, true, 5, box(0, 0, 0, 1, 1, 1), 0, 0)->type, OK);
	assert_int_equal(transfer_3d(gpu, 9, true, 5, box(0, 0, 0, 1, 1, 1), 0, 0)->type,
			 BAD_CONTEXT);
	assert_int_equal(transfer_3d(gpu, 1, true, 9, box(0, 0, 0, 1, 1, 1), 0, 0)->type,
			 BAD_RESOURCE);
}

static void transfers_of_images_of_the_device_work_both_ways(void **state)
{
	G;
	create_2d(gpu, 5, 4, 4);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(0, 0, 0, 4, 4, 1), 0, 0)->type,
			 BAD_PARAMETER);
	attach_backing(gpu, 5, 0, 64);
	memset(gpu->ram, 0x11, 64);
	assert_int_equal(transfer_3d(gpu, 0, true, 5, box(0, 0, 0, 4, 4, 1), 0, 0)->type, OK);
	memset(gpu->ram, 0, 64);
	assert_int_equal(transfer_3d(gpu, 0, false, 5, box(0, 1, 0, 4, 1, 1), 16, 0)->type, OK);
	assert_int_equal(gpu->ram[15] | gpu->ram[32], 0);
	assert_int_equal(gpu->ram[16] & gpu->ram[31], 0x11);
}

static void frames_go_from_the_renderer_to_the_display(void **state)
{
	G;
	struct ask *ask;

	create_3d(gpu, 5, 64, 32);
	gpu->scripted.image_byte = 0x42;
	assert_int_equal(set_scanout(gpu, 0, 5, 64, 32)->type, OK);
	assert_int_equal(gpu->scripted.count[PRESENT], 1);
	assert_non_null(gpu->picture.pixels);
	assert_true(gpu->picture.fd >= 0);
	gpu->scripted.hold[PRESENT] = true;
	gpu->scripted.image_byte = 0x43;
	ask = flush(gpu, 5, 64, 32);
	assert_int_equal(ask->type, PENDING);
	assert_int_equal(gpu->flushes, 0);
	answer(&gpu->scripted, PRESENT, 0);
	assert_int_equal(ask->type, OK);
	assert_int_equal(gpu->flushes, 1);
	assert_int_equal(gpu->first_pixel, 0x43434343);
	gpu->scripted.same_memory = true;
	gpu->scripted.hold[PRESENT] = false;
	assert_int_equal(flush(gpu, 5, 64, 32)->type, OK);
	assert_int_equal(gpu->first_pixel, 0x43434343);
}

static void images_that_do_not_cover_what_is_shown_are_refused(void **state)
{
	G;
	create_3d(gpu, 5, 64, 32);
	gpu->scripted.image_height = 16;
	assert_int_equal(set_scanout(gpu, 0, 5, 64, 32)->type, BAD_PARAMETER);
	gpu->scripted.image_height = 32;
	gpu->scripted.image_stride = 63 * 4;
	assert_int_equal(set_scanout(gpu, 0, 5, 64, 32)->type, BAD_PARAMETER);
	gpu->scripted.image_stride = 64 * 4;
	gpu->scripted.same_memory = true;
	assert_int_equal(set_scanout(gpu, 0, 5, 64, 32)->type, BAD_PARAMETER);
	assert_int_equal(gpu->scanouts, 0);
	gpu->scripted.same_memory = false;
	assert_int_equal(set_scanout(gpu, 0, 5, 64, 32)->type, OK);
}

static void scanouts_that_wait_are_set_in_the_order_of_their_commands(void **state)
{
	G;
	struct ask *slow, *quick;

	create_3d(gpu, 5, 64, 32);
	create_2d(gpu, 6, 64, 32);
	create_2d(gpu, 7, 64, 32);
	gpu->scripted.hold[PRESENT] = true;
	slow = set_scanout(gpu, 0, 5, 64, 32);
	quick = set_scanout(gpu, 0, 6, 64, 32);
	assert_int_equal(quick->type, PENDING);
	assert_int_equal(set_scanout(gpu, 1, 7, 64, 32)->type, OK);
	answer(&gpu->scripted, PRESENT, 0);
	assert_int_equal(slow->type, OK);
	assert_int_equal(quick->type, OK);
	assert_true(slow->place < quick->place);
}

static void heads_keep_the_last_picture_of_a_lost_renderer(void **state)
{
	G;
	struct paragpu_picture picture;

	create_3d(gpu, 5, 64, 32);
	gpu->scripted.image_byte = 0x42;
	set_scanout(gpu, 0, 5, 64, 32);
	paragpu_renderer_lost(&gpu->scripted.base, "test");
	assert_int_equal(gpu->offs, 2); /* as at attachment */
	assert_true(paragpu_display_picture(&gpu->display, 0, &picture));
	assert_int_equal(picture.pixels[0], 0x42);
	assert_int_equal(flush(gpu, 5, 64, 32)->type, OK);
	assert_int_equal(gpu->first_pixel, 0x42424242);
	assert_int_equal(unref(gpu, 5)->type, OK);
	assert_int_equal(gpu->offs, 3);
}

static void flush_of_a_resource_that_goes_meanwhile_is_fine(void **state)
{
	G;
	struct ask *slow, *gone;

	create_3d(gpu, 5, 64, 32);
	set_scanout(gpu, 0, 5, 64, 32);
	gpu->scripted.hold[PRESENT] = true;
	slow = flush(gpu, 5, 64, 32);
	gone = unref(gpu, 5);
	assert_int_equal(gone->type, OK);
	answer(&gpu->scripted, PRESENT, 0);
	assert_int_equal(slow->type, OK);
	assert_int_equal(gpu->flushes, 0);
}

static void blobs_of_the_host_are_shown_from_their_file(void **state)
{
	G;
	host_blob(gpu, 1, 5, 64 * 32 * 4);
	assert_int_equal(set_scanout_blob(gpu, 0, 5, 64, 32)->type, OK);
	assert_int_equal(gpu->scripted.count[PRESENT], 0);
	assert_true(gpu->picture.fd >= 0);
	assert_int_equal(flush(gpu, 5, 64, 32)->type, OK);
	assert_memory_equal(&gpu->first_pixel, "blob", 4);
	assert_int_equal(set_scanout_blob(gpu, 0, 5, 64, 33)->type, BAD_PARAMETER);
}

static void blobs_whose_memory_stays_are_presented(void **state)
{
	G;
	gpu->scripted.no_file = true;
	host_blob(gpu, 1, 5, 64 * 32 * 4);
	gpu->scripted.image_width = 64;
	gpu->scripted.image_height = 32;
	gpu->scripted.image_stride = 300;
	gpu->scripted.image_byte = 9;
	assert_int_equal(set_scanout_blob(gpu, 0, 5, 64, 32)->type, OK);
	assert_int_equal(gpu->picture.stride, 300);
	assert_int_equal(flush(gpu, 5, 64, 32)->type, OK);
	assert_int_equal(gpu->first_pixel, 0x09090909);
}

static void a_pointer_is_read_out_of_the_renderer(void **state)
{
	G;
	struct virtio_gpu_update_cursor command = {.resource_id = pg_to_le32(5)};

	create_3d(gpu, 5, 64, 64);
	gpu->scripted.image_byte = 0x77;
	assert_int_equal(
		start(gpu, VIRTIO_GPU_CMD_UPDATE_CURSOR, &command, sizeof(command), NULL, 0)->type,
		OK);
	assert_int_equal(gpu->cursor_pixel, 0x77777777);
}

static void memory_is_exported_by_uuid_only_across_devices(void **state)
{
	G;
	struct virtio_gpu_resource_assign_uuid command = {.resource_id = pg_to_le32(5)};
	struct paragpu_export memory;
	struct ask *ask;

	create_blob(gpu, 1, 5, HOST3D, VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE, 0, PAGE, NULL, 0);
	ask = start(gpu, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, &command, sizeof(command), NULL, 0);
	assert_int_equal(paragpu_device_export(gpu->device, ask->response.uuid.uuid, &memory), 0);
	assert_int_equal(memory.size, PAGE);
	assert_true(memory.fd >= 0);
	close(memory.fd);
	host_blob(gpu, 1, 6, PAGE);
	command = (struct virtio_gpu_resource_assign_uuid){.resource_id = pg_to_le32(6)};
	ask = start(gpu, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, &command, sizeof(command), NULL, 0);
	assert_int_equal(paragpu_device_export(gpu->device, ask->response.uuid.uuid, &memory),
			 -ENOENT);
}

static void a_removed_renderer_takes_its_capsets_along(void **state)
{
	G;
	struct virtio_gpu_config config;

	paragpu_device_remove_renderer(gpu->device, &gpu->scripted.base);
	paragpu_device_read_config(gpu->device, 0, &config, sizeof(config));
	assert_int_equal(pg_from_le32(config.num_capsets), 1);
	assert_int_equal(submit(gpu, 1, "1234", 4)->type, UNSPEC);
	assert_int_equal(ctx_create(gpu, 2, SCRIPTED_VENUS)->type, BAD_PARAMETER);
	assert_null(gpu->scripted.memory);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, gpu_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(blob_of_an_unknown_context_names_the_context),
		RULE(blob_ids_in_use_are_refused_and_kept),
		RULE(blob_parameters_out_of_range_are_invalid),
		RULE(blob_of_host_and_guest_brings_its_pages),
		RULE(blob_of_host_alone_takes_no_pages_later),
		RULE(blob_larger_than_its_memory_is_refused_and_unreffed),
		RULE(blob_larger_than_its_file_is_refused),
		RULE(blob_that_fails_leaves_nothing_and_all_that_follows_is_put_up_with),
		RULE(commands_sent_behind_the_creation_wait_for_it_in_order),
		RULE(commands_behind_a_creation_that_fails_are_refused),
		RULE(a_slow_creation_holds_up_nobody_else),
		RULE(many_stalled_commands_are_executed_in_order),
		RULE(reset_at_each_stage_of_each_operation_forgets_it),
		RULE(a_renderer_lost_at_each_stage_answers_with_errors),
		RULE(image_of_no_context_goes_to_the_renderer_of_virgl),
		RULE(backing_comes_and_goes_with_the_renderer),
		RULE(backing_that_the_renderer_refuses_is_not_kept),
		RULE(transfer_boxes_must_lie_in_the_level),
		RULE(transfers_need_the_resource_in_their_context),
		RULE(transfers_of_images_of_the_device_work_both_ways),
		RULE(frames_go_from_the_renderer_to_the_display),
		RULE(images_that_do_not_cover_what_is_shown_are_refused),
		RULE(scanouts_that_wait_are_set_in_the_order_of_their_commands),
		RULE(heads_keep_the_last_picture_of_a_lost_renderer),
		RULE(flush_of_a_resource_that_goes_meanwhile_is_fine),
		RULE(blobs_of_the_host_are_shown_from_their_file),
		RULE(blobs_whose_memory_stays_are_presented),
		RULE(a_pointer_is_read_out_of_the_renderer),
		RULE(memory_is_exported_by_uuid_only_across_devices),
		RULE(a_removed_renderer_takes_its_capsets_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
