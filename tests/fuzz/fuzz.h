/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz target is: a function of some bytes that must return, with
 * nothing leaked and nothing touched that is not its own. libFuzzer calls it in
 * builds by clang with -Dfuzz=true; replay.c calls it in all builds, with bytes
 * that are the same each time, or with files.
 */
#ifndef PG_TESTS_FUZZ_H
#define PG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a stream; beyond the end it yields zeroes. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

static inline void fuzz_bytes(struct fuzz_input *input, void *out, size_t size)
{
	size_t length = size < input->size ? size : input->size;

	memset(out, 0, size);
	if (length)
		memcpy(out, input->data, length);
	input->data += length;
	input->size -= length;
}

static inline uint8_t fuzz_u8(struct fuzz_input *input)
{
	uint8_t value;

	fuzz_bytes(input, &value, sizeof(value));
	return value;
}

static inline uint32_t fuzz_u32(struct fuzz_input *input)
{
	uint32_t value;

	fuzz_bytes(input, &value, sizeof(value));
	return value;
}

/* Mostly small numbers, often those at edges, sometimes any. */
static inline uint32_t fuzz_number(struct fuzz_input *input)
{
	static const uint32_t edges[] = {
		0,          1,          64,         4096,       65535,      65536,
		0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
	};
	uint8_t kind = fuzz_u8(input);

	if (kind < 160)
		return kind % 20;
	if (kind < 200)
		return fuzz_u8(input) * 4u;
	if (kind < 240)
		return edges[kind % (sizeof(edges) / sizeof(edges[0]))];
	return fuzz_u32(input);
}

#endif
