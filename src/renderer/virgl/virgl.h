/* SPDX-License-Identifier: MIT */
/*
 * The renderer over virglrenderer: virgl and virgl2 (OpenGL), venus (Vulkan),
 * and DRM native contexts where the library and the host have them.
 *
 * The library is loaded when the renderer is created. It has one state per
 * process and runs OpenGL on the calling thread: create one renderer in a
 * process, and use it from the thread that created it. A guest that crashes
 * the library or the driver crashes the process, which is why paragpud runs
 * this in a worker; an embedder that runs it in its own process trusts both.
 */
#ifndef PG_RENDERER_VIRGL_VIRGL_H
#define PG_RENDERER_VIRGL_VIRGL_H

#include <stdbool.h>

#include <paragpu/renderer.h>

#include "base/log.h"

struct pg_virgl_options {
	const struct pg_logger *log; /* NULL: silent. Called from the library's threads too. */
	const char *library;         /* NULL: libvirglrenderer.so.1 */
	const char *render_server;   /* NULL: where distributions put it */
	const char *render_node;     /* /dev/dri/renderD*; NULL: surfaceless EGL */
	bool no_virgl;               /* don't offer virgl, virgl2 */
	bool no_venus;
	bool no_drm;
	bool gles; /* OpenGL ES below instead of desktop OpenGL */
};

/*
 * Loads the library and tries what works on this host; what does not is logged
 * with the reason and not offered. The strings of `options` are used during the
 * call only, except that `log` must outlive the renderer; NULL: all defaults.
 *
 * Returns 0; -ENOENT without the library; -ENOTSUP if nothing can be offered;
 * -EBUSY if this process has one already; or another errno.
 */
int pg_virgl_create(const struct pg_virgl_options *options, struct paragpu_renderer **out);

/* Whether `library` (NULL: the default) can be loaded: 0 or -ENOENT, and the log says why. */
int pg_virgl_probe(const char *library, const struct pg_logger *log);

/* Ends everything. Open operations are not answered. Accepts NULL. */
void pg_virgl_destroy(struct paragpu_renderer *renderer);

#endif
