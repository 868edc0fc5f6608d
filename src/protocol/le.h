/* SPDX-License-Identifier: MIT */
/*
 * Little-endian integers as they lie on the wire. They are structs so that the
 * compiler refuses a wire value where a number is meant: no conversion can be
 * forgotten, on hosts of either byte order.
 */
#ifndef PG_PROTOCOL_LE_H
#define PG_PROTOCOL_LE_H

#include <endian.h>
#include <stdint.h>

typedef struct {
	uint16_t wire;
} le16;

typedef struct {
	uint32_t wire;
} le32;

typedef struct {
	uint64_t wire;
} le64;

static inline uint16_t pg_from_le16(le16 value)
{
	return le16toh(value.wire);
}

static inline uint32_t pg_from_le32(le32 value)
{
	return le32toh(value.wire);
}

static inline uint64_t pg_from_le64(le64 value)
{
	return le64toh(value.wire);
}

static inline le16 pg_to_le16(uint16_t value)
{
	return (le16){htole16(value)};
}

static inline le32 pg_to_le32(uint32_t value)
{
	return (le32){htole32(value)};
}

static inline le64 pg_to_le64(uint64_t value)
{
	return (le64){htole64(value)};
}

#endif
