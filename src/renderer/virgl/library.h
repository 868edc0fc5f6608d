/* SPDX-License-Identifier: MIT */
/*
 * virglrenderer's functions, found at run time, so that a host without the
 * library still runs everything else. Their types come from the header that
 * we are compiled against; all versions share one SONAME though some structures
 * grew, so what the library writes into is padded here.
 */
#ifndef PG_RENDERER_VIRGL_LIBRARY_H
#define PG_RENDERER_VIRGL_LIBRARY_H

#include <stdint.h>
#include <virglrenderer.h>

#include "base/log.h"

/* The library's name for the box of a transfer, which its header does not define. */
struct virgl_box {
	uint32_t x, y, z, w, h, d;
};

#define PG_VIRGL_FUNCTIONS(F)        \
	F(init)                      \
	F(cleanup)                   \
	F(poll)                      \
	F(get_poll_fd)               \
	F(force_ctx_0)               \
	F(get_cap_set)               \
	F(fill_caps)                 \
	F(context_create_with_flags) \
	F(context_destroy)           \
	F(ctx_attach_resource)       \
	F(ctx_detach_resource)       \
	F(submit_cmd)                \
	F(create_fence)              \
	F(context_create_fence)      \
	F(resource_create)           \
	F(resource_create_blob)      \
	F(resource_import_blob)      \
	F(resource_export_blob)      \
	F(resource_attach_iov)       \
	F(resource_detach_iov)       \
	F(resource_unref)            \
	F(resource_map)              \
	F(resource_unmap)            \
	F(resource_get_map_info)     \
	F(resource_get_info_ext)     \
	F(get_fd_for_texture2)       \
	F(transfer_read_iov)         \
	F(transfer_write_iov)

/* NOLINTNEXTLINE(bugprone-macro-parentheses): declares a member of this name */
#define PG_VIRGL_MEMBER(name) __typeof__(virgl_renderer_##name) *name;

struct pg_virgl_library {
	void *handle;
	PG_VIRGL_FUNCTIONS(PG_VIRGL_MEMBER)
	/* since 1.1; may be NULL */
	__typeof__(virgl_set_log_callback) *set_log_callback;
};

/* Newer libraries write more than our header has: the room behind is theirs. */
union pg_virgl_info {
	struct virgl_renderer_resource_info_ext info;
	uint8_t room[512];
};

/* Returns 0, or -ENOENT and says in the log what is missing. Loaded once, it stays. */
int pg_virgl_library_load(struct pg_virgl_library *library, const char *name,
			  const struct pg_logger *log);

/*
 * The library mixes 0, positive errno, negative errno and -1 (which means that
 * a process of its own failed): brings all to 0 or a negative errno, -1 to -EIO.
 */
int pg_virgl_error(int result);

#endif
