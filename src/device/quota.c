/* SPDX-License-Identifier: MIT */
/* What a guest has taken and may take; see quota.h. */
#include "device/quota.h"

#include <assert.h>

#include "base/checked.h"

/*
 * Descriptors are scarce (1024 a process is a usual limit) and a file is an
 * image's luxury: beyond these, images live in anonymous memory.
 */
#define MAX_IMAGE_FILES 64

static bool take(uint64_t *used, uint64_t amount, uint64_t limit)
{
	uint64_t sum;

	if (!pg_add_u64(*used, amount, &sum) || sum > limit)
		return false;
	*used = sum;
	return true;
}

bool pg_quota_take_resource(struct pg_quota *quota)
{
	if (quota->resources >= quota->limits.resources)
		return false;
	quota->resources++;
	return true;
}

bool pg_quota_take_context(struct pg_quota *quota)
{
	if (quota->contexts >= quota->limits.contexts)
		return false;
	quota->contexts++;
	return true;
}

bool pg_quota_take_host_bytes(struct pg_quota *quota, uint64_t bytes)
{
	return take(&quota->host_bytes, bytes, quota->limits.host_bytes);
}

bool pg_quota_take_entries(struct pg_quota *quota, uint64_t entries)
{
	return take(&quota->entries, entries, quota->limits.total_entries);
}

bool pg_quota_take_image_file(struct pg_quota *quota)
{
	if (quota->image_files >= MAX_IMAGE_FILES)
		return false;
	quota->image_files++;
	return true;
}

void pg_quota_give_resource(struct pg_quota *quota)
{
	assert(quota->resources);
	quota->resources--;
}

void pg_quota_give_context(struct pg_quota *quota)
{
	assert(quota->contexts);
	quota->contexts--;
}

void pg_quota_give_host_bytes(struct pg_quota *quota, uint64_t bytes)
{
	assert(quota->host_bytes >= bytes);
	quota->host_bytes -= bytes;
}

void pg_quota_give_entries(struct pg_quota *quota, uint64_t entries)
{
	assert(quota->entries >= entries);
	quota->entries -= entries;
}

void pg_quota_give_image_file(struct pg_quota *quota)
{
	assert(quota->image_files);
	quota->image_files--;
}
