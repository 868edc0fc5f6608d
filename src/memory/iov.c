/* SPDX-License-Identifier: MIT */
/* Byte streams over iovecs; see iov.h. */
#include "memory/iov.h"

#include <stdint.h>
#include <string.h>

bool pg_iov_length(const struct iovec *iov, size_t count, size_t *length)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(sum, iov[i].iov_len, &sum))
			return false;
	*length = sum;
	return true;
}

void pg_iov_reader_init(struct pg_iov_reader *reader, const struct iovec *iov, size_t count)
{
	*reader = (struct pg_iov_reader){.iov = iov, .count = count};
}

/* The next piece, at most `wanted` bytes; 0 at the end. Steps over it. */
static size_t next_piece(struct pg_iov_reader *reader, size_t wanted, uint8_t **piece)
{
	while (reader->count) {
		size_t rest = reader->iov->iov_len - reader->offset;

		if (rest && wanted) {
			size_t length = wanted < rest ? wanted : rest;

			*piece = (uint8_t *)reader->iov->iov_base + reader->offset;
			reader->offset += length;
			return length;
		}
		if (rest)
			return 0;
		reader->iov++;
		reader->count--;
		reader->offset = 0;
	}
	return 0;
}

size_t pg_iov_reader_read(struct pg_iov_reader *reader, void *destination, size_t size)
{
	size_t done = 0, length;
	uint8_t *piece;

	while ((length = next_piece(reader, size - done, &piece)) > 0) {
		memcpy((uint8_t *)destination + done, piece, length);
		done += length;
	}
	return done;
}

size_t pg_iov_reader_skip(struct pg_iov_reader *reader, size_t size)
{
	size_t done = 0, length;
	uint8_t *piece;

	while ((length = next_piece(reader, size - done, &piece)) > 0)
		done += length;
	return done;
}

bool pg_iov_reader_has(const struct pg_iov_reader *reader, size_t size)
{
	struct pg_iov_reader copy = *reader;

	return pg_iov_reader_skip(&copy, size) == size;
}

size_t pg_iov_read(const struct iovec *iov, size_t count, size_t offset, void *destination,
		   size_t size)
{
	struct pg_iov_reader reader;

	pg_iov_reader_init(&reader, iov, count);
	if (pg_iov_reader_skip(&reader, offset) != offset)
		return 0;
	return pg_iov_reader_read(&reader, destination, size);
}

size_t pg_iov_write(const struct iovec *iov, size_t count, size_t offset, const void *source,
		    size_t size)
{
	struct pg_iov_reader reader;
	size_t done = 0, length;
	uint8_t *piece;

	pg_iov_reader_init(&reader, iov, count);
	if (pg_iov_reader_skip(&reader, offset) != offset)
		return 0;
	while ((length = next_piece(&reader, size - done, &piece)) > 0) {
		memcpy(piece, (const uint8_t *)source + done, length);
		done += length;
	}
	return done;
}

size_t pg_iov_reader_pieces(const struct pg_iov_reader *reader, size_t size, struct iovec *vector,
			    size_t capacity)
{
	size_t offset = reader->offset, used = 0;

	for (size_t i = 0; i < reader->count && size && used < capacity; i++) {
		size_t length = reader->iov[i].iov_len - offset;

		if (length > size)
			length = size;
		if (length)
			vector[used++] = (struct iovec){
				.iov_base = (uint8_t *)reader->iov[i].iov_base + offset,
				.iov_len = length,
			};
		size -= length;
		offset = 0;
	}
	return used;
}
