/* SPDX-License-Identifier: MIT */
/* The driver's side of one virtqueue for tests; see driver_ring.h. */
#include "driver_ring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void note_error(void *data, enum pg_log_level level, const char *module, const char *message)
{
	struct driver *driver = data;

	(void)module;
	if (level != PG_LOG_ERROR)
		return;
	driver->errors++;
	strncpy(driver->message, message, sizeof(driver->message) - 1);
}

static void make_memory(struct driver *driver)
{
	size_t low = GUEST_SEAM - GUEST_BASE;
	size_t high = GUEST_END - GUEST_SEAM;

	/* Far apart, so that a vector which runs over the seam is seen. */
	driver->low = aligned_alloc(4096, low);
	driver->high = aligned_alloc(4096, high);
	assert_non_null(driver->low);
	assert_non_null(driver->high);
	memset(driver->low, 0, low);
	memset(driver->high, 0, high);
	assert_int_equal(paragpu_memory_create(&driver->memory), 0);
	assert_int_equal(paragpu_memory_add_pointer(driver->memory, GUEST_BASE, low, driver->low),
			 0);
	assert_int_equal(paragpu_memory_add_pointer(driver->memory, GUEST_SEAM, high, driver->high),
			 0);
}

void driver_init(struct driver *driver, bool packed, uint16_t size)
{
	memset(driver, 0, sizeof(*driver));
	pg_logger_init(&driver->logger, note_error, driver);
	make_memory(driver);
	pg_virtqueue_init(&driver->queue, 0, &driver->logger);
	driver->ring = (struct pg_ring){
		.size = size,
		.packed = packed,
		.memory = driver->memory,
		.desc = driver_at(driver, RING_DESC),
		.driver = driver_at(driver, RING_DRIVER),
		.device = driver_at(driver, RING_DEVICE),
	};
	driver_restart(driver, true, true, false);
}

void driver_restart(struct driver *driver, bool event_idx, bool indirect, bool in_order)
{
	if (driver->queue.running)
		pg_virtqueue_stop(&driver->queue);
	pg_virtqueue_forget(&driver->queue);
	memset(driver->low, 0, GUEST_SEAM - GUEST_BASE);
	driver->ring.event_idx = event_idx;
	driver->ring.indirect = indirect;
	driver->ring.in_order = in_order;
	driver->avail_idx = 0;
	driver->next = driver->used_next = 0;
	driver->wrap = driver->used_wrap = true;
	driver->errors = 0;
	assert_int_equal(pg_virtqueue_start(&driver->queue, &driver->ring,
					    pg_virtqueue_initial_base(driver->ring.packed)),
			 0);
	assert_false(driver->queue.broken);
}

void driver_finish(struct driver *driver)
{
	if (driver->queue.running)
		pg_virtqueue_stop(&driver->queue);
	pg_virtqueue_finish(&driver->queue);
	paragpu_memory_unref(&driver->memory);
	free(driver->low);
	free(driver->high);
}

void *driver_at(struct driver *driver, uint64_t address)
{
	if (address < GUEST_SEAM)
		return driver->low + (address - GUEST_BASE);
	return driver->high + (address - GUEST_SEAM);
}

/* --- split ------------------------------------------------------------------------------------- */

static void write_entry(struct virtq_desc *entry, uint64_t addr, uint32_t len, uint16_t third,
			uint16_t fourth)
{
	*entry = (struct virtq_desc){
		.addr = pg_to_le64(addr),
		.len = pg_to_le32(len),
		.flags = pg_to_le16(third),
		.next = pg_to_le16(fourth),
	};
}

void split_describe(struct driver *driver, uint16_t index, uint64_t addr, uint32_t len,
		    uint16_t flags, uint16_t next)
{
	write_entry((struct virtq_desc *)driver->ring.desc + index, addr, len, flags, next);
}

void table_describe(struct driver *driver, uint64_t table, uint32_t index, uint64_t addr,
		    uint32_t len, uint16_t flags, uint16_t next)
{
	struct virtq_desc entry;
	const uint8_t *bytes = (const uint8_t *)&entry;

	if (driver->ring.packed)
		write_entry(&entry, addr, len, 0, flags);
	else
		write_entry(&entry, addr, len, flags, next);
	/* It may lie across the seam. */
	for (size_t i = 0; i < sizeof(entry); i++)
		*(uint8_t *)driver_at(driver, table + (uint64_t)index * 16 + i) = bytes[i];
}

struct virtq_avail *split_avail(struct driver *driver)
{
	return driver->ring.driver;
}

struct virtq_used *split_used(struct driver *driver)
{
	return driver->ring.device;
}

le16 *split_used_event(struct driver *driver)
{
	return &split_avail(driver)->ring[driver->ring.size];
}

le16 *split_avail_event(struct driver *driver)
{
	return (le16 *)(void *)&split_used(driver)->ring[driver->ring.size];
}

void split_offer(struct driver *driver, uint16_t head)
{
	split_avail(driver)->ring[driver->avail_idx % driver->ring.size] = pg_to_le16(head);
	driver->avail_idx++;
	split_avail(driver)->idx = pg_to_le16(driver->avail_idx);
}

/* --- packed ------------------------------------------------------------------------------------ */

void packed_offer(struct driver *driver, const struct packed_slot *slots, uint16_t count)
{
	struct pvirtq_desc *ring = driver->ring.desc;

	for (uint16_t i = 0; i < count; i++) {
		uint16_t flags = driver->wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;

		ring[driver->next] = (struct pvirtq_desc){
			.addr = pg_to_le64(slots[i].addr),
			.len = pg_to_le32(slots[i].len),
			.id = pg_to_le16(slots[i].id),
			.flags = pg_to_le16((uint16_t)(flags | slots[i].flags)),
		};
		if (++driver->next == driver->ring.size) {
			driver->next = 0;
			driver->wrap = !driver->wrap;
		}
	}
}

bool packed_used(struct driver *driver, uint16_t slots, uint16_t *id, uint32_t *len)
{
	const struct pvirtq_desc *ring = driver->ring.desc;
	uint16_t flags = pg_from_le16(ring[driver->used_next].flags);
	bool avail = flags & VIRTQ_DESC_F_AVAIL;
	bool used = flags & VIRTQ_DESC_F_USED;

	if (avail != used || used != driver->used_wrap)
		return false;
	*id = pg_from_le16(ring[driver->used_next].id);
	*len = pg_from_le32(ring[driver->used_next].len);
	driver->used_next = (uint16_t)(driver->used_next + slots);
	if (driver->used_next >= driver->ring.size) {
		driver->used_next = (uint16_t)(driver->used_next - driver->ring.size);
		driver->used_wrap = !driver->used_wrap;
	}
	return true;
}

struct pvirtq_event_suppress *packed_driver_event(struct driver *driver)
{
	return driver->ring.driver;
}

struct pvirtq_event_suppress *packed_device_event(struct driver *driver)
{
	return driver->ring.device;
}

/* --- both -------------------------------------------------------------------------------------- */

void driver_offer_simple(struct driver *driver, uint16_t id)
{
	uint64_t buffer = BUFFERS + (uint64_t)id * 64;
	const struct packed_slot slots[] = {
		{buffer, 24, id, VIRTQ_DESC_F_NEXT},
		{buffer + 24, 24, id, VIRTQ_DESC_F_WRITE},
	};
	uint16_t head = (uint16_t)(id * 2);

	if (driver->ring.packed) {
		packed_offer(driver, slots, 2);
		return;
	}
	split_describe(driver, head, buffer, 24, VIRTQ_DESC_F_NEXT, (uint16_t)(head + 1));
	split_describe(driver, (uint16_t)(head + 1), buffer + 24, 24, VIRTQ_DESC_F_WRITE, 0);
	split_offer(driver, head);
}

struct pg_chain *driver_pop(struct driver *driver)
{
	struct pg_chain *chain = NULL;

	if (pg_virtqueue_pop(&driver->queue, &chain) != 1)
		fail_msg("no request in the ring; %s", driver->queue.reason);
	assert_non_null(chain);
	return chain;
}

void driver_expect_broken(struct driver *driver, const char *word)
{
	struct pg_chain *chain;

	assert_int_equal(pg_virtqueue_pop(&driver->queue, &chain), -EPIPE);
	assert_true(driver->queue.broken);
	if (!strstr(driver->queue.reason, word))
		fail_msg("broken because \"%s\", not \"%s\"", driver->queue.reason, word);
	assert_int_equal(driver->errors, 1);
	/* It stays broken, and says so once. */
	assert_int_equal(pg_virtqueue_pop(&driver->queue, &chain), -EPIPE);
	assert_int_equal(driver->errors, 1);
	assert_int_equal(driver->queue.in_flight, 0);
}
