/* SPDX-License-Identifier: MIT */
/*
 * EDIDs by themselves: sizes, checksums, the preferred mode where it belongs.
 * Whether others take them for conforming is edid.py's question.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <paragpu/device.h>

static uint8_t sum(const uint8_t *bytes, size_t size)
{
	uint8_t total = 0;

	for (size_t i = 0; i < size; i++)
		total = (uint8_t)(total + bytes[i]);
	return total;
}

static uint32_t detailed_width(const uint8_t *edid)
{
	return edid[56] | (uint32_t)(edid[58] >> 4) << 8;
}

static uint32_t detailed_height(const uint8_t *edid)
{
	return edid[59] | (uint32_t)(edid[61] >> 4) << 8;
}

static uint32_t detailed_clock(const uint8_t *edid)
{
	return edid[54] | (uint32_t)edid[55] << 8;
}

/* The type I timing of our DisplayID section follows two blocks of 15 bytes. */
static const uint8_t *type_1(const uint8_t *edid)
{
	return edid + 128 + 5 + 15 + 15 + 3;
}

static void every_size_gives_a_whole_edid(void **state)
{
	static const uint32_t sizes[] = {0,    1,     2,     15,    16,    640,       800,
					 1366, 1920,  2560,  3840,  4095,  4096,      7680,
					 8192, 16384, 32767, 65535, 65536, UINT32_MAX};
	static const uint32_t rates[] = {0,     1,      1000,    24000,     60000,
					 75000, 144000, 1000000, UINT32_MAX};
	const size_t size_count = sizeof(sizes) / sizeof(sizes[0]);

	(void)state;
	for (size_t i = 0; i < size_count * size_count * 9; i++) {
		struct paragpu_head head = {
			.width = sizes[i % size_count],
			.height = sizes[i / size_count % size_count],
			.refresh_mhz = rates[i / size_count / size_count],
			.width_mm = i % 3 ? 0 : sizes[i % size_count],
		};
		uint32_t width = head.width < 1 ? 1 : head.width > 65535 ? 65535 : head.width;
		uint32_t height = head.height < 1 ? 1 : head.height > 65535 ? 65535 : head.height;
		uint8_t edid[256];
		size_t size = paragpu_edid(&head, (uint32_t)i, edid);

		assert_true(size == 128 || size == 256);
		assert_int_equal(edid[126], size / 128 - 1);
		assert_int_equal(sum(edid, 128), 0);
		assert_int_not_equal(detailed_clock(edid), 0);
		if (size == 128) {
			assert_int_equal(detailed_width(edid), width);
			assert_int_equal(detailed_height(edid), height);
			continue;
		}
		assert_int_equal(sum(edid + 128, 128), 0);
		assert_int_equal(sum(edid + 129, 126), 0);
		assert_int_equal(type_1(edid)[4] + type_1(edid)[5] * 256 + 1, width);
		assert_int_equal(type_1(edid)[12] + type_1(edid)[13] * 256 + 1, height);
		/* the fallback has no larger numbers than the mode */
		assert_true(detailed_width(edid) <= width && detailed_height(edid) <= height);
	}
}

static void the_timing_has_the_rate_asked_for(void **state)
{
	static const uint32_t rates[] = {24000, 50000, 59940, 60000, 75000, 100000, 144000};

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		struct paragpu_head head = {.width = 1920, .height = 1080, .refresh_mhz = rates[i]};
		uint64_t lines, rate;
		uint8_t edid[256];

		assert_int_equal(paragpu_edid(&head, 0, edid), 128);
		lines = 1080 + (edid[60] | (uint64_t)(edid[61] & 15) << 8);
		assert_int_equal(edid[57] | (edid[58] & 15) << 8, 160);
		rate = detailed_clock(edid) * UINT64_C(10000000) / (2080 * lines);
		assert_in_range(rate, rates[i] - 50, rates[i] + 50);
	}
}

static void names_are_kept_and_made_printable(void **state)
{
	struct paragpu_head head = {.width = 800, .height = 600, .name = "Left \x01\xffscreen"};
	uint8_t edid[256];

	(void)state;
	paragpu_edid(&head, 41, edid);
	assert_memory_equal(edid + 72, "\0\0\0\xfc\0Left ??screen", 18);
	assert_memory_equal(edid + 90,
			    "\0\0\0\xff\0"
			    "42\n          ",
			    18);
	assert_int_equal(edid[12], 42);
	head.name[0] = '\0';
	paragpu_edid(&head, 0, edid);
	assert_memory_equal(edid + 77, "paragpu\n     ", 13);
}

static void the_size_is_as_given_or_that_of_96_dots_an_inch(void **state)
{
	struct paragpu_head head = {.width = 1920, .height = 1080};
	uint8_t edid[256];

	(void)state;
	paragpu_edid(&head, 0, edid);
	assert_int_equal(edid[21], 51);
	assert_int_equal(edid[22], 29);
	assert_int_equal(edid[66] | (edid[68] >> 4) << 8, 508);
	head.width_mm = 300;
	head.height_mm = 200;
	paragpu_edid(&head, 0, edid);
	assert_int_equal(edid[21], 30);
	assert_int_equal(edid[67] | (edid[68] & 15) << 8, 200);
	head.width_mm = 5000;
	paragpu_edid(&head, 0, edid);
	assert_int_equal(edid[21], 0);
	assert_int_equal(edid[67], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_gives_a_whole_edid),
		cmocka_unit_test(the_timing_has_the_rate_asked_for),
		cmocka_unit_test(names_are_kept_and_made_printable),
		cmocka_unit_test(the_size_is_as_given_or_that_of_96_dots_an_inch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
