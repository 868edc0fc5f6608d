/* SPDX-License-Identifier: MIT */
/* Memory of the context type `memory`: files of the host, and resources as rows of bytes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "renderer/memory/internal.h"

#define HOLE 4096

int pg_store_create(struct pg_memory_renderer *renderer, uint64_t size, struct pg_store *store)
{
	uint64_t sum;
	void *bytes;
	int fd;

	if (!size || size > PTRDIFF_MAX || !pg_add_u64(renderer->host_bytes, size, &sum) ||
	    sum > renderer->settings.host_bytes)
		return -ENOMEM;
	fd = memfd_create("paragpu-context", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -ENOMEM;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto close;
	bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (bytes == MAP_FAILED)
		goto close;
	*store = (struct pg_store){.bytes = bytes, .fd = fd, .size = size, .charged = size};
	renderer->host_bytes = sum;
	return 0;
close:
	pg_close(&fd);
	return -ENOMEM;
}

int pg_store_import(const struct paragpu_export *memory, struct pg_store *store)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct stat status;
	void *bytes;
	int fd;

	/* Only files that are known to be as long as is said, and at offsets that can be mapped. */
	if (!memory->mappable || memory->fd_offset & (page - 1) || !memory->size ||
	    fstat(memory->fd, &status) || !S_ISREG(status.st_mode) ||
	    !pg_range_inside(memory->fd_offset, memory->size, (uint64_t)status.st_size))
		return -EINVAL;
	fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	bytes = mmap(NULL, (size_t)memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     (off_t)memory->fd_offset);
	if (bytes == MAP_FAILED) {
		pg_close(&fd);
		return -ENOMEM;
	}
	*store = (struct pg_store){.bytes = bytes, .fd = fd, .size = memory->size};
	return 0;
}

void pg_store_finish(struct pg_memory_renderer *renderer, struct pg_store *store)
{
	if (store->fd < 0)
		return;
	munmap(store->bytes, (size_t)store->size);
	pg_close(&store->fd);
	renderer->host_bytes -= store->charged;
	store->charged = 0;
}

/* Where `offset` lies in the guest's pages. Returns how many bytes follow there, 0 behind them. */
static uint64_t find_span(const struct pg_memory_resource *resource, uint64_t offset,
			  uint64_t *guest_addr)
{
	for (size_t i = 0; i < resource->span_count; i++) {
		const struct paragpu_span *span = &resource->spans[i];

		if (offset < span->length) {
			*guest_addr = span->guest_addr + offset;
			return span->length - offset;
		}
		offset -= span->length;
	}
	return 0;
}

uint64_t pg_cursor_next(struct pg_cursor *cursor, uint64_t wanted, uint8_t **bytes)
{
	const struct pg_memory_resource *resource = cursor->resource;
	uint64_t guest_addr, length;

	if (resource->store.fd >= 0 && !cursor->guest) {
		length = resource->store.size - cursor->offset;
		*bytes = resource->store.bytes + cursor->offset;
	} else {
		length = find_span(resource, cursor->offset, &guest_addr);
		if (length > wanted)
			length = wanted;
		*bytes = NULL;
		if (length && cursor->renderer->memory) {
			uint64_t available;

			*bytes = paragpu_memory_translate(cursor->renderer->memory, guest_addr,
							  length, &available);
			/* Regions come and go in pages: a hole lasts to the end of this one. */
			length = *bytes ? available : HOLE - guest_addr % HOLE;
		}
	}
	if (length > wanted)
		length = wanted;
	cursor->offset += length;
	return length;
}

void pg_cursor_read(struct pg_cursor *cursor, void *destination, size_t length)
{
	uint8_t *to = destination, *bytes;
	uint64_t piece;

	while (length && (piece = pg_cursor_next(cursor, length, &bytes))) {
		if (bytes)
			memcpy(to, bytes, (size_t)piece);
		else
			memset(to, 0, (size_t)piece);
		to += piece;
		length -= (size_t)piece;
	}
	memset(to, 0, length);
}

void pg_cursor_write(struct pg_cursor *cursor, const void *source, size_t length)
{
	const uint8_t *from = source;
	uint64_t piece;
	uint8_t *bytes;

	while (length && (piece = pg_cursor_next(cursor, length, &bytes))) {
		if (bytes)
			memcpy(bytes, from, (size_t)piece);
		from += piece;
		length -= (size_t)piece;
	}
}
