/* SPDX-License-Identifier: MIT */
/*
 * Rules of guest blobs: RESOURCE_CREATE_BLOB with BLOB_MEM_GUEST and
 * SET_SCANOUT_BLOB (virtio specification, "Device Operation: Create resource,
 * blob"). Host blobs need a renderer and are not here.
 */
#include <string.h>

#include "cli/conform/conform.h"

#define SIDE 64u
#define BYTES 16384u /* of SIDE * SIDE pixels */
#define BLOBS BIT(VIRTIO_GPU_F_RESOURCE_BLOB)
#define GUEST VIRTIO_GPU_BLOB_MEM_GUEST

static uint64_t page(struct pg_fe *fe)
{
	return pg_fe_alloc(fe, BYTES, 4096);
}

static int create(struct pg_fe *fe, uint32_t id, uint32_t mem, uint32_t flags, uint64_t blob_id,
		  uint64_t size)
{
	struct virtio_gpu_mem_entry entry = pg_fe_entry(page(fe), BYTES);

	return pg_fe_create_blob_entries(fe, id, mem, flags, blob_id, size, 1, &entry, 1);
}

static void id_zero(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT_ERROR(run, create(fe, 0, GUEST, 2, 0, BYTES), BAD_RESOURCE);
}

/* The error path freed the existing object: CVE-2026-6502. */
static void id_in_use(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_blob(run, fe, 5, BYTES, 1);
	for (int i = 0; i < 5; i++)
		WANT_ERROR(run, create(fe, 5, GUEST, 2, 0, 4096), BAD_RESOURCE);
	WANT_ERROR(run, pg_fe_create_2d(fe, 5, BGRX, 8, 8), BAD_RESOURCE);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
	pg_want_present(run, fe, 5);
}

static void id_of_2d(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT_ERROR(run, create(fe, 5, GUEST, 2, 0, BYTES), BAD_RESOURCE);
	pg_show(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void bad_mem(struct pg_run *run, struct pg_fe *fe, uint64_t mem)
{
	WANT_ERROR(run, create(fe, 5, (uint32_t)mem, 2, 0, BYTES), BAD_PARAMETER);
	WANT_ERROR(run, pg_fe_create_blob_entries(fe, 5, (uint32_t)mem, 2, 1, BYTES, 0, NULL, 0),
		   BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

static void without_virgl(struct pg_fe_settings *settings, uint64_t argument)
{
	(void)argument;
	settings->features &= ~(BIT(VIRTIO_GPU_F_VIRGL) | BIT(VIRTIO_GPU_F_CONTEXT_INIT));
}

static void bad_flags(struct pg_run *run, struct pg_fe *fe, uint64_t flags)
{
	WANT_ERROR(run, create(fe, 5, GUEST, (uint32_t)flags, 0, BYTES), BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

static void any_flags(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	for (uint32_t flags = 0; flags < 8; flags++)
		WANT(run, create(fe, 50 + flags, GUEST, flags, 0, BYTES), OK);
}

static void bad_size(struct pg_run *run, struct pg_fe *fe, uint64_t size)
{
	for (int i = 0; i < 20; i++)
		WANT_ERROR(run, create(fe, 5, GUEST, 2, 0, size), BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

static void blob_id_set(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT_ERROR(run, create(fe, 5, GUEST, 2, 77, BYTES), BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

static void unaligned_size(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT(run, create(fe, 5, GUEST, 2, 0, 4096), OK);
	WANT_OURS(run, create(fe, 6, GUEST, 2, 0, 5000), OK);
}

static void short_list(struct pg_run *run, struct pg_fe *fe, uint64_t stated)
{
	struct virtio_gpu_mem_entry entry = pg_fe_entry(page(fe), BYTES);

	for (int i = 0; i < 20; i++)
		WANT_ERROR(run,
			   pg_fe_create_blob_entries(fe, 5, GUEST, 2, 0, BYTES, (uint32_t)stated,
						     &entry, 1),
			   BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

static void small_entries(struct pg_run *run, struct pg_fe *fe, uint64_t size)
{
	struct virtio_gpu_mem_entry entry = pg_fe_entry(page(fe), 16);

	WANT_ERROR(run, pg_fe_create_blob_entries(fe, 5, GUEST, 2, 0, size, 1, &entry, 1),
		   BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

/* `argument`: 0 hole, 1 far away, 2 over the end, 3 wrapping, 4 the last of many. */
static void bad_address(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t end = pg_fe_region_end(fe, 0);
	const uint64_t addresses[] = {end + 4096, 1ull << 60, end - 4096, 0xffffffffffffe000, end};
	struct virtio_gpu_mem_entry entries[5];

	for (uint32_t i = 0; i < 4; i++)
		entries[i] = pg_fe_entry(page(fe), BYTES);
	entries[4] = pg_fe_entry(addresses[argument], BYTES);
	for (int i = 0; i < 200; i++)
		WANT_ERROR(
			run,
			pg_fe_create_blob_entries(fe, 5, GUEST, 2, 0, 5ull * BYTES, 5, entries, 5),
			BAD_PARAMETER);
	pg_want_absent(run, fe, 5);
}

static void without_entries(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_rect r = pg_fe_rect(0, 0, SIDE, SIDE);
	uint64_t address = pg_pattern(fe, BYTES, 1);

	(void)argument;
	WANT(run, pg_fe_create_blob_entries(fe, 5, GUEST, 2, 0, BYTES, 0, NULL, 0), OK);
	WANT_ERROR(run, pg_fe_set_scanout_blob(fe, 0, 5, &r, SIDE, SIDE, BGRX, SIDE * 4, 0),
		   BAD_PARAMETER);
	WANT(run, pg_fe_attach(fe, 5, address, BYTES), OK);
	WANT_ERROR(run, pg_fe_attach(fe, 5, address, BYTES), BAD_PARAMETER);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void many_entries(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	uint32_t width = 1024, height = (uint32_t)(count * 16 / 4 / width);
	uint64_t address = pg_pattern(fe, count * 16, 2);

	WANT(run, pg_fe_create_blob(fe, 5, address, count * 16, 16), OK);
	pg_show_blob(run, fe, 5, width, height);
	for (uint32_t y = 0; y < height; y += 13)
		pg_want_pixel(run, fe, y, y, pg_pattern_pixel(2, (uint64_t)y * width + y));
}

/* What the guest writes is seen at the next flush, without any transfer. */
static void is_memory(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_make_blob(run, fe, 5, BYTES, 1);
	le32 *pixels = pg_fe_memory(fe, address, BYTES);

	(void)argument;
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		pixels[i] = pg_to_le32(pg_pattern_pixel(2, i));
	pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 2, SIDE);
}

/* Linux sends it before each flush of a dumb buffer. */
static void transfer_is_allowed(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_blob(run, fe, 5, BYTES, 1);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, SIDE, SIDE, 0), OK);
	pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void plain_scanout(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	pg_make_blob(run, fe, 5, BYTES, 1);
	WANT_ERROR(run, pg_fe_set_scanout(fe, 0, 5, 0, 0, SIDE, SIDE), BAD_RESOURCE);
}

static void blob_scanout_of_2d(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_rect r = pg_fe_rect(0, 0, SIDE, SIDE);

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT_ERROR(run, pg_fe_set_scanout_blob(fe, 0, 5, &r, SIDE, SIDE, BGRX, SIDE * 4, 0),
		   BAD_RESOURCE);
}

struct layout {
	uint32_t x, y, r_width, r_height;
	uint32_t width, height, format, stride, offset;
};

/* Each reaches outside of a blob of 64 KiB, or says nonsense. */
static const struct layout bad_layouts[] = {
	{0, 0, 4096, 4, 4096, 4, BGRX, 4, 0},       /* stride too small (S5) */
	{0, 0, SIDE, SIDE, SIDE, SIDE, BGRX, 0, 0}, /* no stride (S9) */
	{0, 0, SIDE, SIDE, SIDE, SIDE, BGRX, 252, 0},
	{0, 0, SIDE, SIDE, SIDE, SIDE, BGRX, 0xffffffff, 0},
	{0, 0, 128, 129, 128, 129, BGRX, 512, 0},              /* one row too many */
	{0, 0, 128, 128, 128, 128, BGRX, 512, 4},              /* one pixel too many */
	{0, 0, SIDE, SIDE, SIDE, SIDE, BGRX, 256, 0xfffff000}, /* S6 */
	{0, 0, SIDE, SIDE, SIDE, SIDE, BGRX, 256, 0xffffffff},
	{0, 0, 4096, 4096, 4096, 4096, BGRX, 16384, 0},   /* S7 */
	{0, 0, SIDE, SIDE, 0x80000000, SIDE, BGRX, 0, 0}, /* S9 */
	{0, 0, SIDE, SIDE, 0x40000001, 1, BGRX, 4, 0},
	{0, 0, SIDE, SIDE, SIDE, 0x80000000, BGRX, 256, 0},
	{0, 0, SIDE, SIDE, 0xffffffff, 0xffffffff, BGRX, 0xffffffff, 0xffffffff},
	{0, 0, SIDE, SIDE, 0, SIDE, BGRX, 256, 0},
	{0, 0, SIDE, SIDE, SIDE, 0, BGRX, 256, 0},
	{0, 0, 0, SIDE, SIDE, SIDE, BGRX, 256, 0},
	{0, 0, SIDE, 0, SIDE, SIDE, BGRX, 256, 0},
	{1, 0, SIDE, SIDE, SIDE, SIDE, BGRX, 256, 0}, /* r outside */
	{0, 1, SIDE, SIDE, SIDE, SIDE, BGRX, 256, 0},
	{0xffffffff, 0, 2, SIDE, SIDE, SIDE, BGRX, 256, 0},
	{0, 0xffffffff, SIDE, 2, SIDE, SIDE, BGRX, 256, 0},
	{0, 0, SIDE, SIDE, SIDE, SIDE, 0, 256, 0}, /* formats */
	{0, 0, SIDE, SIDE, SIDE, SIDE, 99, 256, 0},
	{0, 0, SIDE, SIDE, SIDE, SIDE, 0xffffffff, 256, 0},
};

static void bad_layout(struct pg_run *run, struct pg_fe *fe, uint64_t index)
{
	const struct layout *bad = &bad_layouts[index];
	struct virtio_gpu_rect r = pg_fe_rect(bad->x, bad->y, bad->r_width, bad->r_height);

	pg_make_blob(run, fe, 5, 65536, 1);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	WANT_ERROR(run,
		   pg_fe_set_scanout_blob(fe, 0, 5, &r, bad->width, bad->height, bad->format,
					  bad->stride, bad->offset),
		   BAD_PARAMETER);
	pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, SIDE);
}

static void scanout_id(struct pg_run *run, struct pg_fe *fe, uint64_t id)
{
	struct virtio_gpu_rect r = pg_fe_rect(0, 0, SIDE, SIDE);

	pg_make_blob(run, fe, 5, BYTES, 1);
	WANT_ERROR(run,
		   pg_fe_set_scanout_blob(fe, (uint32_t)id, 5, &r, SIDE, SIDE, BGRX, SIDE * 4, 0),
		   BAD_SCANOUT);
}

/* Stride wider than the picture, an offset, a part of it, not square (S10, S12). */
static void layout(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const uint32_t width = 200, height = 50, stride = 200 * 4 + 64, offset = 4096 + 128;
	struct virtio_gpu_rect r = pg_fe_rect(10, 5, 150, 40);

	(void)argument;
	pg_make_blob(run, fe, 5, 65536, 1);
	WANT(run, pg_fe_set_scanout_blob(fe, 0, 5, &r, width, height, BGRX, stride, offset), OK);
	pg_flush_shown(run, fe, 5, 0, 0, width, height);
	for (uint32_t y = 0; y < 40 && !pg_run_failed(run); y++)
		for (uint32_t x = 0; x < 150; x++)
			pg_want_pixel(
				run, fe, x, y,
				pg_pattern_pixel(1, (offset + (y + 5) * stride) / 4 + 10 + x));
	CHECK(run, pg_fe_get_head(fe, 0)->width == 150 && pg_fe_get_head(fe, 0)->height == 40,
	      "the head is %ux%u, not 150x40", pg_fe_get_head(fe, 0)->width,
	      pg_fe_get_head(fe, 0)->height);
}

/* The last row needs width * 4 bytes, not a whole stride. */
static void layout_to_the_end(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_rect r = pg_fe_rect(0, 0, SIDE, SIDE);

	(void)argument;
	pg_make_blob(run, fe, 5, 63 * 512 + 256, 1);
	WANT(run, pg_fe_set_scanout_blob(fe, 0, 5, &r, SIDE, SIDE, BGRX, 512, 0), OK);
	pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	pg_want_picture(run, fe, SIDE, SIDE, 1, 128);
}

static void disable(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);
	struct virtio_gpu_rect r = pg_fe_rect(9, 9, 0xffffffff, 9);

	(void)argument;
	pg_make_blob(run, fe, 5, BYTES, 1);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	WANT(run, pg_fe_set_scanout_blob(fe, 0, 0, &r, 0, 0, 0, 0, 0), OK);
	MUST(run, pg_fe_settle(fe, 50));
	if (head)
		CHECK(run, head->width == 0, "the head still shows %ux%u", head->width,
		      head->height);
}

static void damage(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);

	(void)argument;
	pg_make_blob(run, fe, 5, BYTES, 1);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	pg_flush_shown(run, fe, 5, 7, 8, 9, 10);
	CHECK(run, head->last_width == 9 && head->last_height == 10 && head->last_x == 7,
	      "the display got the damage %ux%u+%u+%u, wanted 9x10+7+8", head->last_width,
	      head->last_height, head->last_x, head->last_y);
}

/* The display kept reading memory that the guest had taken back: CVE-2026-66020. */
static void detach_shown(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t address = pg_make_blob(run, fe, 5, BYTES, 1);
	le32 *pixels = pg_fe_memory(fe, address, BYTES);

	(void)argument;
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	WANT(run, pg_fe_detach(fe, 5), OK);
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		pixels[i] = pg_to_le32(0x5ec2e7);
	CHECK(run, pg_fe_flush(fe, 5, 0, 0, SIDE, SIDE) >= 0, "no answer");
	MUST(run, pg_fe_settle(fe, 50));
	for (uint32_t i = 0; i < SIDE && pg_fe_get_head(fe, 0); i++)
		CHECK(run, pg_fe_pixel(fe, 0, i, i) != 0x5ec2e7,
		      "the display shows memory that was detached");
}

static void unref_shown(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, 0);

	(void)argument;
	pg_make_blob(run, fe, 5, BYTES, 1);
	pg_show_blob(run, fe, 5, SIDE, SIDE);
	WANT(run, pg_fe_unref(fe, 5), OK);
	WANT_ERROR(run, pg_fe_flush(fe, 5, 0, 0, SIDE, SIDE), BAD_RESOURCE);
	MUST(run, pg_fe_settle(fe, 50));
	if (head)
		CHECK(run, head->width == 0, "the head still shows %ux%u", head->width,
		      head->height);
}

static void format_colours(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t format = (uint32_t)(argument >> 32);
	uint64_t address = page(fe);
	uint8_t *bytes = pg_fe_memory(fe, address, BYTES);
	struct virtio_gpu_rect r = pg_fe_rect(0, 0, SIDE, SIDE);

	for (uint32_t i = 0; i < SIDE * SIDE; i++, bytes += 4) {
		memset(bytes, 0xff, 4);
		bytes[argument & 3] = 0x10;
		bytes[argument >> 8 & 3] = 0x20;
		bytes[argument >> 16 & 3] = 0x30;
	}
	WANT(run, pg_fe_create_blob(fe, 5, address, BYTES, 0), OK);
	WANT(run, pg_fe_set_scanout_blob(fe, 0, 5, &r, SIDE, SIDE, format, SIDE * 4, 0), OK);
	pg_flush_shown(run, fe, 5, 0, 0, SIDE, SIDE);
	pg_want_pixel(run, fe, 5, 5, 0x302010);
}

static void map_guest(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	WANT(run, create(fe, 5, GUEST, VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, 0, BYTES), OK);
	/* without a window: UNSPEC; with one: a guest blob is not the host's to map */
	WANT_ERROR(run, pg_fe_map_blob(fe, 5, 0, NULL),
		   pg_fe_window_size(fe) ? BAD_PARAMETER : UNSPEC);
	pg_want_present(run, fe, 5);
}

static void create_unref_loop(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	uint64_t address = page(fe);

	for (uint64_t i = 0; i < count && !pg_run_failed(run); i++) {
		WANT(run, pg_fe_create_blob(fe, 5, address, BYTES, 512), OK);
		pg_show_blob(run, fe, 5, SIDE, SIDE);
		WANT(run, pg_fe_unref(fe, 5), OK);
	}
}

#define CREATE "controlq: RESOURCE_CREATE_BLOB"
#define SCANOUT "controlq: SET_SCANOUT_BLOB"
/* Strings are joined by standing side by side, without parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define R(ident, text, from, function, value) \
	{"blob/" ident, text, from, .features = BLOBS, .run = function, .argument = value}
#define S(ident, text, from, function, value)                                                     \
	{"blob/" ident,    text, from, .features = BLOBS, .needs = PG_NEEDS_GPU, .run = function, \
	 .argument = value}
#define L(index, ident, text) R("scanout-" ident, text " is refused", SCANOUT, bad_layout, index)
#define FORMAT(code, red, green, blue) \
	((uint64_t)(code) << 32 | (red) << 16 | (green) << 8 | (blue))

static const struct pg_rule rules[] = {
	R("id-zero", "resource id 0 is refused", CREATE, id_zero, 0),
	R("id-in-use", "an id in use is refused and its blob left alone",
	  CREATE "; R5 CVE-2026-6502", id_in_use, 0),
	R("id-of-2d", "the id of a 2D resource is refused and the resource left alone",
	  CREATE "; R4", id_of_2d, 0),
	R("mem-0", "blob_mem 0 is refused", CREATE "; L8", bad_mem, 0),
	R("mem-4", "blob_mem 4 is refused", CREATE "; L8", bad_mem, 4),
	R("mem-largest", "blob_mem 0xffffffff is refused", CREATE "; L8", bad_mem, 0xffffffff),
	{"blob/host3d-without-virgl", "blob_mem HOST3D needs 3D", CREATE "; L2", .features = BLOBS,
	 .run = bad_mem, .argument = 2, .setup = without_virgl},
	{"blob/host3d-guest-without-virgl", "blob_mem HOST3D_GUEST needs 3D", CREATE "; L2",
	 .features = BLOBS, .run = bad_mem, .argument = 3, .setup = without_virgl},
	R("flags-8", "unknown flag 8 is refused", CREATE "; L8", bad_flags, 8),
	R("flags-16", "unknown flag 16 is refused", CREATE "; L8", bad_flags, 16),
	R("flags-largest", "unknown flag 31 is refused", CREATE "; L8", bad_flags, 0x80000000),
	R("flags-any", "every set of the three flags is accepted", CREATE, any_flags, 0),
	R("size-zero", "size 0 is refused", CREATE "; L3", bad_size, 0),
	R("size-over-entries", "a size over the sum of the entries is refused",
	  CREATE "; L3, S7 CVE-2026-66021", bad_size, BYTES + 1),
	R("size-2-to-63", "size 2^63 + 4096 is refused", CREATE "; L9", bad_size,
	  (1ull << 63) + 4096),
	R("size-largest", "size 2^64 - 1 is refused", CREATE "; L9", bad_size, ~0ull),
	R("blob-id", "a blob_id for guest memory is refused", CREATE, blob_id_set, 0),
	R("unaligned", "guest blobs of any size are accepted", CREATE "; L6, Q8", unaligned_size,
	  0),
	R("short-list", "a list shorter than nr_entries is refused", CREATE "; F6", short_list, 4),
	R("huge-count", "nr_entries 0xffffffff is refused without allocating", CREATE "; F17",
	  short_list, 0xffffffff),
	R("count-overflow", "nr_entries 0x10000001 is refused", CREATE "; B5", short_list,
	  0x10000001),
	R("small-entries", "1 MiB in an entry of 16 bytes is refused", CREATE "; S8", small_entries,
	  1 << 20),
	R("small-entries-64M", "64 MiB in an entry of 16 bytes is refused",
	  CREATE "; S7 CVE-2026-66021", small_entries, 64 << 20),
	R("hole", "an entry between memory regions is refused", CREATE "; B3, R11", bad_address, 0),
	R("beyond", "an entry far outside of memory is refused", CREATE "; B3", bad_address, 1),
	R("over-the-end", "an entry that leaves its region is refused", CREATE "; B3", bad_address,
	  2),
	R("wrapping", "an entry whose end wraps is refused", CREATE "; B4", bad_address, 3),
	R("last-entry-bad", "a bad last entry makes no blob", CREATE "; B2", bad_address, 4),
	R("without-entries", "entries may come later by ATTACH_BACKING", CREATE, without_entries,
	  0),
	R("16384-entries", "16384 entries are accepted", CREATE, many_entries, 16384),
	R("262144-entries", "262144 entries are accepted", CREATE, many_entries, 262144),
	R("transfer", "TRANSFER_TO_HOST_2D does nothing and succeeds", CREATE "; Q1, T7",
	  transfer_is_allowed, 0),
	S("is-memory", "the display shows what is in guest memory at a flush", CREATE, is_memory,
	  0),
	R("loop", "blobs can be made, shown and unmade again and again", CREATE "; R3",
	  create_unref_loop, 300),
	R("map-guest", "guest memory cannot be mapped", "controlq: RESOURCE_MAP_BLOB; M11",
	  map_guest, 0),
	R("set-scanout", "SET_SCANOUT of a blob is refused", "controlq: SET_SCANOUT; S2",
	  plain_scanout, 0),
	R("scanout-of-2d", "SET_SCANOUT_BLOB of a 2D resource is refused", SCANOUT,
	  blob_scanout_of_2d, 0),
	R("scanout-id-16", "scanout 16 is refused", SCANOUT "; S1", scanout_id, 16),
	R("scanout-id-largest", "scanout 0xffffffff is refused", SCANOUT "; S1", scanout_id,
	  0xffffffff),
	L(0, "stride-4", "a stride of 4 for 4096 pixels"),
	L(1, "stride-0", "a stride of 0"),
	L(2, "stride-short", "a stride one pixel too short"),
	L(3, "stride-largest", "a stride of 2^32 - 1"),
	L(4, "row-over", "a row behind the end of the blob"),
	L(5, "pixel-over", "a pixel behind the end of the blob"),
	L(6, "offset-wrapping", "an offset whose 32-bit sum wraps"),
	L(7, "offset-largest", "an offset of 2^32 - 1"),
	L(8, "too-large", "4096x4096 pixels in 64 KiB"),
	L(9, "width-2-to-31", "a width of 2^31"),
	L(10, "width-wrapping", "a width whose bytes wrap"),
	L(11, "height-2-to-31", "a height of 2^31"),
	L(12, "all-largest", "2^32 - 1 everywhere"),
	L(13, "width-0", "a width of 0"),
	L(14, "height-0", "a height of 0"),
	L(15, "r-width-0", "a rectangle of width 0"),
	L(16, "r-height-0", "a rectangle of height 0"),
	L(17, "r-right", "a rectangle over the right edge"),
	L(18, "r-below", "a rectangle over the lower edge"),
	L(19, "r-x-wrapping", "a rectangle whose right edge wraps"),
	L(20, "r-y-wrapping", "a rectangle whose lower edge wraps"),
	L(21, "format-0", "format 0"),
	L(22, "format-99", "format 99"),
	L(23, "format-largest", "format 0xffffffff"),
	S("scanout-layout", "stride, offset and rectangle place the picture", SCANOUT "; S10, S12",
	  layout, 0),
	R("scanout-to-the-end", "the last row may end with the blob", SCANOUT, layout_to_the_end,
	  0),
	R("scanout-disable", "resource 0 switches the head off", SCANOUT "; Q7", disable, 0),
	S("flush-exact", "the display gets exactly the flushed rectangle",
	  "controlq: RESOURCE_FLUSH", damage, 0),
	R("detach-shown", "detached memory is not shown any more",
	  "controlq: RESOURCE_DETACH_BACKING; B8 CVE-2026-66020", detach_shown, 0),
	R("unref-shown", "unreferencing what a head shows switches the head off",
	  "controlq: RESOURCE_UNREF; S4", unref_shown, 0),
	S("format-B8G8R8A8", "colours of B8G8R8A8 are right", "Formats; S13", format_colours,
	  FORMAT(1, 2, 1, 0)),
	S("format-B8G8R8X8", "colours of B8G8R8X8 are right", "Formats; S13", format_colours,
	  FORMAT(2, 2, 1, 0)),
	S("format-A8R8G8B8", "colours of A8R8G8B8 are right", "Formats; S13", format_colours,
	  FORMAT(3, 1, 2, 3)),
	S("format-X8R8G8B8", "colours of X8R8G8B8 are right", "Formats; S13", format_colours,
	  FORMAT(4, 1, 2, 3)),
	S("format-R8G8B8A8", "colours of R8G8B8A8 are right", "Formats; S13", format_colours,
	  FORMAT(67, 0, 1, 2)),
	S("format-X8B8G8R8", "colours of X8B8G8R8 are right", "Formats; S13", format_colours,
	  FORMAT(68, 3, 2, 1)),
	S("format-A8B8G8R8", "colours of A8B8G8R8 are right", "Formats; S13", format_colours,
	  FORMAT(121, 3, 2, 1)),
	S("format-R8G8B8X8", "colours of R8G8B8X8 are right", "Formats; S13", format_colours,
	  FORMAT(134, 0, 1, 2)),
};
/* NOLINTEND(bugprone-macro-parentheses) */

const struct pg_rule_set pg_rules_blob = PG_RULE_SET(rules);
