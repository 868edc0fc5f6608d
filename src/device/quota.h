/* SPDX-License-Identifier: MIT */
/*
 * What a guest has taken and may take. Everything that a guest can make is
 * taken here first and given back by the object's destructor; "no" becomes
 * ERR_OUT_OF_MEMORY.
 */
#ifndef PG_DEVICE_QUOTA_H
#define PG_DEVICE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include <paragpu/device.h>

struct pg_quota {
	struct paragpu_limits limits;
	uint32_t resources;
	uint32_t contexts;
	uint64_t host_bytes;
	uint64_t entries;
	uint32_t image_files; /* images with a descriptor of their own */
};

/* Each takes and returns true, or takes nothing and returns false. */
bool pg_quota_take_resource(struct pg_quota *quota);
bool pg_quota_take_context(struct pg_quota *quota);
bool pg_quota_take_host_bytes(struct pg_quota *quota, uint64_t bytes);
bool pg_quota_take_entries(struct pg_quota *quota, uint64_t entries);
bool pg_quota_take_image_file(struct pg_quota *quota);

void pg_quota_give_resource(struct pg_quota *quota);
void pg_quota_give_context(struct pg_quota *quota);
void pg_quota_give_host_bytes(struct pg_quota *quota, uint64_t bytes);
void pg_quota_give_entries(struct pg_quota *quota, uint64_t entries);
void pg_quota_give_image_file(struct pg_quota *quota);

#endif
