/* SPDX-License-Identifier: MIT */
/* Memory objects; see object.h. */
#include "device/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

	if (object->kind == PG_OBJECT_HOST) {
		if (offset >= object->size)
			return 0;
		if (size > object->size - offset)
			size = (size_t)(object->size - offset);
		memcpy(destination, object->bytes + offset, size);
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
	*fd_offset = offset;
	return object->bytes + offset;
}

size_t pg_object_pieces(const struct pg_object *object, uint64_t offset, uint64_t length,
			struct iovec *vector, size_t capacity)
{
	if (object->kind == PG_OBJECT_GUEST)
		return pg_scatter_pieces(&object->scatter, *object->memory, offset, length, vector,
					 capacity);
	if (!pg_range_inside(offset, length, object->size) || !length)
		return 0;
	if (capacity)
		vector[0] = (struct iovec){object->bytes + offset, (size_t)length};
	return 1;
}
