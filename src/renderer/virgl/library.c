/* SPDX-License-Identifier: MIT */
/*
 * Finds virglrenderer at run time; see library.h. Never unloads it: the GL and
 * Vulkan drivers below it leave threads and exit handlers behind.
 */
#include "renderer/virgl/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "renderer/virgl/virgl.h"

#define MODULE "virgl"

/* POSIX gives dlsym() a data pointer for functions too; the copy avoids the cast ISO C lacks. */
static bool resolve(void *handle, const char *name, void *function, size_t size)
{
	void *symbol = dlsym(handle, name);

	memcpy(function, &symbol, size);
	return symbol != NULL;
}

#define RESOLVE(name)                                                          \
	if (!resolve(library->handle, "virgl_renderer_" #name, &library->name, \
		     sizeof(library->name)))                                   \
		missing = "virgl_renderer_" #name;

int pg_virgl_library_load(struct pg_virgl_library *library, const char *name,
			  const struct pg_logger *log)
{
	const char *missing = NULL;

	if (!name)
		name = "libvirglrenderer.so.1";
	library->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library->handle) {
		pg_log(log, PG_LOG_ERROR, MODULE,
		       "no OpenGL or Vulkan for guests: cannot load %s (%s); install "
		       "libvirglrenderer1",
		       name, dlerror());
		return -ENOENT;
	}
	PG_VIRGL_FUNCTIONS(RESOLVE)
	if (missing) {
		pg_log(log, PG_LOG_ERROR, MODULE,
		       "no OpenGL or Vulkan for guests: %s has no %s; version 1.1 or later is "
		       "needed",
		       name, missing);
		return -ENOENT;
	}
	resolve(library->handle, "virgl_set_log_callback", &library->set_log_callback,
		sizeof(library->set_log_callback));
	return 0;
}

int pg_virgl_probe(const char *library, const struct pg_logger *log)
{
	struct pg_virgl_library functions = {0};

	return pg_virgl_library_load(&functions, library, log);
}

int pg_virgl_error(int result)
{
	if (!result)
		return 0;
	if (result == -1)
		return -EIO;
	return result > 0 ? -result : result;
}
