/* SPDX-License-Identifier: MIT */
/* Requests of any shape: split anywhere, too short, too long, with little or no room to answer. */
#include <stdlib.h>

#include "harness.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static struct virtio_gpu_resource_create_2d make_create(uint32_t id)
{
	return (struct virtio_gpu_resource_create_2d){
		.hdr = {.type = pg_to_le32(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
			.flags = pg_to_le32(VIRTIO_GPU_FLAG_FENCE),
			.fence_id = pg_to_le64(UINT64_C(0x123456789abcdef0)),
			.ctx_id = pg_to_le32(5)},
		.resource_id = pg_to_le32(id),
		.format = pg_to_le32(BGRX),
		.width = pg_to_le32(8),
		.height = pg_to_le32(8),
	};
}

static void a_request_may_be_split_anywhere(void **state)
{
	struct harness *harness = *state;
	uint32_t id = 1;

	for (size_t size = 1; size <= 40; size++, id++) {
		struct virtio_gpu_resource_create_2d command = make_create(id);
		struct iovec readable[40], writable[24];
		uint8_t response[24];
		struct ask ask = {0};
		size_t count = 0, room = 0;

		for (size_t at = 0; at < 40; at += size)
			readable[count++] = (struct iovec){(uint8_t *)&command + at,
							   40 - at < size ? 40 - at : size};
		for (size_t at = 0; at < 24; at += size)
			writable[room++] =
				(struct iovec){response + at, 24 - at < size ? 24 - at : size};
		ask.request = (struct paragpu_request){
			.readable = readable,
			.readable_count = count,
			.writable = writable,
			.writable_count = room,
		};
		paragpu_device_submit(harness->device, &ask.request);
		assert_int_equal(ask.completed, 1);
		assert_int_equal(ask.written, 24);
		memcpy(&ask.response, response, 24);
		assert_int_equal(response_type(&ask), OK);
		assert_int_equal(pg_from_le64(ask.response.hdr.fence_id),
				 UINT64_C(0x123456789abcdef0));
		assert_int_equal(pg_from_le32(ask.response.hdr.ctx_id), 5);
	}
}

static void entries_may_be_split_anywhere(void **state)
{
	struct harness *harness = *state;
	struct virtio_gpu_mem_entry entries[600];
	struct virtio_gpu_resource_create_blob command = {
		.hdr.type = pg_to_le32(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB),
		.blob_mem = pg_to_le32(VIRTIO_GPU_BLOB_MEM_GUEST),
		.nr_entries = pg_to_le32(600),
		.size = pg_to_le64(600 * 4096),
	};
	uint8_t bytes[sizeof(command) + sizeof(entries)];
	struct iovec readable[sizeof(bytes)];

	for (uint32_t i = 0; i < 600; i++)
		entries[i] = entry((599 - i) * 8192, 4096);
	for (size_t size = 1; size < 5000; size = size * 3 + 1) {
		struct paragpu_resource_info info;
		struct ask ask = {0};
		size_t count = 0;

		command.resource_id = pg_to_le32((uint32_t)size);
		memcpy(bytes, &command, sizeof(command));
		memcpy(bytes + sizeof(command), entries, sizeof(entries));
		for (size_t at = 0; at < sizeof(bytes); at += size)
			readable[count++] = (struct iovec){
				bytes + at, sizeof(bytes) - at < size ? sizeof(bytes) - at : size};
		ask.writable = (struct iovec){&ask.response, 24};
		ask.request = (struct paragpu_request){
			.readable = readable,
			.readable_count = count,
			.writable = &ask.writable,
			.writable_count = 1,
		};
		paragpu_device_submit(harness->device, &ask.request);
		assert_int_equal(response_type(&ask), OK);
		assert_true(
			paragpu_device_next_resource(harness->device, (uint32_t)size - 1, &info));
		assert_int_equal(info.id, size);
		assert_int_equal(info.backing_entries, 600);
	}
}

static void every_command_refuses_a_short_fixed_part(void **state)
{
	struct harness *harness = *state;
	uint64_t before = harness_state(harness);

	for (unsigned int i = 0; i < PG_COMMAND_COUNT; i++) {
		const struct pg_command *known = pg_command_at(i);
		bool here = !(known->features & ~ALL_FEATURES) &&
			    known->code != VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB &&
			    known->code != VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB;

		for (size_t size = 24; size < known->request_size; size++) {
			uint8_t command[PG_REQUEST_FIXED_MAX] = {0};

			assert_int_equal(
				harness_command(harness, known->code, command, size, NULL, 0),
				here ? BAD_PARAMETER : UNSPEC);
			assert_int_equal(harness->ask.written, 24);
		}
	}
	assert_true(harness_state(harness) == before);
}

static void a_short_header_is_answered(void **state)
{
	struct virtio_gpu_resource_create_2d command = make_create(1);
	struct harness *harness = *state;
	struct paragpu_stats stats;

	for (size_t size = 0; size < 24; size++) {
		harness_submit(harness, &harness->ask, PARAGPU_QUEUE_CONTROL, &command, size, NULL,
			       0);
		assert_int_equal(harness->ask.completed, 1);
		assert_int_equal(response_type(&harness->ask), UNSPEC);
		assert_int_equal(pg_from_le32(harness->ask.response.hdr.flags), 0);
	}
	paragpu_device_get_stats(harness->device, &stats);
	assert_int_equal(stats.malformed, 24);
	assert_int_equal(stats.resources, 0);
}

static void surplus_bytes_are_no_harm(void **state)
{
	struct virtio_gpu_resource_create_2d command = make_create(1);
	static const uint8_t more[10000];
	struct harness *harness = *state;

	harness_submit(harness, &harness->ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command),
		       more, sizeof(more));
	assert_int_equal(response_type(&harness->ask), OK);
}

static void a_response_is_cut_to_its_room(void **state)
{
	struct virtio_gpu_ctrl_hdr command = {.type = pg_to_le32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	struct harness *harness = *state;

	for (size_t room = 0; room <= 500; room++) {
		struct iovec readable = {&command, sizeof(command)};
		uint8_t buffer[500];
		struct iovec writable = {buffer, room};
		struct ask ask = {0};

		memset(buffer, 0xee, sizeof(buffer));
		ask.request = (struct paragpu_request){
			.readable = &readable,
			.readable_count = 1,
			.writable = &writable,
			.writable_count = room ? 1 : 0,
		};
		paragpu_device_submit(harness->device, &ask.request);
		assert_int_equal(ask.completed, 1);
		assert_int_equal(ask.written, room < 408 ? room : 408);
		if (room < 500)
			assert_int_equal(buffer[room], 0xee);
	}
}

static void without_room_a_command_is_still_executed(void **state)
{
	struct virtio_gpu_resource_create_2d command = make_create(1);
	struct iovec readable = {&command, sizeof(command)};
	struct harness *harness = *state;
	struct paragpu_stats stats;
	struct ask ask = {0};

	ask.request = (struct paragpu_request){.readable = &readable, .readable_count = 1};
	paragpu_device_submit(harness->device, &ask.request);
	assert_int_equal(ask.completed, 1);
	assert_int_equal(ask.written, 0);
	paragpu_device_get_stats(harness->device, &stats);
	assert_int_equal(stats.resources, 1);
}

static void cursor_commands_work_on_both_queues_others_on_theirs(void **state)
{
	struct virtio_gpu_resource_create_2d create = make_create(1);
	struct virtio_gpu_update_cursor move = {
		.hdr.type = pg_to_le32(VIRTIO_GPU_CMD_MOVE_CURSOR),
		.pos = {.x = pg_to_le32(7), .y = pg_to_le32((uint32_t)-7)},
	};
	struct harness *harness = *state;

	harness_submit(harness, &harness->ask, PARAGPU_QUEUE_CONTROL, &move, sizeof(move), NULL, 0);
	assert_int_equal(response_type(&harness->ask), OK);
	assert_int_equal(harness->display.cursor.y, -7);
	harness_submit(harness, &harness->ask, PARAGPU_QUEUE_CURSOR, &create, sizeof(create), NULL,
		       0);
	assert_int_equal(response_type(&harness->ask), UNSPEC);
	assert_int_equal(pg_from_le32(harness->ask.response.hdr.flags), VIRTIO_GPU_FLAG_FENCE);
	assert_int_equal(unref(harness, 1), BAD_RESOURCE);
}

static void without_a_fence_the_header_is_bare(void **state)
{
	struct virtio_gpu_resource_create_2d command = make_create(1);
	struct harness *harness = *state;

	command.hdr.flags = pg_to_le32(VIRTIO_GPU_FLAG_INFO_RING_IDX | 0xfff0);
	command.hdr.ring_idx = 9;
	harness_submit(harness, &harness->ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command),
		       NULL, 0);
	assert_int_equal(response_type(&harness->ask), OK);
	assert_int_equal(pg_from_le32(harness->ask.response.hdr.flags), 0);
	assert_int_equal(pg_from_le64(harness->ask.response.hdr.fence_id), 0);
	assert_int_equal(harness->ask.response.hdr.ring_idx, 0);
	assert_int_equal(harness->ask.response.hdr.padding[0], 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_request_may_be_split_anywhere),
		TEST(entries_may_be_split_anywhere),
		TEST(every_command_refuses_a_short_fixed_part),
		TEST(a_short_header_is_answered),
		TEST(surplus_bytes_are_no_harm),
		TEST(a_response_is_cut_to_its_room),
		TEST(without_room_a_command_is_still_executed),
		TEST(cursor_commands_work_on_both_queues_others_on_theirs),
		TEST(without_a_fence_the_header_is_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
