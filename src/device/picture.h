/* SPDX-License-Identifier: MIT */
/* Conversion of pixels inside the device; displays use paragpu/display.h. */
#ifndef PG_DEVICE_PICTURE_H
#define PG_DEVICE_PICTURE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Converts `count` adjacent pixels of a format to words 0xAARRGGBB in the
 * host's byte order. The fourth byte counts as alpha in X formats too: Linux
 * declares its cursors so. Both buffers are 4-byte aligned.
 */
void pg_convert_argb(uint32_t format, const uint32_t *source, uint32_t *destination, size_t count);

#endif
