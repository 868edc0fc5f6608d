/* SPDX-License-Identifier: MIT */
/*
 * EDID 1.4 of a head (VESA E-EDID A.2): its preferred mode as a detailed timing
 * with reduced blanking (VESA CVT 1.1, RB v1), size, name, serial number, and
 * common modes besides. Modes that the 12 bits of a detailed timing cannot hold
 * go into a DisplayID 1.3 extension; then the base block, which may not do
 * without, has the largest smaller mode of the same shape.
 *
 * Total: any head gives a valid EDID, out of range values are brought into range.
 */
#include <assert.h>
#include <string.h>

#include <paragpu/device.h>

#define BLOCK 128
#define SECTION 121 /* bytes of a DisplayID section between its header and its checksum */
#define VENDOR "PRG"
#define PRODUCT 1
#define YEAR 2026

/* Fixed parts of reduced blanking. */
#define H_BLANK 160
#define H_FRONT 48
#define H_SYNC 32
#define V_FRONT 3
#define V_BACK_MIN 6
#define V_BLANK_MIN_NS UINT64_C(460000)

#define DISPLAYID_MAX_CLOCK (UINT64_C(1) << 24)
#define DETAILED_MAX_CLOCK UINT64_C(65535)
#define MIN_CLOCK 1000 /* 10 MHz: below, readers take a timing for garbage */

struct timing {
	uint32_t width, height;
	uint32_t v_sync, v_blank;
	uint64_t clock; /* in units of 10 kHz */
};

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
	return value < low ? low : value > high ? high : value;
}

static bool has_aspect(uint32_t width, uint32_t height, uint32_t x, uint32_t y)
{
	return (uint64_t)width * y == (uint64_t)height * x;
}

/* CVT tells aspect ratios by the length of the vertical sync. */
static uint32_t v_sync_lines(uint32_t width, uint32_t height)
{
	if (has_aspect(width, height, 4, 3))
		return 4;
	if (has_aspect(width, height, 16, 9))
		return 5;
	if (has_aspect(width, height, 16, 10))
		return 6;
	if (has_aspect(width, height, 5, 4) || has_aspect(width, height, 15, 9))
		return 7;
	return 10;
}

/* For sizes of 1 to 65535 and 20 to 1000 Hz nothing here comes near 64 bits. */
static struct timing make_timing(uint32_t width, uint32_t height, uint32_t refresh_mhz)
{
	struct timing timing = {
		.width = width,
		.height = height,
		.v_sync = v_sync_lines(width, height),
	};
	uint64_t frame_ns = UINT64_C(1000000000000) / refresh_mhz;
	uint64_t line_ps = (frame_ns - V_BLANK_MIN_NS) * 1000 / height;
	uint32_t v_blank_min = V_FRONT + timing.v_sync + V_BACK_MIN;
	uint64_t line_mhz = (uint64_t)(width + H_BLANK) * refresh_mhz;
	uint64_t lines_min = MIN_CLOCK * UINT64_C(10000000) / line_mhz + 1;

	timing.v_blank = (uint32_t)(V_BLANK_MIN_NS * 1000 / line_ps) + 1;
	if (timing.v_blank < v_blank_min)
		timing.v_blank = v_blank_min;
	if (height + timing.v_blank < lines_min)
		timing.v_blank = (uint32_t)lines_min - height;
	timing.clock = (line_mhz * (height + timing.v_blank) + 5000000) / 10000000;
	return timing;
}

static bool fits_detailed(const struct timing *timing)
{
	return timing->width <= 4095 && timing->height <= 4095 && timing->v_blank <= 4095 &&
	       timing->clock <= DETAILED_MAX_CLOCK;
}

/* The head's own mode, slowed down where no pixel clock could be written down for it. */
static struct timing preferred_timing(uint32_t width, uint32_t height, uint32_t refresh_mhz)
{
	struct timing timing = make_timing(width, height, refresh_mhz);

	while (timing.clock > DISPLAYID_MAX_CLOCK) {
		refresh_mhz = (uint32_t)(refresh_mhz * DISPLAYID_MAX_CLOCK / timing.clock);
		timing = make_timing(width, height, refresh_mhz);
	}
	return timing;
}

static struct timing fallback_timing(uint32_t width, uint32_t height, uint32_t refresh_mhz)
{
	struct timing timing;

	if (refresh_mhz > 60000)
		refresh_mhz = 60000;
	for (;;) {
		timing = make_timing(width, height, refresh_mhz);
		if (fits_detailed(&timing))
			return timing;
		width = width > 1 ? width / 2 : 1;
		height = height > 1 ? height / 2 : 1;
	}
}

static uint8_t low8(uint64_t value)
{
	return (uint8_t)(value & 0xff);
}

/* Bits 8 to 11 of two numbers in one byte. */
static uint8_t high_nibbles(uint32_t first, uint32_t second)
{
	return (uint8_t)((first >> 8 & 0xf) << 4 | (second >> 8 & 0xf));
}

static void put_detailed(uint8_t at[18], const struct timing *timing, uint32_t width_mm,
			 uint32_t height_mm)
{
	if (width_mm > 4095 || height_mm > 4095)
		width_mm = height_mm = 0; /* undefined */
	at[0] = low8(timing->clock);
	at[1] = low8(timing->clock >> 8);
	at[2] = low8(timing->width);
	at[3] = H_BLANK;
	at[4] = high_nibbles(timing->width, H_BLANK);
	at[5] = low8(timing->height);
	at[6] = low8(timing->v_blank);
	at[7] = high_nibbles(timing->height, timing->v_blank);
	at[8] = H_FRONT;
	at[9] = H_SYNC;
	at[10] = (uint8_t)(V_FRONT << 4 | timing->v_sync);
	at[11] = 0; /* none of the four reaches its upper bits */
	at[12] = low8(width_mm);
	at[13] = low8(height_mm);
	at[14] = high_nibbles(width_mm, height_mm);
	at[17] = 0x1a; /* digital separate sync, horizontal positive, vertical negative: CVT RB */
}

/* A display descriptor with up to 13 characters of text. */
static void put_text(uint8_t at[18], uint8_t tag, const char *text)
{
	size_t length = strnlen(text, 13);

	memset(at, 0, 5);
	at[3] = tag;
	for (size_t i = 0; i < 13; i++) {
		if (i < length)
			at[5 + i] = (uint8_t)(text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?');
		else
			at[5 + i] = i == length ? '\n' : ' ';
	}
}

static void put_standard_timings(uint8_t at[16])
{
	enum {
		WIDE_10 = 0,
		NARROW_3 = 1,
		NARROW_4 = 2,
		WIDE_9 = 3
	};
	static const struct {
		uint16_t width;
		uint8_t aspect;
	} modes[8] = {
		{1920, WIDE_10}, {1920, WIDE_9},  {1600, NARROW_3}, {1680, WIDE_10},
		{1600, WIDE_9},  {1440, WIDE_10}, {1280, NARROW_4}, {1280, WIDE_9},
	};

	for (size_t i = 0; i < 8; i++) {
		at[2 * i] = (uint8_t)(modes[i].width / 8 - 31);
		at[2 * i + 1] = (uint8_t)(modes[i].aspect << 6); /* at 60 Hz */
	}
}

static void put_checksum(uint8_t *bytes, size_t last)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < last; i++)
		sum = (uint8_t)(sum + bytes[i]);
	bytes[last] = (uint8_t)-sum;
}

static void put_number(char text[14], uint32_t number)
{
	char digits[10];
	size_t count = 0, length = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	while (count)
		text[length++] = digits[--count];
	text[length] = '\0';
}

/* What of the base block does not depend on the mode. */
static void put_identity(uint8_t base[BLOCK], const struct paragpu_head *head, uint32_t index,
			 uint32_t width_mm, uint32_t height_mm)
{
	static const uint8_t magic[8] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
	/* Primaries and white of sRGB. */
	static const uint8_t srgb[10] = {0xee, 0x91, 0xa3, 0x54, 0x4c,
					 0x99, 0x26, 0x0f, 0x50, 0x54};
	uint32_t width_cm = (width_mm + 5) / 10, height_cm = (height_mm + 5) / 10;
	char serial[14];

	memcpy(base, magic, sizeof(magic));
	/* Five bits a letter, A is 1. */
	base[8] = (uint8_t)((VENDOR[0] & 0x1f) << 2 | (VENDOR[1] & 0x1f) >> 3);
	base[9] = (uint8_t)((VENDOR[1] & 0x7) << 5 | (VENDOR[2] & 0x1f));
	base[10] = PRODUCT;
	for (unsigned int i = 0; i < 4; i++)
		base[12 + i] = low8((uint64_t)(index + 1) >> (8 * i));
	base[17] = YEAR - 1990;
	base[18] = 1;
	base[19] = 4;
	base[20] = 0xa0; /* digital, 8 bits per colour, no particular interface */
	if (width_cm && height_cm && width_cm <= 255 && height_cm <= 255) {
		base[21] = (uint8_t)width_cm;
		base[22] = (uint8_t)height_cm;
	}
	base[23] = 220 - 100; /* gamma 2.2 */
	base[24] = 0x06;      /* RGB 4:4:4, sRGB, the first timing is the native one */
	memcpy(&base[25], srgb, sizeof(srgb));
	base[35] = 0x21; /* 640x480 and 800x600 at 60 Hz */
	base[36] = 0x08; /* 1024x768 at 60 Hz */
	put_standard_timings(&base[38]);
	put_text(&base[72], 0xfc, head->name[0] ? head->name : "paragpu");
	put_number(serial, index + 1);
	put_text(&base[90], 0xff, serial);
	base[108 + 3] = 0x10; /* the fourth descriptor is empty */
}

static uint8_t displayid_aspect(const struct timing *timing)
{
	static const uint8_t aspects[][2] = {{1, 1}, {5, 4}, {4, 3}, {15, 9}, {16, 9}, {16, 10}};

	for (size_t i = 0; i < sizeof(aspects) / sizeof(aspects[0]); i++)
		if (has_aspect(timing->width, timing->height, aspects[i][0], aspects[i][1]))
			return (uint8_t)i;
	return 8; /* not defined */
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = low8(value);
	at[1] = low8(value >> 8);
}

/* A DisplayID block that says who made this: as the base block does. */
static size_t put_product(uint8_t *at, uint32_t index)
{
	const uint8_t size = 12;

	at[0] = 0x00; /* product identification */
	at[2] = size;
	memcpy(at + 3, VENDOR, 3);
	at[6] = PRODUCT;
	for (unsigned int i = 0; i < 4; i++)
		at[8 + i] = low8((uint64_t)(index + 1) >> (8 * i));
	at[13] = YEAR - 2000;
	return 3u + size;
}

/* A DisplayID block with the size of what is looked at. */
static size_t put_parameters(uint8_t *at, const struct timing *timing, uint32_t width_mm,
			     uint32_t height_mm)
{
	const uint8_t size = 12;
	uint32_t longer = timing->width > timing->height ? timing->width : timing->height;
	uint32_t shorter = timing->width > timing->height ? timing->height : timing->width;
	uint64_t aspect = (uint64_t)longer * 100 / shorter - 100;

	at[0] = 0x01; /* display parameters */
	at[2] = size;
	at += 3;
	if (width_mm <= 6553 && height_mm <= 6553) {
		put16(at, width_mm * 10);
		put16(at + 2, height_mm * 10);
	}
	put16(at + 4, timing->width);
	put16(at + 6, timing->height);
	at[9] = 220 - 100; /* gamma 2.2 */
	at[10] = aspect < 255 ? (uint8_t)aspect : 255;
	at[11] = 0x77; /* 8 bits a colour, of the interface and of the picture, less one */
	return 3u + size;
}

/* A DisplayID block that says that there is no cable. */
static size_t put_interface(uint8_t *at)
{
	const uint8_t size = 10;

	at[0] = 0x0f; /* display interface data */
	at[2] = size;
	at[3] = 0xa1; /* proprietary digital, one link */
	at[4] = 0x10; /* version 1.0 */
	return 3u + size;
}

/* A DisplayID block with one type I timing. Its numbers are less one. */
static size_t put_timing(uint8_t *at, const struct timing *timing)
{
	const uint8_t size = 20;

	at[0] = 0x03; /* type I detailed timings */
	at[2] = size;
	at += 3;
	at[0] = low8(timing->clock - 1);
	at[1] = low8((timing->clock - 1) >> 8);
	at[2] = low8((timing->clock - 1) >> 16);
	at[3] = (uint8_t)(0x80 | displayid_aspect(timing)); /* preferred */
	put16(at + 4, timing->width - 1);
	put16(at + 6, H_BLANK - 1);
	put16(at + 8, (H_FRONT - 1) | 0x8000); /* positive */
	put16(at + 10, H_SYNC - 1);
	put16(at + 12, timing->height - 1);
	put16(at + 14, timing->v_blank - 1);
	put16(at + 16, V_FRONT - 1);
	put16(at + 18, timing->v_sync - 1);
	return 3u + size;
}

/* An extension block that is a DisplayID section. */
static void put_displayid(uint8_t block[BLOCK], const struct timing *timing, uint32_t index,
			  uint32_t width_mm, uint32_t height_mm)
{
	uint8_t *section = block + 1;
	size_t size = 0;

	block[0] = 0x70;
	section[0] = 0x13; /* version 1.3 */
	section[2] = 0x03; /* a stand-alone display */
	size += put_product(section + 4, index);
	size += put_parameters(section + 4 + size, timing, width_mm, height_mm);
	size += put_timing(section + 4 + size, timing);
	size += put_interface(section + 4 + size);
	assert(size <= SECTION);
	section[1] = SECTION; /* padded: some readers expect no less */
	put_checksum(section, 4 + SECTION);
	put_checksum(block, BLOCK - 1);
}

size_t paragpu_edid(const struct paragpu_head *head, uint32_t index, uint8_t edid[256])
{
	uint32_t width = clamp(head->width, 1, 65535), height = clamp(head->height, 1, 65535);
	uint32_t refresh = head->refresh_mhz ? clamp(head->refresh_mhz, 20000, 1000000) : 60000;
	/* 25.4 mm at 96 dots an inch */
	uint32_t width_mm = head->width_mm ? clamp(head->width_mm, 1, 65535) : width * 127 / 480;
	uint32_t height_mm = head->height_mm ? clamp(head->height_mm, 1, 65535)
					     : height * 127 / 480;
	struct timing timing = preferred_timing(width, height, refresh);
	size_t size = BLOCK;

	memset(edid, 0, 256);
	put_identity(edid, head, index, width_mm, height_mm);
	if (!fits_detailed(&timing)) {
		put_displayid(edid + BLOCK, &timing, index, width_mm, height_mm);
		timing = fallback_timing(width, height, refresh);
		edid[126] = 1;
		size += BLOCK;
	}
	put_detailed(&edid[54], &timing, width_mm, height_mm);
	put_checksum(edid, BLOCK - 1);
	return size;
}
