/* SPDX-License-Identifier: MIT */
/*
 * Rules of a device's life: reset, pause and resume, guest memory that changes,
 * connections that come and go. QEMU's order of messages, see connection.c.
 */
#include <string.h>

#include "cli/conform/conform.h"
#include "frontend/internal.h"

#define SIDE 64u
#define BYTES 16384u /* of SIDE * SIDE pixels */
#define BLOBS BIT(VIRTIO_GPU_F_RESOURCE_BLOB)
#define PACKED BIT(VIRTIO_F_RING_PACKED)

static void packed_setup(struct pg_fe_settings *settings, uint64_t argument)
{
	(void)argument;
	settings->features |= PACKED;
}

static void reset(struct pg_run *run, struct pg_fe *fe)
{
	MUST(run, pg_fe_reset(fe));
	MUST(run, pg_fe_pump(fe, 20));
	MUST(run, pg_fe_start(fe));
}

static void reset_forgets(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	reset(run, fe);
	WANT_ERROR(run, pg_fe_unref(fe, 5), BAD_RESOURCE);
	pg_make_picture(run, fe, 5, SIDE, SIDE, 2);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 2, SIDE);
}

static void reset_forgets_blobs(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_blob(run, fe, 5, BYTES, 1);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	reset(run, fe);
	WANT_ERROR(run, pg_fe_unref(fe, 5), BAD_RESOURCE);
	pg_make_blob(run, fe, 5, BYTES, 2);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 2, SIDE);
}

static void reset_loop(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	for (uint32_t i = 0; i < count && !pg_run_failed(run); i++) {
		uint32_t id = 5 + (pg_run_strict(run) ? 0 : i);

		pg_make_picture(run, fe, id, SIDE, SIDE, i);
		pg_show(run, fe, id, SIDE, SIDE);
		pg_want_picture(run, fe, SIDE, SIDE, i, SIDE);
		reset(run, fe);
	}
	MUST(run, pg_fe_reset(fe));
	reset(run, fe);
	pg_want_alive(run, fe);
}

/* The next driver may want less. */
static void reset_renegotiates(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint8_t uuid[16];

	(void)argument;
	MUST(run, pg_fe_reset(fe));
	fe->features &= BIT(VIRTIO_F_VERSION_1);
	MUST(run, pg_fe_start(fe));
	WANT_ERROR(run, pg_fe_create_blob(fe, 5, pg_fe_alloc(fe, 4096, 4096), 4096, 0), UNSPEC);
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT_ERROR(run, pg_fe_assign_uuid(fe, 5, uuid), UNSPEC);
}

static void pause(struct pg_run *run, struct pg_fe *fe)
{
	MUST(run, pg_fe_stop(fe));
	MUST(run, pg_fe_pump(fe, 20));
	MUST(run, pg_fe_start(fe));
}

static void pause_keeps(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	for (int i = 0; i < 10 && !pg_run_failed(run); i++) {
		pause(run, fe);
		pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
		pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
	}
	pg_want_present(run, fe, 5);
}

/* The new display socket knows nothing: the guest will not draw again just because of it. */
static void resume_redraws(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_pattern(fe, BYTES, 3);

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	WANT(run, pg_fe_create_2d(fe, 6, BGRA, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach(fe, 6, address, BYTES), OK);
	WANT(run, pg_fe_transfer(fe, 6, 0, 0, SIDE, SIDE, 0), OK);
	MUST(run, pg_fe_update_cursor(fe, 0, 6, 11, 12, 1, 2));
	pause(run, fe);
	MUST(run, pg_fe_wait_updates(fe, 0, 1, PG_FE_WAIT_DEFAULT));
	MUST(run, pg_fe_settle(fe, 50));
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
	CHECK(run, pg_fe_get_head(fe, 0)->cursor.updates == 1, "the cursor was not sent again");
	CHECK(run, pg_fe_get_head(fe, 0)->cursor.x == 11, "the cursor is at %u",
	      pg_fe_get_head(fe, 0)->cursor.x);
}

/* What GET_VRING_BASE says is where the driver sees the ring. */
static void base_is_true(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct pg_fe_queue *queue = &fe->queues[0];
	uint32_t wanted;

	(void)argument;
	for (int i = 0; i < 300; i++)
		WANT_ERROR(run, pg_fe_unref(fe, 999), BAD_RESOURCE);
	MUST(run, pg_fe_stop(fe));
	wanted = queue->avail_index;
	if (queue->packed)
		wanted = queue->avail_index | (uint32_t)queue->avail_wrap << 15 |
			 (uint32_t)queue->used_index << 16 | (uint32_t)queue->used_wrap << 31;
	CHECK(run, queue->base == wanted, "GET_VRING_BASE says 0x%x, the ring is at 0x%x",
	      queue->base, wanted);
	MUST(run, pg_fe_pump(fe, 20));
	MUST(run, pg_fe_start(fe));
}

static int start_unref(struct pg_fe *fe, uint32_t *handle)
{
	struct virtio_gpu_resource_unref request = {.resource_id = pg_to_le32(999)};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_UNREF);
	return pg_fe_command_start(fe, 0, &request, sizeof(request), NULL, 0, 24, handle);
}

/* Nothing is lost and nothing done twice when a pause meets a full ring. */
static void pause_busy(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t handles[100] = {0};

	(void)argument;
	for (int round = 0; round < 10 && !pg_run_failed(run); round++) {
		for (uint32_t i = 0; i < 100 && !pg_run_failed(run); i++)
			MUST(run, start_unref(fe, &handles[i]));
		if (pg_run_failed(run))
			return;
		MUST(run, pg_fe_kick(fe, 0));
		pause(run, fe);
		MUST(run, pg_fe_kick_always(fe, 0));
		for (uint32_t i = 0; i < 100; i++)
			MUST(run, pg_fe_command_finish(fe, handles[i], PG_FE_WAIT_DEFAULT, NULL, 0,
						       NULL));
	}
}

/* Between GET_VRING_BASE and the next start a ring is not touched. */
static void stopped_is_quiet(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t handle;

	(void)argument;
	MUST(run, pg_fe_stop(fe));
	MUST(run, start_unref(fe, &handle));
	if (pg_run_failed(run))
		return;
	MUST(run, pg_fe_kick_always(fe, 0));
	MUST(run, pg_fe_pump(fe, 50));
	CHECK(run, !pg_fe_command_done(fe, handle), "a stopped ring was served");
	MUST(run, pg_fe_start(fe));
	MUST(run, pg_fe_kick_always(fe, 0));
	MUST(run, pg_fe_command_finish(fe, handle, PG_FE_WAIT_DEFAULT, NULL, 0, NULL));
}

static void table_again(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	for (int i = 0; i < 20; i++)
		MUST(run, pg_fe_set_mem_table(fe));
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

/* Memory that backs a resource goes away and comes back (B9). */
static void memory_unplugged(struct pg_run *run, struct pg_fe *fe, uint64_t blob)
{
	uint64_t address = fe->regions[1].guest_address + 4096;
	le32 *pixels = pg_fe_memory(fe, address, BYTES);
	uint32_t regions = fe->region_count;

	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		pixels[i] = pg_to_le32(0xff000000 | pg_pattern_pixel(1, i));
	if (blob) {
		WANT(run, pg_fe_create_blob(fe, 5, address, BYTES, 0), OK);
		pg_show_blob(run, fe, 5, SIDE, SIDE);
	} else {
		WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
		WANT(run, pg_fe_attach(fe, 5, address, BYTES), OK);
		WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
		pg_show(run, fe, 5, SIDE, SIDE);
	}
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
	fe->region_count = 1;
	MUST(run, pg_fe_set_mem_table(fe));
	CHECK(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0) >= 0, "no answer");
	CHECK(run, pg_fe_flush(fe, 5, 0, 0, SIDE, SIDE) >= 0, "no answer");
	MUST(run, pg_fe_settle(fe, 20));
	fe->region_count = regions;
	MUST(run, pg_fe_set_mem_table(fe));
	pg_want_present(run, fe, 5);
}

static void slot_unplugged(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = fe->regions[1].guest_address + 4096;

	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach(fe, 5, address, BYTES), OK);
	MUST(run, pg_fe_change_slot(fe, 1, false));
	CHECK(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0) >= 0, "no answer");
	MUST(run, pg_fe_change_slot(fe, 1, true));
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
}

static void kick_storm(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	for (int i = 0; i < 1000 && !pg_run_failed(run); i++) {
		MUST(run, pg_fe_kick_always(fe, (uint32_t)i & 1));
		if (i % 50 == 0)
			WANT_ERROR(run, pg_fe_unref(fe, 999), BAD_RESOURCE);
	}
}

static void reconnect_clean(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	for (uint32_t i = 0; i < count && !pg_run_failed(run); i++) {
		pg_make_picture(run, fe, 5, SIDE, SIDE, i);
		pg_show(run, fe, 5, SIDE, SIDE);
		pg_want_picture(run, fe, SIDE, SIDE, i, SIDE);
		if (pg_run_failed(run))
			return;
		fe = pg_run_reconnect(run);
		if (fe)
			WANT_ERROR(run, pg_fe_unref(fe, 5), BAD_RESOURCE);
	}
}

/* A connection that goes at any step of the sequence leaves nothing behind. */
static void leave_early(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_settings *settings = pg_run_settings(run);

	(void)argument;
	for (int step = 0; step < 3 && !pg_run_failed(run); step++) {
		fe = pg_run_reconnect(run);
		if (!fe)
			return;
		pg_fe_destroy(fe);
		run->fe = pg_run_connect(run, settings);
		if (run->fe && step > 0)
			MUST(run, pg_fe_negotiate(run->fe));
		if (run->fe && step > 1)
			MUST(run, pg_fe_start(run->fe));
	}
	fe = pg_run_reconnect(run);
	if (fe)
		pg_want_alive(run, fe);
}

/* A device that is not set up has nothing to say and nothing to lose. */
static void nothing_before_start(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct vhost_user_vring_state state = {0, 0};

	(void)argument;
	MUST(run, pg_fe_negotiate(fe));
	MUST(run, pg_fe_message(fe, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), NULL, 0,
				false, &state, sizeof(state)));
	MUST(run, pg_fe_reset(fe));
	MUST(run, pg_fe_start(fe));
	pg_want_alive(run, fe);
}

#define LIFE "vhost-user: starting and stopping rings"
#define RESET "Device Reset"
#define MEMORY "vhost-user: memory tables; B9"

static const struct pg_rule rules[] = {
	{"session/reset-forgets", "a reset forgets resources and heads", RESET "; S4, R7",
	 .needs = PG_NO_WITNESS, .run = reset_forgets},
	{"session/reset-forgets-blobs", "a reset forgets blobs", RESET, .features = BLOBS,
	 .needs = PG_NO_WITNESS, .run = reset_forgets_blobs},
	{"session/reset-loop", "a device may be reset again and again", RESET "; R7, Q11",
	 .needs = PG_NO_WITNESS, .run = reset_loop, .argument = 20},
	{"session/reset-packed", "a device with packed rings may be reset", RESET,
	 .features = PACKED, .needs = PG_NO_WITNESS, .run = reset_loop, .argument = 5,
	 .setup = packed_setup},
	{"session/reset-renegotiates", "features not accepted again are gone", RESET,
	 .features = BLOBS, .needs = PG_NO_WITNESS, .run = reset_renegotiates},
	{"session/pause-keeps", "a pause keeps resources", LIFE, .run = pause_keeps},
	{"session/pause-packed", "a pause keeps resources with packed rings", LIFE,
	 .features = PACKED, .run = pause_keeps, .setup = packed_setup},
	{"session/resume-redraws", "after a pause picture and cursor are sent again",
	 "vhost-user-gpu: new display socket", .needs = PG_NEEDS_GPU, .run = resume_redraws},
	{"session/base", "GET_VRING_BASE says where a split ring is", LIFE, .run = base_is_true},
	{"session/base-packed", "GET_VRING_BASE says where a packed ring is", LIFE,
	 .features = PACKED, .run = base_is_true, .setup = packed_setup},
	{"session/pause-busy", "a pause loses nothing of a full ring", LIFE, .run = pause_busy},
	{"session/pause-busy-packed", "a pause loses nothing of a full packed ring", LIFE,
	 .features = PACKED, .run = pause_busy, .setup = packed_setup},
	{"session/stopped", "a stopped ring is not served", LIFE, .run = stopped_is_quiet},
	{"session/memory-again", "the same memory table again changes nothing", MEMORY,
	 .run = table_again},
	{"session/memory-unplugged", "memory behind an image may go away", MEMORY,
	 .run = memory_unplugged, .argument = 0},
	{"session/memory-unplugged-blob", "memory behind a shown blob may go away", MEMORY,
	 .features = BLOBS, .run = memory_unplugged, .argument = 1},
	{"session/slot-unplugged", "a memory slot behind an image may go away", MEMORY,
	 .protocol = BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS), .run = slot_unplugged},
	{"session/kick-storm", "kicks without requests do no harm", LIFE, .run = kick_storm},
	{"session/reconnect", "a new connection finds a clean device", "vhost-user: connections",
	 .needs = PG_NO_WITNESS, .run = reconnect_clean, .argument = 10},
	{"session/leave-early", "a connection may end at any step", "vhost-user: connections",
	 .needs = PG_NO_WITNESS, .run = leave_early},
	{"session/before-start", "GET_VRING_BASE of a ring that never ran is answered", LIFE,
	 .needs = PG_UNSTARTED, .run = nothing_before_start},
};

const struct pg_rule_set pg_rules_session = PG_RULE_SET(rules);
