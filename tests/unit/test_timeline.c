/* SPDX-License-Identifier: MIT */
/* Rules of fences and timelines: names say which. */
#include "gpu.h"

#define G struct gpu *gpu = *state

static const uint32_t words[2] = {1, 2};

static struct ask *fenced(struct gpu *gpu, uint32_t context, int ring, uint64_t fence)
{
	struct ask *ask;

	gpu->fence = fence;
	gpu->ring = ring;
	ask = submit(gpu, context, words, 8);
	gpu->fence = 0;
	gpu->ring = -1;
	return ask;
}

/* Contexts 1 and 2, fences held. */
static int setup(void **state)
{
	struct gpu *gpu;

	gpu_setup(state);
	gpu = *state;
	ctx_create(gpu, 1, SCRIPTED_VENUS);
	ctx_create(gpu, 2, SCRIPTED_VENUS);
	gpu->scripted.hold_fences = true;
	return 0;
}

static void fence_waits_for_the_renderer_and_comes_back_whole(void **state)
{
	G;
	struct ask *ask = fenced(gpu, 1, 5, 77);

	assert_int_equal(ask->type, PENDING);
	assert_int_equal(gpu->scripted.fence_context, 1);
	assert_true(gpu->scripted.fence_has_ring);
	assert_int_equal(gpu->scripted.fence_ring, 5);
	signal_fence(gpu, 0);
	assert_int_equal(ask->type, OK);
	assert_int_equal(pg_from_le64(ask->response.hdr.fence_id), 77);
	assert_int_equal(pg_from_le32(ask->response.hdr.flags),
			 VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX);
	assert_int_equal(pg_from_le32(ask->response.hdr.ctx_id), 1);
	assert_int_equal(stats(gpu).fences, 0);
}

static void fence_without_ring_is_on_the_timeline_of_all(void **state)
{
	G;
	struct ask *ask = fenced(gpu, 1, -1, 1);

	assert_int_equal(gpu->scripted.fence_context, 0);
	assert_false(gpu->scripted.fence_has_ring);
	signal_fence(gpu, 0);
	assert_int_equal(ask->type, OK);
}

static void fence_waits_for_the_answer_too(void **state)
{
	G;
	struct ask *ask;

	gpu->scripted.hold[SUBMIT] = true;
	ask = fenced(gpu, 1, 0, 1);
	signal_fence(gpu, 0);
	assert_int_equal(ask->type, PENDING);
	answer(&gpu->scripted, SUBMIT, 0);
	assert_int_equal(ask->type, OK);
}

static void fences_of_one_ring_retire_in_order(void **state)
{
	G;
	struct ask *first = fenced(gpu, 1, 3, 1), *second = fenced(gpu, 1, 3, 2);

	signal_fence(gpu, 1);
	assert_int_equal(second->type, PENDING);
	signal_fence(gpu, 0);
	assert_int_equal(first->place + 1, second->place);
}

static void rings_and_contexts_retire_by_themselves(void **state)
{
	G;
	struct ask *a = fenced(gpu, 1, 0, 1), *b = fenced(gpu, 1, 1, 2), *c = fenced(gpu, 2, 0, 3);
	struct ask *d = fenced(gpu, 2, -1, 4);

	signal_fence(gpu, 3);
	signal_fence(gpu, 2);
	signal_fence(gpu, 1);
	assert_int_equal(a->type, PENDING);
	assert_true(d->place < c->place && c->place < b->place);
	signal_fence(gpu, 0);
	assert_int_equal(a->type, OK);
}

static void errors_queue_behind_earlier_fences_of_their_timeline(void **state)
{
	G;
	struct ask *slow = fenced(gpu, 1, 0, 1), *bad, *global, *bad_global;

	gpu->scripted.error[SUBMIT] = -EINVAL;
	bad = fenced(gpu, 1, 0, 2);
	gpu->scripted.error[SUBMIT] = 0;
	signal_fence(gpu, 1);
	assert_int_equal(bad->type, PENDING);
	signal_fence(gpu, 0);
	assert_int_equal(slow->type, OK);
	assert_int_equal(bad->type, BAD_PARAMETER);
	assert_int_equal(pg_from_le32(bad->response.hdr.flags) & VIRTIO_GPU_FLAG_FENCE, 1);
	global = fenced(gpu, 1, -1, 3);
	bad_global = fenced(gpu, 99, -1, 4);
	assert_int_equal(bad_global->type, PENDING);
	signal_fence(gpu, 2);
	assert_int_equal(global->type, OK);
	assert_int_equal(bad_global->type, BAD_CONTEXT);
}

static void ring_64_and_above_is_invalid_but_completes(void **state)
{
	G;
	assert_int_equal(fenced(gpu, 1, 64, 1)->type, BAD_PARAMETER);
	assert_int_equal(fenced(gpu, 1, 255, 2)->type, BAD_PARAMETER);
	assert_int_equal(gpu->scripted.fence_count, 0);
	assert_int_equal(fenced(gpu, 1, 63, 3)->type, PENDING);
	assert_int_equal(gpu->scripted.fence_ring, 63);
	signal_fence(gpu, 0);
}

static void ring_without_context_init_is_the_timeline_of_all(void **state)
{
	G;
	struct ask *ask;

	paragpu_device_accept_features(gpu->device, PG_F(VIRGL));
	ask = fenced(gpu, 1, 200, 1);
	assert_false(gpu->scripted.fence_has_ring);
	signal_fence(gpu, 0);
	assert_int_equal(ask->type, OK);
}

static void fence_on_an_unknown_context_completes(void **state)
{
	G;
	const struct ask *ask = fenced(gpu, 9, 1, 5);

	assert_int_equal(ask->type, BAD_CONTEXT);
	assert_int_equal(pg_from_le64(ask->response.hdr.fence_id), 5);
}

static void fence_that_the_renderer_refuses_completes(void **state)
{
	G;
	gpu->scripted.fence_error = -EINVAL;
	assert_int_equal(fenced(gpu, 1, 1, 5)->type, OK);
	assert_int_equal(stats(gpu).fences, 0);
}

static void destroying_a_context_completes_its_fences(void **state)
{
	G;
	struct ask *one = fenced(gpu, 1, 0, 1), *two = fenced(gpu, 1, 7, 2);
	struct ask *other = fenced(gpu, 2, 0, 3);

	assert_int_equal(ctx_destroy(gpu, 1)->type, OK);
	assert_int_equal(one->type, OK);
	assert_int_equal(two->type, OK);
	assert_int_equal(other->type, PENDING);
	/* A renderer's late signal, to be ignored. */
	signal_fence(gpu, 0);
	assert_int_equal(one->completed, 1);
	signal_fence(gpu, 2);
	assert_int_equal(other->type, OK);
}

static void losing_a_context_completes_its_fences_with_an_error(void **state)
{
	G;
	struct ask *lost = fenced(gpu, 1, 0, 1), *other = fenced(gpu, 2, 0, 2);

	paragpu_renderer_context_lost(&gpu->scripted.base, 1, "test");
	assert_int_equal(lost->type, UNSPEC);
	assert_int_equal(pg_from_le64(lost->response.hdr.fence_id), 1);
	assert_int_equal(other->type, PENDING);
	signal_fence(gpu, 1);
	assert_int_equal(other->type, OK);
}

static void losing_the_renderer_completes_everything_with_an_error(void **state)
{
	G;
	struct ask *a, *b, *c;

	gpu->scripted.hold[SUBMIT] = true;
	a = fenced(gpu, 1, 0, 1);
	b = fenced(gpu, 2, -1, 2);
	gpu->fence = 0;
	c = submit(gpu, 2, words, 8);
	paragpu_renderer_lost(&gpu->scripted.base, "test");
	assert_int_equal(a->type, UNSPEC);
	assert_int_equal(b->type, UNSPEC);
	assert_int_equal(c->type, UNSPEC);
	assert_int_equal(stats(gpu).pending, 0);
	assert_int_equal(stats(gpu).fences, 0);
	assert_int_equal(submit(gpu, 1, words, 8)->type, UNSPEC);
	assert_int_equal(ctx_destroy(gpu, 1)->type, OK);
	gpu->scripted.hold[SUBMIT] = false;
	gpu->scripted.hold_fences = false;
	assert_int_equal(ctx_create(gpu, 1, 0)->type, OK);
	assert_int_equal(submit(gpu, 1, words, 8)->type, OK);
}

static void a_stalled_fence_keeps_its_place(void **state)
{
	G;
	struct ask *create, *attach, *after;

	gpu->scripted.hold[CREATE_BLOB] = true;
	gpu->scripted.hold_fences = false;
	create = host_blob(gpu, 1, 5, 4096);
	gpu->fence = 1;
	attach = ctx_attach(gpu, 1, 5);
	gpu->fence = 2;
	after = create_2d(gpu, 6, 4, 4);
	assert_int_equal(attach->type, PENDING);
	assert_int_equal(after->type, PENDING);
	answer(&gpu->scripted, CREATE_BLOB, 0);
	assert_int_equal(create->type, OK);
	assert_int_equal(attach->type, OK);
	assert_int_equal(after->type, OK);
	assert_true(attach->place < after->place);
}

static void reset_drops_fences_without_completing_them(void **state)
{
	G;
	struct ask *ask = fenced(gpu, 1, 0, 1);

	paragpu_device_reset(gpu->device);
	assert_int_equal(gpu->scripted.count[RESET], 1);
	assert_int_equal(ask->completed, 0);
	paragpu_renderer_signal(&gpu->scripted.base, gpu->scripted.cookies[0]);
	assert_int_equal(ask->completed, 0);
	assert_int_equal(stats(gpu).fences, 0);
	assert_int_equal(stats(gpu).contexts, 0);
}

static void too_many_held_requests_are_out_of_memory(void **state)
{
	G;
	gpu_stop(gpu);
	gpu_init(gpu);
	gpu->settings.limits.pending = 3;
	gpu_start(gpu);
	ctx_create(gpu, 1, 0);
	gpu->scripted.hold[SUBMIT] = true;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(submit(gpu, 1, words, 8)->type, PENDING);
	assert_int_equal(submit(gpu, 1, words, 8)->type, NO_MEMORY);
	answer(&gpu->scripted, SUBMIT, 0);
	assert_int_equal(submit(gpu, 1, words, 8)->type, PENDING);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, gpu_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(fence_waits_for_the_renderer_and_comes_back_whole),
		RULE(fence_without_ring_is_on_the_timeline_of_all),
		RULE(fence_waits_for_the_answer_too),
		RULE(fences_of_one_ring_retire_in_order),
		RULE(rings_and_contexts_retire_by_themselves),
		RULE(errors_queue_behind_earlier_fences_of_their_timeline),
		RULE(ring_64_and_above_is_invalid_but_completes),
		RULE(ring_without_context_init_is_the_timeline_of_all),
		RULE(fence_on_an_unknown_context_completes),
		RULE(fence_that_the_renderer_refuses_completes),
		RULE(destroying_a_context_completes_its_fences),
		RULE(losing_a_context_completes_its_fences_with_an_error),
		RULE(losing_the_renderer_completes_everything_with_an_error),
		RULE(a_stalled_fence_keeps_its_place),
		RULE(reset_drops_fences_without_completing_them),
		RULE(too_many_held_requests_are_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
