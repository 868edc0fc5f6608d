/* SPDX-License-Identifier: MIT */
/*
 * What the guest test program knows of DRM: the raw ioctls of one virtio_gpu card, no library.
 * It runs as root in a throw-away guest and checks the device from the guest's side, so it trusts
 * the kernel's answers; a failed ioctl is reported with its errno, never hidden.
 */
#ifndef GUEST_DRM_H
#define GUEST_DRM_H

#include <stddef.h>
#include <stdint.h>

#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>

#define MAX_HEADS 16
#define MAX_MODES 64
#define NAME_LEN 32

struct head {
	uint32_t connector;
	uint32_t crtc;
	int connected;
	uint32_t mm_width, mm_height;
	uint32_t nmodes;
	struct drm_mode_modeinfo modes[MAX_MODES];
};

/* A buffer object, mapped; kind says how it was made. */
struct buffer {
	uint32_t handle;   /* 0: none */
	uint32_t resource; /* the device's id; 0 when not asked */
	uint32_t width, height, stride;
	size_t size;
	uint32_t fb; /* 0: no framebuffer made of it */
	uint8_t *pixels;
};

struct card {
	int fd;
	char path[NAME_LEN];
	char driver[NAME_LEN];
	uint32_t nheads;
	struct head heads[MAX_HEADS];
};

/* All return 0 or a negative errno. */
int card_open(struct card *card);
void card_close(struct card *card);
int card_probe(struct card *card); /* refills heads, which re-reads EDIDs and modes */
int card_ioctl(struct card *card, unsigned long request, void *arg);
int card_param(struct card *card, uint64_t param, int *value);

int buffer_dumb(struct card *card, struct buffer *buffer, uint32_t width, uint32_t height);
int buffer_blob(struct card *card, struct buffer *buffer, uint32_t width, uint32_t height,
		uint32_t stride, uint32_t flags);
int buffer_resource(struct card *card, struct buffer *buffer, uint32_t width, uint32_t height);
int buffer_map_again(struct card *card, const struct buffer *buffer, uint8_t **pixels);
int buffer_wait(struct card *card, const struct buffer *buffer);
int buffer_framebuffer(struct card *card, struct buffer *buffer, uint32_t fourcc);
void buffer_free(struct card *card, struct buffer *buffer);

int show(struct card *card, struct head *head, const struct drm_mode_modeinfo *mode, uint32_t fb,
	 uint32_t x, uint32_t y);
int hide(struct card *card, struct head *head);
int flush(struct card *card, uint32_t fb, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
int find_mode(const struct head *head, uint32_t width, uint32_t height,
	      struct drm_mode_modeinfo *mode);

#endif
