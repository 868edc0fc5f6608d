/* SPDX-License-Identifier: MIT */
/*
 * Pixels of an OpenGL texture for displays: its dma-buf where the driver gives
 * one, else a copy in a memfd that is brought up to date rectangle by rectangle.
 */
#include "renderer/virgl/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "protocol/virtio_gpu.h"

#define FOURCC(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* The bytes in a dma-buf are as its own format says, whatever the guest called them. */
static uint32_t format_from_fourcc(uint32_t fourcc)
{
	switch (fourcc) {
	case FOURCC('A', 'R', '2', '4'):
		return VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM;
	case FOURCC('X', 'R', '2', '4'):
		return VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM;
	case FOURCC('B', 'A', '2', '4'):
		return VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM;
	case FOURCC('B', 'X', '2', '4'):
		return VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM;
	case FOURCC('A', 'B', '2', '4'):
		return VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM;
	case FOURCC('X', 'B', '2', '4'):
		return VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM;
	case FOURCC('R', 'A', '2', '4'):
		return VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM;
	case FOURCC('R', 'X', '2', '4'):
		return VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM;
	default:
		return 0;
	}
}

/* The library's numbers for these are the protocol's; others cannot be scanned out. */
static bool format_is_known(uint32_t format)
{
	switch (format) {
	case VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM:
	case VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM:
	case VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM:
	case VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM:
	case VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM:
	case VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM:
	case VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM:
	case VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM:
		return true;
	default:
		return false;
	}
}

void pg_virgl_view_finish(struct pg_virgl_resource *resource)
{
	if (resource->view.pixels)
		munmap(resource->view.pixels, resource->view.size);
	resource->view.pixels = NULL;
	pg_close(&resource->view.fd);
}

static int view_as_dmabuf(struct pg_virgl *virgl, struct pg_virgl_resource *resource,
			  const struct virgl_renderer_resource_info_ext *info)
{
	struct paragpu_image *image = &resource->view.image;
	uint32_t format = format_from_fourcc((uint32_t)info->base.drm_fourcc);
	int fd = -1;
	int stride = 0;
	int offset = 0;
	off_t end;

	if (!info->has_dmabuf_export || info->planes > 1 || !format ||
	    virgl->lib.get_fd_for_texture2(info->base.tex_id, &fd, &stride, &offset))
		return -EOPNOTSUPP;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	end = lseek(fd, 0, SEEK_END);
	if (stride <= 0 || offset < 0 || end <= offset) {
		pg_close(&fd);
		return -EOPNOTSUPP;
	}
	image->format = format;
	image->stride = (uint32_t)stride;
	image->modifier = info->modifiers;
	image->memory = (struct paragpu_export){
		.handle = PARAGPU_HANDLE_DMABUF,
		.fd_offset = (uint64_t)offset,
		.size = (uint64_t)(end - offset),
		.map_info = VIRTIO_GPU_MAP_CACHE_CACHED,
		.mappable = !info->modifiers,
	};
	resource->view.fd = fd;
	return 0;
}

static int view_as_copy(struct pg_virgl_resource *resource, uint32_t format)
{
	struct paragpu_image *image = &resource->view.image;
	uint64_t size;
	int error;

	if (!format_is_known(format) || image->width > UINT32_MAX / 4)
		return -EINVAL;
	image->format = format;
	image->stride = image->width * 4;
	if (!pg_mul_u64(image->stride, image->height, &size) || !size || size > SIZE_MAX / 2)
		return -EINVAL;
	resource->view.fd = memfd_create("paragpu-view", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (resource->view.fd < 0)
		return -errno;
	if (ftruncate(resource->view.fd, (off_t)size) ||
	    fcntl(resource->view.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto failed;
	resource->view.pixels =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, resource->view.fd, 0);
	if (resource->view.pixels == MAP_FAILED) {
		resource->view.pixels = NULL;
		goto failed;
	}
	resource->view.size = size;
	image->memory = (struct paragpu_export){
		.handle = PARAGPU_HANDLE_SHM,
		.size = size,
		.map_info = VIRTIO_GPU_MAP_CACHE_CACHED,
		.mappable = true,
	};
	return 0;
failed:
	error = -errno;
	pg_close(&resource->view.fd);
	return error;
}

static int view_init(struct pg_virgl *virgl, struct pg_virgl_resource *resource)
{
	union pg_virgl_info room = {.info = {.version = VIRGL_RENDERER_RESOURCE_INFO_EXT_VERSION}};
	const struct virgl_renderer_resource_info_ext *info = &room.info;
	int result;

	if (!resource->has_pixels)
		return -EOPNOTSUPP;
	result = virgl->lib.resource_get_info_ext((int)resource->id, &room.info);
	if (result)
		return pg_virgl_error(result);
	resource->view.image = (struct paragpu_image){
		.width = info->base.width,
		.height = info->base.height,
	};
	if (!view_as_dmabuf(virgl, resource, info))
		return 0;
	return view_as_copy(resource, info->base.virgl_format);
}

static int view_update(struct pg_virgl *virgl, struct pg_virgl_resource *resource,
		       struct paragpu_rect rect)
{
	const struct paragpu_image *image = &resource->view.image;
	struct virgl_box box = {
		.x = rect.x, .y = rect.y, .w = rect.width, .h = rect.height, .d = 1};
	struct iovec iov = {.iov_base = resource->view.pixels, .iov_len = resource->view.size};
	uint64_t offset = (uint64_t)rect.y * image->stride + (uint64_t)rect.x * 4;

	if (!resource->view.pixels)
		return 0;
	return pg_virgl_error(virgl->lib.transfer_read_iov(resource->id, 0, 0, image->stride, 0,
							   &box, offset, &iov, 1));
}

void pg_virgl_present(struct paragpu_renderer *renderer, uint32_t resource_id,
		      struct paragpu_rect rect, struct paragpu_operation *operation)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_resource *resource = pg_idmap_get(&virgl->resources, resource_id);
	struct paragpu_image image;
	int error = resource ? 0 : -ENOENT;

	virgl->lib.force_ctx_0();
	if (!error && resource->view.fd < 0)
		error = view_init(virgl, resource);
	if (!error && (!rect.width || !rect.height ||
		       !pg_range_inside(rect.x, rect.width, resource->view.image.width) ||
		       !pg_range_inside(rect.y, rect.height, resource->view.image.height)))
		error = -EINVAL;
	if (!error)
		error = view_update(virgl, resource, rect);
	if (!error) {
		image = resource->view.image;
		image.memory.fd = -1;
		if (!resource->view.sent) {
			image.memory.fd = fcntl(resource->view.fd, F_DUPFD_CLOEXEC, 0);
			error = image.memory.fd < 0 ? -errno : 0;
		}
	}
	virgl->lib.force_ctx_0();
	if (error) {
		paragpu_operation_done(operation, error);
		return;
	}
	resource->view.sent = true;
	paragpu_operation_presented(operation, &image);
}
