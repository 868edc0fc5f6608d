/* SPDX-License-Identifier: MIT */
/*
 * Memory objects: where bytes are kept, apart from what they mean. A resource
 * is a typed view of one or two of them; the two have separate lives, since a
 * backing comes and goes under a resource, and a renderer or a display may
 * keep an object that the resource no longer names.
 *
 * Nobody outside may assume that an object is contiguous or has a file.
 */
#ifndef PG_DEVICE_OBJECT_H
#define PG_DEVICE_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "device/quota.h"
#include "memory/scatter.h"

enum pg_object_kind {
	PG_OBJECT_HOST,  /* memory of ours, contiguous, zeroed */
	PG_OBJECT_GUEST, /* a list of guest addresses */
	PG_OBJECT_FILE,  /* part of a file that a renderer made */
};

struct pg_object {
	unsigned int refs;
	enum pg_object_kind kind;
	struct pg_quota *quota;
	uint64_t size;

	/* host, file */
	uint8_t *bytes; /* NULL: a file that must not be mapped here, or can't be */
	int fd;         /* of the same bytes, or -1 */
	uint64_t fd_offset;

	/* guest */
	struct pg_scatter scatter;
	struct paragpu_memory *const *memory; /* the device's current table */
};

/* Makes `size` bytes of zeroes with one reference. Returns 0 or -ENOMEM. */
int pg_object_create_host(struct pg_quota *quota, uint64_t size, struct pg_object **out);

/* Makes an object of a list, which it takes over in any case. Returns 0 or -ENOMEM. */
int pg_object_create_guest(struct pg_quota *quota, struct pg_scatter *scatter,
			   struct paragpu_memory *const *memory, struct pg_object **out);

/*
 * Makes an object of a part of a file, whose descriptor it takes over on
 * success. A file that its owner could cut short is read, never mapped: SIGBUS
 * would end us. Returns 0 or -ENOMEM.
 */
int pg_object_create_file(struct pg_quota *quota, int *fd, uint64_t fd_offset, uint64_t size,
			  bool mappable, struct pg_object **out);

/* Whether a file is long enough; files that can't tell are, unless they are to be mapped. */
bool pg_file_covers(int fd, uint64_t offset, uint64_t size, bool mappable);

/* Sees to it that a file keeps its length from now on. False: its owner may still cut it short. */
bool pg_file_keep_length(int fd);

/*
 * Moves the bytes of a host object into a file of their own. Returns 0 or
 * -ENOMEM; then nothing changed. The old ones are still there, in *old, to be
 * freed when nobody looks at them any more; NULL if it had a file already.
 */
int pg_object_make_file(struct pg_object *object, void **old);

struct pg_object *pg_object_ref(struct pg_object *object);

/* Drops *object's reference and sets it to NULL. Accepts NULL. */
void pg_object_unref(struct pg_object **object);

/*
 * Copies out up to `size` bytes from `offset` on. Returns how many there were
 * before the end of the object.
 */
size_t pg_object_read(const struct pg_object *object, uint64_t offset, void *destination,
		      size_t size);

/* The bytes in one piece, or NULL; as pg_scatter_flat(). */
uint8_t *pg_object_flat(const struct pg_object *object, uint64_t offset, uint64_t length, int *fd,
			uint64_t *fd_offset);

/* The bytes in pieces; as pg_scatter_pieces(). */
size_t pg_object_pieces(const struct pg_object *object, uint64_t offset, uint64_t length,
			struct iovec *vector, size_t capacity);

#endif
