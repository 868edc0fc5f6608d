/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: one memfd, seen by the guest as several regions with holes
 * between them, and a bump allocator over it. The memory is shared with the
 * back end, which may write anything anywhere at any time.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "frontend/internal.h"

#define FIRST_ADDRESS 0x1000 /* so that 0 can mean "none" */

int pg_fe_ram_create(struct pg_fe *fe)
{
	const struct pg_fe_settings *settings = &fe->settings;

	if (!settings->region_count || settings->region_count > PG_FE_MAX_REGIONS)
		return pg_fe_fail(fe, -EINVAL, "guest memory needs 1 to %d regions",
				  PG_FE_MAX_REGIONS);
	for (uint32_t i = 0; i < settings->region_count; i++) {
		fe->regions[i].guest_address = settings->regions[i].guest_address;
		fe->regions[i].size = settings->regions[i].size;
		fe->regions[i].offset = fe->ram_size;
		fe->ram_size += settings->regions[i].size;
	}
	fe->region_count = settings->region_count;
	fe->memfd = memfd_create("guest", MFD_CLOEXEC);
	if (fe->memfd < 0)
		return pg_fe_fail(fe, -errno, "cannot make a memfd for guest memory");
	if (ftruncate(fe->memfd, (off_t)fe->ram_size))
		return pg_fe_fail(fe, -errno, "cannot size guest memory");
	fe->ram = mmap(NULL, fe->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED, fe->memfd, 0);
	if (fe->ram == MAP_FAILED) {
		fe->ram = NULL;
		return pg_fe_fail(fe, -errno, "cannot map guest memory");
	}
	pg_fe_ram_forget(fe);
	return 0;
}

void pg_fe_ram_destroy(struct pg_fe *fe)
{
	if (fe->ram)
		munmap(fe->ram, fe->ram_size);
	fe->ram = NULL;
	pg_close(&fe->memfd);
}

void pg_fe_ram_forget(struct pg_fe *fe)
{
	for (uint32_t i = 0; i < fe->region_count; i++)
		fe->regions[i].next = fe->regions[i].guest_address ? 0 : FIRST_ADDRESS;
}

uint64_t pg_fe_alloc(struct pg_fe *fe, uint64_t size, uint64_t alignment)
{
	for (uint32_t i = 0; i < fe->region_count; i++) {
		struct pg_fe_region *region = &fe->regions[i];
		uint64_t start = (region->next + alignment - 1) & ~(alignment - 1);

		if (!pg_range_inside(start, size, region->size))
			continue;
		region->next = start + size;
		return region->guest_address + start;
	}
	pg_fe_fail(fe, -ENOMEM, "guest memory is used up");
	return 0;
}

uint64_t pg_fe_mark(const struct pg_fe *fe)
{
	return fe->regions[0].next;
}

void pg_fe_release(struct pg_fe *fe, uint64_t mark)
{
	if (mark <= fe->regions[0].next)
		fe->regions[0].next = mark;
}

void *pg_fe_memory(const struct pg_fe *fe, uint64_t address, uint64_t size)
{
	for (uint32_t i = 0; i < fe->region_count; i++) {
		const struct pg_fe_region *region = &fe->regions[i];

		if (address >= region->guest_address &&
		    pg_range_inside(address - region->guest_address, size, region->size))
			return fe->ram + region->offset + (address - region->guest_address);
	}
	return NULL;
}

uint64_t pg_fe_region_end(const struct pg_fe *fe, uint32_t index)
{
	if (index >= fe->region_count)
		return 0;
	return fe->regions[index].guest_address + fe->regions[index].size;
}

/* The "user address" of ring addresses: as QEMU, our own pointers unless bit 21 says otherwise. */
uint64_t pg_fe_user_address(const struct pg_fe *fe, uint64_t guest_address)
{
	if (fe->protocol_features & (1ull << VHOST_USER_PROTOCOL_F_GPA_ADDRESSES))
		return guest_address;
	return (uintptr_t)pg_fe_memory(fe, guest_address, 1);
}
