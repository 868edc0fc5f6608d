/* SPDX-License-Identifier: MIT */
/*
 * Rules of SET_SCANOUT and RESOURCE_FLUSH: what heads show and which damage
 * reaches the display (virtio specification, "Device Operation: controlq").
 */
#include <string.h>

#include "cli/conform/conform.h"

#define SIDE 64u
#define BYTES 16384u /* of SIDE * SIDE pixels */

static uint32_t scanouts(struct pg_fe *fe)
{
	struct virtio_gpu_config config = {0};

	pg_fe_get_config(fe, 0, 16, &config);
	return pg_from_le32(config.num_scanouts);
}

static void id_too_large(struct pg_run *run, struct pg_fe *fe, uint64_t id)
{
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT_ERROR(run, pg_fe_set_scanout(fe, (uint32_t)id, 5, 0, 0, SIDE, SIDE), BAD_SCANOUT);
	WANT_ERROR(run, pg_fe_set_scanout(fe, (uint32_t)id, 0, 0, 0, 0, 0), BAD_SCANOUT);
}

static void id_is_count(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t count = scanouts(fe);

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	for (uint32_t id = count; id <= 16; id++)
		WANT_ERROR(run, pg_fe_set_scanout(fe, id, 5, 0, 0, SIDE, SIDE), BAD_SCANOUT);
}

static void want_5_shown(struct pg_run *run, struct pg_fe *fe)
{
	pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void error_keeps_scanout(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	WANT_ERROR(run, pg_fe_set_scanout(fe, 0, 999, 0, 0, SIDE, SIDE), BAD_RESOURCE);
	WANT_ERROR(run, pg_fe_set_scanout(fe, 0, 5, 1, 1, SIDE, SIDE), BAD_PARAMETER);
	WANT_ERROR(run, pg_fe_set_scanout(fe, 99, 5, 0, 0, SIDE, SIDE), BAD_SCANOUT);
	want_5_shown(run, fe);
}

struct quad {
	uint32_t x, y, width, height;
};

static const struct quad outside[] = {
	{0, 0, SIDE + 1, SIDE},
	{0, 0, SIDE, SIDE + 1},
	{SIDE, 0, 16, 16},
	{0, SIDE, 16, 16},
	{0xfffffff0, 0, 32, 16},
	{0, 0xfffffff0, 16, 32},
	{1, 0, 0xffffffff, 16},
	{0, 1, 16, 0xffffffff},
	{0x80000000, 0, 0x80000000, 16},
	{0, 0x80000000, 16, 0x80000000},
	{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
};

static void outside_resource(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		const struct quad *r = &outside[i];

		WANT_ERROR(run, pg_fe_set_scanout(fe, 0, 5, r->x, r->y, r->width, r->height),
			   BAD_PARAMETER);
	}
}

static void zero_size(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT_ERROR(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, 0, SIDE), BAD_PARAMETER);
	WANT_ERROR(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, 0), BAD_PARAMETER);
}

static void one_pixel(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT_OURS(run, pg_fe_set_scanout(fe, 0, 5, 3, 2, 1, 1), OK);
	if (!pg_run_strict(run))
		return;
	pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	pg_want_pixel(run, fe, 0, 0, pg_pattern_pixel(1, 2 * SIDE + 3));
}

static void no_backing(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT_OURS(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, SIDE), OK);
}

/* Linux sends the old mode's size or zeros. */
static void disable(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	WANT(run, pg_fe_set_scanout(fe, 0, 0, 7, 7, 0xffffffff, 5), OK);
	WANT(run, pg_fe_set_scanout(fe, 0, 0, 0, 0, 0, 0), OK);
	WANT(run, pg_fe_flush(fe, 5, 0, 0, SIDE, SIDE), OK);
	MUST(run, pg_fe_settle(fe, 50));
	if (head)
		CHECK(run, head->width == 0, "the head still shows %ux%u", head->width,
		      head->height);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void repeated(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	for (int i = 0; i < 20; i++)
		WANT(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, SIDE), OK);
	want_5_shown(run, fe);
}

static void size_follows(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);

	(void)argument;
	pg_make_picture(run, fe, 5, 1024, 768, 1);
	pg_show(run, fe, 5, 1024, 768);
	CHECK(run, head->width == 1024 && head->height == 768, "the head is %ux%u, not 1024x768",
	      head->width, head->height);
	pg_show(run, fe, 5, 800, 600);
	CHECK(run, head->width == 800 && head->height == 600, "the head is %ux%u, not 800x600",
	      head->width, head->height);
	pg_want_pixel(run, fe, 799, 599, pg_pattern_pixel(1, 599 * 1024 + 799));
}

static void part(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, 200, 100, 1);
	WANT(run, pg_fe_set_scanout(fe, 0, 5, 30, 20, 100, 40), OK);
	pg_flush_shown(run, fe, 5, 0, 0, 200, 100);
	for (uint32_t y = 0; y < 40 && !pg_run_failed(run); y++)
		for (uint32_t x = 0; x < 100; x++)
			pg_want_pixel(run, fe, x, y, pg_pattern_pixel(1, (20 + y) * 200 + 30 + x));
}

static void want_last(struct pg_run *run, struct pg_fe *fe, uint32_t x, uint32_t y, uint32_t width,
		      uint32_t height)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);

	CHECK(run,
	      head->last_x == x && head->last_y == y && head->last_width == width &&
		      head->last_height == height,
	      "the display got the damage %ux%u+%u+%u, wanted %ux%u+%u+%u", head->last_width,
	      head->last_height, head->last_x, head->last_y, width, height, x, y);
}

static void damage_exact(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, 200, 100, 1);
	pg_show(run, fe, 5, 200, 100);
	pg_flush_shown(run, fe, 5, 17, 9, 23, 11);
	want_last(run, fe, 17, 9, 23, 11);
	pg_flush_shown(run, fe, 5, 199, 99, 1, 1);
	want_last(run, fe, 199, 99, 1, 1);
}

static void damage_clipped(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);
	uint32_t updates;

	(void)argument;
	pg_make_picture(run, fe, 5, 200, 100, 1);
	WANT(run, pg_fe_set_scanout(fe, 0, 5, 50, 40, 60, 30), OK);
	pg_flush_shown(run, fe, 5, 0, 0, 200, 100);
	want_last(run, fe, 0, 0, 60, 30);
	pg_flush_shown(run, fe, 5, 55, 45, 100, 10);
	want_last(run, fe, 5, 5, 55, 10);
	updates = head->updates;
	WANT(run, pg_fe_flush(fe, 5, 0, 0, 50, 40), OK);
	WANT(run, pg_fe_flush(fe, 5, 110, 70, 5, 5), OK);
	MUST(run, pg_fe_settle(fe, 50));
	CHECK(run, head->updates == updates, "a flush outside the scanout reached the display");
}

static void flush_outside(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		const struct quad *r = &outside[i];

		WANT_ERROR(run, pg_fe_flush(fe, 5, r->x, r->y, r->width, r->height), BAD_PARAMETER);
	}
	want_5_shown(run, fe);
}

static void flush_unshown(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);
	uint32_t updates = 0;

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_make_picture(run, fe, 6, SIDE, SIDE, 2);
	pg_show(run, fe, 6, SIDE, SIDE);
	if (head)
		updates = head->updates;
	WANT(run, pg_fe_flush(fe, 5, 0, 0, SIDE, SIDE), OK);
	MUST(run, pg_fe_settle(fe, 50));
	if (head)
		CHECK(run, head->updates == updates,
		      "flushing a resource that no head shows reached the display");
}

static void flush_empty(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	CHECK(run, pg_fe_flush(fe, 5, 1, 1, 0, 5) >= 0, "no answer");
	CHECK(run, pg_fe_flush(fe, 5, 1, 1, 5, 0) >= 0, "no answer");
	want_5_shown(run, fe);
}

/* A transfer is invisible until it is flushed. */
static void flush_shows(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	le32 *pixels = pg_fe_memory(fe, address, BYTES);

	(void)argument;
	pg_show(run, fe, 5, SIDE, SIDE);
	for (uint32_t frame = 2; frame < 30 && !pg_run_failed(run); frame++) {
		for (uint32_t i = 0; i < SIDE * SIDE; i++)
			pixels[i] = pg_to_le32(pg_pattern_pixel(frame, i));
		WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
		pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
		pg_want_picture(run, fe, SIDE, SIDE, frame, SIDE);
	}
}

/* `argument`: format << 32 | byte offsets of blue, green, red, 8 bits each. */
static void format_colours(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t format = (uint32_t)(argument >> 32);
	uint64_t address = pg_fe_alloc(fe, BYTES, 4096);
	uint8_t *bytes = pg_fe_memory(fe, address, BYTES);

	for (uint32_t i = 0; i < SIDE * SIDE; i++, bytes += 4) {
		memset(bytes, 0xff, 4);
		bytes[argument & 3] = (uint8_t)i;                     /* blue */
		bytes[argument >> 8 & 3] = (uint8_t)(i >> 4);         /* green */
		bytes[argument >> 16 & 3] = (uint8_t)(255 - i % 251); /* red */
	}
	WANT(run, pg_fe_create_2d(fe, 5, format, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach(fe, 5, address, BYTES), OK);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
	for (uint32_t i = 0; i < SIDE * SIDE; i += 61)
		pg_want_pixel(run, fe, i % SIDE, i / SIDE,
			      (255 - i % 251) << 16 | (i >> 4 & 255) << 8 | (i & 255));
}

static void two_heads_setup(struct pg_fe_settings *settings, uint64_t argument)
{
	(void)argument;
	settings->head_count = 2;
}

/* Whether there is a second scanout; the rule is not offered otherwise. */
static bool second_head(struct pg_run *run, struct pg_fe *fe)
{
	int type = pg_fe_set_scanout(fe, 1, 0, 0, 0, 0, 0);

	if (type != OK && type >= 0)
		pg_run_skip(run, "the back end has one scanout only");
	return type == OK;
}

static void mirrored(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	if (!second_head(run, fe))
		return;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, SIDE), OK);
	WANT(run, pg_fe_set_scanout(fe, 1, 5, 8, 8, 32, 32), OK);
	WANT(run, pg_fe_flush(fe, 5, 0, 0, SIDE, SIDE), OK);
	MUST(run, pg_fe_wait_updates(fe, 0, 1, PG_FE_WAIT_DEFAULT));
	MUST(run, pg_fe_wait_updates(fe, 1, 1, PG_FE_WAIT_DEFAULT));
	CHECK(run, pg_fe_pixel(fe, 1, 0, 0) == pg_pattern_pixel(1, 8 * SIDE + 8),
	      "the second head shows 0x%06x", pg_fe_pixel(fe, 1, 0, 0));
	WANT(run, pg_fe_set_scanout(fe, 1, 0, 0, 0, 0, 0), OK);
	want_5_shown(run, fe);
	MUST(run, pg_fe_settle(fe, 50));
	CHECK(run, pg_fe_get_head(fe, 1)->width == 0, "the second head is still on");
}

static void two_pictures(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	if (!second_head(run, fe))
		return;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_make_picture(run, fe, 6, SIDE, SIDE, 2);
	WANT(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, SIDE), OK);
	WANT(run, pg_fe_set_scanout(fe, 1, 6, 0, 0, SIDE, SIDE), OK);
	WANT(run, pg_fe_flush(fe, 6, 0, 0, SIDE, SIDE), OK);
	MUST(run, pg_fe_wait_updates(fe, 1, 1, PG_FE_WAIT_DEFAULT));
	CHECK(run, pg_fe_get_head(fe, 0)->updates == 0, "head 0 got what head 1 shows");
	CHECK(run, pg_fe_pixel(fe, 1, 5, 5) == pg_pattern_pixel(2, 5 * SIDE + 5),
	      "the second head shows 0x%06x", pg_fe_pixel(fe, 1, 5, 5));
	want_5_shown(run, fe);
}

#define SCANOUT "controlq: SET_SCANOUT"
#define FLUSH "controlq: RESOURCE_FLUSH"
#define FORMATS "Formats; S13"
#define FORMAT(code, red, green, blue) \
	((uint64_t)(code) << 32 | (red) << 16 | (green) << 8 | (blue))

static const struct pg_rule rules[] = {
	{"scanout/id-16", "scanout 16 is refused", SCANOUT "; S1 CVE-2016-10029",
	 .run = id_too_large, .argument = 16},
	{"scanout/id-largest", "scanout 0xffffffff is refused", SCANOUT "; S1", .run = id_too_large,
	 .argument = 0xffffffff},
	{"scanout/id-is-count", "scanouts from num_scanouts on are refused",
	 SCANOUT "; S1 CVE-2016-10029", .needs = PG_NEEDS_GENERIC, .run = id_is_count},
	{"scanout/error-keeps", "a refused SET_SCANOUT leaves the head as it was", SCANOUT "; S3",
	 .run = error_keeps_scanout},
	{"scanout/outside", "rectangles outside the resource are refused", SCANOUT "; S14",
	 .run = outside_resource},
	{"scanout/size-zero", "a head without pixels is refused", SCANOUT, .run = zero_size},
	{"scanout/one-pixel", "a head may be 1x1", SCANOUT, .run = one_pixel},
	{"scanout/no-backing", "an image without backing can be shown", SCANOUT, .run = no_backing},
	{"scanout/disable", "resource 0 switches the head off, whatever the rectangle says",
	 SCANOUT "; Q7", .run = disable},
	{"scanout/repeated", "the same SET_SCANOUT again changes nothing", SCANOUT "; Q7",
	 .run = repeated},
	{"scanout/size-follows", "a new SET_SCANOUT changes the head's size", SCANOUT "; S11",
	 .needs = PG_NEEDS_GPU, .run = size_follows},
	{"scanout/part", "a head may show a part of its resource", SCANOUT, .needs = PG_NEEDS_GPU,
	 .run = part},
	{"scanout/mirrored", "two heads may show the same resource", SCANOUT "; S15",
	 .needs = PG_NEEDS_GPU, .run = mirrored, .setup = two_heads_setup},
	{"scanout/two-pictures", "a flush reaches only the heads that show the resource", SCANOUT,
	 .needs = PG_NEEDS_GPU, .run = two_pictures, .setup = two_heads_setup},
	{"flush/exact", "the display gets exactly the flushed rectangle", FLUSH,
	 .needs = PG_NEEDS_GPU, .run = damage_exact},
	{"flush/clipped", "damage is cut to what the head shows", FLUSH, .needs = PG_NEEDS_GPU,
	 .run = damage_clipped},
	{"flush/outside", "rectangles outside the resource are refused", FLUSH "; S14",
	 .run = flush_outside},
	{"flush/unshown", "flushing what no head shows does nothing", FLUSH "; O4",
	 .run = flush_unshown},
	{"flush/empty", "an empty flush does nothing", FLUSH, .run = flush_empty},
	{"flush/frames", "each flushed frame is shown", FLUSH, .needs = PG_NEEDS_GPU,
	 .run = flush_shows},
	{"format/B8G8R8A8", "colours of B8G8R8A8 are right", FORMATS, .needs = PG_NEEDS_GPU,
	 .run = format_colours, .argument = FORMAT(1, 2, 1, 0)},
	{"format/B8G8R8X8", "colours of B8G8R8X8 are right", FORMATS, .needs = PG_NEEDS_GPU,
	 .run = format_colours, .argument = FORMAT(2, 2, 1, 0)},
	{"format/A8R8G8B8", "colours of A8R8G8B8 are right", FORMATS, .needs = PG_NEEDS_GPU,
	 .run = format_colours, .argument = FORMAT(3, 1, 2, 3)},
	{"format/X8R8G8B8", "colours of X8R8G8B8 are right", FORMATS, .needs = PG_NEEDS_GPU,
	 .run = format_colours, .argument = FORMAT(4, 1, 2, 3)},
	{"format/R8G8B8A8", "colours of R8G8B8A8 are right", FORMATS, .needs = PG_NEEDS_GPU,
	 .run = format_colours, .argument = FORMAT(67, 0, 1, 2)},
	{"format/X8B8G8R8", "colours of X8B8G8R8 are right", FORMATS, .needs = PG_NEEDS_GPU,
	 .run = format_colours, .argument = FORMAT(68, 3, 2, 1)},
	{"format/A8B8G8R8", "colours of A8B8G8R8 are right", FORMATS, .needs = PG_NEEDS_GPU,
	 .run = format_colours, .argument = FORMAT(121, 3, 2, 1)},
	{"format/R8G8B8X8", "colours of R8G8B8X8 are right", FORMATS, .needs = PG_NEEDS_GPU,
	 .run = format_colours, .argument = FORMAT(134, 0, 1, 2)},
};

const struct pg_rule_set pg_rules_scanout = PG_RULE_SET(rules);
