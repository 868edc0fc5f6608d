/* SPDX-License-Identifier: MIT */
/* Stills as PNG files: 8 bits a channel, RGB, without alpha. */
#ifndef PG_DISPLAY_PNG_FILE_H
#define PG_DISPLAY_PNG_FILE_H

#include "display/image.h"

/*
 * Writes a PNG to `fd`, which stays open and the caller's. Encoding takes tens
 * of milliseconds, and the writing waits for a slow reader: not for the thread
 * of a device. Returns 0 or a negative errno.
 */
int pg_png_write(const struct pg_image *image, int fd);

/*
 * Writes the PNG file `path` under another name and then renames it: a reader
 * sees the old file or the whole new one, and after a failure the old one.
 */
int pg_png_save(const struct pg_image *image, const char *path);

#endif
