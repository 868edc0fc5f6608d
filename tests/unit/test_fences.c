/* SPDX-License-Identifier: MIT */
/* Requests that wait: for displays, for answers, behind fences; and what reset does to them. */
#include <stdlib.h>

#include "device/device.h"
#include "device/request.h"
#include "harness.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static void start(struct harness *harness)
{
	assert_int_equal(create_2d(harness, 1, BGRX, 64, 64), OK);
	assert_int_equal(set_scanout(harness, 0, 1, rect(0, 0, 64, 64)), OK);
	harness->display.hold = true;
	harness->completions = 0;
}

static void submit_flush(struct harness *harness, struct ask *ask, uint64_t fence)
{
	struct virtio_gpu_resource_flush command = {
		.hdr = {.type = pg_to_le32(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
			.flags = pg_to_le32(fence ? VIRTIO_GPU_FLAG_FENCE : 0),
			.fence_id = pg_to_le64(fence)},
		.r = {.width = pg_to_le32(64), .height = pg_to_le32(64)},
		.resource_id = pg_to_le32(1),
	};

	harness_submit(harness, ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command), NULL, 0);
}

/* A quick command: an error if `id` is none. */
static void submit_unref(struct harness *harness, struct ask *ask, uint64_t fence, uint32_t id)
{
	struct virtio_gpu_resource_unref command = {
		.hdr = {.type = pg_to_le32(VIRTIO_GPU_CMD_RESOURCE_UNREF),
			.flags = pg_to_le32(fence ? VIRTIO_GPU_FLAG_FENCE : 0),
			.fence_id = pg_to_le64(fence)},
		.resource_id = pg_to_le32(id),
	};

	harness_submit(harness, ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command), NULL, 0);
}

static void a_held_flush_completes_with_its_last_hold(void **state)
{
	struct harness *harness = *state;
	struct paragpu_stats stats;
	struct ask ask;

	start(harness);
	/* two heads: two holds of one flush */
	assert_int_equal(set_scanout(harness, 1, 1, rect(0, 0, 8, 8)), OK);
	submit_flush(harness, &ask, 5);
	assert_int_equal(harness->display.held_count, 2);
	assert_int_equal(ask.completed, 0);
	paragpu_device_get_stats(harness->device, &stats);
	assert_int_equal(stats.pending, 1);
	paragpu_flush_release(harness->display.held[0]);
	assert_int_equal(ask.completed, 0);
	paragpu_flush_release(harness->display.held[1]);
	assert_int_equal(ask.completed, 1);
	assert_int_equal(response_type(&ask), OK);
	assert_int_equal(pg_from_le64(ask.response.hdr.fence_id), 5);
	paragpu_device_get_stats(harness->device, &stats);
	assert_int_equal(stats.pending, 0);
}

static void errors_and_quick_commands_queue_behind_earlier_fences(void **state)
{
	struct harness *harness = *state;
	struct ask first, error, quick, second, free_one;

	start(harness);
	submit_flush(harness, &first, 1);
	submit_unref(harness, &error, 2, 999);
	submit_flush(harness, &second, 3);
	assert_int_equal(create_2d(harness, 2, BGRX, 4, 4), OK); /* no fence: at once */
	submit_unref(harness, &quick, 4, 2);
	submit_unref(harness, &free_one, 0, 999);
	assert_int_equal(free_one.completed, 1);
	assert_int_equal(first.completed + error.completed + second.completed + quick.completed, 0);
	/* the second is done first, but waits its turn */
	paragpu_flush_release(harness->display.held[1]);
	assert_int_equal(second.completed, 0);
	paragpu_flush_release(harness->display.held[0]);
	assert_int_equal(first.place + 1, error.place);
	assert_int_equal(error.place + 1, second.place);
	assert_int_equal(second.place + 1, quick.place);
	assert_int_equal(response_type(&error), BAD_RESOURCE);
	assert_int_equal(pg_from_le64(error.response.hdr.fence_id), 2);
	assert_int_equal(response_type(&quick), OK);
}

static void without_a_fence_a_held_flush_blocks_nobody(void **state)
{
	struct harness *harness = *state;
	struct ask held, fenced;

	start(harness);
	submit_flush(harness, &held, 0);
	submit_unref(harness, &fenced, 9, 999);
	assert_int_equal(fenced.completed, 1);
	assert_int_equal(held.completed, 0);
	paragpu_flush_release(harness->display.held[0]);
	assert_int_equal(held.completed, 1);
}

static void a_fence_on_the_cursor_queue_is_completed(void **state)
{
	struct harness *harness = *state;

	harness->fence = 3;
	assert_int_equal(move_cursor(harness, 0, 1, 1), OK);
	assert_int_equal(pg_from_le64(harness->ask.response.hdr.fence_id), 3);
}

static void reset_forgets_held_requests_and_their_holds_stay_valid(void **state)
{
	struct harness *harness = *state;
	struct paragpu_stats stats;
	struct ask first, second, third;

	start(harness);
	submit_flush(harness, &first, 1);
	submit_unref(harness, &second, 2, 999);
	submit_flush(harness, &third, 0);
	paragpu_device_reset(harness->device);
	assert_int_equal(harness->completions, 0);
	paragpu_device_get_stats(harness->device, &stats);
	assert_int_equal(stats.pending, 0);
	assert_int_equal(stats.resources, 0);
	assert_int_equal(stats.host_bytes, 0);
	assert_int_equal(stats.resets, 1);
	paragpu_flush_release(harness->display.held[0]);
	paragpu_flush_release(harness->display.held[1]);
	assert_int_equal(harness->completions, 0);
	/* and goes on */
	paragpu_device_accept_features(harness->device, ALL_FEATURES);
	start(harness);
	harness->display.held_count = 0;
	submit_flush(harness, &first, 1);
	paragpu_flush_release(harness->display.held[0]);
	assert_int_equal(first.completed, 1);
}

static void a_display_that_leaves_gives_its_holds_back(void **state)
{
	struct harness *harness = *state;
	struct recorder other = harness->display;
	struct ask ask;

	start(harness);
	other.base = (struct paragpu_display){.ops = &other.ops};
	assert_int_equal(paragpu_device_add_display(harness->device, &other.base), 0);
	assert_int_equal(paragpu_device_add_display(harness->device, &other.base), -16 /* EBUSY */);
	other.hold = true;
	other.held_count = 0;
	submit_flush(harness, &ask, 1);
	assert_int_equal(other.held_count, 1);
	paragpu_device_remove_display(harness->device, &harness->display.base);
	assert_int_equal(ask.completed, 0); /* the other one still holds it */
	paragpu_device_remove_display(harness->device, &other.base);
	assert_int_equal(ask.completed, 1);
	other.flushes = 0;
	harness->display.flushes = 0;
	submit_flush(harness, &ask, 2);
	assert_int_equal(ask.completed, 1);
	assert_int_equal(other.flushes + harness->display.flushes, 0);
	paragpu_device_remove_display(harness->device, &other.base);
}

static void a_new_display_gets_all_that_is_shown(void **state)
{
	struct harness *harness = *state;
	struct recorder other = harness->display;

	start(harness);
	assert_int_equal(update_cursor(harness, 0, 1, 4, 5, 1, 2), OK);
	other.base = (struct paragpu_display){.ops = &other.ops};
	other.scanouts = other.offs = other.flushes = other.images = 0;
	other.hold = true;
	other.held_count = 0;
	assert_int_equal(paragpu_device_add_display(harness->device, &other.base), 0);
	assert_int_equal(other.scanouts, 1);
	assert_int_equal(other.offs, 1);
	assert_int_equal(other.flushes, 1);
	assert_rect(&other.damage, 0, 0, 64, 64);
	assert_int_equal(other.images, 1);
	assert_int_equal(other.cursor.y, 5);
	paragpu_flush_release(other.held[0]); /* nobody waits for this one */
	paragpu_device_remove_display(harness->device, &other.base);
}

static void too_many_held_requests_are_out_of_memory(void **state)
{
	struct harness harness;
	struct ask asks[4];

	(void)state;
	harness_init(&harness);
	harness.settings.limits.pending = 3;
	harness_start(&harness);
	start(&harness);
	for (int i = 0; i < 4; i++)
		submit_flush(&harness, &asks[i], (uint64_t)i + 1);
	assert_int_equal(harness.display.held_count, 3);
	assert_int_equal(asks[3].completed, 0); /* refused, but in its turn */
	for (int i = 2; i >= 0; i--)
		paragpu_flush_release(harness.display.held[i]);
	assert_int_equal(response_type(&asks[2]), OK);
	assert_int_equal(response_type(&asks[3]), NO_MEMORY);
	assert_int_equal(asks[3].place, 4);
	harness_stop(&harness);
}

/* Timelines of rings, which need CONTEXT_INIT, through the internal interface. */
static void rings_have_timelines_of_their_own(void **state)
{
	struct harness *harness = *state;
	struct paragpu_device *device = harness->device;
	struct virtio_gpu_ctrl_hdr hdr = {
		.flags = pg_to_le32(VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX),
		.ctx_id = pg_to_le32(1),
	};
	struct ask asks[5];

	memset(asks, 0, sizeof(asks));
	device->accepted |= PG_F(CONTEXT_INIT) | PG_F(VIRGL);
	/* 0 and 1 on ring 0, 2 on ring 1, 3 on ring 0 of another context, 4 on a ring too high */
	for (int i = 0; i < 5; i++) {
		asks[i].request.device.waits = i != 1;
		hdr.ring_idx = i == 2 ? 1 : i == 4 ? 200 : 0;
		hdr.ctx_id = pg_to_le32(i == 3 ? 2 : 1);
		pg_fence_enter(device, &asks[i].request, &hdr);
	}
	assert_int_equal(harness->completions, 0);
	pg_fence_arrived(device, &asks[3].request);
	assert_int_equal(asks[3].place, 1);
	pg_fence_arrived(device, &asks[2].request);
	assert_int_equal(asks[2].place, 2);
	assert_int_equal(asks[1].completed, 0);
	pg_fence_arrived(device, &asks[0].request);
	assert_int_equal(asks[0].place, 3);
	assert_int_equal(asks[1].place, 4);
	/* the high ring counts as the global timeline */
	assert_ptr_equal(asks[4].request.device.timeline, &device->fences.global);
	pg_fence_arrived(device, &asks[4].request);
	assert_int_equal(asks[4].place, 5);
}

static struct ask again;

static void submit_again(void *data, struct paragpu_request *request, size_t written)
{
	struct harness *harness = data;
	struct ask *ask = (struct ask *)(void *)request;

	ask->completed++;
	ask->written = written;
	ask->place = ++harness->completions;
	if (harness->completions == 1)
		submit_unref(harness, &again, 8, 999);
}

static void a_completion_may_submit_the_next_request(void **state)
{
	struct harness *harness = *state;
	struct ask first, second;

	start(harness);
	harness->device->host.complete = submit_again;
	submit_flush(harness, &first, 1);
	submit_unref(harness, &second, 2, 999);
	paragpu_flush_release(harness->display.held[0]);
	assert_int_equal(first.place, 1);
	assert_int_equal(second.place, 2);
	assert_int_equal(again.place, 3);
}

static void ask_display_info(struct paragpu_display *display, struct paragpu_query *query)
{
	struct recorder *recorder = (struct recorder *)display;

	recorder->questions++;
	recorder->query = query;
}

static void ask_edid(struct paragpu_display *display, uint32_t head, struct paragpu_query *query)
{
	(void)head;
	ask_display_info(display, query);
}

static void submit_edid(struct harness *harness, struct ask *ask)
{
	struct virtio_gpu_cmd_get_edid command = {.hdr.type = pg_to_le32(VIRTIO_GPU_CMD_GET_EDID),
						  .scanout = pg_to_le32(1)};

	harness_submit(harness, ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command), NULL, 0);
}

static void a_display_may_answer_for_the_heads(void **state)
{
	const struct paragpu_head heads[2] = {{.connected = true, .width = 800, .height = 600},
					      {.connected = true, .width = 640, .height = 480}};
	struct virtio_gpu_ctrl_hdr command = {.type = pg_to_le32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	struct harness *harness = *state;
	uint8_t edid[256] = {1, 2, 3};
	struct ask info, second;

	harness->display.ops.get_display_info = ask_display_info;
	harness_submit(harness, &info, PARAGPU_QUEUE_CONTROL, &command, sizeof(command), NULL, 0);
	assert_int_equal(info.completed, 0);
	paragpu_query_answer_display_info(harness->display.query, heads, 2);
	assert_int_equal(info.completed, 1);
	assert_int_equal(pg_from_le32(info.response.info.pmodes[1].r.width), 640);
	/* no EDID of its own: made of the answer above */
	submit_edid(harness, &second);
	assert_int_equal(harness->display.questions, 2);
	paragpu_query_answer_display_info(harness->display.query, heads, 2);
	assert_int_equal(response_type(&second), VIRTIO_GPU_RESP_OK_EDID);
	assert_int_equal(second.response.edid.edid[56], 640 & 0xff);
	/* its own; nonsense and declining fall back to the display information, then to ours */
	harness->display.ops.get_edid = ask_edid;
	submit_edid(harness, &second);
	paragpu_query_answer_edid(harness->display.query, edid, 256);
	assert_int_equal(pg_from_le32(second.response.edid.size), 256);
	assert_memory_equal(second.response.edid.edid, edid, 256);
	for (size_t size = 0; size <= 1025; size += 1025) {
		submit_edid(harness, &second);
		paragpu_query_answer_edid(harness->display.query, edid, size);
		assert_int_equal(second.completed, 0);
		paragpu_query_decline(harness->display.query);
		assert_int_equal(response_type(&second), VIRTIO_GPU_RESP_OK_EDID);
		assert_int_equal(second.response.edid.edid[56], 1280 & 0xff);
	}
}

static void open_questions_survive_reset_and_the_display(void **state)
{
	struct virtio_gpu_ctrl_hdr command = {.type = pg_to_le32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	struct harness *harness = *state;
	struct ask ask;

	harness->display.ops.get_display_info = ask_display_info;
	harness_submit(harness, &ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command), NULL, 0);
	paragpu_device_reset(harness->device);
	paragpu_query_decline(harness->display.query);
	assert_int_equal(ask.completed, 0);
	paragpu_device_accept_features(harness->device, ALL_FEATURES);
	harness_submit(harness, &ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command), NULL, 0);
	paragpu_device_remove_display(harness->device, &harness->display.base);
	assert_int_equal(ask.completed, 1);
	assert_int_equal(pg_from_le32(ask.response.info.pmodes[0].r.width), 1280);
}

static void destroying_frees_all_that_is_held(void **state)
{
	struct harness *harness = *state;
	static struct ask flushes[2], question;

	start(harness);
	harness->display.ops.get_display_info = ask_display_info;
	submit_flush(harness, &flushes[0], 1);
	submit_flush(harness, &flushes[1], 0);
	submit_edid(harness, &question);
	/* the teardown destroys the device; the leak sanitizer looks on */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_held_flush_completes_with_its_last_hold),
		TEST(errors_and_quick_commands_queue_behind_earlier_fences),
		TEST(without_a_fence_a_held_flush_blocks_nobody),
		TEST(a_fence_on_the_cursor_queue_is_completed),
		TEST(reset_forgets_held_requests_and_their_holds_stay_valid),
		TEST(a_display_that_leaves_gives_its_holds_back),
		TEST(a_new_display_gets_all_that_is_shown),
		cmocka_unit_test(too_many_held_requests_are_out_of_memory),
		TEST(rings_have_timelines_of_their_own),
		TEST(a_completion_may_submit_the_next_request),
		TEST(a_display_may_answer_for_the_heads),
		TEST(open_questions_survive_reset_and_the_display),
		TEST(destroying_frees_all_that_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
