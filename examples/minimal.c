/* SPDX-License-Identifier: MIT */
/*
 * The smallest program that embeds the device: it plays both the virtual machine
 * monitor and the guest's driver, draws a picture in "guest memory", has the
 * device show it, and writes what the display got to a PNG file.
 *
 *     minimal FILE.png
 *
 * A real monitor differs in one thing: the requests come from its virtqueues,
 * and `complete` puts them back there and interrupts the guest. What the guest
 * may get wrong is the device's business; it answers by an error response.
 *
 * The picture is read back and compared, so this is the smoke test too.
 */
#include <endian.h>
#include <linux/virtio_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include <paragpu/device.h>

#define WIDTH 640
#define HEIGHT 360
#define GUEST_ADDRESS 0x80000000u /* where the guest thinks its memory is */
#define RESOURCE_ID 1
#define PIXELS ((size_t)WIDTH * HEIGHT)
#define BYTES (PIXELS * sizeof(uint32_t))

/* --- the host's side ----------------------------------------------------- */

/* A display that keeps a copy of what it is shown. */
struct copying_display {
	struct paragpu_display base; /* first: the device hands it back to us */
	uint32_t pixels[PIXELS];
};

static void on_flush(struct paragpu_display *base, uint32_t head,
		     const struct paragpu_picture *picture, struct paragpu_rect damage,
		     struct paragpu_flush *flush)
{
	struct copying_display *display = (struct copying_display *)base;
	uint32_t *first = &display->pixels[damage.y * WIDTH + damage.x];

	(void)head;
	(void)flush; /* a display that reads later would take paragpu_flush_hold(flush) */
	if (picture->width == WIDTH && picture->height == HEIGHT)
		paragpu_picture_read_xrgb(picture, damage, first, WIDTH * sizeof(*first));
}

static const struct paragpu_display_ops display_ops = {
	.name = "copying",
	.flush = on_flush,
};

/* A request came back; its response is in the memory that we gave it. */
static void on_complete(void *data, struct paragpu_request *request, size_t written)
{
	(void)request;
	*(size_t *)data = written;
}

static void on_trace(void *data, const struct paragpu_trace *trace)
{
	char line[200];

	(void)data;
	paragpu_trace_format(trace, line, sizeof(line));
	printf("%s\n", line);
}

/* --- the guest's side ---------------------------------------------------- */

/* A red and green gradient with a blue checkerboard. Blue is the first byte in memory. */
static uint32_t colour_at(uint32_t x, uint32_t y)
{
	uint32_t red = x * 255 / (WIDTH - 1), green = y * 255 / (HEIGHT - 1);
	uint32_t blue = (x / 40 + y / 40) % 2 ? 160 : 40;

	return red << 16 | green << 8 | blue;
}

static void draw(uint32_t *guest_memory)
{
	for (uint32_t y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0; x < WIDTH; x++)
			guest_memory[y * WIDTH + x] = htole32(colour_at(x, y));
}

/* Sends a command, whose header is its first member. Returns 0 if the device answered OK. */
static int send(struct paragpu_device *device, const size_t *written, uint32_t type, void *command,
		size_t size)
{
	struct virtio_gpu_ctrl_hdr *header = command;
	struct virtio_gpu_ctrl_hdr response = {0};
	struct iovec readable = {command, size};
	struct iovec writable = {&response, sizeof(response)};
	struct paragpu_request request = {
		.readable = &readable,
		.readable_count = 1,
		.writable = &writable,
		.writable_count = 1,
		.queue = PARAGPU_QUEUE_CONTROL,
	};

	header->type = htole32(type);
	/* Our display answers at once, so the request is complete when this returns. */
	paragpu_device_submit(device, &request);
	if (*written < sizeof(response) || le32toh(response.type) != VIRTIO_GPU_RESP_OK_NODATA) {
		fprintf(stderr, "minimal: command 0x%x was answered by 0x%x\n", type,
			le32toh(response.type));
		return -1;
	}
	return 0;
}

static int show_picture(struct paragpu_device *device, uint32_t *guest_memory,
			const size_t *written)
{
	const struct virtio_gpu_rect whole = {
		.width = htole32(WIDTH),
		.height = htole32(HEIGHT),
	};
	struct virtio_gpu_resource_create_2d create = {
		.resource_id = htole32(RESOURCE_ID),
		.format = htole32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.width = htole32(WIDTH),
		.height = htole32(HEIGHT),
	};
	struct {
		struct virtio_gpu_resource_attach_backing command;
		struct virtio_gpu_mem_entry entry;
	} attach = {
		.command = {.resource_id = htole32(RESOURCE_ID), .nr_entries = htole32(1)},
		.entry = {.addr = htole64(GUEST_ADDRESS), .length = htole32(BYTES)},
	};
	struct virtio_gpu_set_scanout scanout = {
		.r = whole,
		.resource_id = htole32(RESOURCE_ID),
	};
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.r = whole,
		.resource_id = htole32(RESOURCE_ID),
	};
	struct virtio_gpu_resource_flush flush = {
		.r = whole,
		.resource_id = htole32(RESOURCE_ID),
	};

	if (send(device, written, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, &create, sizeof(create)) ||
	    send(device, written, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, &attach,
		 sizeof(attach)) ||
	    send(device, written, VIRTIO_GPU_CMD_SET_SCANOUT, &scanout, sizeof(scanout)))
		return -1;
	draw(guest_memory);
	if (send(device, written, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, &transfer,
		 sizeof(transfer)) ||
	    send(device, written, VIRTIO_GPU_CMD_RESOURCE_FLUSH, &flush, sizeof(flush)))
		return -1;
	return 0;
}

/* --- the rest ------------------------------------------------------------ */

static int write_png(const char *name, const uint32_t *pixels)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = WIDTH,
		.height = HEIGHT,
#if __BYTE_ORDER == __LITTLE_ENDIAN
		.format = PNG_FORMAT_BGRA,
#else
		.format = PNG_FORMAT_ARGB,
#endif
	};

	if (!png_image_write_to_file(&image, name, 0, pixels, 0, NULL)) {
		fprintf(stderr, "minimal: cannot write %s: %s\n", name, image.message);
		return -1;
	}
	printf("wrote %s\n", name);
	return 0;
}

static int compare(const uint32_t *pixels)
{
	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x++) {
			uint32_t expected = 0xff000000 | colour_at(x, y);

			if (pixels[y * WIDTH + x] == expected)
				continue;
			fprintf(stderr, "minimal: pixel (%u, %u) is %08x, should be %08x\n", x, y,
				pixels[y * WIDTH + x], expected);
			return -1;
		}
	}
	return 0;
}

static int make_memory(struct paragpu_device *device, uint32_t *guest_memory)
{
	struct paragpu_memory *memory;
	int error = paragpu_memory_create(&memory);

	if (error)
		return error;
	error = paragpu_memory_add_pointer(memory, GUEST_ADDRESS, BYTES, guest_memory);
	if (!error)
		paragpu_device_set_memory(device, memory); /* takes its own reference */
	paragpu_memory_unref(&memory);
	return error;
}

int main(int argc, char **argv)
{
	static struct copying_display display = {.base.ops = &display_ops};
	static uint32_t guest_memory[PIXELS];
	struct paragpu_settings settings;
	struct paragpu_device *device = NULL;
	const char *problem = NULL;
	size_t written = 0;
	int error;

	if (argc != 2) {
		fprintf(stderr, "usage: minimal FILE.png\n");
		return 2;
	}
	paragpu_settings_init(&settings);
	settings.host.complete = on_complete;
	settings.host.trace = on_trace;
	settings.host.data = &written;
	settings.heads[0].width = WIDTH;
	settings.heads[0].height = HEIGHT;
	error = paragpu_device_create(&settings, &device, &problem);
	if (!error)
		error = make_memory(device, guest_memory);
	if (!error)
		error = paragpu_device_add_display(device, &display.base);
	if (error) {
		fprintf(stderr, "minimal: %s\n", problem ? problem : strerror(-error));
		paragpu_device_destroy(&device);
		return 1;
	}
	/* A driver reads what is offered and accepts what it knows. */
	paragpu_device_accept_features(device, paragpu_device_features(device));
	error = show_picture(device, guest_memory, &written);
	paragpu_device_destroy(&device);
	if (error || write_png(argv[1], display.pixels) || compare(display.pixels))
		return 1;
	return 0;
}
