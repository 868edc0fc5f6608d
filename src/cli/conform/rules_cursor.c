/* SPDX-License-Identifier: MIT */
/*
 * Rules of the cursor queue (virtio specification, "Device Operation:
 * cursorq"). Linux leaves no room for answers there, so that only the display
 * socket shows what became of a command.
 */

#include <string.h>

#include "cli/conform/conform.h"
#include "frontend/internal.h"

#define SIDE 64u
#define BYTES 16384u /* of SIDE * SIDE pixels */

static const struct pg_fe_cursor *cursor(struct pg_run *run, struct pg_fe *fe)
{
	MUST(run, pg_fe_settle(fe, 50));
	return &pg_fe_get_head(fe, 0)->cursor;
}

/* Pixels with alpha in every step. */
static void fill(struct pg_fe *fe, uint64_t address, uint32_t count)
{
	le32 *pixels = pg_fe_memory(fe, address, count * 4ull);

	for (uint32_t i = 0; i < count; i++)
		pixels[i] = pg_to_le32((i & 255) << 24 | pg_pattern_pixel(3, i));
}

static void make_image(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t side)
{
	uint64_t address = pg_fe_alloc(fe, 4ull * side * side, 4096);

	fill(fe, address, side * side);
	WANT(run, pg_fe_create_2d(fe, id, BGRX, side, side), OK);
	WANT(run, pg_fe_attach(fe, id, address, side * side * 4), OK);
	WANT(run, pg_fe_transfer(fe, id, 0, 0, side, side, 0), OK);
}

static void want_image(struct pg_run *run, const struct pg_fe_cursor *got)
{
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		uint32_t wanted = (i & 255) << 24 | pg_pattern_pixel(3, i);

		CHECK(run, got->pixels[i] == wanted, "pixel %u of the cursor is 0x%08x, not 0x%08x",
		      i, got->pixels[i], wanted);
	}
}

static void shown(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_cursor *got;

	(void)argument;
	make_image(run, fe, 5, SIDE);
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 100, 200, 3, 4));
	got = cursor(run, fe);
	CHECK(run, got->updates == 1 && got->visible, "%u images came", got->updates);
	CHECK(run, got->x == 100 && got->y == 200, "the cursor is at (%u, %u)", got->x, got->y);
	CHECK(run, got->hot_x == 3 && got->hot_y == 4, "the hot spot is (%u, %u)", got->hot_x,
	      got->hot_y);
	want_image(run, got);
}

static void moved(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_cursor *got;

	(void)argument;
	make_image(run, fe, 5, SIDE);
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 0, 0, 0, 0));
	MUST(run, pg_fe_move_cursor(fe, 0, 33, 44));
	got = cursor(run, fe);
	CHECK(run, got->visible && got->x == 33 && got->y == 44, "the cursor is at (%u, %u)",
	      got->x, got->y);
	CHECK(run, got->updates == 1, "MOVE_CURSOR sent the image again");
	MUST(run, pg_fe_move_cursor(fe, 0, -5, -7));
	got = cursor(run, fe);
	CHECK(run, (int32_t)got->x == -5 && (int32_t)got->y == -7, "the cursor is at (%d, %d)",
	      (int32_t)got->x, (int32_t)got->y);
}

/* Not shown, or shown as nothing. */
static bool invisible(const struct pg_fe_cursor *got)
{
	uint32_t alpha = 0;

	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		alpha |= got->pixels[i] >> 24;
	return !got->visible || !alpha;
}

static void hidden(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	make_image(run, fe, 5, SIDE);
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 1, 1, 0, 0));
	MUST(run, pg_fe_update_cursor(fe, 0, 0, 0, 0, 0, 0));
	CHECK(run, invisible(cursor(run, fe)), "the cursor is still shown");
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 1, 1, 0, 0));
	CHECK(run, cursor(run, fe)->visible, "the cursor is not shown again");
}

/* Sizes that the specification forbids and Linux sends. */
static void odd_size(struct pg_run *run, struct pg_fe *fe, uint64_t side)
{
	make_image(run, fe, 5, (uint32_t)side);
	for (int i = 0; i < 200 && !pg_run_failed(run); i++)
		MUST(run, pg_fe_update_cursor(fe, 0, 5, i, i, 0, 0));
	MUST(run, pg_fe_settle(fe, 50));
}

static void unknown_resource(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	MUST(run, pg_fe_update_cursor(fe, 0, 999, 1, 1, 0, 0));
	MUST(run, pg_fe_update_cursor(fe, 0, 0xffffffff, 1, 1, 0, 0));
	MUST(run, pg_fe_settle(fe, 20));
}

static void bad_scanout(struct pg_run *run, struct pg_fe *fe, uint64_t scanout)
{
	make_image(run, fe, 5, SIDE);
	MUST(run, pg_fe_update_cursor(fe, (uint32_t)scanout, 5, 1, 1, 0, 0));
	MUST(run, pg_fe_move_cursor(fe, (uint32_t)scanout, 2, 2));
	MUST(run, pg_fe_settle(fe, 50));
	if (pg_fe_get_head(fe, 0))
		CHECK(run, pg_fe_get_head(fe, 0)->cursor.updates == 0,
		      "the cursor of scanout %u came up on head 0", (uint32_t)scanout);
}

static void extremes(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	/* before any transfer */
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	MUST(run, pg_fe_update_cursor(fe, 0, 5, INT32_MIN, INT32_MAX, 64, 0xffffffff));
	MUST(run, pg_fe_move_cursor(fe, 0, INT32_MAX, INT32_MIN));
	MUST(run, pg_fe_settle(fe, 20));
}

static void freed_while_shown(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	make_image(run, fe, 5, SIDE);
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 1, 1, 0, 0));
	WANT(run, pg_fe_unref(fe, 5), OK);
	MUST(run, pg_fe_move_cursor(fe, 0, 9, 9));
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 1, 1, 0, 0));
	make_image(run, fe, 5, SIDE);
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 4, 4, 0, 0));
	MUST(run, pg_fe_settle(fe, 20));
}

static void blob(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_fe_alloc(fe, BYTES, 4096);
	const struct pg_fe_cursor *got;

	(void)argument;
	fill(fe, address, SIDE * SIDE);
	WANT(run, pg_fe_create_blob(fe, 5, address, BYTES, 0), OK);
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 10, 20, 1, 2));
	got = cursor(run, fe);
	CHECK(run, got->updates == 1 && got->visible, "%u images came", got->updates);
	want_image(run, got);
}

/* Too small, too large, declared larger than backed, without any backing. */
static void odd_blob(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT(run, pg_fe_create_blob(fe, 5, pg_fe_alloc(fe, 4096, 4096), 4096, 0), OK);
	WANT(run, pg_fe_create_blob(fe, 6, pg_fe_alloc(fe, 65536, 4096), 65536, 0), OK);
	WANT(run,
	     pg_fe_create_blob_entries(fe, 7, VIRTIO_GPU_BLOB_MEM_GUEST, 2, 0, BYTES, 0, NULL, 0),
	     OK);
	WANT(run,
	     pg_fe_create_blob_entries(fe, 8, VIRTIO_GPU_BLOB_MEM_GUEST, 2, 0, BYTES, 0, NULL, 0),
	     OK);
	CHECK(run, pg_fe_attach(fe, 8, pg_fe_alloc(fe, 4096, 4096), 4096) >= 0, "no answer");
	for (uint32_t id = 5; id <= 8; id++)
		for (int i = 0; i < 50; i++)
			MUST(run, pg_fe_update_cursor(fe, 0, id, 1, 1, 0, 0));
	MUST(run, pg_fe_settle(fe, 50));
}

static int send(struct pg_fe *fe, uint32_t queue, struct virtio_gpu_update_cursor *request,
		uint32_t type)
{
	struct virtio_gpu_ctrl_hdr response;
	uint32_t used = 0;
	int error;

	pg_fe_fill_header(&request->hdr, type);
	error = pg_fe_execute(fe, queue, request, sizeof(*request), NULL, 0, &response,
			      sizeof(response), &used);
	if (error)
		return error;
	return used < sizeof(response) ? 0 : (int)pg_from_le32(response.type);
}

static void on_control_queue(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_update_cursor request = {
		.pos = {.x = pg_to_le32(12), .y = pg_to_le32(13)},
		.resource_id = pg_to_le32(5),
	};

	(void)argument;
	make_image(run, fe, 5, SIDE);
	WANT_OURS(run, send(fe, 0, &request, VIRTIO_GPU_CMD_UPDATE_CURSOR), OK);
	if (pg_run_strict(run) && pg_fe_get_head(fe, 0))
		CHECK(run, cursor(run, fe)->updates == 1, "the cursor is not shown");
}

static void fenced(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	make_image(run, fe, 5, SIDE);
	for (uint64_t fence = 1; fence < 40; fence++) {
		pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, fence, 0);
		MUST(run, pg_fe_update_cursor(fe, 0, 5, 1, 1, 0, 0));
	}
}

static void short_request(struct pg_run *run, struct pg_fe *fe, uint64_t size)
{
	struct virtio_gpu_update_cursor request = {.resource_id = pg_to_le32(5)};

	make_image(run, fe, 5, SIDE);
	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_UPDATE_CURSOR);
	for (int i = 0; i < 40; i++)
		MUST(run, pg_fe_execute(fe, 1, &request, size, NULL, 0, NULL, 0, NULL));
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 1, 1, 0, 0));
}

static void unknown_command(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct virtio_gpu_update_cursor request = {.resource_id = pg_to_le32(5)};
	struct pg_fe_cursor before = {0};

	if (pg_fe_get_head(fe, 0))
		before = *cursor(run, fe);
	WANT_OURS(run, send(fe, 1, &request, (uint32_t)type), UNSPEC);
	if (pg_fe_get_head(fe, 0))
		CHECK(run, cursor(run, fe)->updates == before.updates, "it changed the cursor");
}

static void many(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	for (uint64_t i = 0; i < count && !pg_run_failed(run); i++)
		MUST(run, pg_fe_move_cursor(fe, 0, (int32_t)i, 1));
	if (pg_fe_get_head(fe, 0) && pg_run_strict(run))
		CHECK(run, cursor(run, fe)->x == count - 1, "the cursor is at %u",
		      cursor(run, fe)->x);
}

#define Q "cursorq: UPDATE_CURSOR"
#define M "cursorq: MOVE_CURSOR"
#define BLOBS BIT(VIRTIO_GPU_F_RESOURCE_BLOB)

static const struct pg_rule rules[] = {
	{"cursor/shown", "UPDATE_CURSOR shows image, place and hot spot, with alpha", Q,
	 .needs = PG_NEEDS_GPU, .run = shown},
	{"cursor/moved", "MOVE_CURSOR moves, to negative places too", M "; Q2",
	 .needs = PG_NEEDS_GPU, .run = moved},
	{"cursor/hidden", "resource 0 hides the cursor", Q, .needs = PG_NEEDS_GPU, .run = hidden},
	{"cursor/32x32", "an image of 32x32 does no harm", Q "; C1 CVE-2016-9846, Q2",
	 .run = odd_size, .argument = 32},
	{"cursor/128x128", "an image of 128x128 does no harm", Q "; C1, Q2", .run = odd_size,
	 .argument = 128},
	{"cursor/1x1", "an image of 1x1 does no harm", Q "; C1", .run = odd_size, .argument = 1},
	{"cursor/unknown-resource", "a resource that does not exist does no harm", Q "; R9",
	 .run = unknown_resource},
	{"cursor/scanout-15", "a cursor of an absent scanout is dropped", Q "; C4",
	 .run = bad_scanout, .argument = 15},
	{"cursor/scanout-16", "scanout 16 is dropped", Q "; C4", .run = bad_scanout,
	 .argument = 16},
	{"cursor/scanout-largest", "scanout 0xffffffff is dropped", Q "; C4", .run = bad_scanout,
	 .argument = 0xffffffff},
	{"cursor/extremes", "extreme places and hot spots do no harm", Q "; C5", .run = extremes},
	{"cursor/freed", "the image may be unreferenced while it is shown", Q "; C5",
	 .run = freed_while_shown},
	{"cursor/blob", "a guest blob of 16384 bytes is a cursor image", Q, .features = BLOBS,
	 .needs = PG_NEEDS_GPU, .run = blob},
	{"cursor/odd-blob", "blobs of other sizes or backings do no harm", Q "; C2, C3",
	 .features = BLOBS, .run = odd_blob},
	{"cursor/control-queue", "cursor commands work on the control queue", "Virtqueues; C6",
	 .run = on_control_queue},
	{"cursor/fenced", "a fence on the cursor queue completes", "Virtqueues; X6, C6",
	 .run = fenced},
	{"cursor/short", "a request that ends in pos does no harm", Q "; F2", .run = short_request,
	 .argument = 40},
	{"cursor/header-only", "a request of a header does no harm", Q "; F2", .run = short_request,
	 .argument = 24},
	{"cursor/no-header", "a request of 8 bytes does no harm", Q "; F1", .run = short_request,
	 .argument = 8},
	{"cursor/unknown-command", "an unknown command changes nothing", "Virtqueues; C6",
	 .run = unknown_command, .argument = 0x0302},
	{"cursor/many", "a thousand moves arrive", M "; F14", .run = many, .argument = 1000},
};

const struct pg_rule_set pg_rules_cursor = PG_RULE_SET(rules);
