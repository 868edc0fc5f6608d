/* SPDX-License-Identifier: MIT */
/*
 * The device through its public interface: commands in any order with any
 * numbers, between resets, other memory tables, and displays that come, go,
 * read, hold and answer when they like. Requests must be completed once each
 * or be forgotten by a reset; nothing else is expected of the responses.
 */
#include <stdio.h>
#include <stdlib.h>

#include <paragpu/device.h>

#include "fuzz.h"
#include "protocol/commands.h"

#define RAM_BASE UINT64_C(0x100000)
#define RAM_SIZE ((size_t)256 * 1024)
#define MAX_DISPLAYS 3
#define MAX_HELD 64
#define MAX_ENTRIES 64
#define MAX_STEPS 400
/* Reading a picture of a gigabyte finds nothing that one of a megabyte does not. */
#define MAX_ROWS 64

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

struct fuzz_display {
	struct paragpu_display base;
	struct fuzz *fuzz;
	bool attached;
	struct paragpu_flush *held[MAX_HELD];
	struct paragpu_query *asked[MAX_HELD];
	size_t held_count, asked_count;
};

struct fuzz_request {
	struct paragpu_request request;
	struct iovec readable[2], writable;
	uint8_t bytes[128];
	struct virtio_gpu_mem_entry entries[MAX_ENTRIES];
	uint8_t response[2048];
	struct fuzz_request *next; /* of those under way */
};

struct fuzz {
	struct fuzz_input input;
	struct paragpu_device *device;
	struct paragpu_memory *memory;
	uint8_t *ram;
	struct fuzz_display displays[MAX_DISPLAYS];
	struct fuzz_request *under_way;
	size_t under_way_count;
};

/* --- the embedder ------------------------------------------------------------------------------ */

static void complete(void *data, struct paragpu_request *request, size_t written)
{
	struct fuzz *fuzz = data;
	struct fuzz_request **link = &fuzz->under_way;

	while (*link && &(*link)->request != request)
		link = &(*link)->next;
	CHECK(*link); /* neither twice, nor after a reset */
	CHECK(written <= request->writable[0].iov_len);
	*link = (*link)->next;
	fuzz->under_way_count--;
	free(request);
}

static void trace(void *data, const struct paragpu_trace *trace)
{
	char line[256];

	(void)data;
	paragpu_trace_format(trace, line, sizeof(line));
}

static void forget_requests(struct fuzz *fuzz)
{
	while (fuzz->under_way) {
		struct fuzz_request *request = fuzz->under_way;

		fuzz->under_way = request->next;
		free(request);
	}
	fuzz->under_way_count = 0;
}

/* --- displays ---------------------------------------------------------------------------------- */

static void look(const struct paragpu_picture *picture, struct paragpu_rect rect)
{
	static uint32_t pixels[MAX_ROWS * 256];
	struct iovec vector[4];

	if (rect.width > 256)
		rect.width = 256;
	if (rect.height > MAX_ROWS)
		rect.height = MAX_ROWS;
	CHECK(!paragpu_picture_read(picture, rect, pixels, 1024));
	CHECK(!paragpu_picture_read_xrgb(picture, rect, pixels, 1024));
	paragpu_picture_row(picture, rect.x, rect.y, rect.width, vector, 4);
}

static void on_scanout(struct paragpu_display *base, uint32_t head,
		       const struct paragpu_picture *picture)
{
	(void)base;
	(void)head;
	if (picture)
		CHECK(picture->width && picture->height);
}

static void on_flush(struct paragpu_display *base, uint32_t head,
		     const struct paragpu_picture *picture, struct paragpu_rect damage,
		     struct paragpu_flush *flush)
{
	struct fuzz_display *display = (struct fuzz_display *)base;
	uint8_t choice = fuzz_u8(&display->fuzz->input);

	(void)head;
	CHECK(damage.width && damage.height && damage.x + damage.width <= picture->width &&
	      damage.y + damage.height <= picture->height);
	look(picture, damage);
	/* One that gives back an older hold lets the guest go on from in here. */
	if (choice & 2 && display->held_count)
		paragpu_flush_release(display->held[--display->held_count]);
	if (choice & 1 && display->held_count < MAX_HELD) {
		paragpu_flush_hold(flush);
		display->held[display->held_count++] = flush;
	}
}

static void on_cursor(struct paragpu_display *base, uint32_t head,
		      const struct paragpu_cursor *cursor, bool image_changed)
{
	(void)base;
	(void)head;
	(void)image_changed;
	CHECK(cursor->hot_x < PARAGPU_CURSOR_SIZE && cursor->hot_y < PARAGPU_CURSOR_SIZE);
}

static void answer(struct fuzz *fuzz, struct paragpu_query *query)
{
	struct paragpu_head heads[PARAGPU_MAX_HEADS] = {0};
	uint8_t edid[1024] = {0};

	switch (fuzz_u8(&fuzz->input) % 3) {
	case 0:
		paragpu_query_decline(query);
		break;
	case 1:
		for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++)
			heads[i].width = heads[i].height = fuzz_number(&fuzz->input) % 65536;
		paragpu_query_answer_display_info(query, heads,
						  fuzz_u8(&fuzz->input) % PARAGPU_MAX_HEADS);
		break;
	default:
		paragpu_query_answer_edid(query, edid, fuzz_u8(&fuzz->input) % 9 * (size_t)128);
	}
}

static void ask(struct paragpu_display *base, struct paragpu_query *query)
{
	struct fuzz_display *display = (struct fuzz_display *)base;

	if (display->asked_count == MAX_HELD || fuzz_u8(&display->fuzz->input) % 4)
		answer(display->fuzz, query);
	else
		display->asked[display->asked_count++] = query;
}

static void on_get_edid(struct paragpu_display *base, uint32_t head, struct paragpu_query *query)
{
	(void)head;
	ask(base, query);
}

/* The last one asks for nothing and answers nothing. */
static const struct paragpu_display_ops ops[MAX_DISPLAYS] = {
	{.name = "answers",
	 .scanout = on_scanout,
	 .flush = on_flush,
	 .cursor = on_cursor,
	 .get_display_info = ask,
	 .get_edid = on_get_edid},
	{.name = "looks", .scanout = on_scanout, .flush = on_flush, .cursor = on_cursor},
	{.name = "nothing"},
};

static void attach_or_detach(struct fuzz *fuzz)
{
	struct fuzz_display *display = &fuzz->displays[fuzz_u8(&fuzz->input) % MAX_DISPLAYS];

	if (display->attached) {
		/* Holds and questions become the device's again. */
		paragpu_device_remove_display(fuzz->device, &display->base);
		display->held_count = display->asked_count = 0;
	} else {
		CHECK(!paragpu_device_add_display(fuzz->device, &display->base));
	}
	display->attached = !display->attached;
}

static void give_back(struct fuzz *fuzz)
{
	struct fuzz_display *display = &fuzz->displays[fuzz_u8(&fuzz->input) % MAX_DISPLAYS];

	if (display->held_count)
		paragpu_flush_release(display->held[--display->held_count]);
	if (display->asked_count)
		answer(fuzz, display->asked[--display->asked_count]);
}

/* --- the guest --------------------------------------------------------------------------------- */

/* Fields are numbers that mean something more often than not. */
static size_t make_command(struct fuzz *fuzz, uint8_t *bytes, size_t room, size_t *entries)
{
	const struct pg_command *command = pg_command_at(fuzz_u8(&fuzz->input) % PG_COMMAND_COUNT);
	struct virtio_gpu_ctrl_hdr hdr = {.type = pg_to_le32(command->code)};
	uint8_t flags = fuzz_u8(&fuzz->input);
	size_t size = command->request_size;

	memset(bytes, 0, room);
	for (size_t i = sizeof(hdr); i + 4 <= size; i += 4) {
		le32 field = pg_to_le32(fuzz_number(&fuzz->input));

		memcpy(bytes + i, &field, 4);
	}
	hdr.flags = pg_to_le32(flags % 4);
	hdr.ring_idx = flags >> 4;
	hdr.fence_id = pg_to_le64(flags);
	memcpy(bytes, &hdr, sizeof(hdr));
	*entries = flags % (MAX_ENTRIES + 1);
	if (command->code == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB && flags & 32) {
		struct virtio_gpu_resource_create_blob *blob = (void *)bytes;

		/* One that works, or nothing of it would be seen. */
		blob->blob_mem = pg_to_le32(VIRTIO_GPU_BLOB_MEM_GUEST);
		blob->blob_flags = pg_to_le32(0);
		blob->blob_id = pg_to_le64(0);
		blob->nr_entries = pg_to_le32((uint32_t)*entries);
		blob->size = pg_to_le64(fuzz_u8(&fuzz->input) * UINT64_C(1024));
	}
	return flags & 64 ? size : size - flags % 16 % size;
}

static void make_entries(struct fuzz *fuzz, struct virtio_gpu_mem_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t place = fuzz_u8(&fuzz->input), length = fuzz_u8(&fuzz->input);

		entries[i].addr = pg_to_le64(RAM_BASE + place * UINT64_C(1024));
		entries[i].length =
			pg_to_le32(length < 250 ? length * 256u : fuzz_number(&fuzz->input));
	}
}

static void submit(struct fuzz *fuzz)
{
	struct fuzz_request *request = calloc(1, sizeof(*request));
	size_t entries;

	CHECK(request);
	request->readable[0].iov_base = request->bytes;
	request->readable[0].iov_len =
		make_command(fuzz, request->bytes, sizeof(request->bytes), &entries);
	make_entries(fuzz, request->entries, entries);
	request->readable[1] =
		(struct iovec){request->entries, entries * sizeof(request->entries[0])};
	request->writable = (struct iovec){request->response, fuzz_u8(&fuzz->input) * (size_t)8};
	request->request = (struct paragpu_request){
		.readable = request->readable,
		.readable_count = 2,
		.writable = &request->writable,
		.writable_count = 1,
		.queue = fuzz_u8(&fuzz->input) % 8 ? PARAGPU_QUEUE_CONTROL : PARAGPU_QUEUE_CURSOR,
	};
	request->next = fuzz->under_way;
	fuzz->under_way = request;
	fuzz->under_way_count++;
	paragpu_device_submit(fuzz->device, &request->request);
}

static void reset(struct fuzz *fuzz)
{
	struct paragpu_stats stats;

	paragpu_device_reset(fuzz->device);
	forget_requests(fuzz);
	paragpu_device_get_stats(fuzz->device, &stats);
	CHECK(!stats.resources && !stats.host_bytes && !stats.backing_entries && !stats.pending);
	paragpu_device_accept_features(fuzz->device, fuzz_u8(&fuzz->input) & 1 ? UINT64_MAX : 0);
}

/* All of it, a part with a hole, or nothing. */
static void change_memory(struct fuzz *fuzz)
{
	uint8_t choice = fuzz_u8(&fuzz->input);
	struct paragpu_memory *memory;
	size_t half = RAM_SIZE / 2;

	CHECK(!paragpu_memory_create(&memory));
	if (choice % 4 == 1)
		CHECK(!paragpu_memory_add_pointer(memory, RAM_BASE, RAM_SIZE, fuzz->ram));
	if (choice % 4 >= 2)
		CHECK(!paragpu_memory_add_pointer(memory, RAM_BASE + half, half, fuzz->ram));
	if (choice % 4 == 3)
		CHECK(!paragpu_memory_add_pointer(memory, RAM_BASE, half - 4096, fuzz->ram + half));
	paragpu_device_set_memory(fuzz->device, memory);
	paragpu_memory_unref(&memory);
}

static void look_around(struct fuzz *fuzz)
{
	struct paragpu_scanout_info scanout;
	struct paragpu_resource_info info;
	struct paragpu_picture picture;
	uint32_t id = 0;
	uint8_t config[64];

	while (paragpu_device_next_resource(fuzz->device, id, &info))
		id = info.id;
	for (uint32_t head = 0; head <= PARAGPU_MAX_HEADS; head++) {
		paragpu_device_get_scanout(fuzz->device, head, &scanout);
		if (paragpu_display_picture(&fuzz->displays[0].base, head, &picture))
			look(&picture, (struct paragpu_rect){0, 0, picture.width, picture.height});
	}
	paragpu_device_read_config(fuzz->device, fuzz_u8(&fuzz->input), config, 64);
	paragpu_device_write_config(fuzz->device, fuzz_u8(&fuzz->input), config, 64);
}

static void step(struct fuzz *fuzz)
{
	uint8_t choice = fuzz_u8(&fuzz->input);

	if (choice < 216)
		submit(fuzz);
	else if (choice < 232)
		give_back(fuzz);
	else if (choice < 240)
		attach_or_detach(fuzz);
	else if (choice < 246)
		look_around(fuzz);
	else if (choice < 253)
		change_memory(fuzz);
	else
		reset(fuzz);
}

static void begin(struct fuzz *fuzz)
{
	struct paragpu_settings settings;

	paragpu_settings_init(&settings);
	settings.host.complete = complete;
	settings.host.trace = trace;
	settings.host.data = fuzz;
	settings.head_count = 3;
	settings.limits.resources = 12;
	settings.limits.host_bytes = 8u << 20;
	settings.limits.total_entries = 512;
	settings.limits.pending = 32;
	CHECK(!paragpu_device_create(&settings, &fuzz->device, NULL));
	paragpu_device_accept_features(fuzz->device, UINT64_MAX);
	fuzz->ram = calloc(1, RAM_SIZE);
	CHECK(fuzz->ram);
	for (size_t i = 0; i < MAX_DISPLAYS; i++) {
		fuzz->displays[i].base.ops = &ops[i];
		fuzz->displays[i].fuzz = fuzz;
	}
	change_memory(fuzz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));

	CHECK(fuzz);
	fuzz->input = (struct fuzz_input){data, size};
	begin(fuzz);
	for (unsigned int i = 0; fuzz->input.size && i < MAX_STEPS; i++)
		step(fuzz);
	for (size_t i = 0; i < MAX_DISPLAYS; i++)
		if (fuzz->displays[i].attached)
			paragpu_device_remove_display(fuzz->device, &fuzz->displays[i].base);
	/* Nobody holds anything any more, so nothing waits. */
	CHECK(!fuzz->under_way);
	paragpu_device_destroy(&fuzz->device);
	free(fuzz->ram);
	free(fuzz);
	return 0;
}
