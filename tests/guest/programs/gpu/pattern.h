/* SPDX-License-Identifier: MIT */
/*
 * The pictures that the guest paints. tests/guest/picture.py computes the same ones; change both.
 * Every pixel depends on its place beyond any tile size, so that a wrong stride, offset, swapped
 * colour or shifted rectangle cannot go unseen.
 */
#ifndef GUEST_PATTERN_H
#define GUEST_PATTERN_H

#include <stdint.h>

#define CURSOR_SIZE 64

/* x8r8g8b8 */
static inline uint32_t pattern_pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	uint32_t r = (x + 3 * y + seed) & 255;
	uint32_t g = ((x >> 3) + y + 7 * seed) & 255;
	uint32_t b = (11 * x + 37 * (x >> 8) + 13 * y + 29 * (y >> 8) + seed) & 255;

	return r << 16 | g << 8 | b;
}

/* a8r8g8b8: a filled triangle, all or nothing, so that blending needs no rounding rule */
static inline uint32_t cursor_pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	if (y > x)
		return 0;
	return UINT32_C(0xff000000) | (4 * x) << 16 | (4 * y) << 8 | (seed & 255);
}

#endif
