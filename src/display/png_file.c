/* SPDX-License-Identifier: MIT */
/* Stills as PNG files, by libpng; see png_file.h. */
#include "display/png_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

struct writer {
	int fd;
	int error; /* the first one */
};

/* libpng leaves its functions by longjmp() to where setjmp() was called last. */
static void fail(png_structp png, const char *message)
{
	struct writer *writer = png_get_error_ptr(png);

	(void)message;
	if (!writer->error)
		writer->error = -EINVAL; /* larger than PNG or libpng's limits allow */
	png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, const char *message)
{
	(void)png;
	(void)message;
}

static void write_bytes(png_structp png, png_bytep bytes, size_t size)
{
	struct writer *writer = png_get_io_ptr(png);

	while (size) {
		ssize_t written = write(writer->fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			writer->error = -errno;
			png_error(png, "write");
		}
		bytes += written;
		size -= (size_t)written;
	}
}

static void flush_bytes(png_structp png)
{
	(void)png;
}

static void encode(png_structp png, png_infop info, const struct pg_image *image, uint8_t *row)
{
	png_set_IHDR(png, info, image->width, image->height, 8, PNG_COLOR_TYPE_RGB,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_compression_level(png, 4); /* half the time of 6, a few percent larger */
	png_write_info(png, info);
	for (uint32_t y = 0; y < image->height; y++) {
		const uint32_t *pixels = image->pixels + (size_t)y * image->width;

		for (size_t x = 0; x < image->width; x++) {
			row[x * 3] = (uint8_t)(pixels[x] >> 16);
			row[x * 3 + 1] = (uint8_t)(pixels[x] >> 8);
			row[x * 3 + 2] = (uint8_t)pixels[x];
		}
		png_write_row(png, row);
	}
	png_write_end(png, info);
}

int pg_png_write(const struct pg_image *image, int fd)
{
	struct writer writer = {.fd = fd};
	png_structp png =
		png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, fail, ignore_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	uint8_t *row = malloc(image->width * (size_t)3);

	if (!info || !row) {
		writer.error = -ENOMEM;
	} else if (!setjmp(png_jmpbuf(png))) {
		png_set_write_fn(png, &writer, write_bytes, flush_bytes);
		encode(png, info, image, row);
	}
	free(row);
	if (png)
		png_destroy_write_struct(&png, &info);
	return writer.error;
}

/* Opens a new file beside `path`; its name is to be freed. Returns the descriptor or an error. */
static int open_beside(const char *path, char **name)
{
	uint64_t suffix;
	int fd;

	*name = NULL;
	if (getrandom(&suffix, sizeof(suffix), 0) != sizeof(suffix))
		return -EIO;
	if (asprintf(name, "%s.%016" PRIx64, path, suffix) < 0) {
		*name = NULL;
		return -ENOMEM;
	}
	/* NOLINTNEXTLINE(android-cloexec-open): it is there, the check overlooks it before a mode */
	fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return fd < 0 ? -errno : fd;
}

int pg_png_save(const struct pg_image *image, const char *path)
{
	char *temporary;
	int fd = open_beside(path, &temporary);
	int error;

	if (fd < 0) {
		free(temporary);
		return fd;
	}
	error = pg_png_write(image, fd);
	if (close(fd) < 0 && !error)
		error = -errno; /* some file systems tell of a full disk only here */
	if (!error && rename(temporary, path) < 0)
		error = -errno;
	if (error)
		unlink(temporary);
	free(temporary);
	return error;
}
