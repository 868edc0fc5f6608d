/* SPDX-License-Identifier: MIT */
/*
 * The back-end channel as QEMU 11.1.3 serves it: config changes, the
 * host-visible window, shared objects. The window is an address range of our
 * own in which mappings appear and disappear; requests are checked as QEMU
 * checks them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "frontend/internal.h"

#define MAX_PAYLOAD 256

int pg_fe_backend_open_window(struct pg_fe *fe, uint64_t size)
{
	if (!size || fe->backend.window)
		return 0;
	if (!pg_is_power_of_two(size) || size % 4096)
		return pg_fe_die(fe, -EPROTO,
				 "a window of 0x%llx bytes: QEMU needs a power of two of pages",
				 (unsigned long long)size);
	fe->backend.window =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (fe->backend.window == MAP_FAILED) {
		fe->backend.window = NULL;
		return pg_fe_fail(fe, -errno, "cannot reserve a window of 0x%llx bytes",
				  (unsigned long long)size);
	}
	fe->backend.window_size = size;
	return 0;
}

static void make_hole(struct pg_fe *fe, uint64_t offset, uint64_t length)
{
	void *hole = (uint8_t *)fe->backend.window + offset;

	if (mmap(hole, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		 -1, 0) == MAP_FAILED)
		pg_fe_die(fe, -errno, "cannot unmap a part of the window");
}

void pg_fe_backend_reset(struct pg_fe *fe)
{
	if (fe->backend.mapping_count)
		make_hole(fe, 0, fe->backend.window_size);
	fe->backend.mapping_count = 0;
}

void pg_fe_backend_close(struct pg_fe *fe)
{
	pg_close(&fe->backend.fd);
	if (fe->backend.window)
		munmap(fe->backend.window, fe->backend.window_size);
	fe->backend.window = NULL;
}

static bool map_is_valid(const struct pg_fe_backend *backend,
			 const struct vhost_user_shmem_map *request, int fd)
{
	struct stat status;

	if (request->shmid != VIRTIO_GPU_SHM_ID_HOST_VISIBLE || !backend->window || fd < 0)
		return false;
	if (!request->len || request->fd_offset % 4096 || fstat(fd, &status))
		return false;
	if (!pg_range_inside(request->shm_offset, request->len, backend->window_size))
		return false;
	if (!pg_range_inside(request->fd_offset, request->len, (uint64_t)status.st_size))
		return false;
	for (uint32_t i = 0; i < backend->mapping_count; i++) {
		if (pg_ranges_overlap(request->shm_offset, request->len,
				      backend->mappings[i].offset, backend->mappings[i].length))
			return false;
	}
	return backend->mapping_count < PG_FE_MAX_MAPPINGS;
}

static uint64_t map(struct pg_fe *fe, const struct vhost_user_shmem_map *request, int fd)
{
	struct pg_fe_backend *backend = &fe->backend;
	void *place;

	if (!map_is_valid(backend, request, fd))
		return 1;
	place = (uint8_t *)backend->window + request->shm_offset;
	if (mmap(place, request->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 (off_t)request->fd_offset) == MAP_FAILED)
		return 1;
	backend->mappings[backend->mapping_count].offset = request->shm_offset;
	backend->mappings[backend->mapping_count].length = request->len;
	backend->mapping_count++;
	return 0;
}

static uint64_t unmap(struct pg_fe *fe, const struct vhost_user_shmem_map *request)
{
	struct pg_fe_backend *backend = &fe->backend;

	for (uint32_t i = 0; i < backend->mapping_count; i++) {
		if (backend->mappings[i].offset != request->shm_offset ||
		    backend->mappings[i].length != request->len)
			continue;
		backend->mappings[i] = backend->mappings[--backend->mapping_count];
		make_hole(fe, request->shm_offset, request->len);
		return 0;
	}
	return 1;
}

static uint64_t shared_object(struct pg_fe_backend *backend, uint32_t request, const uint8_t *uuid)
{
	uint32_t i = 0;

	while (i < backend->object_count && memcmp(backend->objects[i], uuid, 16))
		i++;
	if (request == VHOST_USER_BACKEND_SHARED_OBJECT_ADD) {
		if (i < backend->object_count || i == 64)
			return 1;
		memcpy(backend->objects[backend->object_count++], uuid, 16);
		return 0;
	}
	if (i == backend->object_count)
		return 1;
	if (request == VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE)
		memcpy(backend->objects[i], backend->objects[--backend->object_count], 16);
	return 0;
}

static uint64_t handle(struct pg_fe *fe, const struct vhost_user_header *header,
		       const void *payload, int fd)
{
	struct vhost_user_shmem_map request;

	switch (header->request) {
	case VHOST_USER_BACKEND_CONFIG_CHANGE_MSG:
		fe->backend.config_changes++;
		/* QEMU's vhost-user-gpu owns the events and refuses. */
		return fe->settings.profile == PG_FE_PROFILE_GPU;
	case VHOST_USER_BACKEND_SHMEM_MAP:
	case VHOST_USER_BACKEND_SHMEM_UNMAP:
		if (header->size != sizeof(request))
			return 1;
		memcpy(&request, payload, sizeof(request));
		return header->request == VHOST_USER_BACKEND_SHMEM_MAP ? map(fe, &request, fd)
								       : unmap(fe, &request);
	case VHOST_USER_BACKEND_SHARED_OBJECT_ADD:
	case VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE:
	case VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP:
		return header->size == 16 ? shared_object(&fe->backend, header->request, payload)
					  : 1;
	default:
		return 1;
	}
}

int pg_fe_backend_serve(struct pg_fe *fe)
{
	uint64_t deadline = pg_fe_deadline(fe, PG_FE_WAIT_DEFAULT);
	struct {
		struct vhost_user_header header;
		uint64_t status;
	} __attribute__((packed)) reply;
	struct vhost_user_header header;
	uint8_t payload[MAX_PAYLOAD];
	uint32_t fd_count = 1;
	uint64_t status;
	int fd = -1;
	int error = pg_fe_socket_receive(fe->backend.fd, &header, sizeof(header), &fd, &fd_count,
					 deadline);

	if (error == -ECONNRESET) {
		pg_close(&fe->backend.fd);
		return 0;
	}
	if (!error && (header.size > sizeof(payload) ||
		       (header.flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION))
		error = -EPROTO;
	if (!error && header.size)
		error = pg_fe_socket_receive(fe->backend.fd, payload, header.size, NULL, NULL,
					     deadline);
	if (error) {
		pg_close(&fd);
		return pg_fe_die(fe, error, "the back end sent a broken message on its channel");
	}
	status = handle(fe, &header, payload, fd);
	pg_close(&fd);
	if (!(header.flags & VHOST_USER_NEED_REPLY_MASK))
		return fe->dead;
	reply.header = (struct vhost_user_header){
		header.request, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK, sizeof(status)};
	reply.status = status;
	error = pg_fe_socket_send(fe->backend.fd, &reply, sizeof(reply), NULL, 0, deadline);
	if (error)
		return pg_fe_die(fe, error, "the back end does not read its channel");
	return fe->dead;
}

uint32_t pg_fe_config_changes(const struct pg_fe *fe)
{
	return fe->backend.config_changes;
}

uint64_t pg_fe_window_size(const struct pg_fe *fe)
{
	return fe->backend.window_size;
}

const void *pg_fe_window(const struct pg_fe *fe)
{
	return fe->backend.window;
}

uint32_t pg_fe_window_mappings(const struct pg_fe *fe)
{
	return fe->backend.mapping_count;
}

uint32_t pg_fe_shared_objects(const struct pg_fe *fe)
{
	return fe->backend.object_count;
}
