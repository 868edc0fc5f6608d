/* SPDX-License-Identifier: MIT */
/* The device as such: settings, configuration space, limits, reset, inspection, trace. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static void refuse(const struct paragpu_settings *settings)
{
	struct paragpu_device *device = NULL;
	const char *problem = NULL;

	assert_int_equal(paragpu_device_create(settings, &device, &problem), -EINVAL);
	assert_non_null(problem);
	assert_int_equal(problem[strlen(problem) - 1], '.');
	assert_int_equal(paragpu_device_create(settings, &device, NULL), -EINVAL);
	assert_null(device);
}

static void settings_out_of_range_are_refused_with_a_sentence(void **state)
{
	struct harness harness;
	struct paragpu_settings *settings = &harness.settings;

	(void)state;
#define REFUSE(change)                  \
	do {                            \
		harness_init(&harness); \
		change;                 \
		refuse(settings);       \
	} while (0)
	REFUSE(settings->host.complete = NULL);
	REFUSE(settings->head_count = 0);
	REFUSE(settings->head_count = 17);
	REFUSE(settings->features = PG_F(CONTEXT_INIT));
	REFUSE(settings->features |= UINT64_C(1) << 23);
	REFUSE(settings->features = PG_F(BLOB_ALIGNMENT));
	REFUSE(settings->blob_alignment = 0);
	REFUSE(settings->blob_alignment = 4097);
	REFUSE(settings->heads[1].width = 0);
	REFUSE(settings->heads[1].height = 65536);
	REFUSE(memset(settings->heads[0].name, 'x', sizeof(settings->heads[0].name)));
}

static void defaults_are_what_the_header_says(void **state)
{
	struct paragpu_settings settings;

	(void)state;
	paragpu_settings_init(&settings);
	assert_true(settings.features == (ALL_FEATURES | PG_F(VIRGL) | PG_F(CONTEXT_INIT)));
	assert_int_equal(settings.head_count, 1);
	assert_int_equal(settings.heads[0].width, 1280);
	assert_true(settings.heads[0].connected);
	assert_false(settings.heads[1].connected);
	assert_int_equal(settings.blob_alignment, sysconf(_SC_PAGESIZE));
	assert_int_equal(settings.limits.resources, 131072);
	assert_null(settings.host.complete);
	assert_string_equal(paragpu_version(), "0.1.0");
}

static uint32_t config_word(struct harness *harness, size_t offset)
{
	le32 value;

	paragpu_device_read_config(harness->device, offset, &value, sizeof(value));
	return pg_from_le32(value);
}

static void the_configuration_space_is_that_of_the_specification(void **state)
{
	struct harness *harness = *state;
	uint8_t bytes[40], part[3];

	assert_int_equal(paragpu_device_config_size(harness->device), 20);
	assert_int_equal(config_word(harness, 0), 0);
	assert_int_equal(config_word(harness, 4), 0);
	assert_int_equal(config_word(harness, 8), 2);
	assert_int_equal(config_word(harness, 12), 0);
	assert_int_equal(config_word(harness, 16), sysconf(_SC_PAGESIZE));
	/* any size and offset; zeroes beyond */
	memset(bytes, 0xee, sizeof(bytes));
	paragpu_device_read_config(harness->device, 0, bytes, sizeof(bytes));
	assert_int_equal(bytes[8], 2);
	assert_int_equal(bytes[20], 0);
	assert_int_equal(bytes[39], 0);
	paragpu_device_read_config(harness->device, 7, part, 3);
	assert_int_equal(part[1], 2);
	paragpu_device_read_config(harness->device, SIZE_MAX, part, 3);
	assert_int_equal(part[1], 0);
}

static void a_changed_head_raises_an_event_until_cleared(void **state)
{
	struct paragpu_head head = {.connected = true, .x = 5, .width = 800, .height = 600};
	struct virtio_gpu_ctrl_hdr ask = {0};
	struct harness *harness = *state;
	const le32 one = pg_to_le32(1);
	uint8_t all[20] = {0};

	assert_int_equal(paragpu_device_set_head(harness->device, 2, &head), -EINVAL);
	assert_int_equal(paragpu_device_set_head(harness->device, 1, &head), 0);
	assert_int_equal(harness->config_changes, 1);
	assert_int_equal(config_word(harness, 0), 1);
	/* only events_clear takes a write */
	paragpu_device_write_config(harness->device, 0, &one, 4);
	paragpu_device_write_config(harness->device, 8, &one, 4);
	paragpu_device_write_config(harness->device, SIZE_MAX, &one, 4);
	assert_int_equal(config_word(harness, 0), 1);
	assert_int_equal(config_word(harness, 8), 2);
	paragpu_device_write_config(harness->device, 5, all, 3);
	assert_int_equal(config_word(harness, 0), 1);
	/* as a whole block, as some front ends do it */
	all[4] = 1;
	paragpu_device_write_config(harness->device, 0, all, 20);
	assert_int_equal(config_word(harness, 0), 0);
	assert_int_equal(config_word(harness, 4), 0);
	assert_int_equal(harness_command(harness, VIRTIO_GPU_CMD_GET_DISPLAY_INFO, &ask,
					 sizeof(ask), NULL, 0),
			 VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(harness->ask.written, 408);
	assert_int_equal(pg_from_le32(harness->ask.response.info.pmodes[1].r.x), 5);
	assert_int_equal(pg_from_le32(harness->ask.response.info.pmodes[1].r.width), 800);
	assert_int_equal(pg_from_le32(harness->ask.response.info.pmodes[1].enabled), 1);
	assert_int_equal(pg_from_le32(harness->ask.response.info.pmodes[2].r.width), 0);
	head.width = 0;
	assert_int_equal(paragpu_device_set_head(harness->device, 1, &head), -EINVAL);
	assert_int_equal(paragpu_device_get_head(harness->device, 1, &head), 0);
	assert_int_equal(head.width, 800);
	assert_int_equal(paragpu_device_get_head(harness->device, 2, &head), -EINVAL);
}

static void features_not_offered_are_ignored(void **state)
{
	struct virtio_gpu_cmd_get_edid edid = {0};
	struct harness harness;

	(void)state;
	harness_init(&harness);
	harness.settings.features = PG_F(RESOURCE_BLOB);
	harness_start(&harness);
	assert_true(paragpu_device_features(harness.device) == PG_F(RESOURCE_BLOB));
	paragpu_device_accept_features(harness.device, UINT64_MAX);
	assert_int_equal(
		harness_command(&harness, VIRTIO_GPU_CMD_GET_EDID, &edid, sizeof(edid), NULL, 0),
		UNSPEC);
	assert_int_equal(create_blob(&harness, 1, 5, NULL, 0), OK);
	harness_stop(&harness);
}

static void limits_are_out_of_memory_and_given_back(void **state)
{
	struct virtio_gpu_mem_entry pages[8];
	struct harness harness;
	struct paragpu_stats stats;

	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		pages[i] = entry(i * 8192, 4096);
	harness_init(&harness);
	harness.settings.limits.resources = 3;
	harness.settings.limits.host_bytes = 10000;
	harness.settings.limits.backing_entries = 6;
	harness.settings.limits.total_entries = 8;
	harness_start(&harness);
	for (int round = 0; round < 1000; round++) {
		/* bytes */
		assert_int_equal(create_2d(&harness, 1, BGRX, 50, 50), OK);
		assert_int_equal(create_2d(&harness, 2, BGRX, 1, 1), NO_MEMORY);
		assert_int_equal(unref(&harness, 1), OK);
		assert_int_equal(create_2d(&harness, 1, BGRX, 2501, 1), NO_MEMORY);
		/* resources */
		for (uint32_t id = 1; id <= 3; id++)
			assert_int_equal(create_2d(&harness, id, BGRX, 5, 5), OK);
		assert_int_equal(create_2d(&harness, 4, BGRX, 5, 5), NO_MEMORY);
		assert_int_equal(create_blob(&harness, 4, 5, pages, 1), NO_MEMORY);
		/* entries */
		assert_int_equal(attach(&harness, 1, pages, 7), NO_MEMORY);
		assert_int_equal(attach(&harness, 1, pages, 6), OK);
		assert_int_equal(attach(&harness, 2, pages, 3), NO_MEMORY);
		assert_int_equal(attach(&harness, 2, pages, 2), OK);
		assert_int_equal(attach(&harness, 3, pages, 1), NO_MEMORY);
		assert_int_equal(detach(&harness, 1), OK);
		assert_int_equal(attach(&harness, 3, pages, 6), OK);
		for (uint32_t id = 1; id <= 3; id++)
			assert_int_equal(unref(&harness, id), OK);
		paragpu_device_get_stats(harness.device, &stats);
		assert_int_equal(stats.resources, 0);
		assert_int_equal(stats.host_bytes, 0);
		assert_int_equal(stats.backing_entries, 0);
	}
	harness_stop(&harness);
}

static void reset_gives_everything_back(void **state)
{
	const struct virtio_gpu_mem_entry all = entry(0, 64 * 64 * 4);
	struct virtio_gpu_cmd_get_edid edid = {0};
	struct harness *harness = *state;
	struct paragpu_scanout_info info;
	struct paragpu_head head = {.connected = true, .width = 800, .height = 600};
	struct paragpu_stats stats;

	for (int round = 0; round < 3; round++) {
		assert_int_equal(create_2d(harness, 1, BGRX, 64, 64), OK);
		assert_int_equal(attach(harness, 1, &all, 1), OK);
		assert_int_equal(set_scanout(harness, 0, 1, rect(0, 0, 64, 64)), OK);
		assert_int_equal(create_blob(harness, 2, 16384, &all, 1), OK);
		assert_int_equal(
			set_scanout_blob(harness, 1, 2, 64, 64, BGRX, 256, 0, rect(0, 0, 64, 64)),
			OK);
		assert_int_equal(update_cursor(harness, 0, 1, 5, 5, 0, 0), OK);
		assert_int_equal(paragpu_device_set_head(harness->device, 0, &head), 0);
		harness->display.offs = 0;
		paragpu_device_reset(harness->device);
		paragpu_device_reset(harness->device);
		assert_int_equal(harness->display.offs, 2);
		assert_false(harness->display.cursor.visible);
		paragpu_device_get_stats(harness->device, &stats);
		assert_int_equal(stats.resources, 0);
		assert_int_equal(stats.host_bytes, 0);
		assert_int_equal(stats.backing_entries, 0);
		assert_int_equal(stats.resets, 2 * round + 2);
		assert_int_equal(config_word(harness, 0), 0);
		for (uint32_t index = 0; index < 2; index++) {
			assert_true(paragpu_device_get_scanout(harness->device, index, &info));
			assert_false(info.enabled);
		}
		/* features are gone, modes are not */
		assert_int_equal(harness_command(harness, VIRTIO_GPU_CMD_GET_EDID, &edid,
						 sizeof(edid), NULL, 0),
				 UNSPEC);
		assert_int_equal(paragpu_device_get_head(harness->device, 0, &head), 0);
		assert_int_equal(head.width, 800);
		paragpu_device_accept_features(harness->device, ALL_FEATURES);
	}
}

static void resources_are_walked_in_order_of_their_numbers(void **state)
{
	struct harness *harness = *state;
	struct paragpu_resource_info info = {0};
	uint32_t count = 0, last = 0;

	for (uint32_t i = 1; i <= 5000; i++)
		assert_int_equal(create_2d(harness, i * 2654435761u, BGRX, 1, 1), OK);
	for (; paragpu_device_next_resource(harness->device, last, &info); last = info.id) {
		assert_true(info.id > last);
		assert_int_equal(info.width, 1);
		count++;
	}
	assert_int_equal(count, 5000);
	for (uint32_t i = 1; i <= 5000; i += 2)
		assert_int_equal(unref(harness, i * 2654435761u), OK);
	for (count = 0, last = 0; paragpu_device_next_resource(harness->device, last, &info);
	     last = info.id)
		count++;
	assert_int_equal(count, 2500);
	assert_false(paragpu_device_next_resource(harness->device, 0xffffffff, &info));
}

static void the_trace_names_everything(void **state)
{
	struct harness *harness = *state;
	struct virtio_gpu_ctrl_hdr unknown = {0};
	const char *end;

	assert_int_equal(create_2d(harness, 7, BGRX, 640, 480), OK);
	assert_non_null(strstr(harness->trace, "RESOURCE_CREATE_2D resource=7 format=B8G8R8X8 "
					       "width=640 height=480 -> OK_NODATA "));
	harness->fence = 12;
	assert_int_equal(flush(harness, 7, rect(1, 2, 3, 4)), OK);
	assert_non_null(
		strstr(harness->trace, "RESOURCE_FLUSH resource=7 rect=3x4+1+2 fence=12 -> "));
	harness->fence = 0;
	assert_int_equal(move_cursor(harness, 1, -5, -7), OK);
	assert_non_null(strstr(harness->trace, "MOVE_CURSOR scanout=1 x=-5 y=-7 -> "));
	assert_int_equal(harness_command(harness, 0x2ff, &unknown, sizeof(unknown), NULL, 0),
			 UNSPEC);
	assert_non_null(strstr(harness->trace, "0x02ff -> ERR_UNSPEC "));
	end = harness->trace + strlen(harness->trace) - 2;
	assert_string_equal(end, "us");
	harness_submit(harness, &harness->ask, PARAGPU_QUEUE_CURSOR, "abc", 3, NULL, 0);
	assert_non_null(strstr(harness->trace, "(no header, 3 bytes)"));
	harness_command(harness, VIRTIO_GPU_CMD_SET_SCANOUT, &unknown, sizeof(unknown), NULL, 0);
	assert_non_null(strstr(harness->trace, "SET_SCANOUT (short, 24 bytes) -> "
					       "ERR_INVALID_PARAMETER"));
	assert_int_equal(harness->traces, 6);
}

static void a_trace_line_fits_any_buffer(void **state)
{
	uint8_t request[PG_REQUEST_FIXED_MAX];
	char line[512], part[512];

	(void)state;
	memset(request, 0xff, sizeof(request));
	for (unsigned int i = 0; i < PG_COMMAND_COUNT; i++) {
		const struct pg_command *command = pg_command_at(i);
		const le32 type = pg_to_le32(command->code);
		struct paragpu_trace trace = {
			.duration_ns = UINT64_MAX,
			.response = 0xdead,
			.request = request,
			.request_size = command->request_size,
		};
		size_t length;

		memcpy(request, &type, sizeof(type));
		length = paragpu_trace_format(&trace, line, sizeof(line));
		assert_int_equal(length, strlen(line));
		assert_memory_equal(line, command->name, strlen(command->name));
		for (size_t size = 0; size <= length + 1; size++) {
			memset(part, 0x7f, sizeof(part));
			assert_int_equal(paragpu_trace_format(&trace, part, size), length);
			assert_int_equal(part[size], 0x7f);
			if (size) {
				assert_int_equal(strlen(part),
						 size - 1 < length ? size - 1 : length);
				assert_memory_equal(part, line, strlen(part));
			}
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_out_of_range_are_refused_with_a_sentence),
		cmocka_unit_test(defaults_are_what_the_header_says),
		TEST(the_configuration_space_is_that_of_the_specification),
		TEST(a_changed_head_raises_an_event_until_cleared),
		cmocka_unit_test(features_not_offered_are_ignored),
		cmocka_unit_test(limits_are_out_of_memory_and_given_back),
		TEST(reset_gives_everything_back),
		TEST(resources_are_walked_in_order_of_their_numbers),
		TEST(the_trace_names_everything),
		cmocka_unit_test(a_trace_line_fits_any_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
