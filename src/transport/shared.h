/* SPDX-License-Identifier: MIT */
/*
 * Access to memory that the guest writes at the same time: each field is read
 * or written by exactly one machine access, and never read twice.
 *
 * The guest is hostile: what these return is a private copy that the caller
 * still has to check.
 */
#ifndef PG_TRANSPORT_SHARED_H
#define PG_TRANSPORT_SHARED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "protocol/le.h"

static inline uint16_t pg_load_le16(const le16 *field)
{
	return le16toh(__atomic_load_n(&field->wire, __ATOMIC_RELAXED));
}

/* Later reads see what the other side wrote before it stored this field. */
static inline uint16_t pg_load_acquire_le16(const le16 *field)
{
	return le16toh(__atomic_load_n(&field->wire, __ATOMIC_ACQUIRE));
}

static inline uint32_t pg_load_le32(const le32 *field)
{
	return le32toh(__atomic_load_n(&field->wire, __ATOMIC_RELAXED));
}

static inline uint64_t pg_load_le64(const le64 *field)
{
	return le64toh(__atomic_load_n(&field->wire, __ATOMIC_RELAXED));
}

static inline void pg_store_le16(le16 *field, uint16_t value)
{
	__atomic_store_n(&field->wire, htole16(value), __ATOMIC_RELAXED);
}

/* The other side sees everything written before once it sees this field. */
static inline void pg_store_release_le16(le16 *field, uint16_t value)
{
	__atomic_store_n(&field->wire, htole16(value), __ATOMIC_RELEASE);
}

static inline void pg_store_le32(le32 *field, uint32_t value)
{
	__atomic_store_n(&field->wire, htole32(value), __ATOMIC_RELAXED);
}

/*
 * Between a store and a load of the other side's field: the pairs "publish used,
 * read used_event" and "publish avail_event, read avail" need it.
 */
static inline void pg_full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Copies bytes of any alignment; the compiler may not go back to the source for them. */
static inline void pg_copy_shared(void *destination, const void *source, size_t size)
{
	memcpy(destination, source, size);
	__asm__ volatile("" ::: "memory");
}

#endif
