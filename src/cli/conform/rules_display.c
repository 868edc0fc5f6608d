/* SPDX-License-Identifier: MIT */
/*
 * Rules of the vhost-user-gpu display socket: what a back end may send there,
 * and that a slow, mute or absent display does not stop the device. (Wrong
 * messages fail every other rule, too: see pg_check_ends().)
 */
#include <string.h>

#include "cli/conform/conform.h"
#include "frontend/internal.h"

#define SIDE 64u

static void replaced(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	for (int i = 0; i < 10 && !pg_run_failed(run); i++) {
		MUST(run, pg_fe_replace_display(fe));
		MUST(run, pg_fe_wait_updates(fe, 0, 1, PG_FE_WAIT_DEFAULT));
		pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
		pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	}
}

static void closed(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_fe_close_display(fe);
	for (int i = 0; i < 20; i++)
		WANT(run, pg_fe_flush(fe, 5, 0, 0, SIDE, SIDE), OK);
	MUST(run, pg_fe_update_cursor(fe, 0, 5, 1, 1, 0, 0));
	WANT(run, pg_fe_set_scanout(fe, 0, 0, 0, 0, 0, 0), OK);
	WANT(run, pg_fe_unref(fe, 5), OK);
	MUST(run, pg_fe_replace_display(fe));
}

static void question_when_closed(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resp_display_info info;

	(void)argument;
	pg_fe_close_display(fe);
	WANT(run, pg_fe_get_display_info(fe, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	MUST(run, pg_fe_replace_display(fe));
}

/* The display goes while its answer is awaited: the guest's question is answered all the same. */
static void gone_in_question(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_ctrl_hdr request;
	uint32_t handle;

	(void)argument;
	pg_fe_stall_display(fe, true);
	pg_fe_fill_header(&request, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	MUST(run, pg_fe_command_start(fe, 0, &request, sizeof(request), NULL, 0, 408, &handle));
	MUST(run, pg_fe_kick(fe, 0));
	MUST(run, pg_fe_pump(fe, 20));
	pg_fe_close_display(fe);
	MUST(run, pg_fe_command_finish(fe, handle, PG_FE_WAIT_DEFAULT, NULL, 0, NULL));
	pg_fe_stall_display(fe, false);
	MUST(run, pg_fe_replace_display(fe));
}

static void slow(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const uint32_t width = 1024, height = 768;
	uint64_t address = pg_make_picture(run, fe, 5, width, height, 1);
	le32 *pixels = pg_fe_memory(fe, address, 4ull * width * height);
	uint64_t features;

	(void)argument;
	pg_show(run, fe, 5, width, height);
	pg_fe_stall_display(fe, true);
	for (uint32_t frame = 0; frame < 30; frame++) {
		for (uint32_t i = 0; i < width * height; i++)
			pixels[i] = pg_to_le32(frame * 0x010203 + i % 251);
		WANT(run, pg_fe_transfer(fe, 5, 0, 0, width, height, 0), OK);
		WANT(run, pg_fe_flush(fe, 5, 0, 0, width, height), OK);
	}
	WANT(run, pg_fe_create_2d(fe, 6, BGRX, 8, 8), OK);
	MUST(run,
	     pg_fe_message(fe, VHOST_USER_GET_FEATURES, NULL, 0, NULL, 0, false, &features, 8));
	pg_fe_stall_display(fe, false);
	MUST(run, pg_fe_settle(fe, 200));
	for (uint32_t i = 0; i < width * height; i += 1013)
		pg_want_pixel(run, fe, i % width, i / width, (29 * 0x010203 + i % 251) & 0xffffff);
}

/* While the display thinks about GET_DISPLAY_INFO, other commands and messages go on. */
static void mute(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_ctrl_hdr request;
	uint64_t features;
	uint32_t handle;

	(void)argument;
	pg_fe_stall_display(fe, true);
	pg_fe_fill_header(&request, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	MUST(run, pg_fe_command_start(fe, 0, &request, sizeof(request), NULL, 0, 408, &handle));
	MUST(run, pg_fe_kick(fe, 0));
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	MUST(run, pg_fe_move_cursor(fe, 0, 1, 1));
	MUST(run,
	     pg_fe_message(fe, VHOST_USER_GET_FEATURES, NULL, 0, NULL, 0, false, &features, 8));
	pg_fe_stall_display(fe, false);
	MUST(run, pg_fe_command_finish(fe, handle, PG_FE_WAIT_DEFAULT, NULL, 0, NULL));
}

/* QEMU answers the display only after the whole start: who waits in GPU_SET_SOCKET hangs it. */
static void stall_at_start(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	MUST(run, pg_fe_stop(fe));
	pg_fe_stall_display(fe, true);
	MUST(run, pg_fe_pump(fe, 20));
	MUST(run, pg_fe_start(fe));
	pg_fe_stall_display(fe, false);
}

static void no_features_setup(struct pg_fe_settings *settings, uint64_t argument)
{
	(void)argument;
	settings->display_features = 0;
}

static void no_features(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resp_edid edid;

	(void)argument;
	CHECK(run, pg_fe_get_edid(fe, 0, &edid) >= 0, "GET_EDID is not answered");
	CHECK(run, !fe->display.edid_requests, "GET_EDID was sent to a display that lacks it");
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void no_flags(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_alive(run, fe);
	CHECK(run, !pg_fe_display_odd_flags(fe), "%u requests had flags set",
	      pg_fe_display_odd_flags(fe));
}

static void large(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, 3840, 2160, 1);
	pg_show(run, fe, 5, 3840, 2160);
	for (uint32_t i = 0; i < 2160; i += 97)
		pg_want_pixel(run, fe, i, i, pg_pattern_pixel(1, (uint64_t)i * 3840 + i));
}

#define DISPLAY "vhost-user-gpu: communication"
/* Strings are joined by standing side by side, without parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define D(ident, text, function) \
	{"display/" ident, text, DISPLAY, .needs = PG_NEEDS_GPU, .run = function}

static const struct pg_rule rules[] = {
	D("replaced", "a new display socket gets the picture that is shown", replaced),
	D("closed", "a closed display does not stop the device", closed),
	D("question-closed", "GET_DISPLAY_INFO is answered without a display",
	  question_when_closed),
	D("gone-in-question", "a display that goes while it is asked does not stop the device",
	  gone_in_question),
	D("slow", "a display that does not read does not stop the device", slow),
	D("mute", "a display that does not answer does not stop the device", mute),
	D("stall-at-start", "a start does not wait for the display", stall_at_start),
	{"display/no-features", "without display features there is no GET_EDID and no dma-buf",
	 DISPLAY, .features = BIT(VIRTIO_GPU_F_EDID), .needs = PG_NEEDS_GPU, .run = no_features,
	 .setup = no_features_setup},
	D("no-flags", "requests have no flags", no_flags),
	D("large", "3840x2160 pixels arrive", large),
};
/* NOLINTEND(bugprone-macro-parentheses) */

const struct pg_rule_set pg_rules_display = PG_RULE_SET(rules);
