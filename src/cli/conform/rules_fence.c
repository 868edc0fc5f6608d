/* SPDX-License-Identifier: MIT */
/*
 * Rules of fences and timelines (virtio specification, "Request header":
 * VIRTIO_GPU_FLAG_FENCE, VIRTIO_GPU_FLAG_INFO_RING_IDX). Without contexts all
 * fences are of the global timeline.
 */
#include <string.h>

#include "cli/conform/conform.h"
#include "frontend/internal.h"

#define SIDE 64u
#define BYTES 16384u /* of SIDE * SIDE pixels */
#define MANY 200u

static int start_flush(struct pg_fe *fe, uint32_t id, uint32_t *handle)
{
	struct virtio_gpu_resource_flush request = {
		.r = pg_fe_rect(0, 0, SIDE, SIDE),
		.resource_id = pg_to_le32(id),
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_FLUSH);
	return pg_fe_command_start(fe, 0, &request, sizeof(request), NULL, 0,
				   sizeof(struct virtio_gpu_ctrl_hdr), handle);
}

/* The driver signals every older fence when one completes: order is all. */
static void in_order(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t handles[MANY];

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, SIDE), OK);
	for (uint32_t i = 0; i < MANY; i++) {
		pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, 1000 + i, 0);
		/* every third fails, which must not overtake */
		MUST(run, start_flush(fe, i % 3 ? 5 : 999, &handles[i]));
		if (pg_run_failed(run))
			return;
		MUST(run, pg_fe_kick(fe, 0));
	}
	for (uint32_t i = MANY; i-- > 0 && !pg_run_failed(run);) {
		MUST(run, pg_fe_command_finish(fe, handles[i], PG_FE_WAIT_DEFAULT, NULL, 0, NULL));
		for (uint32_t older = 0; older < i && i % 40 == 0; older++)
			CHECK(run, pg_fe_command_done(fe, handles[older]),
			      "fence %u completed before fence %u", 1000 + i, 1000 + older);
	}
}

/* The used ring shows the order of completion itself. */
static void completes_in_order(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t handles[MANY];
	uint64_t last = 0;

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, SIDE), OK);
	for (uint32_t i = 0; i < MANY && !pg_run_failed(run); i++) {
		pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, 1 + i, 0);
		MUST(run, start_flush(fe, i % 3 ? 5 : 999, &handles[i]));
	}
	MUST(run, pg_fe_kick(fe, 0));
	for (uint32_t done = 0; done < MANY && !pg_run_failed(run);) {
		uint64_t token = 0;
		int got = pg_fe_poll_used(fe, 0, &token, NULL);

		if (!got)
			got = pg_fe_pump(fe, 1);
		CHECK(run, got >= 0, "%s", pg_fe_error(fe));
		if (!token)
			continue;
		CHECK(run, token > last, "a later fence completed before an earlier one");
		last = token;
		done++;
	}
	for (uint32_t i = 0; i < MANY && i < fe->command_count; i++)
		fe->commands[i].busy = false;
}

static void extreme_ids(struct pg_run *run, struct pg_fe *fe, uint64_t id)
{
	pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, id, 0);
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, id, 0);
	WANT(run, pg_fe_unref(fe, 5), OK);
}

static void unknown_flags(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resource_unref request = {.resource_id = pg_to_le32(999)};
	struct virtio_gpu_ctrl_hdr response;

	(void)argument;
	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_UNREF);
	request.hdr.flags = pg_to_le32(0xfffffffc);
	request.hdr.fence_id = pg_to_le64(77);
	MUST(run, pg_fe_execute(fe, 0, &request, sizeof(request), NULL, 0, &response,
				sizeof(response), NULL));
	WANT_ERROR(run, (int)pg_from_le32(response.type), BAD_RESOURCE);
}

/* Must complete whatever the ring index, negotiated or not. */
static void ring_idx(struct pg_run *run, struct pg_fe *fe, uint64_t index)
{
	const uint32_t flags = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX;
	int type;

	pg_fe_fence_next(fe, flags, 5, (uint8_t)index);
	pg_fe_context_next(fe, 4711);
	type = pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE);
	CHECK(run, type >= 0, "%s", pg_fe_error(fe));
	pg_fe_fence_next(fe, flags, 6, (uint8_t)index);
	type = pg_fe_unref(fe, 999);
	CHECK(run, type >= 0, "%s", pg_fe_error(fe));
}

static void flush_completes(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_blob(run, fe, 5, BYTES, 1);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	for (uint64_t i = 1; i < 100 && !pg_run_failed(run); i++) {
		pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, i, 0);
		pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	}
}

/* Fences that are outstanding when the device is reset are forgotten, not completed. */
static void reset_with_pending(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t handle;

	(void)argument;
	for (int round = 0; round < 5 && !pg_run_failed(run); round++) {
		uint32_t id = 50 + (uint32_t)round;

		pg_make_picture(run, fe, id, SIDE, SIDE, 1);
		WANT(run, pg_fe_set_scanout(fe, 0, id, 0, 0, SIDE, SIDE), OK);
		for (uint32_t i = 0; i < MANY; i++) {
			pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, 1 + i, 0);
			MUST(run, start_flush(fe, id, &handle));
		}
		MUST(run, pg_fe_kick(fe, 0));
		MUST(run, pg_fe_reset(fe));
		MUST(run, pg_fe_start(fe));
	}
	pg_want_alive(run, fe);
}

static void disconnect_with_pending(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t handle;

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, SIDE), OK);
	for (uint32_t i = 0; i < MANY; i++) {
		pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, 1 + i, 0);
		MUST(run, start_flush(fe, 5, &handle));
	}
	MUST(run, pg_fe_kick(fe, 0));
	pg_run_survives(run, PG_VMM);
}

#define FENCES "Request header: VIRTIO_GPU_FLAG_FENCE"
#define RINGS "Request header: VIRTIO_GPU_FLAG_INFO_RING_IDX"

static const struct pg_rule rules[] = {
	{"fence/in-order", "fences complete in the order of their requests, errors too",
	 FENCES "; X1, X2", .run = in_order},
	{"fence/used-order", "the used ring has fences in the order of their requests",
	 FENCES "; X2", .run = completes_in_order},
	{"fence/id-0", "fence id 0 is an id", FENCES, .run = extreme_ids, .argument = 0},
	{"fence/id-largest", "fence id 2^64 - 1 is an id", FENCES, .run = extreme_ids,
	 .argument = ~0ull},
	{"fence/id-32-bit", "fence ids have 64 bits", FENCES, .run = extreme_ids,
	 .argument = 0x100000001},
	{"fence/unknown-flags", "unknown flags are no fence", FENCES, .run = unknown_flags},
	{"fence/ring-0", "ring 0 of an unknown context completes", RINGS "; X3", .run = ring_idx,
	 .argument = 0},
	{"fence/ring-63", "ring 63 of an unknown context completes", RINGS "; X3", .run = ring_idx,
	 .argument = 63},
	{"fence/ring-64", "ring 64, which cannot be, completes", RINGS "; X3", .run = ring_idx,
	 .argument = 64},
	{"fence/ring-255", "ring 255, which cannot be, completes", RINGS "; X3", .run = ring_idx,
	 .argument = 255},
	{"fence/blob-flush", "a fenced flush of a blob completes", FENCES,
	 .features = BIT(VIRTIO_GPU_F_RESOURCE_BLOB), .run = flush_completes},
	{"fence/reset", "a reset forgets outstanding fences", FENCES "; X5", .needs = PG_NO_WITNESS,
	 .run = reset_with_pending},
	{"fence/disconnect", "a disconnect with outstanding fences does no harm", FENCES "; X5",
	 .needs = PG_NO_WITNESS, .run = disconnect_with_pending},
};

const struct pg_rule_set pg_rules_fence = PG_RULE_SET(rules);
