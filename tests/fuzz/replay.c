/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target without a fuzzer: over files (what a fuzzer found), or
 * over so many inputs made of a fixed seed, which is a test like any other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define MAX_INPUT 4096

/* Wants only to be the same everywhere (xorshift). */
static uint32_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

static int replay(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *file = fopen(path, "re");
	size_t size;

	if (!file) {
		perror(path);
		return 1;
	}
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	LLVMFuzzerTestOneInput(bytes, size);
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[MAX_INPUT];
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	unsigned long count;

	if (argc > 1 && argv[1][0] != '-') {
		int status = 0;

		for (int i = 1; i < argc; i++)
			status |= replay(argv[i]);
		return status;
	}
	count = argc > 1 ? strtoul(argv[1] + 1, NULL, 10) : 0;
	if (!count) {
		fprintf(stderr, "usage: %s FILE… | -COUNT\n", argv[0]);
		return 2;
	}
	for (unsigned long i = 0; i < count; i++) {
		size_t size = next(&state) % MAX_INPUT;

		for (size_t j = 0; j < size; j++)
			bytes[j] = (uint8_t)next(&state);
		LLVMFuzzerTestOneInput(bytes, size);
	}
	return 0;
}
