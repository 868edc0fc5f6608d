/* SPDX-License-Identifier: MIT */
/*
 * The vhost-user server: attaches a paragpu_device to a virtual machine monitor
 * (the front end) by a UNIX socket. This is its whole face; programs include
 * nothing else of transport/.
 *
 * The device and the server need each other. Make the server first, then the
 * device with `host.complete` = pg_vhost_user_complete and a `host.config_changed`
 * that calls pg_vhost_user_config_changed(), then pg_vhost_user_set_device().
 *
 * All of it runs in callbacks of the loop, one thread, and nothing waits: not
 * for the front end, not for the device. The front end is trusted with the
 * guest's memory, but what it sends is checked like anything else.
 */
#ifndef PG_TRANSPORT_VHOST_USER_H
#define PG_TRANSPORT_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/device.h>

#include "base/log.h"
#include "base/loop.h"

#define PG_VHOST_USER_QUEUES 2

struct pg_vhost_user;

/* Called in loop callbacks. Any may be NULL. None may destroy the server. */
struct pg_vhost_user_callbacks {
	/* A front end came, or went. The device is reset when `closed` is called. */
	void (*opened)(void *data);
	void (*closed)(void *data);
	/*
	 * GPU_SET_SOCKET: the display socket of the front end; take it out of
	 * *fd or it is closed. Replaces an earlier one. Requests may be sent at
	 * once, but nothing may be waited for here: the front end answers only
	 * after its whole start.
	 */
	void (*display_socket)(void *data, int *fd);
	/* The guest reset the device: paragpu_device_reset() was just called. */
	void (*reset)(void *data);
	/* The guest goes on after a pause, with all that the device knew. */
	void (*resumed)(void *data);
	void *data;
};

struct pg_vhost_user_settings {
	struct pg_loop *loop;           /* must be set */
	const struct pg_logger *logger; /* must be set; outlives the server */
	struct pg_vhost_user_callbacks callbacks;
	/*
	 * Protocol features to offer, of those implemented. CONFIG is always
	 * offered, since QEMU does not start without it. Default: all that help a
	 * front end; STATUS does not, and SHMEM is offered only with a window.
	 * CONFIGURE_MEM_SLOTS is dropped where SHMEM is offered: QEMU 11.1.3 crashes
	 * with both.
	 */
	uint64_t protocol_features;
	/* Which bit says SHMEM. Default 22, as in QEMU; others used 20 and 21. */
	unsigned int shmem_bit;
	/*
	 * Bytes of the host-visible window (shared memory region 1): 0, the
	 * default, for none; else a power of two of at least a page, or QEMU aborts.
	 */
	uint64_t window_size;
	/* Offer packed rings and in-order use. Default no: what is offered is what guests use. */
	bool packed;
	bool in_order;
	/*
	 * Look at a ring for this long after its last request before sleeping.
	 * Default 0: no processor time is spent on waiting.
	 */
	uint64_t poll_ns;
};

void pg_vhost_user_settings_init(struct pg_vhost_user_settings *settings);

/*
 * Returns 0; -EINVAL for settings out of range, and then *problem (may be NULL)
 * points to a constant sentence that says which; -ENOMEM.
 */
int pg_vhost_user_create(const struct pg_vhost_user_settings *settings, struct pg_vhost_user **out,
			 const char **problem);

/* Closes everything and resets the device, which stays its owner's. Sets *out to NULL. Accepts NULL. */
void pg_vhost_user_destroy(struct pg_vhost_user **out);

/* The device to serve; before the first connection. It must outlive the server. */
void pg_vhost_user_set_device(struct pg_vhost_user *server, struct paragpu_device *device);

/*
 * Listens at `path`. One front end is served at a time; the next one waits
 * until the first has gone and then starts clean. A socket left behind by a
 * dead process is replaced. Returns 0 or a negative errno: -EADDRINUSE if a
 * living process listens there, -ENAMETOOLONG; the reason was logged.
 */
int pg_vhost_user_listen(struct pg_vhost_user *server, const char *path);

/* Serves the connected socket *fd and takes it. Returns 0; -ENOTSOCK, -EBUSY or another errno. */
int pg_vhost_user_adopt(struct pg_vhost_user *server, int *fd);

/* Ends the connection, if there is one, in the next round of the loop. `why` is logged. */
void pg_vhost_user_disconnect(struct pg_vhost_user *server, const char *why);

/* For paragpu_host.complete; `data` is not used. */
void pg_vhost_user_complete(void *data, struct paragpu_request *request, size_t written);

/*
 * Tells the guest that the configuration space changed. Where the front end
 * does not take that (the vhost-user-gpu devices of QEMU keep events to
 * themselves) nothing happens.
 */
void pg_vhost_user_config_changed(struct pg_vhost_user *server);

/* --- requests to the front end --------------------------------------------------------------- */

/*
 * How an asynchronous request ended: 0, -EIO (the front end refused), or
 * -ECANCELED (it went, or the device was reset). Called exactly once, never
 * from inside the function that started the request.
 */
typedef void (*pg_vhost_user_done)(void *data, int result);

/* Whether the front end has a window and takes requests about it. */
bool pg_vhost_user_has_window(const struct pg_vhost_user *server);

/*
 * Maps `length` bytes of `fd` from `fd_offset` on at `offset` of the window.
 * `done` is called when the guest can really see them, which is later than the
 * front end's reply. The descriptor stays the caller's and must be open for
 * reading and writing. Returns 0; -EINVAL for anything not page aligned or
 * outside of the window; -ENOTSUP without a window; -ENOBUFS with too many
 * requests open; another errno.
 */
int pg_vhost_user_map(struct pg_vhost_user *server, uint64_t offset, int fd, uint64_t fd_offset,
		      uint64_t length, pg_vhost_user_done done, void *data);

/*
 * Undoes exactly one pg_vhost_user_map(). Errors as there, and -ENOENT if there is nothing
 * (any more): the front end drops all mappings itself when the device is reset or it goes.
 */
int pg_vhost_user_unmap(struct pg_vhost_user *server, uint64_t offset, uint64_t length,
			pg_vhost_user_done done, void *data);

/* Tells the front end that the device owns, or no longer owns, the object `uuid`. */
int pg_vhost_user_shared_object(struct pg_vhost_user *server, const uint8_t uuid[16], bool owned,
				pg_vhost_user_done done, void *data);

/* --- for people ------------------------------------------------------------------------------ */

enum pg_vhost_user_front_end {
	PG_FRONT_END_UNKNOWN, /* no ring started yet */
	PG_FRONT_END_GPU,     /* vhost-user-gpu-pci, vhost-user-vga: has a display of its own */
	PG_FRONT_END_GENERIC, /* vhost-user-test-device-pci and others */
};

struct pg_vhost_user_queue_info {
	bool started;
	bool enabled;
	bool broken;
	const char *reason; /* if broken; valid until control returns to the loop */
	bool packed;
	uint16_t size;
	uint32_t in_flight;
	uint64_t kicks;
	uint64_t requests;
	uint64_t interrupts;
};

struct pg_vhost_user_region_info {
	uint64_t guest_addr;
	uint64_t size;
	bool window; /* the front end's echo of a mapped blob; not mapped here */
};

struct pg_vhost_user_info {
	bool connected;
	enum pg_vhost_user_front_end front_end;
	uint64_t offered_features;
	uint64_t features; /* as the driver accepted them */
	uint64_t offered_protocol_features;
	uint64_t protocol_features;
	bool paused;          /* rings stopped; not decided whether paused or reset */
	uint64_t connections; /* since the server was made */
	uint64_t messages;    /* of this connection */
	uint64_t resets;
	uint64_t resumes;
	uint64_t window_size;
	size_t mappings; /* live in the window */
	size_t region_count;
	struct pg_vhost_user_queue_info queues[PG_VHOST_USER_QUEUES];
};

void pg_vhost_user_get_info(const struct pg_vhost_user *server, struct pg_vhost_user_info *info);

/* The memory region at `index`. Returns false beyond the end. */
bool pg_vhost_user_get_region(const struct pg_vhost_user *server, size_t index,
			      struct pg_vhost_user_region_info *info);

/* "GET_FEATURES", or NULL for a number that is no request of a front end known here. */
const char *pg_vhost_user_request_name(uint32_t number);

#endif
