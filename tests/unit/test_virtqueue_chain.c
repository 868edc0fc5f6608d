/* SPDX-License-Identifier: MIT */
/*
 * Descriptor chains, split and packed: every legal shape becomes the request
 * that it describes; every illegal one breaks the queue, with one message, and
 * nothing else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver_ring.h"

#define NEXT VIRTQ_DESC_F_NEXT
#define WRITE VIRTQ_DESC_F_WRITE
#define INDIRECT VIRTQ_DESC_F_INDIRECT

struct piece {
	uint64_t addr;
	uint32_t len;
	uint16_t flags; /* NEXT is added */
};

/* Makes one chain of `pieces`, in the ring, by whichever layout. */
static void offer(struct driver *driver, const struct piece *pieces, uint16_t count)
{
	struct packed_slot slots[16];

	for (uint16_t i = 0; i < count; i++) {
		uint16_t flags = (uint16_t)(pieces[i].flags | (i + 1 < count ? NEXT : 0));

		if (!driver->ring.packed)
			split_describe(driver, i, pieces[i].addr, pieces[i].len, flags,
				       (uint16_t)(i + 1));
		slots[i] = (struct packed_slot){pieces[i].addr, pieces[i].len, 7, flags};
	}
	if (driver->ring.packed)
		packed_offer(driver, slots, count);
	else
		split_offer(driver, 0);
}

/* The same, through an indirect table at `table`. */
static void offer_indirect(struct driver *driver, uint64_t table, const struct piece *pieces,
			   uint32_t count)
{
	struct piece head = {table, count * 16, INDIRECT};

	for (uint32_t i = 0; i < count; i++)
		table_describe(driver, table, i, pieces[i].addr, pieces[i].len,
			       (uint16_t)(pieces[i].flags | (i + 1 < count ? NEXT : 0)),
			       (uint16_t)(i + 1));
	offer(driver, &head, 1);
}

static size_t total(const struct iovec *vectors, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += vectors[i].iov_len;
	return sum;
}

static void expect_sizes(const struct pg_chain *chain, size_t readable, size_t writable)
{
	assert_int_equal(total(chain->request.readable, chain->request.readable_count), readable);
	assert_int_equal(total(chain->request.writable, chain->request.writable_count), writable);
}

static int setup_split(void **state)
{
	*state = malloc(sizeof(struct driver));
	driver_init(*state, false, 16);
	return 0;
}

static int setup_packed(void **state)
{
	*state = malloc(sizeof(struct driver));
	driver_init(*state, true, 16);
	return 0;
}

static int teardown(void **state)
{
	driver_finish(*state);
	free(*state);
	return 0;
}

/* --- legal ------------------------------------------------------------------------------------- */

static void an_empty_ring_has_no_request(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	assert_int_equal(pg_virtqueue_pop(&driver->queue, &chain), 0);
	assert_false(pg_virtqueue_pending(&driver->queue));
}

static void readable_and_writable_parts_are_those_described(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	offer(driver, (struct piece[]){{BUFFERS, 24, 0}, {BUFFERS + 100, 408, WRITE}}, 2);
	assert_true(pg_virtqueue_pending(&driver->queue));
	chain = driver_pop(driver);
	assert_int_equal(chain->request.readable_count, 1);
	assert_int_equal(chain->request.writable_count, 1);
	assert_ptr_equal(chain->request.readable[0].iov_base, driver_at(driver, BUFFERS));
	assert_ptr_equal(chain->request.writable[0].iov_base, driver_at(driver, BUFFERS + 100));
	expect_sizes(chain, 24, 408);
	pg_virtqueue_push(chain, 0);
}

static void a_request_may_be_split_anywhere(void **state)
{
	struct driver *driver = *state;
	struct piece pieces[13];
	struct pg_chain *chain;

	for (uint32_t i = 0; i < 13; i++)
		pieces[i] = (struct piece){BUFFERS + i, 1, i < 9 ? 0 : WRITE};
	offer(driver, pieces, 13);
	chain = driver_pop(driver);
	expect_sizes(chain, 9, 4);
	pg_virtqueue_push(chain, 0);
}

static void descriptors_of_length_zero_are_skipped(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	offer(driver,
	      (struct piece[]){{0, 0, 0},
			       {BUFFERS, 24, 0},
			       {UINT64_MAX, 0, 0},
			       {BUFFERS + 64, 24, WRITE},
			       {0, 0, WRITE}},
	      5);
	chain = driver_pop(driver);
	assert_int_equal(chain->request.readable_count, 1);
	assert_int_equal(chain->request.writable_count, 1);
	expect_sizes(chain, 24, 24);
	pg_virtqueue_push(chain, 0);
}

static void a_chain_without_writable_part_is_legal(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	offer(driver, (struct piece[]){{BUFFERS, 56, 0}}, 1);
	chain = driver_pop(driver);
	expect_sizes(chain, 56, 0);
	pg_virtqueue_push(chain, 24); /* capped */
	assert_true(pg_virtqueue_flush(&driver->queue));
}

static void a_buffer_over_two_regions_becomes_two_vectors(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	offer(driver, (struct piece[]){{GUEST_SEAM - 10, 24, 0}, {GUEST_SEAM - 4, 8, WRITE}}, 2);
	chain = driver_pop(driver);
	assert_int_equal(chain->request.readable_count, 2);
	assert_int_equal(chain->request.readable[0].iov_len, 10);
	assert_ptr_equal(chain->request.readable[1].iov_base, driver->high);
	assert_int_equal(chain->request.readable[1].iov_len, 14);
	assert_int_equal(chain->request.writable_count, 2);
	expect_sizes(chain, 24, 8);
	pg_virtqueue_push(chain, 0);
}

static void the_last_byte_of_memory_can_be_used(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	offer(driver, (struct piece[]){{GUEST_END - 1, 1, 0}}, 1);
	chain = driver_pop(driver);
	expect_sizes(chain, 1, 0);
	pg_virtqueue_push(chain, 0);
}

static void an_indirect_table_is_the_chain(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	offer_indirect(driver, TABLES,
		       (struct piece[]){
			       {BUFFERS, 32, 0}, {BUFFERS + 64, 16, 0}, {BUFFERS + 128, 24, WRITE}},
		       3);
	chain = driver_pop(driver);
	assert_int_equal(chain->request.readable_count, 2);
	expect_sizes(chain, 48, 24);
	pg_virtqueue_push(chain, 24);
}

static void an_indirect_table_may_follow_direct_descriptors(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	table_describe(driver, TABLES, 0, BUFFERS + 64, 16, NEXT, 1);
	table_describe(driver, TABLES, 1, BUFFERS + 128, 24, WRITE, 0);
	offer(driver, (struct piece[]){{BUFFERS, 32, 0}, {TABLES, 32, INDIRECT}}, 2);
	chain = driver_pop(driver);
	expect_sizes(chain, 48, 24);
	pg_virtqueue_push(chain, 24);
}

static void the_write_flag_of_an_indirect_descriptor_means_nothing(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;

	table_describe(driver, TABLES, 0, BUFFERS, 24, 0, 0);
	offer(driver, (struct piece[]){{TABLES, 16, INDIRECT | WRITE}}, 1);
	chain = driver_pop(driver);
	expect_sizes(chain, 24, 0);
	pg_virtqueue_push(chain, 0);
}

static void an_indirect_table_may_lie_over_two_regions_and_unaligned(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chain;
	struct piece pieces[8];

	for (uint32_t i = 0; i < 8; i++)
		pieces[i] = (struct piece){BUFFERS + UINT64_C(8) * i, 8, i < 5 ? 0 : WRITE};
	/* The seam goes through the middle of the third entry. */
	offer_indirect(driver, GUEST_SEAM - 32 - 7, pieces, 8);
	chain = driver_pop(driver);
	expect_sizes(chain, 40, 24);
	pg_virtqueue_push(chain, 0);
}

/* A 5 MiB SUBMIT_3D of Linux in a queue of 64 has 1282 (defect F11). */
static void a_chain_may_be_longer_than_the_ring(void **state)
{
	struct driver *driver = *state;
	uint32_t count = 8192;
	uint64_t table = GUEST_SEAM + 0x1000;
	struct piece head = {table, count * 16, INDIRECT};
	struct pg_chain *chain;

	for (uint32_t i = 0; i < count; i++)
		table_describe(driver, table, i, BUFFERS + i % 4096, 4,
			       (uint16_t)((i + 1 < count ? NEXT : 0) | (i < 8000 ? 0 : WRITE)),
			       (uint16_t)(i + 1));
	offer(driver, &head, 1);
	chain = driver_pop(driver);
	assert_int_equal(chain->request.readable_count, 8000);
	assert_int_equal(chain->request.writable_count, 192);
	pg_virtqueue_push(chain, 0);
	assert_int_equal(driver->queue.vectors_in_flight, 0);
}

static void the_used_length_is_capped_by_the_writable_part(void **state)
{
	struct driver *driver = *state;
	uint16_t id;
	uint32_t len;

	driver_offer_simple(driver, 0);
	pg_virtqueue_push(driver_pop(driver), SIZE_MAX);
	pg_virtqueue_flush(&driver->queue);
	if (driver->ring.packed) {
		assert_true(packed_used(driver, 2, &id, &len));
		assert_int_equal(len, 24);
	} else {
		assert_int_equal(pg_from_le32(split_used(driver)->ring[0].len), 24);
	}
}

/* --- illegal ----------------------------------------------------------------------------------- */

static void a_wild_address_breaks_the_queue(void **state)
{
	const struct piece wild[] = {
		{GUEST_END, 1, 0},          {GUEST_END - 1, 2, 0},    {0, 1, 0},
		{GUEST_BASE - 1, 2, WRITE}, {BUFFERS, UINT32_MAX, 0},
	};
	struct driver *driver = *state;

	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		driver_restart(driver, true, true, false);
		offer(driver, &wild[i], 1);
		driver_expect_broken(driver, "guest memory");
	}
}

static void an_address_that_wraps_breaks_the_queue(void **state)
{
	struct driver *driver = *state;

	offer(driver, (struct piece[]){{UINT64_MAX - 3, 8, 0}}, 1);
	driver_expect_broken(driver, "address space");
}

static void a_readable_descriptor_after_a_writable_one_breaks_the_queue(void **state)
{
	struct driver *driver = *state;

	offer(driver, (struct piece[]){{BUFFERS, 24, WRITE}, {BUFFERS + 64, 24, 0}}, 2);
	driver_expect_broken(driver, "readable descriptor follows");
}

static void indirect_without_the_feature_breaks_the_queue(void **state)
{
	struct driver *driver = *state;

	driver_restart(driver, true, false, false);
	offer_indirect(driver, TABLES, (struct piece[]){{BUFFERS, 24, 0}}, 1);
	driver_expect_broken(driver, "not negotiated");
}

static void indirect_with_next_breaks_the_queue(void **state)
{
	struct driver *driver = *state;

	table_describe(driver, TABLES, 0, BUFFERS, 24, 0, 0);
	offer(driver, (struct piece[]){{TABLES, 16, INDIRECT}, {BUFFERS, 24, WRITE}}, 2);
	driver_expect_broken(driver, "not the last");
}

static void indirect_inside_indirect_breaks_the_queue(void **state)
{
	struct driver *driver = *state;

	offer_indirect(driver, TABLES, (struct piece[]){{TABLES + 64, 16, INDIRECT}}, 1);
	driver_expect_broken(driver, "inside an indirect table");
}

static void an_indirect_table_of_a_wrong_length_breaks_the_queue(void **state)
{
	static const uint32_t lengths[] = {0, 1, 15, 17, 31, UINT32_MAX};
	struct driver *driver = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		driver_restart(driver, true, true, false);
		offer(driver, (struct piece[]){{TABLES, lengths[i], INDIRECT}}, 1);
		driver_expect_broken(driver, "multiple of 16");
	}
}

static void an_indirect_table_outside_of_memory_breaks_the_queue(void **state)
{
	struct driver *driver = *state;

	offer(driver, (struct piece[]){{GUEST_END + 4096, 32, INDIRECT}}, 1);
	driver_expect_broken(driver, "not guest memory");
	driver_restart(driver, true, true, false);
	offer(driver, (struct piece[]){{UINT64_MAX - 15, 32, INDIRECT}}, 1);
	driver_expect_broken(driver, "address space");
	/* The first entry is there, the second is not. */
	driver_restart(driver, true, true, false);
	table_describe(driver, GUEST_END - 16, 0, BUFFERS, 8, NEXT, 1);
	offer(driver, (struct piece[]){{GUEST_END - 16, 32, INDIRECT}}, 1);
	driver_expect_broken(driver, "not guest memory");
}

static void a_request_in_millions_of_pieces_breaks_the_queue(void **state)
{
	struct driver *driver = *state;
	uint32_t count = 1u << 16;
	uint64_t table = GUEST_SEAM;

	/* All entries empty: it takes time and gives nothing. */
	for (uint32_t i = 0; i < count; i++)
		table_describe(driver, table, i, 0, 0, NEXT, (uint16_t)(i + 1));
	offer(driver, (struct piece[]){{table, count * 16, INDIRECT}}, 1);
	if (driver->ring.packed) {
		struct pg_chain *chain = driver_pop(driver);

		expect_sizes(chain, 0, 0);
		pg_virtqueue_push(chain, 0);
	} else {
		driver_expect_broken(driver, "loop");
	}
}

static void breaking_one_request_leaks_nothing_of_it(void **state)
{
	struct driver *driver = *state;
	struct piece pieces[13];

	/* More vectors than are inline, then a bad one. */
	for (uint32_t i = 0; i < 12; i++)
		pieces[i] = (struct piece){BUFFERS + i, 1, 0};
	pieces[12] = (struct piece){GUEST_END, 1, 0};
	offer(driver, pieces, 13);
	driver_expect_broken(driver, "guest memory");
	assert_int_equal(driver->queue.vectors_in_flight, 0);
}

static void a_new_start_mends_the_queue(void **state)
{
	struct driver *driver = *state;

	offer(driver, (struct piece[]){{GUEST_END, 1, 0}}, 1);
	driver_expect_broken(driver, "guest memory");
	driver_restart(driver, true, true, false);
	driver_offer_simple(driver, 0);
	pg_virtqueue_push(driver_pop(driver), 24);
}

static void a_request_keeps_the_memory_it_came_with(void **state)
{
	struct driver *driver = *state;
	struct paragpu_memory *empty;
	struct pg_ring ring = driver->ring;
	struct pg_chain *chain;

	driver_offer_simple(driver, 0);
	chain = driver_pop(driver);
	assert_int_equal(paragpu_memory_create(&empty), 0);
	ring.memory = empty;
	pg_virtqueue_move(&driver->queue, &ring);
	paragpu_memory_unref(&empty);
	assert_ptr_equal(chain->memory, driver->memory);
	pg_virtqueue_push(chain, 0);
	/* The ring itself is still where it was; the next buffer is not. */
	driver_offer_simple(driver, 1);
	driver_expect_broken(driver, "guest memory");
}

#define BOTH(test)                                                   \
	{"split: " #test, test, setup_split, teardown, NULL},        \
	{                                                            \
		"packed: " #test, test, setup_packed, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(an_empty_ring_has_no_request),
		BOTH(readable_and_writable_parts_are_those_described),
		BOTH(a_request_may_be_split_anywhere),
		BOTH(descriptors_of_length_zero_are_skipped),
		BOTH(a_chain_without_writable_part_is_legal),
		BOTH(a_buffer_over_two_regions_becomes_two_vectors),
		BOTH(the_last_byte_of_memory_can_be_used),
		BOTH(an_indirect_table_is_the_chain),
		BOTH(an_indirect_table_may_follow_direct_descriptors),
		BOTH(the_write_flag_of_an_indirect_descriptor_means_nothing),
		BOTH(an_indirect_table_may_lie_over_two_regions_and_unaligned),
		BOTH(a_chain_may_be_longer_than_the_ring),
		BOTH(the_used_length_is_capped_by_the_writable_part),
		BOTH(a_wild_address_breaks_the_queue),
		BOTH(an_address_that_wraps_breaks_the_queue),
		BOTH(a_readable_descriptor_after_a_writable_one_breaks_the_queue),
		BOTH(indirect_without_the_feature_breaks_the_queue),
		BOTH(indirect_with_next_breaks_the_queue),
		BOTH(indirect_inside_indirect_breaks_the_queue),
		BOTH(an_indirect_table_of_a_wrong_length_breaks_the_queue),
		BOTH(an_indirect_table_outside_of_memory_breaks_the_queue),
		BOTH(a_request_in_millions_of_pieces_breaks_the_queue),
		BOTH(breaking_one_request_leaks_nothing_of_it),
		BOTH(a_new_start_mends_the_queue),
		BOTH(a_request_keeps_the_memory_it_came_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
