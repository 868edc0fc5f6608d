/* SPDX-License-Identifier: MIT */
/*
 * Byte streams over iovecs, as descriptor chains are: pieces of any size, empty
 * ones too. All functions are total: what lies at or beyond the end of the
 * stream is not touched, and the number of bytes moved says so.
 */
#ifndef PG_MEMORY_IOV_H
#define PG_MEMORY_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* The sum of the pieces; false if it overflows, and then *length is untouched. */
bool pg_iov_length(const struct iovec *iov, size_t count, size_t *length);

/* Copies out up to `size` bytes from `offset` on. Returns how many there were. */
size_t pg_iov_read(const struct iovec *iov, size_t count, size_t offset, void *destination,
		   size_t size);

/* Copies in up to `size` bytes from `offset` on. Returns how many fitted. */
size_t pg_iov_write(const struct iovec *iov, size_t count, size_t offset, const void *source,
		    size_t size);

/* Reads a stream from front to back, each byte once. */
struct pg_iov_reader {
	const struct iovec *iov;
	size_t count;
	size_t offset; /* in the first of the pieces left */
};

void pg_iov_reader_init(struct pg_iov_reader *reader, const struct iovec *iov, size_t count);

/* Copies out the next up to `size` bytes. Returns how many there were; fewer only at the end. */
size_t pg_iov_reader_read(struct pg_iov_reader *reader, void *destination, size_t size);

/* Passes over the next up to `size` bytes. Returns how many there were. */
size_t pg_iov_reader_skip(struct pg_iov_reader *reader, size_t size);

/* Whether at least `size` bytes are left. Costs no more than finding them. */
bool pg_iov_reader_has(const struct pg_iov_reader *reader, size_t size);

/*
 * Points `vector` at the next `size` bytes, which the reader must have, without
 * stepping over them. Returns the number of pieces: none is empty, and there are
 * no more than the reader has; `capacity` must be that large.
 */
size_t pg_iov_reader_pieces(const struct pg_iov_reader *reader, size_t size, struct iovec *vector,
			    size_t capacity);

#endif
