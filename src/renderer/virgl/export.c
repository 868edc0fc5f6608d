/* SPDX-License-Identifier: MIT */
/*
 * What file the memory of a blob is, how large it really is, and where in the
 * file it begins: the library says the first only, and a guest's word for the
 * second is worth nothing.
 */
#include "renderer/virgl/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "protocol/virtio_gpu.h"

int pg_virgl_find_offset(int fd, const void *pointer, uint64_t *offset)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t address = (uintptr_t)pointer;
	struct stat status;
	char *line = NULL;
	size_t room = 0;
	int error = -ENXIO;

	if (!maps || fstat(fd, &status)) {
		if (maps)
			fclose(maps);
		return -ENXIO;
	}
	while (getline(&line, &room, maps) > 0) {
		uint64_t start, end, file_offset, inode;
		unsigned int major, minor;

		/* NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion): the kernel wrote it */
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %" SCNu64, &start,
			   &end, &file_offset, &major, &minor, &inode) != 6)
			continue;
		if (address < start || address >= end)
			continue;
		if (inode == status.st_ino && makedev(major, minor) == status.st_dev) {
			*offset = file_offset + (address - start);
			error = 0;
		}
		break;
	}
	free(line);
	fclose(maps);
	return error;
}

/*
 * A descriptor that promises nothing but that the same driver understands it.
 * Software drivers' are plain files with the memory somewhere inside: let the
 * driver map it here and look where in the file that is.
 */
static void look_into_opaque(struct pg_virgl *virgl, uint32_t resource_id,
			     struct paragpu_export *memory)
{
	void *pointer = NULL;
	uint64_t size = 0;
	uint64_t offset;
	uint64_t end;
	struct stat status;

	if (virgl->lib.resource_map(resource_id, &pointer, &size))
		return;
	if (!pg_virgl_find_offset(memory->fd, pointer, &offset) && !fstat(memory->fd, &status) &&
	    pg_align_up_u64((uint64_t)status.st_size, (uint64_t)sysconf(_SC_PAGESIZE), &end) &&
	    /* the last page is there as a whole, and blobs of a guest's kernel are whole pages */
	    pg_range_inside(offset, size, end)) {
		memory->fd_offset = offset;
		memory->size = size;
		memory->mappable = true;
	}
	virgl->lib.resource_unmap(resource_id);
}

void pg_virgl_export(struct pg_virgl *virgl, uint32_t resource_id, const struct paragpu_blob *blob,
		     struct paragpu_export *memory)
{
	uint32_t type = 0;
	off_t end;

	/* what cannot leave has no size that matters to anyone else */
	*memory = (struct paragpu_export){
		.handle = PARAGPU_HANDLE_NONE, .fd = -1, .size = blob->size};
	if (virgl->lib.resource_get_map_info(resource_id, &memory->map_info))
		memory->map_info = VIRTIO_GPU_MAP_CACHE_NONE;
	memory->map_info &= VIRTIO_GPU_MAP_CACHE_MASK;
	if (virgl->lib.resource_export_blob(resource_id, &type, &memory->fd)) {
		memory->fd = -1;
		return;
	}
	fcntl(memory->fd, F_SETFD, FD_CLOEXEC);
	end = lseek(memory->fd, 0, SEEK_END);
	switch (type) {
	case VIRGL_RENDERER_BLOB_FD_TYPE_SHM:
	case VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF:
		memory->handle = type == VIRGL_RENDERER_BLOB_FD_TYPE_SHM ? PARAGPU_HANDLE_SHM
									 : PARAGPU_HANDLE_DMABUF;
		memory->mappable = end > 0;
		memory->size = end > 0 ? (uint64_t)end : blob->size;
		break;
	case VIRGL_RENDERER_BLOB_FD_TYPE_OPAQUE:
		memory->handle = PARAGPU_HANDLE_OPAQUE;
		memory->size = blob->size;
		if (blob->blob_flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE)
			look_into_opaque(virgl, resource_id, memory);
		break;
	default:
		pg_close(&memory->fd);
		break;
	}
}
