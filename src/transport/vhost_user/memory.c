/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory as the front end describes it. Each change makes a new
 * table, which shares the regions that stay; requests in flight keep the table
 * they began with, so that nothing is unmapped under them.
 *
 * The front end sends back what we mapped into the window, as if it were guest
 * memory. Such regions are recognised by their file and noted, not mapped: no
 * ring and no buffer of the guest may lie there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/fd.h"
#include "transport/vhost_user/internal.h"

/* As many as QEMU has itself; the memory table takes more. */
#define MAX_SLOTS 509

void pg_vu_memory_finish(struct pg_vu_memory *memory)
{
	paragpu_memory_unref(&memory->table);
	free(memory->regions);
	*memory = (struct pg_vu_memory){0};
}

void *pg_vu_memory_resolve(const struct pg_vu_memory *memory, uint64_t user_addr, uint64_t size)
{
	for (size_t i = 0; i < memory->count; i++) {
		const struct pg_vu_region *region = &memory->regions[i];
		uint64_t offset = user_addr - region->user_addr;
		uint64_t available = 0;
		void *pointer;

		if (region->window || user_addr < region->user_addr ||
		    !pg_range_inside(offset, size, region->size))
			continue;
		pointer = paragpu_memory_translate(memory->table, region->guest_addr + offset, size,
						   &available);
		return pointer && available >= size ? pointer : NULL;
	}
	return NULL;
}

/* Fills in a region from its description and its file. */
static int describe(struct pg_vu_connection *connection,
		    const struct vhost_user_memory_region *wire, int fd,
		    struct pg_vu_region *region)
{
	struct stat status;
	uint64_t end;

	if (!wire->memory_size || !pg_add_u64(wire->guest_phys_addr, wire->memory_size, &end) ||
	    !pg_add_u64(wire->userspace_addr, wire->memory_size, &end) ||
	    !pg_add_u64(wire->mmap_offset, wire->memory_size, &end))
		return -EINVAL;
	if (fstat(fd, &status) < 0)
		return -errno;
	*region = (struct pg_vu_region){
		.guest_addr = wire->guest_phys_addr,
		.size = wire->memory_size,
		.user_addr = wire->userspace_addr,
		.fd_offset = wire->mmap_offset,
		.dev = status.st_dev,
		.ino = status.st_ino,
	};
	region->window = pg_vu_channel_owns_file(&connection->channel, region->dev, region->ino);
	return 0;
}

/* Whether both are the same bytes at the same guest address. */
static bool same(const struct pg_vu_region *a, const struct pg_vu_region *b)
{
	return a->guest_addr == b->guest_addr && a->size == b->size &&
	       a->fd_offset == b->fd_offset && a->dev == b->dev && a->ino == b->ino &&
	       a->window == b->window;
}

static bool has_same(const struct pg_vu_memory *memory, const struct pg_vu_region *region)
{
	for (size_t i = 0; i < memory->count; i++)
		if (same(&memory->regions[i], region))
			return true;
	return false;
}

static bool overlaps(const struct pg_vu_memory *memory, const struct pg_vu_region *region)
{
	for (size_t i = 0; i < memory->count; i++)
		if (pg_ranges_overlap(memory->regions[i].guest_addr, memory->regions[i].size,
				      region->guest_addr, region->size))
			return true;
	return false;
}

static int copy_table(const struct pg_vu_memory *memory, struct paragpu_memory **table)
{
	return memory->table ? paragpu_memory_copy(memory->table, table)
			     : paragpu_memory_create(table);
}

/* Lets the device and the rings see the new table. Takes all of `memory`. */
static void install(struct pg_vu_connection *connection, struct pg_vu_memory *memory)
{
	pg_vu_memory_finish(&connection->memory);
	connection->memory = *memory;
	*memory = (struct pg_vu_memory){0};
	paragpu_device_set_memory(connection->server->device, connection->memory.table);
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++)
		pg_vu_queue_remap(&connection->queues[i]);
}

static int refuse(struct pg_vu_connection *connection, const struct pg_vu_region *region, int error)
{
	pg_vu_log(connection->server, PG_LOG_ERROR,
		  "the memory region at 0x%" PRIx64 " of %" PRIu64 " bytes (offset %" PRIu64
		  " of its file) cannot be used: %s",
		  region->guest_addr, region->size, region->fd_offset, strerror(-error));
	return error;
}

/* Reads the list of the message; the descriptors stay in it. */
static int read_regions(struct pg_vu_connection *connection, struct pg_vu_message *message,
			struct pg_vu_memory *memory)
{
	const struct vhost_user_memory *wire = &message->payload.memory;
	size_t count = wire->nregions;

	if (count > VHOST_USER_MAX_MEM_TABLE_REGIONS || message->fd_count != count ||
	    message->header.size < 8 + count * sizeof(wire->regions[0])) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "SET_MEM_TABLE with %zu regions, %zu descriptors and %u bytes is refused",
			  count, message->fd_count, message->header.size);
		return -EINVAL;
	}
	memory->regions = calloc(count ? count : 1, sizeof(*memory->regions));
	if (!memory->regions)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct pg_vu_region region = {0};
		int error = describe(connection, &wire->regions[i], message->fds[i], &region);

		if (!error && overlaps(memory, &region))
			error = -EEXIST;
		if (error)
			return refuse(connection, &region, error);
		memory->regions[memory->count++] = region;
	}
	return 0;
}

/* Makes the table of `memory` from the current one: out with the old, in with the new. */
static int build_table(struct pg_vu_connection *connection, struct pg_vu_message *message,
		       struct pg_vu_memory *memory)
{
	const struct pg_vu_memory *old = &connection->memory;
	int error = copy_table(old, &memory->table);

	for (size_t i = 0; !error && i < old->count; i++)
		if (!old->regions[i].window && !has_same(memory, &old->regions[i]))
			error = paragpu_memory_remove(memory->table, old->regions[i].guest_addr,
						      old->regions[i].size);
	for (size_t i = 0; !error && i < memory->count; i++) {
		const struct pg_vu_region *region = &memory->regions[i];

		if (region->window || has_same(old, region))
			continue;
		error = paragpu_memory_add_fd(memory->table, region->guest_addr, region->size,
					      &message->fds[i], region->fd_offset);
		if (error)
			return refuse(connection, region, error);
	}
	return error;
}

int pg_vu_set_mem_table(struct pg_vu_connection *connection, struct pg_vu_message *message,
			struct pg_vu_message *reply)
{
	struct pg_vu_memory memory = {0};
	int error = read_regions(connection, message, &memory);

	(void)reply;
	if (!error)
		error = build_table(connection, message, &memory);
	if (!error)
		install(connection, &memory);
	pg_vu_memory_finish(&memory);
	return error;
}

static int copy_memory(const struct pg_vu_memory *old, struct pg_vu_memory *new)
{
	new->regions = calloc(old->count + 1, sizeof(*new->regions));
	if (!new->regions)
		return -ENOMEM;
	if (old->count)
		memcpy(new->regions, old->regions, old->count * sizeof(*new->regions));
	new->count = old->count;
	return copy_table(old, &new->table);
}

int pg_vu_add_mem_reg(struct pg_vu_connection *connection, struct pg_vu_message *message,
		      struct pg_vu_message *reply)
{
	struct pg_vu_memory memory = {0};
	struct pg_vu_region region = {0};
	int error = describe(connection, &message->payload.region.region, message->fds[0], &region);

	(void)reply;
	if (!error && connection->memory.count == MAX_SLOTS)
		error = -ENOSPC;
	if (!error && overlaps(&connection->memory, &region))
		error = -EEXIST;
	if (!error)
		error = copy_memory(&connection->memory, &memory);
	if (!error && !region.window)
		error = paragpu_memory_add_fd(memory.table, region.guest_addr, region.size,
					      &message->fds[0], region.fd_offset);
	if (!error) {
		memory.regions[memory.count++] = region;
		install(connection, &memory);
	} else {
		refuse(connection, &region, error);
	}
	pg_vu_memory_finish(&memory);
	return error;
}

/* A region is identified by its addresses and its size. */
static bool find_region(const struct pg_vu_memory *memory,
			const struct vhost_user_memory_region *wire, size_t *index)
{
	for (*index = 0; *index < memory->count; ++*index) {
		const struct pg_vu_region *region = &memory->regions[*index];

		if (region->guest_addr == wire->guest_phys_addr &&
		    region->size == wire->memory_size && region->user_addr == wire->userspace_addr)
			return true;
	}
	return false;
}

int pg_vu_rem_mem_reg(struct pg_vu_connection *connection, struct pg_vu_message *message,
		      struct pg_vu_message *reply)
{
	const struct vhost_user_memory_region *wire = &message->payload.region.region;
	struct pg_vu_memory memory = {0};
	size_t index;
	int error;

	(void)reply;
	if (!find_region(&connection->memory, wire, &index)) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "REM_MEM_REG: there is no memory region of %" PRIu64
			  " bytes at 0x%" PRIx64,
			  wire->memory_size, wire->guest_phys_addr);
		return -ENOENT;
	}
	error = copy_memory(&connection->memory, &memory);
	if (!error && !memory.regions[index].window)
		error = paragpu_memory_remove(memory.table, wire->guest_phys_addr,
					      wire->memory_size);
	if (!error) {
		memory.count--;
		memmove(&memory.regions[index], &memory.regions[index + 1],
			(memory.count - index) * sizeof(*memory.regions));
		install(connection, &memory);
	}
	pg_vu_memory_finish(&memory);
	return error;
}

int pg_vu_get_max_mem_slots(struct pg_vu_connection *connection, struct pg_vu_message *message,
			    struct pg_vu_message *reply)
{
	(void)connection;
	(void)message;
	reply->payload.u64 = MAX_SLOTS;
	reply->header.size = sizeof(reply->payload.u64);
	return 0;
}
