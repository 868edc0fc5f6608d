/* SPDX-License-Identifier: MIT */
/* Memory objects; see object.h. */
#include "device/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"

/* An image of at least this size may reach a screen, where a file to hand on is worth having. */
#define FILE_MIN_BYTES (UINT64_C(1) << 20)

static struct pg_object *object_create(struct pg_quota *quota, enum pg_object_kind kind)
{
	struct pg_object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->refs = 1;
	object->kind = kind;
	object->quota = quota;
	object->fd = -1;
	pg_scatter_init(&object->scatter);
	return object;
}

/* Memory in a file of its own. It is sealed, so that nobody who gets the file can cut it short. */
static bool allocate_file(struct pg_object *object, size_t size)
{
	void *bytes;
	int fd;

	if (!pg_quota_take_image_file(object->quota))
		return false;
	fd = memfd_create("paragpu-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		goto give_back;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto close;
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (bytes == MAP_FAILED)
		goto close;
	object->bytes = bytes;
	object->fd = fd;
	return true;
close:
	pg_close(&fd);
give_back:
	pg_quota_give_image_file(object->quota);
	return false;
}

int pg_object_create_host(struct pg_quota *quota, uint64_t size, struct pg_object **out)
{
	struct pg_object *object;

	if (size > PTRDIFF_MAX || !pg_quota_take_host_bytes(quota, size))
		return -ENOMEM;
	object = object_create(quota, PG_OBJECT_HOST);
	if (!object) {
		pg_quota_give_host_bytes(quota, size);
		return -ENOMEM;
	}
	object->size = size;
	if (size < FILE_MIN_BYTES || !allocate_file(object, (size_t)size))
		object->bytes = calloc(1, (size_t)size);
	if (!object->bytes) {
		pg_object_unref(&object);
		return -ENOMEM;
	}
	*out = object;
	return 0;
}

int pg_object_create_guest(struct pg_quota *quota, struct pg_scatter *scatter,
			   struct paragpu_memory *const *memory, struct pg_object **out)
{
	struct pg_object *object = NULL;

	if (pg_quota_take_entries(quota, scatter->count)) {
		object = object_create(quota, PG_OBJECT_GUEST);
		if (!object)
			pg_quota_give_entries(quota, scatter->count);
	}
	if (!object) {
		pg_scatter_finish(scatter);
		return -ENOMEM;
	}
	object->scatter = *scatter;
	pg_scatter_init(scatter);
	object->memory = memory;
	object->size = pg_scatter_size(&object->scatter);
	*out = object;
	return 0;
}

int pg_object_make_file(struct pg_object *object, void **old)
{
	uint8_t *bytes = object->bytes;

	*old = NULL;
	if (object->fd >= 0)
		return 0;
	if (!allocate_file(object, (size_t)object->size))
		return -ENOMEM;
	memcpy(object->bytes, bytes, (size_t)object->size);
	*old = bytes;
	return 0;
}

bool pg_file_covers(int fd, uint64_t offset, uint64_t size, bool mappable)
{
	struct stat status;
	off_t end;

	if (fstat(fd, &status))
		return false;
	/* dma-bufs tell their size by their end only; other kinds of file have none to tell. */
	end = S_ISREG(status.st_mode) ? status.st_size : lseek(fd, 0, SEEK_END);
	if (end < 0)
		return !mappable;
	return pg_range_inside(offset, size, (uint64_t)end);
}

/* Only memfds have seals; dma-bufs never shrink. */
bool pg_file_keep_length(int fd)
{
	struct stat status;
	int seals;

	if (fstat(fd, &status))
		return false;
	if (!S_ISREG(status.st_mode))
		return true;
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
	seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

/* Maps the part for reading; not being able to is no error. */
static void map_file(struct pg_object *object)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t skip = object->fd_offset & (page - 1);
	uint8_t *start;

	if (!pg_file_keep_length(object->fd) ||
	    !pg_file_covers(object->fd, object->fd_offset, object->size, true))
		return;
	start = mmap(NULL, (size_t)(object->size + skip), PROT_READ, MAP_SHARED, object->fd,
		     (off_t)(object->fd_offset - skip));
	if (start != MAP_FAILED)
		object->bytes = start + skip;
}

static void unmap_file(const struct pg_object *object)
{
	uint64_t skip = object->fd_offset & ((uint64_t)sysconf(_SC_PAGESIZE) - 1);

	if (object->bytes)
		munmap(object->bytes - skip, (size_t)(object->size + skip));
}

int pg_object_create_file(struct pg_quota *quota, int *fd, uint64_t fd_offset, uint64_t size,
			  bool mappable, struct pg_object **out)
{
	struct pg_object *object = object_create(quota, PG_OBJECT_FILE);

	if (!object)
		return -ENOMEM;
	object->fd = pg_take_fd(fd);
	object->fd_offset = fd_offset;
	object->size = size;
	if (mappable)
		map_file(object);
	*out = object;
	return 0;
}

/* What can't be read is zero. */
static void read_file(const struct pg_object *object, uint64_t offset, uint8_t *destination,
		      size_t size)
{
	while (size) {
		ssize_t length =
			pread(object->fd, destination, size, (off_t)(object->fd_offset + offset));

		if (length <= 0)
			break;
		destination += length;
		offset += (uint64_t)length;
		size -= (size_t)length;
	}
	memset(destination, 0, size);
}

struct pg_object *pg_object_ref(struct pg_object *object)
{
	object->refs++;
	return object;
}

void pg_object_unref(struct pg_object **object)
{
	struct pg_object *going = *object;

	*object = NULL;
	if (!going || --going->refs)
		return;
	if (going->kind == PG_OBJECT_GUEST) {
		pg_quota_give_entries(going->quota, going->scatter.count);
		pg_scatter_finish(&going->scatter);
	} else if (going->kind == PG_OBJECT_FILE) {
		unmap_file(going);
		pg_close(&going->fd);
	} else {
		if (going->fd >= 0) {
			munmap(going->bytes, (size_t)going->size);
			pg_close(&going->fd);
			pg_quota_give_image_file(going->quota);
		} else {
			free(going->bytes);
		}
		pg_quota_give_host_bytes(going->quota, going->size);
	}
	free(going);
}

size_t pg_object_read(const struct pg_object *object, uint64_t offset, void *destination,
		      size_t size)
{
	struct pg_scatter_cursor cursor;

	if (object->kind != PG_OBJECT_GUEST) {
		if (offset >= object->size)
			return 0;
		if (size > object->size - offset)
			size = (size_t)(object->size - offset);
		if (object->bytes)
			memcpy(destination, object->bytes + offset, size);
		else
			read_file(object, offset, destination, size);
		return size;
	}
	pg_scatter_cursor_init(&cursor, &object->scatter, *object->memory, offset);
	return pg_scatter_read(&cursor, destination, size);
}

uint8_t *pg_object_flat(const struct pg_object *object, uint64_t offset, uint64_t length, int *fd,
			uint64_t *fd_offset)
{
	if (object->kind == PG_OBJECT_GUEST)
		return pg_scatter_flat(&object->scatter, *object->memory, offset, length, fd,
				       fd_offset);
	*fd = -1;
	if (!pg_range_inside(offset, length, object->size))
		return NULL;
	*fd = object->fd;
	*fd_offset = object->fd_offset + offset;
	return object->bytes ? object->bytes + offset : NULL;
}

size_t pg_object_pieces(const struct pg_object *object, uint64_t offset, uint64_t length,
			struct iovec *vector, size_t capacity)
{
	if (object->kind == PG_OBJECT_GUEST)
		return pg_scatter_pieces(&object->scatter, *object->memory, offset, length, vector,
					 capacity);
	if (!pg_range_inside(offset, length, object->size) || !length || !object->bytes)
		return 0;
	if (capacity)
		vector[0] = (struct iovec){object->bytes + offset, (size_t)length};
	return 1;
}
