/* SPDX-License-Identifier: MIT */
/*
 * Contexts and what is submitted to them. A venus context is a process of its
 * own that a guest can bring down with one bad command; the library says so
 * only when the next call fails, and meanwhile a thread of it spins. So the
 * connection to that process is watched here, and a dead context is destroyed
 * in the library at once.
 */
#include "renderer/virgl/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "memory/iov.h"
#include "protocol/virtio_gpu.h"

/* Not a guest's: the device keeps ids for itself from here on. */
#define TRIAL_CONTEXT 0xfffffff0u
#define TRIAL_WAIT_MS 5000

#define MAX_SUBMIT (64u << 20)
/* To a process, a submit is one message: it must fit into the socket's buffer with its frame. */
#define REMOTE_SUBMIT_DEFAULT (128u << 10)
#define REMOTE_SUBMIT_SPARE 8192

/* --- finding the connection to a context's process --- */

#define MAX_SCAN 4096

struct sockets {
	size_t count;
	ino_t inodes[MAX_SCAN]; /* by descriptor; 0: not a socket */
};

static ino_t socket_inode(int fd)
{
	struct stat status;

	return !fstat(fd, &status) && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

static struct sockets *list_sockets(void)
{
	struct rlimit limit = {.rlim_cur = MAX_SCAN};
	struct sockets *sockets = calloc(1, sizeof(*sockets));

	if (!sockets)
		return NULL;
	getrlimit(RLIMIT_NOFILE, &limit);
	sockets->count = limit.rlim_cur < MAX_SCAN ? (size_t)limit.rlim_cur : MAX_SCAN;
	for (size_t i = 0; i < sockets->count; i++)
		sockets->inodes[i] = socket_inode((int)i);
	return sockets;
}

/*
 * The library does not tell its connection, but it is the one socket that was
 * not there before. Should another thread have opened one meanwhile, then that
 * is watched in vain: a hang-up only leads to asking the library.
 */
static void watch_new_socket(struct pg_virgl *virgl, struct pg_virgl_context *context,
			     const struct sockets *before)
{
	struct epoll_event event = {.events = 0, .data.u64 = context->id};
	socklen_t length = sizeof(int);
	int room = 0;

	for (size_t i = 0; before && i < before->count; i++) {
		ino_t inode = socket_inode((int)i);

		if (!inode || inode == before->inodes[i])
			continue;
		context->socket = (int)i;
		/* the library closes it, which also ends the watch; hang-ups need no asking for */
		epoll_ctl(virgl->epoll, EPOLL_CTL_ADD, (int)i, &event);
		if (!getsockopt((int)i, SOL_SOCKET, SO_SNDBUF, &room, &length) &&
		    room > 2 * REMOTE_SUBMIT_SPARE)
			context->max_submit = (size_t)room - REMOTE_SUBMIT_SPARE;
	}
}

/* --- making and ending --- */

static bool capset_is_remote(uint32_t capset_id)
{
	return capset_id == VIRTIO_GPU_CAPSET_VENUS;
}

static int create_in_library(struct pg_virgl *virgl, struct pg_virgl_context *context,
			     const char *name)
{
	struct sockets *before = context->remote ? list_sockets() : NULL;
	int result = virgl->lib.context_create_with_flags(context->id, context->capset,
							  (uint32_t)strlen(name), name);

	if (!result && before)
		watch_new_socket(virgl, context, before);
	free(before);
	/* else the next stream of the context that was current runs in this one */
	virgl->lib.force_ctx_0();
	return pg_virgl_error(result);
}

static int context_add(struct pg_virgl *virgl, uint32_t ctx_id, uint32_t capset_id,
		       const char *name, struct pg_virgl_context **out)
{
	struct pg_virgl_context *context = calloc(1, sizeof(*context));
	int error;

	if (!context)
		return -ENOMEM;
	context->id = ctx_id;
	context->capset = capset_id;
	context->remote = capset_is_remote(capset_id);
	context->socket = -1;
	context->max_submit = context->remote ? REMOTE_SUBMIT_DEFAULT : MAX_SUBMIT;
	pg_list_init(&context->fences);
	pthread_mutex_lock(&virgl->lock);
	error = pg_idmap_add(&virgl->contexts, ctx_id, context);
	pthread_mutex_unlock(&virgl->lock);
	if (error) {
		free(context);
		return error == -EEXIST ? -EINVAL : error;
	}
	error = create_in_library(virgl, context, name);
	if (!error) {
		*out = context;
		return 0;
	}
	pthread_mutex_lock(&virgl->lock);
	pg_idmap_take(&virgl->contexts, ctx_id);
	pthread_mutex_unlock(&virgl->lock);
	free(context);
	return error;
}

void pg_virgl_context_create(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t capset_id,
			     const char *name, struct paragpu_operation *operation)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_context *context;
	bool offered = false;
	int error;

	for (size_t i = 0; i < virgl->capset_count; i++)
		offered = offered || virgl->capsets[i].id == capset_id;
	if (!offered) {
		paragpu_operation_done(operation, -EINVAL);
		return;
	}
	/* a render server that died comes back only with the whole library */
	if (capset_is_remote(capset_id) && virgl->server_gone && !virgl->contexts.count &&
	    !virgl->resources.count) {
		virgl->used = true;
		virgl->base.ops->reset(renderer);
	}
	virgl->used = true;
	error = context_add(virgl, ctx_id, capset_id, name ? name : "", &context);
	if (error)
		pg_log(virgl->log, PG_LOG_WARN, PG_VIRGL_MODULE, "cannot create a context: %s%s",
		       strerror(-error),
		       virgl->server_gone ? "; the render server died, and starts again when "
					    "all other contexts are gone"
					  : "");
	paragpu_operation_done(operation, error);
}

void pg_virgl_context_drop(struct pg_virgl *virgl, struct pg_virgl_context *context)
{
	pthread_mutex_lock(&virgl->lock);
	pg_idmap_take(&virgl->contexts, context->id);
	pthread_mutex_unlock(&virgl->lock);
	/* not under the lock: it waits for a thread that may want it */
	virgl->lib.context_destroy(context->id);
	virgl->lib.force_ctx_0();
	pg_virgl_fence_drop(virgl, context);
	free(context);
}

void pg_virgl_context_destroy(struct paragpu_renderer *renderer, uint32_t ctx_id)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_context *context = pg_idmap_get(&virgl->contexts, ctx_id);

	if (context)
		pg_virgl_context_drop(virgl, context);
}

/* --- death --- */

void pg_virgl_context_suspect(struct pg_virgl *virgl, struct pg_virgl_context *context)
{
	context->suspect = true;
	virgl->suspects = true;
	pg_virgl_wake(virgl);
}

/* A fence is the cheapest question; nobody waits for it. */
static bool is_dead(struct pg_virgl *virgl, struct pg_virgl_context *context)
{
	context->suspect = false;
	return virgl->lib.context_create_fence(context->id, 0, 0, ++virgl->next_fence) == -1;
}

static struct pg_virgl_context *next_suspect(struct pg_virgl *virgl)
{
	struct pg_virgl_context *context;
	size_t cursor = 0;

	while ((context = pg_idmap_next(&virgl->contexts, &cursor))) {
		if (context->suspect)
			return context;
	}
	return NULL;
}

void pg_virgl_context_check_suspects(struct pg_virgl *virgl)
{
	struct pg_virgl_context *context;

	if (!virgl->suspects)
		return;
	virgl->suspects = false;
	while ((context = next_suspect(virgl))) {
		uint32_t ctx_id = context->id;

		if (!is_dead(virgl, context))
			continue;
		pg_virgl_context_drop(virgl, context);
		paragpu_renderer_context_lost(&virgl->base, ctx_id,
					      "its process in the render server ended");
	}
}

/* --- what contexts do --- */

void pg_virgl_context_attach(struct paragpu_renderer *renderer, uint32_t ctx_id,
			     uint32_t resource_id)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);

	if (pg_idmap_get(&virgl->contexts, ctx_id) && pg_idmap_get(&virgl->resources, resource_id))
		virgl->lib.ctx_attach_resource((int)ctx_id, (int)resource_id);
}

void pg_virgl_context_detach(struct paragpu_renderer *renderer, uint32_t ctx_id,
			     uint32_t resource_id)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);

	if (pg_idmap_get(&virgl->contexts, ctx_id) && pg_idmap_get(&virgl->resources, resource_id))
		virgl->lib.ctx_detach_resource((int)ctx_id, (int)resource_id);
}

static int submit(struct pg_virgl *virgl, struct pg_virgl_context *context,
		  const struct iovec *pieces, size_t count, size_t size)
{
	void *stream;
	int result;

	if (size % 4)
		return -EINVAL;
	/* a longer one would be sent in part, and the context be out of step for ever */
	if (size > context->max_submit)
		return -E2BIG;
	if (!size)
		return 0;
	/* the library must not see it change, and wants it aligned */
	stream = malloc(size);
	if (!stream)
		return -ENOMEM;
	if (pg_iov_read(pieces, count, 0, stream, size) != size) {
		free(stream);
		return -EINVAL;
	}
	result = virgl->lib.submit_cmd(stream, (int)context->id, (int)(size / 4));
	free(stream);
	if (result == -1 && context->remote)
		pg_virgl_context_suspect(virgl, context);
	return pg_virgl_error(result);
}

void pg_virgl_submit(struct paragpu_renderer *renderer, uint32_t ctx_id, const struct iovec *pieces,
		     size_t count, size_t size, struct paragpu_operation *operation)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_context *context = pg_idmap_get(&virgl->contexts, ctx_id);

	paragpu_operation_done(operation,
			       context ? submit(virgl, context, pieces, count, size) : -ESRCH);
}

/* --- trial --- */

static int wait_for_ring(struct pg_virgl *virgl, struct pg_virgl_context *context)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t id = ++virgl->next_fence;

	if (virgl->lib.context_create_fence(context->id, 0, 0, id))
		return -EIO;
	for (int i = 0; i < TRIAL_WAIT_MS; i++) {
		if (atomic_load(&context->done[0]) >= id)
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

int pg_virgl_context_try(struct pg_virgl *virgl, uint32_t capset_id)
{
	struct pg_virgl_context *context;
	int error = context_add(virgl, TRIAL_CONTEXT, capset_id, "trial", &context);

	if (error)
		return error;
	if (context->remote)
		error = wait_for_ring(virgl, context);
	pg_virgl_context_drop(virgl, context);
	return error;
}
