/* SPDX-License-Identifier: MIT */
/*
 * Checked arithmetic for numbers that come from a guest or a VMM.
 *
 * Each helper returns false instead of a wrapped result and then leaves the
 * output untouched. Every sum or product of untrusted numbers in paragpu goes
 * through here; tests/unit/test_checked.c holds them to it.
 */
#ifndef PG_BASE_CHECKED_H
#define PG_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool pg_add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
	uint64_t result;

	if (__builtin_add_overflow(a, b, &result))
		return false;
	*sum = result;
	return true;
}

static inline bool pg_mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
	uint64_t result;

	if (__builtin_mul_overflow(a, b, &result))
		return false;
	*product = result;
	return true;
}

static inline bool pg_mul_size(size_t a, size_t b, size_t *product)
{
	size_t result;

	if (__builtin_mul_overflow(a, b, &result))
		return false;
	*product = result;
	return true;
}

/* Whether [offset, offset + length) lies inside [0, limit); an empty range may sit at the end. */
static inline bool pg_range_inside(uint64_t offset, uint64_t length, uint64_t limit)
{
	return offset <= limit && length <= limit - offset;
}

/* Whether [a, a + a_length) and [b, b + b_length) share a byte. Neither range may wrap. */
static inline bool pg_ranges_overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a_length && b_length && a < b + b_length && b < a + a_length;
}

static inline bool pg_is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* Rounds up to a multiple of `alignment`, a power of two. */
static inline bool pg_align_up_u64(uint64_t value, uint64_t alignment, uint64_t *aligned)
{
	if (!pg_add_u64(value, alignment - 1, &value))
		return false;
	*aligned = value & ~(alignment - 1);
	return true;
}

#endif
