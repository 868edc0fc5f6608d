/* SPDX-License-Identifier: MIT */
/*
 * Starting and ending virglrenderer, what it offers, and its events. Trying is
 * the only way to find out what works: the library fills capsets of halves that
 * cannot run, and fails as a whole for one flag that it was built without.
 */
#include "renderer/virgl/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "protocol/virtio_gpu.h"

/* Fences from the library's threads; memory that leaves the process by descriptor only. */
#define FLAGS_ALWAYS                                                  \
	(VIRGL_RENDERER_THREAD_SYNC | VIRGL_RENDERER_ASYNC_FENCE_CB | \
	 VIRGL_RENDERER_USE_EXTERNAL_BLOB)
#define FLAGS_VENUS (VIRGL_RENDERER_VENUS | VIRGL_RENDERER_RENDER_SERVER)

void pg_virgl_wake(struct pg_virgl *virgl)
{
	uint64_t one = 1;

	/* cannot fail but by overflow, and then it is readable already */
	if (write(virgl->wake, &one, sizeof(one)) < 0)
		return;
}

/* --- callbacks of the library --- */

static int get_server_fd(void *cookie, uint32_t version)
{
	int fd = version ? -1 : pg_virgl_server_start(cookie);

	return fd < 0 ? -1 : fd;
}

/* The library owns and closes what it gets: a fresh one each time. */
static int get_drm_fd(void *cookie)
{
	struct pg_virgl *virgl = cookie;

	return virgl->render_node ? open(virgl->render_node, O_RDWR | O_CLOEXEC) : -1;
}

static void log_line(enum virgl_log_level_flags level, const char *message, void *data)
{
	static const enum pg_log_level levels[] = {
		[VIRGL_LOG_LEVEL_DEBUG] = PG_LOG_TRACE,
		[VIRGL_LOG_LEVEL_INFO] = PG_LOG_DEBUG,
		/* guests cause these: they must not fill a disk */
		[VIRGL_LOG_LEVEL_WARNING] = PG_LOG_DEBUG,
		[VIRGL_LOG_LEVEL_ERROR] = PG_LOG_DEBUG,
	};
	size_t length = strcspn(message, "\n");

	if ((size_t)level < sizeof(levels) / sizeof(levels[0]))
		pg_log(data, levels[level], PG_VIRGL_MODULE, "%.*s", (int)length, message);
}

static void log_nothing(enum virgl_log_level_flags level, const char *message, void *data)
{
	(void)level;
	(void)message;
	(void)data;
}

/* --- start and end of the library --- */

static int library_init(struct pg_virgl *virgl, int flags)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = PG_VIRGL_EVENT_POLL};
	int result = virgl->lib.init(virgl, flags, &virgl->callbacks);

	if (result) {
		pg_virgl_server_stop(virgl);
		return result == -EBUSY ? -EBUSY : -ENOTSUP;
	}
	virgl->flags = flags;
	virgl->has_vrend = !(flags & VIRGL_RENDERER_NO_VIRGL);
	virgl->used = false;
	virgl->next_global = 0;
	atomic_store(&virgl->global_done, 0);
	virgl->vrend_poll = virgl->has_vrend ? virgl->lib.get_poll_fd() : -1;
	if (virgl->vrend_poll >= 0)
		epoll_ctl(virgl->epoll, EPOLL_CTL_ADD, virgl->vrend_poll, &event);
	return 0;
}

static void library_cleanup(struct pg_virgl *virgl)
{
	if (!virgl->flags)
		return;
	if (virgl->vrend_poll >= 0)
		epoll_ctl(virgl->epoll, EPOLL_CTL_DEL, virgl->vrend_poll, NULL);
	virgl->vrend_poll = -1;
	virgl->lib.cleanup(virgl);
	virgl->flags = 0;
	virgl->has_vrend = false;
	pg_virgl_server_stop(virgl);
}

/* The first of the ways to start, from the most to the least wanted, that works. */
static int start_library(struct pg_virgl *virgl, const struct pg_virgl_options *options)
{
	int venus = options->no_venus ? 0 : FLAGS_VENUS;
	int gles = options->gles ? VIRGL_RENDERER_USE_GLES : 0;
	int node = VIRGL_RENDERER_USE_EGL | gles;
	int surfaceless = node | VIRGL_RENDERER_USE_SURFACELESS;
	bool with_node = options->render_node && !options->no_virgl;
	bool with_drm = options->render_node && !options->no_drm;
	const struct {
		bool wanted;
		int flags;
		const char *name;
	} ways[] = {
		{with_node && with_drm, node | venus | VIRGL_RENDERER_DRM,
		 "OpenGL and native contexts on the render node"},
		{with_node, node | venus, "OpenGL on the render node"},
		{!options->no_virgl, surfaceless | venus, "OpenGL without a render node"},
		{with_drm, VIRGL_RENDERER_NO_VIRGL | venus | VIRGL_RENDERER_DRM,
		 "native contexts on the render node"},
		{venus != 0, VIRGL_RENDERER_NO_VIRGL | venus, "Vulkan alone"},
	};
	int error = -ENOTSUP;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!ways[i].wanted)
			continue;
		error = library_init(virgl, FLAGS_ALWAYS | ways[i].flags);
		if (!error || error == -EBUSY)
			return error;
		pg_log(virgl->log, PG_LOG_INFO, PG_VIRGL_MODULE, "%s does not work on this host",
		       ways[i].name);
	}
	return error;
}

/* --- what works --- */

static const char *capset_name(uint32_t id)
{
	switch (id) {
	case VIRTIO_GPU_CAPSET_VIRGL:
		return "virgl";
	case VIRTIO_GPU_CAPSET_VIRGL2:
		return "virgl2";
	case VIRTIO_GPU_CAPSET_VENUS:
		return "venus";
	default:
		return "drm";
	}
}

static void offer_if_it_works(struct pg_virgl *virgl, uint32_t id)
{
	uint32_t version = 0;
	uint32_t size = 0;
	int error;

	virgl->lib.get_cap_set(id, &version, &size);
	if (!size || size > PARAGPU_MAX_CAPSET_SIZE)
		return;
	virgl->capsets[virgl->capset_count++] =
		(struct paragpu_capset){.id = id, .max_version = version, .max_size = size};
	error = pg_virgl_context_try(virgl, id);
	if (!error) {
		pg_log(virgl->log, PG_LOG_INFO, PG_VIRGL_MODULE, "offers %s", capset_name(id));
		return;
	}
	virgl->capset_count--;
	pg_log(virgl->log, PG_LOG_WARN, PG_VIRGL_MODULE,
	       "%s is not offered: a trial context failed: %s", capset_name(id), strerror(-error));
}

/* Computes, on the side, how persistently mapped buffers are cached; without it they have no answer. */
static void prime_capsets(struct pg_virgl *virgl)
{
	uint32_t version;
	uint32_t size = 0;
	void *data;

	virgl->lib.get_cap_set(VIRTIO_GPU_CAPSET_VIRGL2, &version, &size);
	data = size ? calloc(1, size) : NULL;
	if (data)
		virgl->lib.fill_caps(VIRTIO_GPU_CAPSET_VIRGL2, version, data);
	free(data);
}

static int find_capsets(struct pg_virgl *virgl)
{
	if (virgl->has_vrend && virgl->vrend_poll < 0) {
		pg_log(virgl->log, PG_LOG_ERROR, PG_VIRGL_MODULE,
		       "the library runs without its fence thread: unset VIRGL_DISABLE_MT");
		return -ENOTSUP;
	}
	if (virgl->has_vrend) {
		prime_capsets(virgl);
		offer_if_it_works(virgl, VIRTIO_GPU_CAPSET_VIRGL);
		offer_if_it_works(virgl, VIRTIO_GPU_CAPSET_VIRGL2);
	}
	if (virgl->flags & VIRGL_RENDERER_VENUS)
		offer_if_it_works(virgl, VIRTIO_GPU_CAPSET_VENUS);
	if (virgl->flags & VIRGL_RENDERER_DRM)
		offer_if_it_works(virgl, VIRTIO_GPU_CAPSET_DRM);
	return virgl->capset_count ? 0 : -ENOTSUP;
}

static size_t get_capsets(struct paragpu_renderer *renderer,
			  struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS])
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);

	memcpy(capsets, virgl->capsets, virgl->capset_count * sizeof(*capsets));
	return virgl->capset_count;
}

static int fill_capset(struct paragpu_renderer *renderer, uint32_t id, uint32_t version, void *data,
		       size_t size)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);

	memset(data, 0, size);
	for (size_t i = 0; i < virgl->capset_count; i++) {
		if (virgl->capsets[i].id != id)
			continue;
		if (version > virgl->capsets[i].max_version || size < virgl->capsets[i].max_size)
			return -EINVAL;
		virgl->lib.fill_caps(id, version, data);
		return 0;
	}
	return -EINVAL;
}

/* --- events --- */

static int poll_fd(struct paragpu_renderer *renderer)
{
	return pg_virgl_from(renderer)->epoll;
}

static void handle_event(struct pg_virgl *virgl, uint64_t what)
{
	struct pg_virgl_context *context;
	uint64_t count;

	switch (what) {
	case PG_VIRGL_EVENT_WAKE:
		if (read(virgl->wake, &count, sizeof(count)) < 0)
			return;
		break;
	case PG_VIRGL_EVENT_POLL:
		/* not only for fences: queries of the guest are finished here */
		virgl->lib.poll();
		break;
	case PG_VIRGL_EVENT_SERVER:
		virgl->server_gone = true;
		pg_virgl_server_stop(virgl);
		pg_log(virgl->log, PG_LOG_WARN, PG_VIRGL_MODULE, "the render server ended");
		break;
	default:
		context = pg_idmap_get(&virgl->contexts, (uint32_t)what);
		if (context)
			pg_virgl_context_suspect(virgl, context);
		break;
	}
}

static void dispatch(struct paragpu_renderer *renderer)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct epoll_event events[16];
	int count = epoll_wait(virgl->epoll, events, 16, 0);

	for (int i = 0; i < count; i++)
		handle_event(virgl, events[i].data.u64);
	pg_virgl_fence_retire(virgl);
	pg_virgl_context_check_suspects(virgl);
}

static void set_memory(struct paragpu_renderer *renderer, struct paragpu_memory *memory)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);

	if (memory)
		paragpu_memory_ref(memory);
	paragpu_memory_unref(&virgl->memory);
	virgl->memory = memory;
}

static void drop_everything(struct pg_virgl *virgl)
{
	struct pg_virgl_context *context;
	struct pg_virgl_resource *resource;

	while ((context = pg_idmap_any(&virgl->contexts)))
		pg_virgl_context_drop(virgl, context);
	while ((resource = pg_idmap_any(&virgl->resources))) {
		pg_idmap_take(&virgl->resources, resource->id);
		pg_virgl_resource_drop(virgl, resource);
	}
	pg_virgl_fence_drop(virgl, NULL);
}

/* The library's own reset stops its fences for good (1.1); ending and starting it works everywhere. */
static void reset(struct paragpu_renderer *renderer)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	int flags = virgl->flags;

	drop_everything(virgl);
	if (!virgl->used || !flags)
		return;
	library_cleanup(virgl);
	if (library_init(virgl, flags)) {
		pg_log(virgl->log, PG_LOG_ERROR, PG_VIRGL_MODULE,
		       "the library does not start again; no contexts from now on");
		virgl->capset_count = 0;
		return;
	}
	if (virgl->has_vrend)
		prime_capsets(virgl);
}

static const struct paragpu_renderer_ops operations = {
	.name = "virgl",
	.get_capsets = get_capsets,
	.fill_capset = fill_capset,
	.poll_fd = poll_fd,
	.dispatch = dispatch,
	.set_memory = set_memory,
	.reset = reset,
	.context_create = pg_virgl_context_create,
	.context_destroy = pg_virgl_context_destroy,
	.context_attach = pg_virgl_context_attach,
	.context_detach = pg_virgl_context_detach,
	.submit = pg_virgl_submit,
	.fence = pg_virgl_fence,
	.resource_create_3d = pg_virgl_resource_create_3d,
	.resource_create_blob = pg_virgl_resource_create_blob,
	.resource_import = pg_virgl_resource_import,
	.resource_attach_backing = pg_virgl_resource_attach_backing,
	.resource_detach_backing = pg_virgl_resource_detach_backing,
	.resource_unref = pg_virgl_resource_unref,
	.transfer = pg_virgl_transfer,
	.present = pg_virgl_present,
};

/* --- create, destroy --- */

static int set_up_events(struct pg_virgl *virgl)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = PG_VIRGL_EVENT_WAKE};

	virgl->epoll = epoll_create1(EPOLL_CLOEXEC);
	virgl->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (virgl->epoll < 0 || virgl->wake < 0 ||
	    epoll_ctl(virgl->epoll, EPOLL_CTL_ADD, virgl->wake, &event))
		return -errno;
	return 0;
}

static int copy_options(struct pg_virgl *virgl, const struct pg_virgl_options *options)
{
	virgl->log = options->log;
	if (options->render_server) {
		virgl->server_path = strdup(options->render_server);
		if (!virgl->server_path)
			return -ENOMEM;
	}
	if (options->render_node) {
		virgl->render_node = strdup(options->render_node);
		if (!virgl->render_node)
			return -ENOMEM;
	}
	return 0;
}

static int set_up(struct pg_virgl *virgl, const struct pg_virgl_options *options)
{
	int error = copy_options(virgl, options);

	if (!error)
		error = set_up_events(virgl);
	if (!error)
		error = pg_virgl_library_load(&virgl->lib, options->library, virgl->log);
	if (error)
		return error;
	/* version 3: no windowing system of ours */
	virgl->callbacks.version = 3;
	virgl->callbacks.get_server_fd = get_server_fd;
	virgl->callbacks.get_drm_fd = get_drm_fd;
	pg_virgl_fence_callbacks(virgl);
	if (virgl->log && virgl->lib.set_log_callback)
		virgl->lib.set_log_callback(log_line, (void *)(uintptr_t)virgl->log, NULL);
	error = start_library(virgl, options);
	return error ? error : find_capsets(virgl);
}

int pg_virgl_create(const struct pg_virgl_options *options, struct paragpu_renderer **out)
{
	static const struct pg_virgl_options defaults;
	struct pg_virgl *virgl = calloc(1, sizeof(*virgl));
	int error;

	if (!virgl)
		return -ENOMEM;
	virgl->base.ops = &operations;
	virgl->epoll = virgl->wake = virgl->vrend_poll = virgl->server_pidfd = -1;
	pg_list_init(&virgl->global);
	pg_list_init(&virgl->ready);
	pthread_mutex_init(&virgl->lock, NULL);
	error = set_up(virgl, options ? options : &defaults);
	if (error) {
		pg_virgl_destroy(&virgl->base);
		return error;
	}
	*out = &virgl->base;
	return 0;
}

void pg_virgl_destroy(struct paragpu_renderer *renderer)
{
	struct pg_virgl *virgl;

	if (!renderer)
		return;
	virgl = pg_virgl_from(renderer);
	drop_everything(virgl);
	library_cleanup(virgl);
	if (virgl->log && virgl->lib.set_log_callback)
		virgl->lib.set_log_callback(log_nothing, NULL, NULL);
	pg_virgl_server_stop(virgl);
	pg_idmap_finish(&virgl->contexts);
	pg_idmap_finish(&virgl->resources);
	paragpu_memory_unref(&virgl->memory);
	pg_close(&virgl->wake);
	pg_close(&virgl->epoll);
	pthread_mutex_destroy(&virgl->lock);
	free(virgl->server_path);
	free(virgl->render_node);
	free(virgl);
}
