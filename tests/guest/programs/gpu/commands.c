/* SPDX-License-Identifier: MIT */
/*
 * The commands of the guest test program: each does one thing through the kernel's DRM interface
 * and reports numbers; what the numbers must be is decided on the host.
 */
#include "commands.h"
#include "pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int slot_of(struct session *session, const char *word, struct buffer **slot)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (end == word || *end || n >= MAX_SLOTS)
		return -EINVAL;
	*slot = &session->slots[n];
	return 0;
}

static int head_of(struct session *session, const char *word, struct head **head)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (end == word || *end || n >= session->card.nheads)
		return -EINVAL;
	*head = &session->card.heads[n];
	return 0;
}

static uint32_t number(const char *word)
{
	return (uint32_t)strtoul(word, NULL, 0);
}

static void fill(struct buffer *buffer, uint32_t x0, uint32_t y0, uint32_t width, uint32_t height,
		 uint32_t seed)
{
	for (uint32_t y = y0; y < y0 + height && y < buffer->height; y++) {
		uint32_t *row = (uint32_t *)(void *)(buffer->pixels + (size_t)y * buffer->stride);

		for (uint32_t x = x0; x < x0 + width && x < buffer->width; x++)
			row[x] = pattern_pixel(x, y, seed);
	}
}

static int make(struct session *session, struct buffer *slot, const char *kind, uint32_t width,
		uint32_t height, uint32_t stride)
{
	struct card *card = &session->card;

	if (slot->handle)
		buffer_free(card, slot);
	if (strcmp(kind, "dumb") == 0)
		return buffer_dumb(card, slot, width, height);
	if (strcmp(kind, "resource") == 0)
		return buffer_resource(card, slot, width, height);
	if (strcmp(kind, "blob") == 0)
		return buffer_blob(card, slot, width, height, stride,
				   VIRTGPU_BLOB_FLAG_USE_MAPPABLE |
					   VIRTGPU_BLOB_FLAG_USE_SHAREABLE);
	if (strcmp(kind, "cross") == 0)
		return buffer_blob(card, slot, width, height, stride,
				   VIRTGPU_BLOB_FLAG_USE_MAPPABLE |
					   VIRTGPU_BLOB_FLAG_USE_SHAREABLE |
					   VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE);
	return -EINVAL;
}

static int do_info(struct session *session, int nwords, char **words)
{
	struct card *card = &session->card;

	(void)nwords;
	(void)words;
	fprintf(session->out, " driver=%s path=%s heads=%u", card->driver, card->path,
		card->nheads);
	for (uint64_t param = 1; param <= 9; param++) {
		int value;
		int ret = card_param(card, param, &value);

		fprintf(session->out, " param%u=%d", (unsigned)param, ret < 0 ? ret : value);
	}
	return 0;
}

static int do_modes(struct session *session, int nwords, char **words)
{
	int ret = card_probe(&session->card);

	(void)nwords;
	(void)words;
	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < session->card.nheads; i++) {
		struct head *head = &session->card.heads[i];

		fprintf(session->out, " head%u=%s,%ux%umm,connector:%u,crtc:%u", i,
			head->connected ? "connected" : "disconnected", head->mm_width,
			head->mm_height, head->connector, head->crtc);
		for (uint32_t m = 0; m < head->nmodes; m++)
			fprintf(session->out, ",%ux%u@%u", head->modes[m].hdisplay,
				head->modes[m].vdisplay, head->modes[m].vrefresh);
	}
	return 0;
}

/* buffer SLOT dumb|resource|blob|cross WIDTH HEIGHT [STRIDE] */
static int do_buffer(struct session *session, int nwords, char **words)
{
	struct buffer *slot;
	int ret;

	if (nwords < 5 || slot_of(session, words[1], &slot) < 0)
		return -EINVAL;
	ret = make(session, slot, words[2], number(words[3]), number(words[4]),
		   nwords > 5 ? number(words[5]) : 0);
	if (ret == 0)
		fprintf(session->out, " resource=%u stride=%u size=%llu", slot->resource,
			slot->stride, (unsigned long long)slot->size);
	return ret;
}

/* fill SLOT SEED [X Y WIDTH HEIGHT] */
static int do_fill(struct session *session, int nwords, char **words)
{
	struct buffer *slot;

	if (nwords < 3 || slot_of(session, words[1], &slot) < 0 || !slot->pixels)
		return -EINVAL;
	if (nwords >= 7)
		fill(slot, number(words[3]), number(words[4]), number(words[5]), number(words[6]),
		     number(words[2]));
	else
		fill(slot, 0, 0, slot->width, slot->height, number(words[2]));
	return 0;
}

/* show HEAD SLOT WIDTH HEIGHT [X Y]: the mode must exist on that head; X Y pans in the buffer */
static int do_show(struct session *session, int nwords, char **words)
{
	struct drm_mode_modeinfo mode;
	struct buffer *slot;
	struct head *head;
	int ret;

	if (nwords < 5 || head_of(session, words[1], &head) < 0 ||
	    slot_of(session, words[2], &slot) < 0)
		return -EINVAL;
	if (!slot->fb)
		ret = buffer_framebuffer(&session->card, slot, DRM_FORMAT_XRGB8888);
	else
		ret = 0;
	if (ret == 0)
		ret = find_mode(head, number(words[3]), number(words[4]), &mode);
	if (ret < 0)
		return ret;
	return show(&session->card, head, &mode, slot->fb, nwords > 6 ? number(words[5]) : 0,
		    nwords > 6 ? number(words[6]) : 0);
}

/* flush SLOT X Y WIDTH HEIGHT */
static int do_flush(struct session *session, int nwords, char **words)
{
	struct buffer *slot;

	if (nwords < 6 || slot_of(session, words[1], &slot) < 0 || !slot->fb)
		return -EINVAL;
	return flush(&session->card, slot->fb, number(words[2]), number(words[3]), number(words[4]),
		     number(words[5]));
}

static int do_hide(struct session *session, int nwords, char **words)
{
	struct head *head;

	if (nwords < 2 || head_of(session, words[1], &head) < 0)
		return -EINVAL;
	return hide(&session->card, head);
}

/* flip HEAD SLOT: page flip, and the wait for its event */
static int do_flip(struct session *session, int nwords, char **words)
{
	struct drm_mode_crtc_page_flip flip = {.flags = DRM_MODE_PAGE_FLIP_EVENT};
	struct pollfd poller = {.fd = session->card.fd, .events = POLLIN};
	struct buffer *slot;
	struct head *head;
	char events[256];
	int ret;

	if (nwords < 3 || head_of(session, words[1], &head) < 0 ||
	    slot_of(session, words[2], &slot) < 0)
		return -EINVAL;
	if (!slot->fb) {
		ret = buffer_framebuffer(&session->card, slot, DRM_FORMAT_XRGB8888);
		if (ret < 0)
			return ret;
	}
	flip.crtc_id = head->crtc;
	flip.fb_id = slot->fb;
	ret = card_ioctl(&session->card, DRM_IOCTL_MODE_PAGE_FLIP, &flip);
	if (ret < 0)
		return ret;
	if (poll(&poller, 1, 5000) != 1)
		return -ETIMEDOUT;
	return read(session->card.fd, events, sizeof(events)) > 0 ? 0 : -EIO;
}

static int cursor_set(struct session *session, struct head *head, struct buffer *image, int nwords,
		      char **words)
{
	struct drm_mode_cursor2 cursor = {.flags = DRM_MODE_CURSOR_BO,
					  .crtc_id = head->crtc,
					  .width = CURSOR_SIZE,
					  .height = CURSOR_SIZE};
	int ret;

	if (nwords < 6)
		return -EINVAL;
	if (image->handle)
		buffer_free(&session->card, image);
	ret = buffer_dumb(&session->card, image, CURSOR_SIZE, CURSOR_SIZE);
	if (ret < 0)
		return ret;
	for (uint32_t y = 0; y < CURSOR_SIZE; y++) {
		uint32_t *row = (uint32_t *)(void *)(image->pixels + (size_t)y * image->stride);

		for (uint32_t x = 0; x < CURSOR_SIZE; x++)
			row[x] = cursor_pixel(x, y, number(words[3]));
	}
	cursor.handle = image->handle;
	cursor.hot_x = (int)number(words[4]);
	cursor.hot_y = (int)number(words[5]);
	return card_ioctl(&session->card, DRM_IOCTL_MODE_CURSOR2, &cursor);
}

/* cursor HEAD set SEED HOTX HOTY | move X Y | hide */
static int do_cursor(struct session *session, int nwords, char **words)
{
	struct drm_mode_cursor2 cursor = {0};
	struct head *head;

	if (nwords < 3 || head_of(session, words[1], &head) < 0)
		return -EINVAL;
	cursor.crtc_id = head->crtc;
	if (strcmp(words[2], "set") == 0)
		return cursor_set(session, head, &session->cursors[head - session->card.heads],
				  nwords, words);
	if (strcmp(words[2], "move") == 0 && nwords >= 5) {
		cursor.flags = DRM_MODE_CURSOR_MOVE;
		cursor.x = (int)strtol(words[3], NULL, 10);
		cursor.y = (int)strtol(words[4], NULL, 10);
	} else if (strcmp(words[2], "hide") == 0) {
		cursor.flags = DRM_MODE_CURSOR_BO;
	} else {
		return -EINVAL;
	}
	return card_ioctl(&session->card, DRM_IOCTL_MODE_CURSOR2, &cursor);
}

/* same SLOT: a second mapping of the object shows the same bytes, both ways */
static int do_same(struct session *session, int nwords, char **words)
{
	struct buffer *slot;
	uint8_t *again;
	int ret;

	if (nwords < 2 || slot_of(session, words[1], &slot) < 0 || !slot->pixels)
		return -EINVAL;
	ret = buffer_map_again(&session->card, slot, &again);
	if (ret < 0)
		return ret;
	ret = memcmp(again, slot->pixels, slot->size) == 0;
	again[slot->size - 1] ^= 0x5a;
	ret = ret && again[slot->size - 1] == slot->pixels[slot->size - 1];
	slot->pixels[slot->size - 1] ^= 0x5a;
	ret = ret && again[slot->size - 1] == slot->pixels[slot->size - 1];
	munmap(again, slot->size);
	fprintf(session->out, " same=%d", ret);
	return 0;
}

/* prime SLOT: export, which asks the device for a UUID, and import again */
static int do_prime(struct session *session, int nwords, char **words)
{
	struct drm_prime_handle prime = {.flags = DRM_CLOEXEC | DRM_RDWR};
	struct buffer *slot;
	uint32_t handle;
	int ret;

	if (nwords < 2 || slot_of(session, words[1], &slot) < 0)
		return -EINVAL;
	prime.handle = handle = slot->handle;
	ret = card_ioctl(&session->card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	if (ret < 0)
		return ret;
	prime.handle = 0;
	ret = card_ioctl(&session->card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	fprintf(session->out, " size=%lld same_handle=%d", (long long)lseek(prime.fd, 0, SEEK_END),
		prime.handle == handle);
	close(prime.fd);
	return ret;
}

static int do_wait(struct session *session, int nwords, char **words)
{
	struct buffer *slot;

	if (nwords < 2 || slot_of(session, words[1], &slot) < 0)
		return -EINVAL;
	return buffer_wait(&session->card, slot);
}

/* transfer SLOT X Y WIDTH HEIGHT OFFSET: TRANSFER_TO_HOST_2D alone, without a flush */
static int do_transfer(struct session *session, int nwords, char **words)
{
	struct drm_virtgpu_3d_transfer_to_host transfer = {.box = {.d = 1}};
	struct buffer *slot;

	if (nwords < 7 || slot_of(session, words[1], &slot) < 0)
		return -EINVAL;
	transfer.bo_handle = slot->handle;
	transfer.box.x = number(words[2]);
	transfer.box.y = number(words[3]);
	transfer.box.w = number(words[4]);
	transfer.box.h = number(words[5]);
	transfer.offset = number(words[6]);
	return card_ioctl(&session->card, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &transfer);
}

static int do_free(struct session *session, int nwords, char **words)
{
	struct buffer *slot;

	if (nwords < 2 || slot_of(session, words[1], &slot) < 0)
		return -EINVAL;
	buffer_free(&session->card, slot);
	return 0;
}

/* forget: throws away hotplug events seen so far. hotplug MILLISECONDS: waits for one. */
static int next_hotplug(struct session *session, int timeout)
{
	struct pollfd poller = {.fd = session->uevents, .events = POLLIN};
	char text[4096];

	while (poll(&poller, 1, timeout) == 1) {
		ssize_t len = recv(session->uevents, text, sizeof(text) - 1, 0);

		if (len < 0)
			return -errno;
		text[len] = 0;
		for (char *at = text; at < text + len; at += strlen(at) + 1)
			if (strcmp(at, "HOTPLUG=1") == 0)
				return 0;
	}
	return -ETIMEDOUT;
}

static int do_forget(struct session *session, int nwords, char **words)
{
	(void)nwords;
	(void)words;
	while (next_hotplug(session, 0) == 0)
		;
	return 0;
}

static int do_hotplug(struct session *session, int nwords, char **words)
{
	return nwords < 2 ? -EINVAL : next_hotplug(session, (int)number(words[1]));
}

/* churn COUNT KIND: that many buffers made and freed, to see what is left behind */
static int do_churn(struct session *session, int nwords, char **words)
{
	struct buffer buffer = {0};
	int ret = 0;

	if (nwords < 3)
		return -EINVAL;
	for (uint32_t i = 0; i < number(words[1]) && ret == 0; i++) {
		ret = make(session, &buffer, words[2], 64 + i % 64, 64, 0);
		if (ret == 0)
			buffer_free(&session->card, &buffer);
	}
	return ret;
}

int command_run(struct session *session, int nwords, char **words)
{
	static const struct {
		const char *name;
		int (*run)(struct session *session, int nwords, char **words);
	} commands[] = {
		{"info", do_info},         {"modes", do_modes}, {"buffer", do_buffer},
		{"fill", do_fill},         {"show", do_show},   {"flush", do_flush},
		{"hide", do_hide},         {"flip", do_flip},   {"cursor", do_cursor},
		{"same", do_same},         {"prime", do_prime}, {"wait", do_wait},
		{"transfer", do_transfer}, {"free", do_free},   {"forget", do_forget},
		{"hotplug", do_hotplug},   {"churn", do_churn},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, words[0]) == 0)
			return commands[i].run(session, nwords, words);
	return -ENOSYS;
}

void session_finish(struct session *session)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		buffer_free(&session->card, &session->slots[i]);
	for (int i = 0; i < MAX_HEADS; i++)
		buffer_free(&session->card, &session->cursors[i]);
	if (session->uevents >= 0)
		close(session->uevents);
	card_close(&session->card);
}
