/* SPDX-License-Identifier: MIT */
/*
 * Chooses what to say next on the display socket. Order: questions (the guest
 * waits for them), then by head in turn: pointer, new sizes, pixels.
 *
 * QEMU dereferences nothing for an UPDATE before the first SCANOUT of a head,
 * and makes a surface for every SCANOUT: so a SCANOUT always goes before the
 * first UPDATE, and none goes without an UPDATE of all pixels behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "display/vmm.h"

/* One UPDATE; the front end takes this much memory for it. */
#define MAX_UPDATE_BYTES (64u << 20)

/* <linux/magic.h> of older kernels lacks it. */
#define DMABUF_FILE_SYSTEM 0x444d4142

#define DRM_MODIFIER_INVALID 0x00ffffffffffffffull

static void begin(struct pg_vmm_message *message, uint32_t request, const void *payload,
		  size_t size, size_t more)
{
	struct vhost_user_gpu_header header = {
		.request = request,
		.size = (uint32_t)(size + more),
	};

	*message = (struct pg_vmm_message){.active = true, .fd = -1, .pixels_size = more};
	memcpy(message->bytes, &header, sizeof(header));
	if (size)
		memcpy(message->bytes + sizeof(header), payload, size);
	message->size = sizeof(header) + size;
}

/* --- questions --- */

static bool can_ask(const struct pg_vmm *vmm, const struct pg_vmm_request *request)
{
	return request->request != VHOST_USER_GPU_GET_EDID || vmm->features_known;
}

static void begin_request(struct pg_vmm *vmm, struct pg_vmm_request *request)
{
	struct vhost_user_gpu_edid_request edid = {.scanout_id = request->head};

	pg_list_remove(&request->link);
	pg_list_append(&vmm->waiting, &request->link);
	if (request->request == VHOST_USER_GPU_GET_EDID)
		begin(&vmm->message, request->request, &edid, sizeof(edid), 0);
	else
		begin(&vmm->message, request->request, NULL, 0, 0);
}

static bool choose_request(struct pg_vmm *vmm)
{
	if (vmm->features_due) {
		vmm->features_due = false;
		begin(&vmm->message, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, &vmm->features,
		      sizeof(vmm->features), 0);
		return true;
	}
	pg_list_for_each(link, &vmm->requests) {
		struct pg_vmm_request *request = pg_container_of(link, struct pg_vmm_request, link);

		if (!can_ask(vmm, request))
			continue;
		begin_request(vmm, request);
		return true;
	}
	return false;
}

/* --- pointer --- */

static bool choose_cursor(struct pg_vmm *vmm, uint32_t index)
{
	struct pg_vmm_head *head = &vmm->heads[index];
	struct vhost_user_gpu_cursor_update update;

	if (!head->cursor_due)
		return false;
	head->cursor_due = false;
	/* Both protocols place the upper left corner of the image; negative is two's complement. */
	update.pos = (struct vhost_user_gpu_cursor_pos){
		.scanout_id = index,
		.x = (uint32_t)head->cursor->x,
		.y = (uint32_t)head->cursor->y,
	};
	if (head->cursor->visible && head->cursor_image_due) {
		head->cursor_image_due = false;
		update.hot_x = head->cursor->hot_x;
		update.hot_y = head->cursor->hot_y;
		static_assert(sizeof(update.data) == sizeof(head->cursor->pixels), "cursor");
		memcpy(update.data, head->cursor->pixels, sizeof(update.data));
		begin(&vmm->message, VHOST_USER_GPU_CURSOR_UPDATE, &update, sizeof(update), 0);
		return true;
	}
	begin(&vmm->message,
	      head->cursor->visible ? VHOST_USER_GPU_CURSOR_POS : VHOST_USER_GPU_CURSOR_POS_HIDE,
	      &update.pos, sizeof(update.pos), 0);
	return true;
}

/* --- pictures as dma-bufs --- */

/* What DRM calls a format of virtio-gpu (drm_fourcc.h); 0 if it has no name. */
static uint32_t drm_fourcc(uint32_t format)
{
	static const struct {
		uint32_t format;
		char name[4];
	} names[] = {
		{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, {'A', 'R', '2', '4'}},
		{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, {'X', 'R', '2', '4'}},
		{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, {'B', 'A', '2', '4'}},
		{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, {'B', 'X', '2', '4'}},
		{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, {'A', 'B', '2', '4'}},
		{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, {'R', 'X', '2', '4'}},
		{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, {'R', 'A', '2', '4'}},
		{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, {'X', 'B', '2', '4'}},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].format == format)
			return (uint32_t)names[i].name[0] | (uint32_t)names[i].name[1] << 8 |
			       (uint32_t)names[i].name[2] << 16 | (uint32_t)names[i].name[3] << 24;
	return 0;
}

static bool has_feature(const struct pg_vmm *vmm, unsigned int feature)
{
	return vmm->features >> feature & 1;
}

/* The message has no byte offset, only x and y in the whole buffer. */
static bool describe_dmabuf(const struct paragpu_picture *picture, uint32_t index,
			    struct vhost_user_gpu_dmabuf_scanout *scanout)
{
	uint64_t x, y;

	if (!picture->stride || picture->fd_offset % 4)
		return false;
	x = picture->fd_offset % picture->stride / 4;
	y = picture->fd_offset / picture->stride;
	if (y + picture->height > INT32_MAX || (x + picture->width) * 4 > picture->stride)
		return false;
	*scanout = (struct vhost_user_gpu_dmabuf_scanout){
		.scanout_id = index,
		.x = (uint32_t)x,
		.y = (uint32_t)y,
		.width = picture->width,
		.height = picture->height,
		.fd_width = (uint32_t)x + picture->width,
		.fd_height = (uint32_t)y + picture->height,
		.fd_stride = picture->stride,
		.fd_flags = VHOST_USER_GPU_DMABUF_FLAG_Y_0_TOP,
		.fd_drm_fourcc = (int32_t)drm_fourcc(picture->format),
	};
	return scanout->fd_drm_fourcc != 0;
}

static bool is_dmabuf(int fd)
{
	struct statfs file;

	return fstatfs(fd, &file) == 0 && (uint64_t)file.f_type == DMABUF_FILE_SYSTEM;
}

static bool dmabuf_usable(struct pg_vmm *vmm, uint32_t index, const struct paragpu_picture *picture)
{
	struct pg_vmm_head *head = &vmm->heads[index];
	struct vhost_user_gpu_dmabuf_scanout scanout;
	bool (*is)(int) = vmm->options.is_dmabuf ? vmm->options.is_dmabuf : is_dmabuf;

	if (!vmm->options.dmabuf || picture->fd < 0)
		return false;
	if (picture->modifier && picture->modifier != DRM_MODIFIER_INVALID &&
	    !has_feature(vmm, VHOST_USER_GPU_PROTOCOL_F_DMABUF2))
		return false;
	if (head->dmabuf_checked != head->picture_serial) {
		head->dmabuf_checked = head->picture_serial;
		head->dmabuf_usable = is(picture->fd) && describe_dmabuf(picture, index, &scanout);
	}
	return head->dmabuf_usable;
}

static bool begin_dmabuf_scanout(struct pg_vmm *vmm, uint32_t index,
				 const struct paragpu_picture *picture)
{
	struct pg_vmm_head *head = &vmm->heads[index];
	struct vhost_user_gpu_dmabuf_scanout2 scanout = {.modifier = picture->modifier};
	bool second = has_feature(vmm, VHOST_USER_GPU_PROTOCOL_F_DMABUF2);
	int fd = fcntl(picture->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0 || !describe_dmabuf(picture, index, &scanout.dmabuf_scanout)) {
		head->dmabuf_usable = false; /* as pixels, then */
		return false;
	}
	begin(&vmm->message,
	      second ? VHOST_USER_GPU_DMABUF_SCANOUT2 : VHOST_USER_GPU_DMABUF_SCANOUT, &scanout,
	      second ? sizeof(scanout) : sizeof(scanout.dmabuf_scanout), 0);
	vmm->message.fd = fd;
	head->dmabuf = true;
	head->dmabuf_serial = head->picture_serial;
	head->announced = false; /* of a surface */
	head->on = true;
	return true;
}

static void begin_dmabuf_off(struct pg_vmm *vmm, uint32_t index)
{
	struct vhost_user_gpu_dmabuf_scanout scanout = {.scanout_id = index};

	vmm->heads[index].dmabuf = false;
	begin(&vmm->message, VHOST_USER_GPU_DMABUF_SCANOUT, &scanout, sizeof(scanout), 0);
}

static bool choose_dmabuf(struct pg_vmm *vmm, uint32_t index, const struct paragpu_picture *picture)
{
	struct pg_vmm_head *head = &vmm->heads[index];
	struct vhost_user_gpu_update update = {.scanout_id = index};
	struct pg_vmm_request *request;
	pixman_box32_t all;

	if (!head->dmabuf || head->dmabuf_serial != head->picture_serial)
		return begin_dmabuf_scanout(vmm, index, picture);
	request = calloc(1, sizeof(*request));
	if (!request)
		return false;
	request->request = VHOST_USER_GPU_DMABUF_UPDATE;
	request->head = index;
	pg_list_init(&request->link);
	pg_list_append(&vmm->waiting, &request->link);
	all = *pixman_region32_extents(&head->now.damage);
	pixman_region32_clear(&head->now.damage);
	update.x = (uint32_t)all.x1;
	update.y = (uint32_t)all.y1;
	update.width = (uint32_t)(all.x2 - all.x1);
	update.height = (uint32_t)(all.y2 - all.y1);
	begin(&vmm->message, VHOST_USER_GPU_DMABUF_UPDATE, &update, sizeof(update), 0);
	head->dmabuf_waiting = true;
	return true;
}

/* --- pictures as pixels --- */

static void begin_scanout(struct pg_vmm *vmm, uint32_t index)
{
	struct pg_vmm_head *head = &vmm->heads[index];
	struct vhost_user_gpu_scanout scanout = {
		.scanout_id = index,
		.width = head->width,
		.height = head->height,
	};

	head->on = head->shown;
	head->announced = head->shown;
	if (head->shown) /* the front end makes a blank surface: fill all of it */
		pixman_region32_union_rect(&head->now.damage, &head->now.damage, 0, 0, head->width,
					   head->height);
	begin(&vmm->message, VHOST_USER_GPU_SCANOUT, &scanout, sizeof(scanout), 0);
}

/* Takes the next rectangle out of the damage, small enough for one message. */
static struct paragpu_rect take_damage(pixman_region32_t *damage)
{
	pixman_box32_t box = pixman_region32_rectangles(damage, NULL)[0];
	struct paragpu_rect rect = {
		.x = (uint32_t)box.x1,
		.y = (uint32_t)box.y1,
		.width = (uint32_t)(box.x2 - box.x1),
		.height = (uint32_t)(box.y2 - box.y1),
	};
	pixman_region32_t taken;

	if (rect.width > MAX_UPDATE_BYTES / 4)
		rect.width = MAX_UPDATE_BYTES / 4;
	if (rect.height > MAX_UPDATE_BYTES / 4 / rect.width)
		rect.height = MAX_UPDATE_BYTES / 4 / rect.width;
	pixman_region32_init_rect(&taken, box.x1, box.y1, rect.width, rect.height);
	pixman_region32_subtract(damage, damage, &taken);
	pixman_region32_fini(&taken);
	return rect;
}

static void begin_update(struct pg_vmm *vmm, uint32_t index)
{
	struct pg_vmm_head *head = &vmm->heads[index];
	struct paragpu_rect rect = take_damage(&head->now.damage);
	struct vhost_user_gpu_update update = {
		.scanout_id = index,
		.x = rect.x,
		.y = rect.y,
		.width = rect.width,
		.height = rect.height,
	};

	begin(&vmm->message, VHOST_USER_GPU_UPDATE, &update, sizeof(update),
	      (size_t)rect.width * rect.height * 4);
	vmm->message.head = index;
	vmm->message.serial = head->serial;
	vmm->message.rect = rect;
}

static bool choose_picture(struct pg_vmm *vmm, uint32_t index)
{
	struct pg_vmm_head *head = &vmm->heads[index];
	struct paragpu_picture picture;

	if (!head->shown) {
		if (head->on)
			begin_scanout(vmm, index);
		return vmm->message.active;
	}
	if (head->dmabuf_waiting || !pixman_region32_not_empty(&head->now.damage))
		return false;
	if (!paragpu_display_picture(&vmm->display.base, index, &picture) ||
	    picture.width != head->width || picture.height != head->height)
		return false; /* on its way out: the device tells us next */
	if (dmabuf_usable(vmm, index, &picture) && choose_dmabuf(vmm, index, &picture))
		return true;
	if (head->dmabuf)
		begin_dmabuf_off(vmm, index);
	else if (!head->announced)
		begin_scanout(vmm, index);
	else
		begin_update(vmm, index);
	return true;
}

bool pg_vmm_choose(struct pg_vmm *vmm)
{
	if (choose_request(vmm))
		return true;
	for (uint32_t i = 0; i < PARAGPU_MAX_HEADS; i++)
		if (choose_cursor(vmm, i))
			return true;
	for (uint32_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		uint32_t index = (vmm->turn + i) % PARAGPU_MAX_HEADS;

		if (!choose_picture(vmm, index))
			continue;
		if (vmm->message.pixels_size)
			vmm->turn = (index + 1) % PARAGPU_MAX_HEADS;
		return true;
	}
	return false;
}
