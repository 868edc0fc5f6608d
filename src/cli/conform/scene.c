/* SPDX-License-Identifier: MIT */
/*
 * Scenery for rules: patterns in guest memory, pictures and blobs made of
 * them, and looking at what a display got.
 */
#include "cli/conform/conform.h"

uint32_t pg_pattern_pixel(uint32_t seed, uint64_t index)
{
	uint64_t mixed =
		(index + 1) * 0x9e3779b97f4a7c15ull + (uint64_t)seed * 0xd1342543de82ef95ull;

	return (uint32_t)(mixed >> 33) & 0xffffff;
}

uint64_t pg_pattern(struct pg_fe *fe, uint64_t size, uint32_t seed)
{
	uint64_t address = pg_fe_alloc(fe, (size + 4095) & ~4095ull, 4096);
	le32 *pixels = pg_fe_memory(fe, address, size);

	for (uint64_t i = 0; pixels && i < size / 4; i++)
		pixels[i] = pg_to_le32(0xff000000 | pg_pattern_pixel(seed, i));
	return address;
}

uint64_t pg_make_picture(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t width,
			 uint32_t height, uint32_t seed)
{
	uint32_t size = width * height * 4;
	uint64_t address = pg_pattern(fe, size, seed);

	WANT(run, pg_fe_create_2d(fe, id, BGRX, width, height), OK);
	WANT(run, pg_fe_attach(fe, id, address, size), OK);
	WANT(run, pg_fe_transfer(fe, id, 0, 0, width, height, 0), OK);
	return address;
}

uint64_t pg_make_blob(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint64_t size,
		      uint32_t seed)
{
	uint64_t address = pg_pattern(fe, size, seed);

	WANT(run, pg_fe_create_blob(fe, id, address, size, 0), OK);
	return address;
}

static uint32_t updates(struct pg_fe *fe)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);

	return head ? head->updates : 0;
}

void pg_flush_shown(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t x, uint32_t y,
		    uint32_t width, uint32_t height)
{
	uint32_t before = updates(fe);

	WANT(run, pg_fe_flush(fe, id, x, y, width, height), OK);
	if (pg_fe_get_head(fe, 0))
		MUST(run, pg_fe_wait_updates(fe, 0, before + 1, PG_FE_WAIT_DEFAULT));
}

void pg_show(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t width, uint32_t height)
{
	WANT(run, pg_fe_set_scanout(fe, 0, id, 0, 0, width, height), OK);
	pg_flush_shown(run, fe, id, 0, 0, width, height);
}

void pg_show_blob(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t width,
		  uint32_t height)
{
	struct virtio_gpu_rect r = pg_fe_rect(0, 0, width, height);

	WANT(run, pg_fe_set_scanout_blob(fe, 0, id, &r, width, height, BGRX, width * 4, 0), OK);
	pg_flush_shown(run, fe, id, 0, 0, width, height);
}

void pg_want_pixel(struct pg_run *run, struct pg_fe *fe, uint32_t x, uint32_t y, uint32_t wanted)
{
	uint32_t got;

	if (!pg_fe_get_head(fe, 0) || pg_run_failed(run))
		return;
	got = pg_fe_pixel(fe, 0, x, y);
	CHECK(run, got == wanted, "pixel (%u, %u) is 0x%06x, wanted 0x%06x", x, y, got, wanted);
}

void pg_want_picture(struct pg_run *run, struct pg_fe *fe, uint32_t width, uint32_t height,
		     uint32_t seed, uint32_t stride)
{
	for (uint32_t y = 0; y < height && !pg_run_failed(run); y++)
		for (uint32_t x = 0; x < width && !pg_run_failed(run); x++)
			pg_want_pixel(run, fe, x, y,
				      pg_pattern_pixel(seed, (uint64_t)y * stride + x));
}
