/* SPDX-License-Identifier: MIT */
/*
 * Tables of guest memory regions; see paragpu/memory.h. A table is a sorted
 * array of spans; what a span points into, a mapping, is shared by all tables
 * that have it and unmapped with the last.
 *
 * The VMM that hands in descriptors is trusted not to shrink its files later (a
 * program that is not so sure handles SIGBUS, as daemon/memory_fault.c does);
 * a file that is too short from the start is refused.
 */
#include "memory/table.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"

#define MAX_REGIONS 1024

struct mapping {
	atomic_uint refs;
	int fd; /* -1: the embedder's own memory */
	uint64_t fd_offset;
	uint8_t *pointer; /* of the region's first byte */
	void *base;       /* what to unmap; NULL if it is not ours */
	size_t base_size;
};

struct span {
	uint64_t guest_addr;
	uint64_t size;
	struct mapping *mapping;
};

struct paragpu_memory {
	atomic_uint refs;
	size_t count;
	size_t capacity;
	struct span *spans; /* by address */
};

static void mapping_unref(struct mapping *mapping)
{
	if (!mapping || atomic_fetch_sub_explicit(&mapping->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (mapping->base)
		munmap(mapping->base, mapping->base_size);
	pg_close(&mapping->fd);
	free(mapping);
}

int paragpu_memory_create(struct paragpu_memory **out)
{
	struct paragpu_memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	atomic_init(&memory->refs, 1);
	*out = memory;
	return 0;
}

int paragpu_memory_copy(const struct paragpu_memory *memory, struct paragpu_memory **out)
{
	struct paragpu_memory *copy;
	int error = paragpu_memory_create(&copy);

	if (error)
		return error;
	if (memory->count) {
		copy->spans = calloc(memory->count, sizeof(*copy->spans));
		if (!copy->spans) {
			paragpu_memory_unref(&copy);
			return -ENOMEM;
		}
	}
	copy->capacity = memory->count;
	copy->count = memory->count;
	for (size_t i = 0; i < memory->count; i++) {
		copy->spans[i] = memory->spans[i];
		atomic_fetch_add_explicit(&copy->spans[i].mapping->refs, 1, memory_order_relaxed);
	}
	*out = copy;
	return 0;
}

struct paragpu_memory *paragpu_memory_ref(struct paragpu_memory *memory)
{
	atomic_fetch_add_explicit(&memory->refs, 1, memory_order_relaxed);
	return memory;
}

void paragpu_memory_unref(struct paragpu_memory **memory)
{
	struct paragpu_memory *going = *memory;

	*memory = NULL;
	if (!going || atomic_fetch_sub_explicit(&going->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < going->count; i++)
		mapping_unref(going->spans[i].mapping);
	free(going->spans);
	free(going);
}

/* The index of the first span that ends behind `addr`. */
static size_t find(const struct paragpu_memory *memory, uint64_t addr)
{
	size_t low = 0, high = memory->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct span *span = &memory->spans[middle];

		if (addr >= span->guest_addr && addr - span->guest_addr >= span->size)
			low = middle + 1;
		else if (addr < span->guest_addr)
			high = middle;
		else
			return middle;
	}
	return low;
}

/* Checks a range that is to be added and makes room. On success *index is its place. */
static int prepare(struct paragpu_memory *memory, uint64_t guest_addr, uint64_t size, size_t *index)
{
	uint64_t end;

	if (atomic_load_explicit(&memory->refs, memory_order_relaxed) != 1)
		return -EBUSY;
	/* The very last byte of the address space stays out, so that ends can be written down. */
	if (!size || size > PTRDIFF_MAX || !pg_add_u64(guest_addr, size, &end))
		return -EINVAL;
	*index = find(memory, guest_addr);
	if (*index < memory->count && memory->spans[*index].guest_addr < end)
		return -EEXIST;
	if (memory->count >= MAX_REGIONS)
		return -ENOSPC;
	if (memory->count == memory->capacity) {
		size_t capacity = memory->capacity ? 2 * memory->capacity : 8;
		struct span *spans = reallocarray(memory->spans, capacity, sizeof(*spans));

		if (!spans)
			return -ENOMEM;
		memory->spans = spans;
		memory->capacity = capacity;
	}
	return 0;
}

/* Puts a span in the place found by prepare(). Takes the mapping. */
static void insert(struct paragpu_memory *memory, size_t index, uint64_t guest_addr, uint64_t size,
		   struct mapping *mapping)
{
	memmove(&memory->spans[index + 1], &memory->spans[index],
		(memory->count - index) * sizeof(*memory->spans));
	memory->spans[index] = (struct span){guest_addr, size, mapping};
	memory->count++;
}

static struct mapping *mapping_create(void)
{
	struct mapping *mapping = calloc(1, sizeof(*mapping));

	if (!mapping)
		return NULL;
	atomic_init(&mapping->refs, 1);
	mapping->fd = -1;
	return mapping;
}

/* The page size of a file's mappings: huge pages have their own. */
static uint64_t file_page_size(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC && fs.f_bsize > 0)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Maps `size` bytes of `fd` at `offset`, whatever its alignment. */
static int map_file(struct mapping *mapping, int fd, uint64_t offset, uint64_t size)
{
	uint64_t page = file_page_size(fd);
	uint64_t skip = offset & (page - 1);
	uint64_t base_size, end;
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!pg_add_u64(offset, size, &end) || end > INT64_MAX ||
	    (S_ISREG(status.st_mode) && end > (uint64_t)status.st_size))
		return -EINVAL;
	if (!pg_align_up_u64(skip + size, page, &base_size) || base_size > PTRDIFF_MAX)
		return -EINVAL;
	mapping->base = mmap(NULL, (size_t)base_size, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_NORESERVE, fd, (off_t)(offset - skip));
	if (mapping->base == MAP_FAILED) {
		mapping->base = NULL;
		return -errno;
	}
	mapping->base_size = (size_t)base_size;
	mapping->pointer = (uint8_t *)mapping->base + skip;
	mapping->fd_offset = offset;
	/* A core dump of the device is no place for the guest's memory; best effort. */
	madvise(mapping->base, mapping->base_size, MADV_DONTDUMP);
	return 0;
}

int paragpu_memory_add_fd(struct paragpu_memory *memory, uint64_t guest_addr, uint64_t size,
			  int *fd, uint64_t fd_offset)
{
	struct mapping *mapping;
	size_t index;
	int error = prepare(memory, guest_addr, size, &index);

	if (error)
		return error;
	mapping = mapping_create();
	if (!mapping)
		return -ENOMEM;
	error = map_file(mapping, *fd, fd_offset, size);
	if (error) {
		mapping_unref(mapping);
		return error;
	}
	mapping->fd = pg_take_fd(fd);
	insert(memory, index, guest_addr, size, mapping);
	return 0;
}

int paragpu_memory_add_pointer(struct paragpu_memory *memory, uint64_t guest_addr, uint64_t size,
			       void *pointer)
{
	struct mapping *mapping;
	size_t index;
	int error = pointer ? prepare(memory, guest_addr, size, &index) : -EINVAL;

	if (error)
		return error;
	mapping = mapping_create();
	if (!mapping)
		return -ENOMEM;
	mapping->pointer = pointer;
	insert(memory, index, guest_addr, size, mapping);
	return 0;
}

int paragpu_memory_remove(struct paragpu_memory *memory, uint64_t guest_addr, uint64_t size)
{
	size_t index = find(memory, guest_addr);

	if (index == memory->count || memory->spans[index].guest_addr != guest_addr ||
	    memory->spans[index].size != size)
		return -ENOENT;
	if (atomic_load_explicit(&memory->refs, memory_order_relaxed) != 1)
		return -EBUSY;
	mapping_unref(memory->spans[index].mapping);
	memory->count--;
	memmove(&memory->spans[index], &memory->spans[index + 1],
		(memory->count - index) * sizeof(*memory->spans));
	return 0;
}

uint8_t *pg_memory_lookup(const struct paragpu_memory *memory, uint64_t addr, uint64_t wanted,
			  uint64_t *length, size_t *hint)
{
	const struct span *span;
	uint64_t rest;

	if (!memory || !memory->count) {
		*length = wanted;
		return NULL;
	}
	if (*hint >= memory->count || addr < memory->spans[*hint].guest_addr ||
	    addr - memory->spans[*hint].guest_addr >= memory->spans[*hint].size) {
		*hint = find(memory, addr);
		if (*hint == memory->count) {
			*length = wanted;
			return NULL;
		}
	}
	span = &memory->spans[*hint];
	if (addr < span->guest_addr) {
		rest = span->guest_addr - addr;
		*length = wanted < rest ? wanted : rest;
		return NULL;
	}
	rest = span->size - (addr - span->guest_addr);
	*length = wanted < rest ? wanted : rest;
	return span->mapping->pointer + (addr - span->guest_addr);
}

bool pg_memory_contains(const struct paragpu_memory *memory, uint64_t addr, uint64_t length,
			size_t *hint)
{
	uint64_t end, piece;

	if (!pg_add_u64(addr, length, &end))
		return false;
	for (; length; addr += piece, length -= piece)
		if (!pg_memory_lookup(memory, addr, length, &piece, hint))
			return false;
	return true;
}

bool pg_memory_find_fd(const struct paragpu_memory *memory, uint64_t addr, uint64_t length, int *fd,
		       uint64_t *fd_offset)
{
	size_t index = memory ? find(memory, addr) : 0;
	const struct span *span;

	if (!memory || index == memory->count)
		return false;
	span = &memory->spans[index];
	if (addr < span->guest_addr || span->mapping->fd < 0 ||
	    !pg_range_inside(addr - span->guest_addr, length, span->size))
		return false;
	*fd = span->mapping->fd;
	*fd_offset = span->mapping->fd_offset + (addr - span->guest_addr);
	return true;
}

void *paragpu_memory_translate(const struct paragpu_memory *memory, uint64_t guest_addr,
			       uint64_t wanted, uint64_t *available)
{
	size_t hint = SIZE_MAX;
	uint64_t length;
	uint8_t *pointer;

	if (!wanted)
		return NULL;
	pointer = pg_memory_lookup(memory, guest_addr, wanted, &length, &hint);
	if (pointer)
		*available = length;
	return pointer;
}

size_t paragpu_memory_region_count(const struct paragpu_memory *memory)
{
	return memory->count;
}

bool paragpu_memory_get_region(const struct paragpu_memory *memory, size_t index,
			       struct paragpu_memory_region *region)
{
	const struct span *span;

	if (index >= memory->count)
		return false;
	span = &memory->spans[index];
	*region = (struct paragpu_memory_region){
		.guest_addr = span->guest_addr,
		.size = span->size,
		.pointer = span->mapping->pointer,
		.fd = span->mapping->fd,
		.fd_offset = span->mapping->fd_offset,
	};
	return true;
}
