/* SPDX-License-Identifier: MIT */
/*
 * The DRM ioctls used by the guest test program: finding the card, buffers of every kind that a 2D
 * device offers, showing them. Nothing here decides what a test is; see commands.c.
 */
#include "drm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int card_ioctl(struct card *card, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(card->fd, request, arg);
	while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? -errno : 0;
}

int card_open(struct card *card)
{
	for (int i = 0; i < 8; i++) {
		struct drm_version version = {.name = card->driver,
					      .name_len = sizeof(card->driver) - 1};

		memset(card, 0, sizeof(*card));
		snprintf(card->path, sizeof(card->path), "/dev/dri/card%d", i);
		card->fd = open(card->path, O_RDWR | O_CLOEXEC);
		if (card->fd < 0)
			continue;
		if (card_ioctl(card, DRM_IOCTL_VERSION, &version) == 0 &&
		    strcmp(card->driver, "virtio_gpu") == 0)
			return card_probe(card);
		close(card->fd);
	}
	card->fd = -1;
	return -ENODEV;
}

void card_close(struct card *card)
{
	if (card->fd >= 0)
		close(card->fd);
	card->fd = -1;
}

static int probe_head(struct card *card, struct head *head)
{
	struct drm_mode_get_connector get = {.connector_id = head->connector};
	int ret = card_ioctl(card, DRM_IOCTL_MODE_GETCONNECTOR, &get);

	if (ret < 0)
		return ret;
	if (get.count_modes > MAX_MODES)
		get.count_modes = MAX_MODES;
	get.modes_ptr = (uintptr_t)head->modes;
	get.count_props = 0;
	get.count_encoders = 0;
	ret = card_ioctl(card, DRM_IOCTL_MODE_GETCONNECTOR, &get);
	if (ret < 0)
		return ret;
	head->connected = get.connection == 1;
	head->nmodes = get.count_modes < MAX_MODES ? get.count_modes : MAX_MODES;
	head->mm_width = get.mm_width;
	head->mm_height = get.mm_height;
	return 0;
}

int card_probe(struct card *card)
{
	uint32_t connectors[MAX_HEADS], crtcs[MAX_HEADS];
	struct drm_mode_card_res res = {0};
	int ret = card_ioctl(card, DRM_IOCTL_MODE_GETRESOURCES, &res);

	if (ret < 0)
		return ret;
	if (res.count_connectors > MAX_HEADS || res.count_crtcs > MAX_HEADS)
		return -E2BIG;
	res.connector_id_ptr = (uintptr_t)connectors;
	res.crtc_id_ptr = (uintptr_t)crtcs;
	res.count_fbs = 0;
	res.count_encoders = 0;
	ret = card_ioctl(card, DRM_IOCTL_MODE_GETRESOURCES, &res);
	if (ret < 0)
		return ret;
	/* virtio_gpu makes one CRTC, encoder and connector a scanout, in order. */
	card->nheads = res.count_connectors < res.count_crtcs ? res.count_connectors
							      : res.count_crtcs;
	for (uint32_t i = 0; i < card->nheads; i++) {
		card->heads[i].connector = connectors[i];
		card->heads[i].crtc = crtcs[i];
		ret = probe_head(card, &card->heads[i]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int card_param(struct card *card, uint64_t param, int *value)
{
	struct drm_virtgpu_getparam get = {.param = param, .value = (uintptr_t)value};

	*value = 0;
	return card_ioctl(card, DRM_IOCTL_VIRTGPU_GETPARAM, &get);
}

static int map(struct card *card, size_t size, uint64_t offset, uint8_t **pixels)
{
	void *at =
		mmap64(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, card->fd, (off64_t)offset);

	if (at == MAP_FAILED)
		return -errno;
	*pixels = at;
	return 0;
}

int buffer_map_again(struct card *card, const struct buffer *buffer, uint8_t **pixels)
{
	struct drm_virtgpu_map get = {.handle = buffer->handle};
	int ret = card_ioctl(card, DRM_IOCTL_VIRTGPU_MAP, &get);

	return ret < 0 ? ret : map(card, buffer->size, get.offset, pixels);
}

int buffer_dumb(struct card *card, struct buffer *buffer, uint32_t width, uint32_t height)
{
	struct drm_mode_create_dumb create = {.width = width, .height = height, .bpp = 32};
	struct drm_mode_map_dumb get = {0};
	int ret = card_ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create);

	memset(buffer, 0, sizeof(*buffer));
	if (ret < 0)
		return ret;
	buffer->handle = create.handle;
	buffer->width = width;
	buffer->height = height;
	buffer->stride = create.pitch;
	buffer->size = (size_t)create.size;
	get.handle = create.handle;
	ret = card_ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &get);
	if (ret == 0)
		ret = map(card, buffer->size, get.offset, &buffer->pixels);
	if (ret < 0)
		buffer_free(card, buffer);
	return ret;
}

int buffer_blob(struct card *card, struct buffer *buffer, uint32_t width, uint32_t height,
		uint32_t stride, uint32_t flags)
{
	struct drm_virtgpu_resource_create_blob create = {.blob_mem = VIRTGPU_BLOB_MEM_GUEST,
							  .blob_flags = flags};
	int ret;

	memset(buffer, 0, sizeof(*buffer));
	buffer->width = width;
	buffer->height = height;
	buffer->stride = stride ? stride : width * 4;
	buffer->size = (size_t)buffer->stride * height;
	create.size = (buffer->size + 4095) & ~(size_t)4095;
	ret = card_ioctl(card, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &create);
	if (ret < 0)
		return ret;
	buffer->handle = create.bo_handle;
	buffer->resource = create.res_handle;
	buffer->size = (size_t)create.size;
	if (flags & VIRTGPU_BLOB_FLAG_USE_MAPPABLE)
		ret = buffer_map_again(card, buffer, &buffer->pixels);
	if (ret < 0)
		buffer_free(card, buffer);
	return ret;
}

/* The classic path of RESOURCE_CREATE: a fenced CREATE_2D (format 2: B8G8R8X8, target 2: 2D). */
int buffer_resource(struct card *card, struct buffer *buffer, uint32_t width, uint32_t height)
{
	struct drm_virtgpu_resource_create create = {.target = 2,
						     .format = 2,
						     .width = width,
						     .height = height,
						     .depth = 1,
						     .array_size = 1};
	int ret;

	memset(buffer, 0, sizeof(*buffer));
	buffer->width = width;
	buffer->height = height;
	buffer->stride = width * 4;
	buffer->size = ((size_t)width * 4 * height + 4095) & ~(size_t)4095;
	create.size = (uint32_t)buffer->size;
	create.stride = buffer->stride;
	ret = card_ioctl(card, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);
	if (ret < 0)
		return ret;
	buffer->handle = create.bo_handle;
	buffer->resource = create.res_handle;
	ret = buffer_map_again(card, buffer, &buffer->pixels);
	if (ret < 0)
		buffer_free(card, buffer);
	return ret;
}

int buffer_wait(struct card *card, const struct buffer *buffer)
{
	struct drm_virtgpu_3d_wait wait = {.handle = buffer->handle};

	return card_ioctl(card, DRM_IOCTL_VIRTGPU_WAIT, &wait);
}

int buffer_framebuffer(struct card *card, struct buffer *buffer, uint32_t fourcc)
{
	struct drm_mode_fb_cmd2 add = {
		.width = buffer->width, .height = buffer->height, .pixel_format = fourcc};
	int ret;

	add.handles[0] = buffer->handle;
	add.pitches[0] = buffer->stride;
	ret = card_ioctl(card, DRM_IOCTL_MODE_ADDFB2, &add);
	if (ret == 0)
		buffer->fb = add.fb_id;
	return ret;
}

void buffer_free(struct card *card, struct buffer *buffer)
{
	struct drm_gem_close gone = {.handle = buffer->handle};

	if (buffer->fb)
		card_ioctl(card, DRM_IOCTL_MODE_RMFB, &buffer->fb);
	if (buffer->pixels)
		munmap(buffer->pixels, buffer->size);
	if (buffer->handle)
		card_ioctl(card, DRM_IOCTL_GEM_CLOSE, &gone);
	memset(buffer, 0, sizeof(*buffer));
}

int find_mode(const struct head *head, uint32_t width, uint32_t height,
	      struct drm_mode_modeinfo *mode)
{
	if (head->nmodes > 0 && width == 0) {
		*mode = head->modes[0];
		return 0;
	}
	for (uint32_t i = 0; i < head->nmodes; i++)
		if (head->modes[i].hdisplay == width && head->modes[i].vdisplay == height) {
			*mode = head->modes[i];
			return 0;
		}
	return -ENOENT;
}

int show(struct card *card, struct head *head, const struct drm_mode_modeinfo *mode, uint32_t fb,
	 uint32_t x, uint32_t y)
{
	struct drm_mode_crtc crtc = {.crtc_id = head->crtc,
				     .fb_id = fb,
				     .x = x,
				     .y = y,
				     .set_connectors_ptr = (uintptr_t)&head->connector,
				     .count_connectors = 1,
				     .mode_valid = 1,
				     .mode = *mode};

	return card_ioctl(card, DRM_IOCTL_MODE_SETCRTC, &crtc);
}

int hide(struct card *card, struct head *head)
{
	struct drm_mode_crtc crtc = {.crtc_id = head->crtc};

	return card_ioctl(card, DRM_IOCTL_MODE_SETCRTC, &crtc);
}

int flush(struct card *card, uint32_t fb, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	struct drm_clip_rect clip = {.x1 = (uint16_t)x,
				     .y1 = (uint16_t)y,
				     .x2 = (uint16_t)(x + width),
				     .y2 = (uint16_t)(y + height)};
	struct drm_mode_fb_dirty_cmd dirty = {
		.fb_id = fb, .num_clips = 1, .clips_ptr = (uintptr_t)&clip};

	return card_ioctl(card, DRM_IOCTL_MODE_DIRTYFB, &dirty);
}
