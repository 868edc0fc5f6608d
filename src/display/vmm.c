/* SPDX-License-Identifier: MIT */
/*
 * The VMM's own windows, through the vhost-user-gpu display socket: what the
 * device tells us and what of it the front end has not seen yet.
 *
 * The front end is trusted with the pictures, not with our memory or our time:
 * its answers are checked, and nothing here ever waits for it. It may close
 * the socket at any moment (QEMU does so on every pause); that is the end of
 * the display until it brings another socket, never an error.
 */
#include "display/vmm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"

/* More rectangles than this cost more than they spare. */
#define MAX_DAMAGE_RECTS 256

#define DEFAULT_HOLD_NS (100ull * 1000 * 1000)

/* --- holds --- */

static bool append_flush(struct paragpu_flush ***flushes, size_t *count, size_t *capacity,
			 struct paragpu_flush *flush)
{
	if (*count == *capacity) {
		size_t wanted = *capacity ? *capacity * 2 : 8;
		struct paragpu_flush **grown = reallocarray(*flushes, wanted, sizeof(**flushes));

		if (!grown)
			return false;
		*flushes = grown;
		*capacity = wanted;
	}
	(*flushes)[(*count)++] = flush;
	return true;
}

static void release_all(void *data)
{
	struct pg_vmm *vmm = data;

	/* A release may lead to the guest's next flush, and that one to the end of another hold. */
	while (vmm->released_count)
		paragpu_flush_release(vmm->released[--vmm->released_count]);
}

/* The holds of a pass go back at the end of this round of the loop, outside of the device. */
static void release_holds(struct pg_vmm *vmm, struct pg_vmm_pass *pass)
{
	for (size_t i = 0; i < pass->hold_count; i++)
		if (!append_flush(&vmm->released, &vmm->released_count, &vmm->released_capacity,
				  pass->holds[i]))
			paragpu_flush_release(pass->holds[i]);
	pass->hold_count = 0;
	if (vmm->released_count)
		pg_defer(vmm->loop, &vmm->release, release_all, vmm);
}

static void release_all_holds(void *data)
{
	struct pg_vmm *vmm = data;

	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		release_holds(vmm, &vmm->heads[i].now);
		release_holds(vmm, &vmm->heads[i].next);
	}
}

/*
 * The old picture is not read any more, whatever of it was not sent; unless the
 * front end itself is reading it.
 */
static void drop_holds(struct pg_vmm *vmm, struct pg_vmm_head *head)
{
	if (!head->dmabuf_waiting)
		release_holds(vmm, &head->now);
	release_holds(vmm, &head->next);
}

static bool pass_empty(struct pg_vmm_pass *pass)
{
	return !pixman_region32_not_empty(&pass->damage);
}

/* Whether something of the present pass is still to be sent or to be answered. */
static bool busy(const struct pg_vmm *vmm, struct pg_vmm_head *head)
{
	const struct pg_vmm_message *message = &vmm->message;

	return head->dmabuf_waiting || !pass_empty(&head->now) ||
	       (message->active && message->pixels_size && &vmm->heads[message->head] == head);
}

void pg_vmm_settle(struct pg_vmm *vmm, struct pg_vmm_head *head)
{
	struct pg_vmm_pass done;

	if (busy(vmm, head))
		return;
	release_holds(vmm, &head->now);
	done = head->now;
	head->now = head->next;
	head->next = done;
}

static void add_damage(struct pg_vmm_pass *pass, struct paragpu_rect rect)
{
	pixman_region32_t *damage = &pass->damage;

	/* No picture is wider or higher than 65535: it fits into an int many times. */
	pixman_region32_union_rect(damage, damage, (int)rect.x, (int)rect.y, rect.width,
				   rect.height);
	if (pixman_region32_n_rects(damage) > MAX_DAMAGE_RECTS) {
		pixman_box32_t all = *pixman_region32_extents(damage);

		pixman_region32_fini(damage);
		pixman_region32_init_with_extents(damage, &all);
	}
}

/* --- what the device tells --- */

static struct pg_vmm *vmm_of(struct paragpu_display *display)
{
	return pg_container_of(display, struct pg_vmm, display.base);
}

static void on_scanout(struct paragpu_display *display, uint32_t index,
		       const struct paragpu_picture *picture)
{
	struct pg_vmm *vmm = vmm_of(display);
	struct pg_vmm_head *head = &vmm->heads[index];

	head->picture_serial++;
	drop_holds(vmm, head);
	if (picture && head->shown && head->width == picture->width &&
	    head->height == picture->height)
		return; /* a page flip: the same surface at the front end goes on */
	head->serial++;
	head->announced = false;
	pixman_region32_clear(&head->now.damage);
	pixman_region32_clear(&head->next.damage);
	head->shown = picture != NULL;
	head->width = picture ? picture->width : 0;
	head->height = picture ? picture->height : 0;
	/*
	 * A new size is announced together with its first pixels (a front end
	 * makes a surface for every SCANOUT); the end of a picture at once.
	 */
	pg_vmm_pump(vmm);
}

static void hold(struct pg_vmm *vmm, struct pg_vmm_head *head, struct paragpu_flush *flush)
{
	struct pg_vmm_pass *pass = pass_empty(&head->next) ? &head->now : &head->next;

	if (!vmm->options.hold_ns ||
	    !append_flush(&pass->holds, &pass->hold_count, &pass->hold_capacity, flush))
		return;
	paragpu_flush_hold(flush);
	if (!vmm->hold_limit.loop)
		pg_timer_set(vmm->loop, &vmm->hold_limit, vmm->options.hold_ns, release_all_holds,
			     vmm);
}

static void on_flush(struct paragpu_display *display, uint32_t index,
		     const struct paragpu_picture *picture, struct paragpu_rect damage,
		     struct paragpu_flush *flush)
{
	struct pg_vmm *vmm = vmm_of(display);
	struct pg_vmm_head *head = &vmm->heads[index];

	(void)picture;
	if (vmm->fd < 0 || !head->shown)
		return;
	add_damage(busy(vmm, head) ? &head->next : &head->now, damage);
	pg_vmm_pump(vmm);
	if (vmm->fd >= 0 && (busy(vmm, head) || !pass_empty(&head->next)))
		hold(vmm, head, flush);
}

static void on_cursor(struct paragpu_display *display, uint32_t index,
		      const struct paragpu_cursor *cursor, bool image_changed)
{
	struct pg_vmm *vmm = vmm_of(display);
	struct pg_vmm_head *head = &vmm->heads[index];

	if (!head->cursor) {
		head->cursor = malloc(sizeof(*head->cursor));
		image_changed = true;
	}
	if (!head->cursor)
		return;
	if (image_changed) {
		*head->cursor = *cursor;
		head->cursor_image_due = true;
	} else {
		head->cursor->visible = cursor->visible;
		head->cursor->x = cursor->x;
		head->cursor->y = cursor->y;
	}
	head->cursor_due = true;
	pg_vmm_pump(vmm);
}

int pg_vmm_add_request(struct pg_vmm *vmm, uint32_t request, uint32_t head,
		       struct paragpu_query *query)
{
	struct pg_vmm_request *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->request = request;
	made->head = head;
	made->query = query;
	pg_list_append(&vmm->requests, &made->link);
	return 0;
}

static void ask(struct pg_vmm *vmm, uint32_t request, uint32_t head, struct paragpu_query *query)
{
	if (vmm->fd < 0 || pg_vmm_add_request(vmm, request, head, query) < 0)
		paragpu_query_decline(query);
	else
		pg_vmm_pump(vmm);
}

static void on_get_display_info(struct paragpu_display *display, struct paragpu_query *query)
{
	ask(vmm_of(display), VHOST_USER_GPU_GET_DISPLAY_INFO, 0, query);
}

static void on_get_edid(struct paragpu_display *display, uint32_t head, struct paragpu_query *query)
{
	struct pg_vmm *vmm = vmm_of(display);

	if (vmm->features_known && !(vmm->features >> VHOST_USER_GPU_PROTOCOL_F_EDID & 1))
		paragpu_query_decline(query);
	else
		ask(vmm, VHOST_USER_GPU_GET_EDID, head, query);
}

static const struct paragpu_display_ops vmm_ops = {
	.name = "vmm",
	.scanout = on_scanout,
	.flush = on_flush,
	.cursor = on_cursor,
	.get_display_info = on_get_display_info,
	.get_edid = on_get_edid,
};

/* A device asks the first display that has the functions: one that never answers has none. */
static const struct paragpu_display_ops viewer_ops = {
	.name = "viewer",
	.scanout = on_scanout,
	.flush = on_flush,
	.cursor = on_cursor,
};

/* --- the socket --- */

static void free_requests(struct pg_list *requests, bool decline)
{
	while (!pg_list_empty(requests)) {
		struct pg_vmm_request *request =
			pg_container_of(requests->next, struct pg_vmm_request, link);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the list */
		struct paragpu_query *query = request->query;

		pg_list_remove(&request->link);
		free(request);
		if (query && decline)
			paragpu_query_decline(query);
	}
}

/* Forgets all that belongs to one socket, without a word to the device. */
static void forget_socket(struct pg_vmm *vmm)
{
	pg_watch_remove(&vmm->watch);
	pg_close(&vmm->fd);
	pg_close(&vmm->message.fd);
	vmm->message = (struct pg_vmm_message){.fd = -1};
	vmm->full = false;
	vmm->features_known = false;
	vmm->features_due = false;
	vmm->features = 0;
	vmm->reply_size = 0;
	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		struct pg_vmm_head *head = &vmm->heads[i];

		pixman_region32_clear(&head->now.damage);
		pixman_region32_clear(&head->next.damage);
		head->announced = false;
		head->dmabuf = false;
		head->dmabuf_waiting = false;
	}
}

void pg_vmm_lose_socket(struct pg_vmm *vmm)
{
	forget_socket(vmm);
	release_all_holds(vmm);
	pg_timer_cancel(&vmm->hold_limit);
	free_requests(&vmm->waiting, true);
	free_requests(&vmm->requests, true);
	if (vmm->options.lost)
		vmm->options.lost(vmm->options.data);
}

static void on_socket(void *data, uint32_t events)
{
	struct pg_vmm *vmm = data;

	if (events & EPOLLOUT)
		vmm->full = false;
	pg_vmm_receive(vmm);
	pg_vmm_pump(vmm);
}

/* The new front end knows nothing: everything is due. */
static void show_again(struct pg_vmm *vmm)
{
	for (uint32_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		struct pg_vmm_head *head = &vmm->heads[i];

		if (head->shown)
			add_damage(&head->now,
				   (struct paragpu_rect){0, 0, head->width, head->height});
		if (head->cursor) {
			head->cursor_image_due = true;
			head->cursor_due = true;
		}
	}
}

int pg_vmm_set_socket(struct pg_display *display, int *fd)
{
	struct pg_vmm *vmm = pg_container_of(display, struct pg_vmm, display);
	int error;

	if (vmm->fd >= 0)
		pg_vmm_lose_socket(vmm);
	if (*fd < 0)
		return 0;
	error = pg_set_nonblocking(*fd);
	if (!error)
		error = pg_watch_add(vmm->loop, &vmm->watch, *fd, EPOLLIN, on_socket, vmm);
	if (!error)
		error = pg_vmm_add_request(vmm, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0, NULL);
	if (error) {
		pg_watch_remove(&vmm->watch);
		pg_close(fd);
		return error;
	}
	vmm->fd = pg_take_fd(fd);
	/* Fewer turns for big pictures; the system may grant less. */
	setsockopt(vmm->fd, SOL_SOCKET, SO_SNDBUF, &(int){4 << 20}, sizeof(int));
	pg_log(vmm->logger, PG_LOG_DEBUG, PG_VMM_MODULE, "%s brought a display socket",
	       vmm->options.name);
	show_again(vmm);
	pg_vmm_pump(vmm);
	return 0;
}

bool pg_vmm_connected(const struct pg_display *display)
{
	return pg_container_of(display, const struct pg_vmm, display)->fd >= 0;
}

/* --- life --- */

/* Questions not sent are forgotten; the answers to the others will come, and be ignored. */
static void orphan_requests(struct pg_vmm *vmm)
{
	pg_list_for_each_safe(link, &vmm->requests) {
		struct pg_vmm_request *request = pg_container_of(link, struct pg_vmm_request, link);

		if (!request->query)
			continue;
		pg_list_remove(link);
		free(request);
	}
	pg_list_for_each(link, &vmm->waiting)
		pg_container_of(link, struct pg_vmm_request, link)->query = NULL;
}

static void detached(struct pg_display *display)
{
	struct pg_vmm *vmm = pg_container_of(display, struct pg_vmm, display);

	orphan_requests(vmm);
	pg_defer_cancel(&vmm->release);
	pg_timer_cancel(&vmm->hold_limit);
	vmm->released_count = 0;
	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		struct pg_vmm_head *head = &vmm->heads[i];

		head->now.hold_count = 0;
		head->next.hold_count = 0;
		pixman_region32_clear(&head->now.damage);
		pixman_region32_clear(&head->next.damage);
		if (head->shown)
			head->serial++;
		head->shown = false;
		head->announced = false;
		head->width = head->height = 0;
		if (head->cursor && head->cursor->visible) {
			head->cursor->visible = false;
			head->cursor_due = true;
		}
	}
	pg_vmm_pump(vmm);
}

static void destroy(struct pg_display *display)
{
	struct pg_vmm *vmm = pg_container_of(display, struct pg_vmm, display);
	struct pg_vmm_options options = vmm->options;

	/* The device let go of us: holds and queries are its own again. */
	forget_socket(vmm);
	pg_defer_cancel(&vmm->release);
	pg_timer_cancel(&vmm->hold_limit);
	free_requests(&vmm->requests, false);
	free_requests(&vmm->waiting, false);
	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		struct pg_vmm_head *head = &vmm->heads[i];

		pixman_region32_fini(&head->now.damage);
		pixman_region32_fini(&head->next.damage);
		free(head->now.holds);
		free(head->next.holds);
		free(head->cursor);
	}
	free(vmm->released);
	free(vmm->stage);
	free(vmm);
	if (options.destroyed)
		options.destroyed(options.data);
}

void pg_vmm_options_init(struct pg_vmm_options *options)
{
	*options = (struct pg_vmm_options){
		.queries = true,
		.hold_ns = DEFAULT_HOLD_NS,
		.name = "the front end",
	};
}

int pg_vmm_create(struct pg_loop *loop, const struct pg_logger *logger,
		  const struct pg_vmm_options *options, struct pg_display **out)
{
	struct pg_vmm *vmm = calloc(1, sizeof(*vmm));

	if (!vmm)
		return -ENOMEM;
	vmm->stage = malloc(PG_VMM_STAGE_SIZE);
	if (!vmm->stage) {
		free(vmm);
		return -ENOMEM;
	}
	vmm->display.base.ops = options->queries ? &vmm_ops : &viewer_ops;
	vmm->display.detached = detached;
	vmm->display.destroy = destroy;
	vmm->loop = loop;
	vmm->logger = logger;
	vmm->options = *options;
	vmm->fd = -1;
	vmm->message.fd = -1;
	pg_list_init(&vmm->requests);
	pg_list_init(&vmm->waiting);
	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		pixman_region32_init(&vmm->heads[i].now.damage);
		pixman_region32_init(&vmm->heads[i].next.damage);
	}
	*out = &vmm->display;
	return 0;
}
