/* SPDX-License-Identifier: MIT */
/* Still pictures in memory files; see image.h. */
#include "display/image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"

static bool image_size(uint32_t width, uint32_t height, size_t *size)
{
	/* at most 2^66 */
	return width && height && pg_mul_size(width, height, size) && pg_mul_size(*size, 4, size);
}

static int map(struct pg_image *image, size_t size)
{
	void *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);

	if (pixels == MAP_FAILED)
		return -errno;
	image->pixels = pixels;
	return 0;
}

int pg_image_create(uint32_t width, uint32_t height, struct pg_image *image)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	size_t size;
	int error;

	*image = (struct pg_image){.width = width, .height = height, .fd = -1};
	if (!image_size(width, height, &size))
		return -EINVAL;
	image->fd = memfd_create("paragpu-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (image->fd < 0 || ftruncate(image->fd, (off_t)size) < 0 ||
	    fcntl(image->fd, F_ADD_SEALS, seals) < 0)
		error = -errno;
	else
		error = map(image, size);
	if (error)
		pg_image_finish(image);
	return error;
}

int pg_image_open(int *fd, uint32_t width, uint32_t height, struct pg_image *image)
{
	struct stat file;
	size_t size;
	int seals, error;

	*image = (struct pg_image){.width = width, .height = height, .fd = pg_take_fd(fd)};
	seals = fcntl(image->fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || !image_size(width, height, &size) ||
	    fstat(image->fd, &file) < 0 || (uint64_t)file.st_size < size)
		error = -EINVAL; /* a file that shrinks under a mapping ends the process */
	else
		error = map(image, size);
	if (error)
		pg_image_finish(image);
	return error;
}

int pg_image_take(const struct paragpu_display *display, uint32_t head, struct pg_image *image)
{
	struct paragpu_picture picture;
	struct paragpu_rect all = {0};
	int error;

	*image = (struct pg_image){.fd = -1};
	if (head >= PARAGPU_MAX_HEADS || !paragpu_display_picture(display, head, &picture))
		return -ENODEV;
	error = pg_image_create(picture.width, picture.height, image);
	if (error)
		return error;
	all.width = picture.width;
	all.height = picture.height;
	error = paragpu_picture_read_xrgb(&picture, all, image->pixels, picture.width * (size_t)4);
	if (error)
		pg_image_finish(image);
	return error;
}

/* One channel of "source over"; the sum is cut for sources that are not really premultiplied. */
static uint32_t over(uint32_t source, uint32_t below, unsigned int shift)
{
	uint32_t alpha = source >> 24;
	uint32_t sum =
		(source >> shift & 0xff) + ((below >> shift & 0xff) * (255 - alpha) + 127) / 255;

	return (sum > 255 ? 255 : sum) << shift;
}

void pg_image_draw_cursor(struct pg_image *image, const struct paragpu_cursor *cursor)
{
	if (!cursor->visible)
		return;
	for (int64_t row = 0; row < PARAGPU_CURSOR_SIZE; row++) {
		int64_t y = cursor->y + row;

		if (y < 0 || y >= image->height)
			continue;
		for (int64_t column = 0; column < PARAGPU_CURSOR_SIZE; column++) {
			int64_t x = cursor->x + column;
			uint32_t source = cursor->pixels[row * PARAGPU_CURSOR_SIZE + column];
			uint32_t *pixel;

			if (x < 0 || x >= image->width)
				continue;
			pixel = image->pixels + y * image->width + x;
			*pixel = 0xff000000 | over(source, *pixel, 16) | over(source, *pixel, 8) |
				 over(source, *pixel, 0);
		}
	}
}

void pg_image_finish(struct pg_image *image)
{
	if (image->pixels)
		munmap(image->pixels, image->width * (size_t)image->height * 4);
	image->pixels = NULL;
	pg_close(&image->fd);
}
