/* SPDX-License-Identifier: MIT */
/*
 * Rules of 2D resources: RESOURCE_CREATE_2D, UNREF, ATTACH_BACKING,
 * DETACH_BACKING, TRANSFER_TO_HOST_2D (virtio specification, "Device
 * Operation: controlq").
 */
#include <string.h>

#include "cli/conform/conform.h"

#define SIDE 64u
#define BYTES 16384u /* of SIDE * SIDE pixels */

/* --- RESOURCE_CREATE_2D ------------------------------------------------------------------- */

static void create_id_zero(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT_ERROR(run, pg_fe_create_2d(fe, 0, BGRX, SIDE, SIDE), BAD_RESOURCE);
}

static void create_id_in_use(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT_ERROR(run, pg_fe_create_2d(fe, 5, BGRX, 8, 8), BAD_RESOURCE);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
	pg_want_present(run, fe, 5);
}

static void create_id_largest(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 0xffffffff, SIDE, SIDE, 1);
	pg_show(run, fe, 0xffffffff, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
	pg_want_present(run, fe, 0xffffffff);
}

static void create_bad_format(struct pg_run *run, struct pg_fe *fe, uint64_t format)
{
	for (int i = 0; i < 50; i++)
		WANT_ERROR(run, pg_fe_create_2d(fe, 5, (uint32_t)format, SIDE, SIDE),
			   BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

static void create_zero_size(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT_ERROR(run, pg_fe_create_2d(fe, 5, BGRX, 0, SIDE), BAD_PARAMETER);
	WANT_ERROR(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, 0), BAD_PARAMETER);
	WANT_ERROR(run, pg_fe_create_2d(fe, 5, BGRX, 0, 0), BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

/* `argument`: width << 32 | height, whose image does not fit into 32 bits of bytes. */
static void create_overflow(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	WANT_ERROR(run,
		   pg_fe_create_2d(fe, 5, BGRX, (uint32_t)(argument >> 32), (uint32_t)argument),
		   NO_MEMORY);
	pg_want_absent(run, fe, 5);
}

static void create_is_black(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	/* memory that held something before */
	for (uint32_t i = 0; i < 8; i++) {
		pg_make_picture(run, fe, 20 + i, 256, 256, i);
		WANT(run, pg_fe_unref(fe, 20 + i), OK);
	}
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, 256, 256), OK);
	WANT(run, pg_fe_attach(fe, 5, pg_fe_alloc(fe, 262144, 4096), 262144), OK);
	pg_show(run, fe, 5, 256, 256);
	for (uint32_t i = 0; i < 256; i++)
		pg_want_pixel(run, fe, i, i, 0);
}

static void create_again(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	for (uint32_t i = 1; i <= 100 && !pg_run_failed(run); i++) {
		WANT(run, pg_fe_create_2d(fe, 5, BGRX, i, 2 * i), OK);
		WANT(run, pg_fe_unref(fe, 5), OK);
	}
}

static void create_many(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	uint32_t made = 0;
	int type = OK;

	while (made < count && type == OK && !pg_run_failed(run)) {
		type = pg_fe_create_2d(fe, 1000 + made, BGRX, 1, 1);
		made += type == OK;
	}
	CHECK(run, type == OK || type == NO_MEMORY, "resource %u was answered 0x%x", made, type);
	CHECK(run, made >= 1024, "only %u small resources could be made", made);
	for (uint32_t i = 0; i < made && !pg_run_failed(run); i++)
		WANT(run, pg_fe_unref(fe, 1000 + i), OK);
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
}

/* `argument`: side of the images, 64 MiB each. */
static void create_to_the_limit(struct pg_run *run, struct pg_fe *fe, uint64_t side)
{
	uint32_t made = 0;
	int type = OK;

	while (made < 64 && type == OK) {
		type = pg_fe_create_2d(fe, 100 + made, BGRX, (uint32_t)side, (uint32_t)side);
		made += type == OK;
	}
	CHECK(run, type == NO_MEMORY, "4 GiB of images were not refused with ERR_OUT_OF_MEMORY");
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, 16, 16), OK);
	WANT(run, pg_fe_unref(fe, 100), OK);
	WANT(run, pg_fe_create_2d(fe, 100, BGRX, (uint32_t)side, (uint32_t)side), OK);
	for (uint32_t i = 0; i < made && !pg_run_failed(run); i++)
		WANT(run, pg_fe_unref(fe, 100 + i), OK);
}

/* --- RESOURCE_UNREF ----------------------------------------------------------------------- */

static void unref_twice(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT(run, pg_fe_unref(fe, 5), OK);
	WANT_ERROR(run, pg_fe_unref(fe, 5), BAD_RESOURCE);
}

static void unref_attached_loop(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	uint64_t address = pg_fe_alloc(fe, BYTES, 4096);

	for (uint64_t i = 0; i < count && !pg_run_failed(run); i++) {
		WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
		WANT(run, pg_fe_attach_pieces(fe, 5, address, BYTES, 512), OK);
		WANT(run, pg_fe_unref(fe, 5), OK);
	}
}

static void unref_shown(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	WANT(run, pg_fe_unref(fe, 5), OK);
	WANT_ERROR(run, pg_fe_flush(fe, 5, 0, 0, SIDE, SIDE), BAD_RESOURCE);
	MUST(run, pg_fe_move_cursor(fe, 0, 3, 3));
	MUST(run, pg_fe_settle(fe, 50));
	if (head)
		CHECK(run, head->width == 0, "the head still shows %ux%u", head->width,
		      head->height);
}

/* --- RESOURCE_ATTACH_BACKING --------------------------------------------------------------- */

static void attach_twice(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t other = pg_pattern(fe, BYTES, 2);

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	for (int i = 0; i < 20; i++)
		WANT_ERROR(run, pg_fe_attach(fe, 5, other, BYTES), BAD_PARAMETER);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

/* The list may be wrong in many ways; nothing is attached then and a good list still works. */
static void want_list_refused(struct pg_run *run, struct pg_fe *fe, uint32_t stated,
			      const struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	uint64_t good = pg_pattern(fe, BYTES, 4);

	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	for (int i = 0; i < 20; i++)
		WANT_ERROR(run, pg_fe_attach_entries(fe, 5, stated, entries, count), BAD_PARAMETER);
	WANT_ERROR(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), BAD_PARAMETER);
	WANT(run, pg_fe_attach(fe, 5, good, BYTES), OK);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 4, SIDE);
}

static void attach_short_list(struct pg_run *run, struct pg_fe *fe, uint64_t stated)
{
	struct virtio_gpu_mem_entry entry = pg_fe_entry(pg_fe_alloc(fe, BYTES, 4096), BYTES);

	want_list_refused(run, fe, (uint32_t)stated, &entry, 1);
}

static void attach_half_entry(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resource_attach_backing request = {
		.resource_id = pg_to_le32(5),
		.nr_entries = pg_to_le32(2),
	};
	struct virtio_gpu_mem_entry entries[2] = {
		pg_fe_entry(pg_fe_alloc(fe, BYTES, 4096), BYTES / 2),
		pg_fe_entry(pg_fe_alloc(fe, BYTES, 4096), BYTES / 2),
	};
	struct virtio_gpu_ctrl_hdr response;

	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING);
	MUST(run, pg_fe_execute(fe, 0, &request, sizeof(request), entries, 24, &response,
				sizeof(response), NULL));
	WANT_ERROR(run, (int)pg_from_le32(response.type), BAD_PARAMETER);
}

static void attach_surplus(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	static struct virtio_gpu_mem_entry entries[4096];

	(void)argument;
	memset(entries, 0xff, sizeof(entries));
	entries[0] = pg_fe_entry(pg_pattern(fe, BYTES, 6), BYTES);
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach_entries(fe, 5, 1, entries, 4096), OK);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 6, SIDE);
}

enum bad_place {
	HOLE,
	BEYOND,
	OVER_THE_END,
	WRAPPING,
	LAST_OF_MANY
};

static void attach_bad_address(struct pg_run *run, struct pg_fe *fe, uint64_t place)
{
	struct virtio_gpu_mem_entry entries[9];
	uint64_t good = pg_fe_alloc(fe, BYTES, 4096);
	uint32_t count = 1;

	if (place == HOLE)
		entries[0] = pg_fe_entry(pg_fe_region_end(fe, 0) + (1u << 20), BYTES);
	else if (place == BEYOND)
		entries[0] = pg_fe_entry(1ull << 60, BYTES);
	else if (place == OVER_THE_END)
		entries[0] = pg_fe_entry(pg_fe_region_end(fe, 0) - 4096, BYTES);
	else if (place == WRAPPING)
		entries[0] = pg_fe_entry(0xfffffffffffff000, 0x2000);
	for (; place == LAST_OF_MANY && count < 9; count++)
		entries[count - 1] = pg_fe_entry(good, 4096);
	if (place == LAST_OF_MANY)
		entries[8] = pg_fe_entry(pg_fe_region_end(fe, 0), 4096);
	want_list_refused(run, fe, count, entries, count);
}

static void attach_nothing(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_pattern(fe, BYTES, 7);

	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT_OURS(run, pg_fe_attach_entries(fe, 5, 0, NULL, 0), OK);
	WANT(run, pg_fe_attach(fe, 5, address, BYTES), OK);
	WANT_ERROR(run, pg_fe_attach(fe, 5, address, BYTES), BAD_PARAMETER);
}

static void show_5(struct pg_run *run, struct pg_fe *fe)
{
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
}

static void attach_zero_lengths(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_pattern(fe, BYTES, 8);
	struct virtio_gpu_mem_entry entries[5] = {
		pg_fe_entry(address, 0), pg_fe_entry(address, BYTES / 2),
		pg_fe_entry(0, 0),       pg_fe_entry(address + BYTES / 2, BYTES / 2),
		pg_fe_entry(address, 0),
	};

	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT_OURS(run, pg_fe_attach_entries(fe, 5, 5, entries, 5), OK);
	if (!pg_run_strict(run))
		return;
	show_5(run, fe);
	pg_want_picture(run, fe, SIDE, SIDE, 8, SIDE);
}

/* Pages in reverse order. */
static void attach_order(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_pattern(fe, BYTES, 9);
	struct virtio_gpu_mem_entry entries[4];

	(void)argument;
	for (uint32_t i = 0; i < 4; i++)
		entries[i] = pg_fe_entry(address + (3ull - i) * 4096, 4096);
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach_entries(fe, 5, 4, entries, 4), OK);
	show_5(run, fe);
	for (uint32_t i = 0; i < 4; i++) /* 16 rows of 256 bytes a page */
		pg_want_pixel(run, fe, 7, i * 16 + 3,
			      pg_pattern_pixel(9, ((3 - i) * 16 + 3) * SIDE + 7));
}

/* Entries that begin and end anywhere, even within a pixel. */
static void attach_odd_pieces(struct pg_run *run, struct pg_fe *fe, uint64_t piece)
{
	uint64_t address = pg_pattern(fe, BYTES, 10);

	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach_pieces(fe, 5, address, BYTES, (uint32_t)piece), OK);
	show_5(run, fe);
	pg_want_picture(run, fe, SIDE, SIDE, 10, SIDE);
}

static void attach_overlapping(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_pattern(fe, 4096, 11);
	struct virtio_gpu_mem_entry entries[4];

	(void)argument;
	for (uint32_t i = 0; i < 4; i++)
		entries[i] = pg_fe_entry(address, 4096);
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach_entries(fe, 5, 4, entries, 4), OK);
	show_5(run, fe);
	for (uint32_t y = 0; y < SIDE; y++)
		pg_want_pixel(run, fe, y, y, pg_pattern_pixel(11, (y % 16) * SIDE + y));
}

static void adjacent_setup(struct pg_fe_settings *settings, uint64_t argument)
{
	(void)argument;
	settings->regions[0].size = 64ull << 20;
	settings->regions[1].guest_address = 64ull << 20;
	settings->regions[1].size = 64ull << 20;
}

static void attach_over_regions(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_fe_region_end(fe, 0) - 4096;
	le32 *low = pg_fe_memory(fe, address, 4096);
	le32 *high = pg_fe_memory(fe, address + 4096, BYTES - 4096);

	(void)argument;
	for (uint32_t i = 0; i < BYTES / 4; i++)
		*(i < 1024 ? low + i : high + i - 1024) =
			pg_to_le32(0xff000000 | pg_pattern_pixel(12, i));
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach(fe, 5, address, BYTES), OK);
	show_5(run, fe);
	pg_want_picture(run, fe, SIDE, SIDE, 12, SIDE);
}

static void attach_many_entries(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	uint64_t address = pg_pattern(fe, 16 * count, 13);
	uint32_t width = 256, height = (uint32_t)(count / 64);

	WANT(run, pg_fe_create_2d(fe, 5, BGRX, width, height), OK);
	WANT(run, pg_fe_attach_pieces(fe, 5, address, 16 * count, 16), OK);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, width, height, 0), OK);
	pg_show(run, fe, 5, width, height);
	for (uint32_t y = 0; y < height; y += 31)
		pg_want_pixel(run, fe, y % 256, y,
			      pg_pattern_pixel(13, (uint64_t)y * width + y % 256));
}

/* --- RESOURCE_DETACH_BACKING --------------------------------------------------------------- */

static void detach_nothing(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT_OURS(run, pg_fe_detach(fe, 5), OK);
	WANT_OURS(run, pg_fe_detach(fe, 5), OK);
	WANT(run, pg_fe_attach(fe, 5, pg_fe_alloc(fe, BYTES, 4096), BYTES), OK);
}

static void detach_keeps_image(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_show(run, fe, 5, SIDE, SIDE);
	WANT(run, pg_fe_detach(fe, 5), OK);
	WANT_ERROR(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), BAD_PARAMETER);
	pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
	WANT(run, pg_fe_attach(fe, 5, pg_pattern(fe, BYTES, 2), BYTES), OK);
	show_5(run, fe);
	pg_want_picture(run, fe, SIDE, SIDE, 2, SIDE);
}

static void detach_attach_loop(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	uint64_t address = pg_fe_alloc(fe, BYTES, 4096);

	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	for (uint64_t i = 0; i < count && !pg_run_failed(run); i++) {
		WANT(run, pg_fe_attach_pieces(fe, 5, address, BYTES, 512), OK);
		WANT(run, pg_fe_detach(fe, 5), OK);
	}
}

/* --- TRANSFER_TO_HOST_2D ------------------------------------------------------------------- */

struct quad {
	uint32_t x, y, width, height;
};

static const struct quad outside[] = {
	{0, 0, SIDE + 1, SIDE},
	{0, 0, SIDE, SIDE + 1},
	{SIDE, 0, 1, 1},
	{0, SIDE, 1, 1},
	{0xffffffff, 0, 2, 1},
	{0, 0xffffffff, 1, 2},
	{1, 0, 0xffffffff, 1},
	{0, 1, 1, 0xffffffff},
	{0x80000000, 0, 0x80000000, 1},
	{0, 0x80000000, 1, 0x80000000},
	{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
};

static void transfer_outside(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		const struct quad *r = &outside[i];

		WANT_ERROR(run, pg_fe_transfer(fe, 5, r->x, r->y, r->width, r->height, 0),
			   BAD_PARAMETER);
	}
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void transfer_without_backing(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT_ERROR(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), BAD_PARAMETER);
}

static void transfer_empty(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	CHECK(run, pg_fe_transfer(fe, 5, 3, 3, 0, 5, 0) >= 0, "no answer");
	CHECK(run, pg_fe_transfer(fe, 5, 3, 3, 5, 0, 0) >= 0, "no answer");
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

/* The offset is that of the rectangle's first pixel, not of the image (T3). */
static void transfer_offset(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const uint32_t width = 320, height = 400, stride = width * 4;
	uint64_t address = pg_pattern(fe, (uint64_t)height * stride, 1);

	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, width, height), OK);
	WANT(run, pg_fe_attach(fe, 5, address, height * stride), OK);
	WANT(run, pg_fe_transfer(fe, 5, 10, 20, 100, 50, 0), OK);
	WANT(run, pg_fe_transfer(fe, 5, 200, 100, 50, 50, 200 * 4 + 100 * stride), OK);
	WANT(run, pg_fe_transfer(fe, 5, 0, 300, width, 10, 0), OK);
	pg_show(run, fe, 5, width, height);
	pg_want_pixel(run, fe, 10, 20, pg_pattern_pixel(1, 0));
	pg_want_pixel(run, fe, 109, 69, pg_pattern_pixel(1, 49 * width + 99));
	pg_want_pixel(run, fe, 9, 20, 0);
	pg_want_pixel(run, fe, 110, 20, 0);
	pg_want_pixel(run, fe, 10, 19, 0);
	pg_want_pixel(run, fe, 10, 70, 0);
	pg_want_pixel(run, fe, 200, 100, pg_pattern_pixel(1, 100 * width + 200));
	pg_want_pixel(run, fe, 249, 149, pg_pattern_pixel(1, 149 * width + 249));
	pg_want_pixel(run, fe, 0, 300, pg_pattern_pixel(1, 0));
	pg_want_pixel(run, fe, 319, 309, pg_pattern_pixel(1, 9 * width + 319));
	pg_want_pixel(run, fe, 0, 310, 0);
}

/* What lies behind the backing's end is not there to be copied; the image keeps what it had. */
static void transfer_beyond_backing(struct pg_run *run, struct pg_fe *fe, uint64_t offset)
{
	uint64_t address = pg_pattern(fe, BYTES, 1);
	le32 *pixels = pg_fe_memory(fe, address, BYTES);

	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach(fe, 5, address, BYTES), OK);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	for (uint32_t i = 0; i < BYTES / 4; i++)
		pixels[i] = pg_to_le32(0xff123456);
	WANT_OURS(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, offset), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void transfer_short_backing(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_pattern(fe, BYTES, 1);

	(void)argument;
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, SIDE, SIDE), OK);
	WANT(run, pg_fe_attach(fe, 5, address, 16), OK);
	WANT_OURS(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
	for (uint32_t x = 0; x < 8; x++)
		pg_want_pixel(run, fe, x, 0, x < 4 ? pg_pattern_pixel(1, x) : 0);
	pg_want_pixel(run, fe, 0, 1, 0);
}

static void transfer_exact(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	le32 *pixels = pg_fe_memory(fe, address, BYTES);

	(void)argument;
	for (uint32_t i = 0; i < BYTES / 4; i++)
		pixels[i] = pg_to_le32(0xff000000 | pg_pattern_pixel(2, i));
	WANT(run, pg_fe_transfer(fe, 5, 9, 17, 13, 5, 17 * SIDE * 4 + 9 * 4), OK);
	pg_show(run, fe, 5, SIDE, SIDE);
	for (uint32_t y = 0; y < SIDE && !pg_run_failed(run); y++) {
		for (uint32_t x = 0; x < SIDE; x++) {
			bool inside = x >= 9 && x < 22 && y >= 17 && y < 22;

			pg_want_pixel(run, fe, x, y,
				      pg_pattern_pixel(inside ? 2 : 1, y * SIDE + x));
		}
	}
}

#define R2D "controlq: RESOURCE_CREATE_2D"
#define UNREF "controlq: RESOURCE_UNREF"
#define ATTACH "controlq: RESOURCE_ATTACH_BACKING"
#define DETACH "controlq: RESOURCE_DETACH_BACKING"
#define TRANSFER "controlq: TRANSFER_TO_HOST_2D"

static const struct pg_rule rules[] = {
	{"create-2d/id-zero", "resource id 0 is refused", R2D "; R9", .run = create_id_zero},
	{"create-2d/id-in-use", "an id in use is refused and its resource left alone", R2D "; R4",
	 .run = create_id_in_use},
	{"create-2d/id-largest", "0xffffffff is an id like any other", R2D "; R9",
	 .run = create_id_largest},
	{"create-2d/format-0", "format 0 is refused", R2D "; R1 CVE-2016-7994",
	 .run = create_bad_format, .argument = 0},
	{"create-2d/format-5", "format 5 is refused", R2D "; R8", .run = create_bad_format,
	 .argument = 5},
	{"create-2d/format-unknown", "format 0xffffffff is refused", R2D, .run = create_bad_format,
	 .argument = 0xffffffff},
	{"create-2d/size-zero", "an image without pixels is refused", R2D, .run = create_zero_size},
	{"create-2d/overflow-width", "0x40000001 x 1 pixels are refused", R2D "; R2 CVE-2026-3886",
	 .run = create_overflow, .argument = 0x4000000100000001},
	{"create-2d/overflow-area", "0x10000 x 0x10000 pixels are refused",
	 R2D "; R2 CVE-2026-3886", .run = create_overflow, .argument = 0x0001000000010000},
	{"create-2d/overflow-sign", "0x7fffffff x 2 pixels are refused", R2D "; R2 CVE-2026-3886",
	 .run = create_overflow, .argument = 0x7fffffff00000002},
	{"create-2d/overflow-all", "0xffffffff x 0xffffffff pixels are refused",
	 R2D "; R2 CVE-2026-3886", .run = create_overflow, .argument = 0xffffffffffffffff},
	{"create-2d/black", "a new image shows no old memory", R2D "; T6", .needs = PG_NEEDS_GPU,
	 .run = create_is_black},
	{"create-2d/again", "an id may be used again after RESOURCE_UNREF", R2D,
	 .run = create_again},
	{"create-2d/many", "thousands of small resources can be made and unmade", R2D "; R10",
	 .run = create_many, .argument = 20000},
	{"create-2d/quota", "host memory is bounded, with ERR_OUT_OF_MEMORY, and given back",
	 R2D "; R10", .needs = PG_STRICT_ONLY, .run = create_to_the_limit, .argument = 4096},
	{"unref/twice", "the second RESOURCE_UNREF is refused", UNREF, .run = unref_twice},
	{"unref/attached", "attached resources can be unreferenced, again and again",
	 UNREF "; R3 CVE-2016-9912, R6 CVE-2021-3544", .run = unref_attached_loop, .argument = 500},
	{"unref/shown", "unreferencing what a head shows switches the head off", UNREF "; S4",
	 .run = unref_shown},
	{"attach/twice", "a second backing is refused and the first kept",
	 ATTACH "; B1 CVE-2017-5578", .run = attach_twice},
	{"attach/short-list", "a list shorter than nr_entries is refused", ATTACH "; F6",
	 .run = attach_short_list, .argument = 4},
	{"attach/half-entry", "a list that ends within an entry is refused", ATTACH "; F6",
	 .run = attach_half_entry},
	{"attach/huge-count", "nr_entries 0xffffffff is refused without allocating", ATTACH "; F17",
	 .run = attach_short_list, .argument = 0xffffffff},
	{"attach/count-overflow", "nr_entries 0x10000001 is refused", ATTACH "; B5",
	 .run = attach_short_list, .argument = 0x10000001},
	{"attach/surplus", "bytes behind the last entry are ignored", ATTACH "; F5",
	 .run = attach_surplus},
	{"attach/hole", "an entry between memory regions is refused", ATTACH "; B3, F13",
	 .run = attach_bad_address, .argument = HOLE},
	{"attach/beyond", "an entry far outside of memory is refused", ATTACH "; B3",
	 .run = attach_bad_address, .argument = BEYOND},
	{"attach/over-the-end", "an entry that leaves its region is refused", ATTACH "; B3",
	 .run = attach_bad_address, .argument = OVER_THE_END},
	{"attach/wrapping", "an entry whose end wraps is refused", ATTACH "; B4",
	 .run = attach_bad_address, .argument = WRAPPING},
	{"attach/last-entry-bad", "a bad last entry attaches nothing", ATTACH "; B2",
	 .run = attach_bad_address, .argument = LAST_OF_MANY},
	{"attach/nothing", "an empty list attaches nothing", ATTACH "; B7", .run = attach_nothing},
	{"attach/zero-lengths", "entries of length 0 are skipped", ATTACH "; B6",
	 .run = attach_zero_lengths},
	{"attach/order", "entries count in the order of the list", ATTACH, .needs = PG_NEEDS_GPU,
	 .run = attach_order},
	{"attach/odd-pieces", "entries may end within a pixel", ATTACH, .run = attach_odd_pieces,
	 .argument = 7},
	{"attach/pages", "a backing may consist of single pages", ATTACH, .run = attach_odd_pieces,
	 .argument = 4096},
	{"attach/overlapping", "entries may overlap", ATTACH "; B6", .run = attach_overlapping},
	{"attach/over-regions", "an entry may lie in two adjacent regions", ATTACH "; B6",
	 .run = attach_over_regions, .setup = adjacent_setup},
	{"attach/16384-entries", "16384 entries are accepted", ATTACH, .run = attach_many_entries,
	 .argument = 16384},
	{"attach/65536-entries", "65536 entries are accepted", ATTACH, .needs = PG_STRICT_ONLY,
	 .run = attach_many_entries, .argument = 65536},
	{"detach/nothing", "detaching without a backing is no error", DETACH,
	 .run = detach_nothing},
	{"detach/keeps-image", "the image outlives its backing", DETACH, .run = detach_keeps_image},
	{"detach/loop", "a backing can be replaced again and again", DETACH "; R6 CVE-2021-3544",
	 .run = detach_attach_loop, .argument = 500},
	{"transfer/outside", "rectangles outside the resource are refused", TRANSFER "; T1",
	 .run = transfer_outside},
	{"transfer/no-backing", "a resource without backing is refused", TRANSFER "; T7",
	 .run = transfer_without_backing},
	{"transfer/empty", "an empty rectangle transfers nothing", TRANSFER "; T7",
	 .run = transfer_empty},
	{"transfer/offset", "offset is where the rectangle's first pixel lies in the backing",
	 TRANSFER "; T3", .needs = PG_NEEDS_GPU, .run = transfer_offset},
	{"transfer/offset-at-end", "an offset at the backing's end transfers nothing", TRANSFER,
	 .run = transfer_beyond_backing, .argument = BYTES},
	{"transfer/offset-64-bit", "an offset of more than 32 bits is not cut", TRANSFER "; T2",
	 .run = transfer_beyond_backing, .argument = 1ull << 32},
	{"transfer/offset-wrapping", "an offset near 2^64 does not wrap", TRANSFER "; T4",
	 .run = transfer_beyond_backing, .argument = 0xfffffffffffffffc},
	{"transfer/short-backing", "what a short backing has is transferred, and no more", TRANSFER,
	 .run = transfer_short_backing},
	{"transfer/exact", "nothing outside the rectangle changes", TRANSFER,
	 .run = transfer_exact},
};

const struct pg_rule_set pg_rules_2d = PG_RULE_SET(rules);
