/* SPDX-License-Identifier: MIT */
/*
 * Split and packed rings full of anything: a guest that writes wherever it
 * likes between any two steps of a queue that pops, pushes, stops, starts,
 * moves and forgets, with a record of requests in flight that may be garbage.
 * The guest's memory is two allocations of exact size, so that a sanitizer sees
 * each byte beyond.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "fuzz.h"
#include "protocol/virtio_ring.h"
#include "transport/inflight.h"
#include "transport/virtqueue.h"

#define REGION_SIZE ((size_t)8192)
#define LOW UINT64_C(0x10000)
#define HIGH (LOW + REGION_SIZE)
#define MAX_RING 64
#define MAX_HELD 128
#define MAX_STEPS 300

/* Where the parts of a ring lie in a region. */
#define DESC_AT 0
#define DRIVER_AT 2048
#define DEVICE_AT 3072
#define TABLES_AT 4096

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

struct fuzz {
	struct fuzz_input input;
	struct pg_logger logger;
	struct pg_virtqueue queue;
	struct pg_inflight_queue inflight;
	struct pg_ring ring;
	struct paragpu_memory *memory;
	uint8_t *regions[2];
	uint8_t *record;
	uint32_t base; /* of the last stop */
	struct pg_chain *held[MAX_HELD];
	size_t held_count;
};

/* --- the guest --------------------------------------------------------------------------------- */

/* A descriptor that is often legal: in memory, flags and links of this ring. */
static void make_descriptor(struct fuzz *fuzz, void *at)
{
	uint8_t place = fuzz_u8(&fuzz->input), shape = fuzz_u8(&fuzz->input);
	struct virtq_desc entry = {
		.addr = pg_to_le64(LOW + place * UINT64_C(64)),
		.len = pg_to_le32(shape < 240 ? shape / 8u * 16u : fuzz_number(&fuzz->input)),
	};
	uint16_t flags = fuzz_u8(&fuzz->input) & 7, next = fuzz_u8(&fuzz->input) % MAX_RING;

	if (fuzz->ring.packed) {
		entry.flags = pg_to_le16(next);
		entry.next = pg_to_le16(flags | (shape & 1 ? VIRTQ_DESC_F_AVAIL : 0) |
					(shape & 2 ? VIRTQ_DESC_F_USED : 0));
	} else {
		entry.flags = pg_to_le16(flags);
		entry.next = pg_to_le16(next);
	}
	memcpy(at, &entry, sizeof(entry));
}

/* Makes what lies at the next place available. */
static void offer(struct fuzz *fuzz)
{
	struct virtq_avail *avail = (void *)(fuzz->regions[0] + DRIVER_AT);
	uint16_t size = fuzz->ring.size;
	uint8_t head = fuzz_u8(&fuzz->input);

	if (fuzz->ring.packed) {
		struct pvirtq_desc *slot = (void *)(fuzz->regions[0] + DESC_AT);
		uint16_t flags;

		slot += fuzz->queue.avail_idx < size ? fuzz->queue.avail_idx : 0;
		make_descriptor(fuzz, slot);
		flags = pg_from_le16(slot->flags) & 7;
		flags |= fuzz->queue.avail_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
		slot->flags = pg_to_le16(flags);
		return;
	}
	avail->ring[pg_from_le16(avail->idx) % size] =
		pg_to_le16((uint16_t)(head % (size + (head == 255))));
	avail->idx = pg_to_le16((uint16_t)(pg_from_le16(avail->idx) + 1));
}

static void scribble(struct fuzz *fuzz)
{
	uint8_t choice = fuzz_u8(&fuzz->input);
	uint8_t *region = fuzz->regions[choice & 1];
	uint32_t at = fuzz_u32(&fuzz->input) % (REGION_SIZE - 16) & ~15u;

	if (choice < 64)
		fuzz_bytes(&fuzz->input, region + at, 16);
	else if (choice < 160)
		make_descriptor(fuzz, fuzz->regions[0] + DESC_AT + at % (MAX_RING * 16));
	else
		make_descriptor(fuzz, fuzz->regions[0] + TABLES_AT + at % (MAX_RING * 16));
}

/* --- the device -------------------------------------------------------------------------------- */

/* Touches all that a request says is its own; a bit of it where there is much. */
static void use(const struct paragpu_request *request)
{
	size_t left = 65536;

	for (size_t i = 0; i < request->readable_count && left; i++) {
		const volatile uint8_t *bytes = request->readable[i].iov_base;
		size_t length = request->readable[i].iov_len;

		if (length) {
			(void)bytes[0];
			(void)bytes[length - 1];
		}
		left--;
	}
	for (size_t i = 0; i < request->writable_count && left; i++) {
		uint8_t *bytes = request->writable[i].iov_base;
		size_t length = request->writable[i].iov_len;

		if (length)
			bytes[0] = bytes[length - 1] = 0x5a;
		left--;
	}
}

static void pop(struct fuzz *fuzz)
{
	struct pg_chain *chain;
	int result;

	if (fuzz->held_count == MAX_HELD)
		return;
	result = pg_virtqueue_pop(&fuzz->queue, &chain);
	CHECK(result <= 1);
	if (result == 1) {
		use(&chain->request);
		fuzz->held[fuzz->held_count++] = chain;
	}
}

static void push(struct fuzz *fuzz)
{
	size_t at;

	if (!fuzz->held_count)
		return;
	at = fuzz_u8(&fuzz->input) % fuzz->held_count;
	use(&fuzz->held[at]->request);
	pg_virtqueue_push(fuzz->held[at], fuzz_number(&fuzz->input));
	fuzz->held[at] = fuzz->held[--fuzz->held_count];
}

/* --- the front end ----------------------------------------------------------------------------- */

static void stop(struct fuzz *fuzz)
{
	fuzz->base = pg_virtqueue_stop(&fuzz->queue);
}

static void start(struct fuzz *fuzz)
{
	uint8_t choice = fuzz_u8(&fuzz->input);
	uint32_t base = fuzz->base;

	if (fuzz->queue.running)
		stop(fuzz);
	if (choice & 1) {
		fuzz->ring.size = (uint16_t)(1u << (choice >> 5) % 7);
		fuzz->ring.packed = choice & 2;
		fuzz->ring.in_order = choice & 4;
		fuzz->ring.event_idx = choice & 8;
		base = pg_virtqueue_initial_base(fuzz->ring.packed);
	} else if (choice & 2) {
		base = fuzz_u32(&fuzz->input);
	}
	/* As the server does: a record has room for every ring that is started with it. */
	fuzz->queue.inflight = choice & 16 ? &fuzz->inflight : NULL;
	pg_virtqueue_start(&fuzz->queue, &fuzz->ring, base);
}

/* The same guest memory in another place: the old one is gone but for who still holds it. */
static void move(struct fuzz *fuzz)
{
	struct paragpu_memory *memory;
	struct pg_ring ring = fuzz->ring;

	CHECK(!paragpu_memory_create(&memory));
	for (size_t i = 0; i < 2; i++)
		CHECK(!paragpu_memory_add_pointer(memory, LOW + i * REGION_SIZE, REGION_SIZE,
						  fuzz->regions[i]));
	ring.memory = memory;
	if (fuzz->queue.running)
		pg_virtqueue_move(&fuzz->queue, &ring);
	paragpu_memory_unref(&fuzz->memory);
	fuzz->memory = memory;
	fuzz->ring.memory = memory;
}

static void forget(struct fuzz *fuzz)
{
	if (fuzz->queue.running)
		stop(fuzz);
	if (fuzz_u8(&fuzz->input) & 1) {
		pg_virtqueue_abandon(&fuzz->queue);
		return;
	}
	pg_virtqueue_forget(&fuzz->queue);
	fuzz->held_count = 0;
}

static void damage_record(struct fuzz *fuzz)
{
	size_t size = pg_inflight_region_size(true, MAX_RING);

	for (size_t i = fuzz_u8(&fuzz->input) % 8; i; i--)
		fuzz->record[fuzz_u32(&fuzz->input) % size] = fuzz_u8(&fuzz->input) % MAX_RING;
}

static void step(struct fuzz *fuzz)
{
	uint8_t choice = fuzz_u8(&fuzz->input);

	if (choice < 60)
		offer(fuzz);
	else if (choice < 100)
		scribble(fuzz);
	else if (choice < 150)
		pop(fuzz);
	else if (choice < 190)
		push(fuzz);
	else if (choice < 205)
		pg_virtqueue_flush(&fuzz->queue);
	else if (choice < 212)
		pg_virtqueue_enable_kicks(&fuzz->queue);
	else if (choice < 218)
		pg_virtqueue_disable_kicks(&fuzz->queue);
	else if (choice < 224)
		move(fuzz);
	else if (choice < 230)
		stop(fuzz);
	else if (choice < 246)
		start(fuzz);
	else if (choice < 252)
		forget(fuzz);
	else
		damage_record(fuzz);
}

static void begin(struct fuzz *fuzz)
{
	for (size_t i = 0; i < 2; i++) {
		fuzz->regions[i] = aligned_alloc(4096, REGION_SIZE);
		CHECK(fuzz->regions[i]);
		memset(fuzz->regions[i], 0, REGION_SIZE);
	}
	fuzz->record = calloc(1, pg_inflight_region_size(true, MAX_RING));
	CHECK(fuzz->record);
	fuzz->inflight.region = fuzz->record;
	fuzz->inflight.capacity = MAX_RING;
	pg_logger_init(&fuzz->logger, NULL, NULL);
	pg_virtqueue_init(&fuzz->queue, 0, &fuzz->logger);
	fuzz->ring = (struct pg_ring){
		.size = 16,
		.indirect = true,
		.event_idx = true,
		.desc = fuzz->regions[0] + DESC_AT,
		.driver = fuzz->regions[0] + DRIVER_AT,
		.device = fuzz->regions[0] + DEVICE_AT,
	};
	move(fuzz);
	for (size_t i = 0; i < MAX_RING; i++) {
		make_descriptor(fuzz, fuzz->regions[0] + DESC_AT + i * 16);
		make_descriptor(fuzz, fuzz->regions[0] + TABLES_AT + i * 16);
	}
	start(fuzz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));

	CHECK(fuzz);
	fuzz->input = (struct fuzz_input){data, size};
	begin(fuzz);
	for (unsigned int i = 0; fuzz->input.size && i < MAX_STEPS; i++)
		step(fuzz);
	pg_virtqueue_finish(&fuzz->queue);
	pg_inflight_finish(&fuzz->inflight);
	paragpu_memory_unref(&fuzz->memory);
	free(fuzz->record);
	free(fuzz->regions[0]);
	free(fuzz->regions[1]);
	free(fuzz);
	return 0;
}
