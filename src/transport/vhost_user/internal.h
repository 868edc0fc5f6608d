/* SPDX-License-Identifier: MIT */
/* What the files of the vhost-user server share with each other and with nobody else. */
#ifndef PG_TRANSPORT_VHOST_USER_INTERNAL_H
#define PG_TRANSPORT_VHOST_USER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"
#include "protocol/virtio_ring.h"
#include "transport/inflight.h"
#include "transport/vhost_user/socket.h"
#include "transport/vhost_user/vhost_user.h"
#include "transport/virtqueue.h"

#define PG_BIT(number) (UINT64_C(1) << (number))

/* The shared memory region of the host-visible window (virtio-gpu, VIRTIO_GPU_SHM_ID_HOST_VISIBLE). */
#define PG_VU_WINDOW_SHMID 1

/* A queue as the front end set it up. */
struct pg_vu_queue {
	struct pg_virtqueue ring;
	struct pg_vu_connection *connection;
	uint16_t size;
	uint32_t base;
	bool has_addr;
	struct vhost_user_vring_addr addr;
	bool started; /* SET_VRING_KICK came */
	bool enabled;
	uint32_t returned_base; /* by GET_VRING_BASE, for telling resume from reset */
	bool returned;
	int kick_fd;
	int call_fd;
	int err_fd;
	struct pg_watch kick_watch;
	struct pg_timer poll_timer; /* instead of kick_fd where the front end gave none */
	struct pg_timer retry_timer;
	struct pg_deferred more;  /* looks at the ring again */
	struct pg_deferred flush; /* for requests that complete outside of a round */
	bool processing;
	bool starved; /* waits for a completion before it takes more */
	bool err_signalled;
	bool missed_call; /* an interrupt was due while there was no call_fd */
	struct pg_inflight_queue inflight;
	uint64_t kicks;
};

/* A memory region as the front end described it. */
struct pg_vu_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t fd_offset;
	dev_t dev;
	ino_t ino;
	bool window; /* an echo of our own mapping, not mapped here */
};

struct pg_vu_memory {
	struct paragpu_memory *table;
	struct pg_vu_region *regions;
	size_t count;
};

/* The socket of SET_BACKEND_REQ_FD. */
struct pg_vu_channel {
	struct pg_vu_socket socket;
	struct pg_watch watch;
	struct pg_list waiting; /* for replies, in the order sent */
	struct pg_list ended;   /* their callbacks are due */
	struct pg_deferred run_ended;
	size_t waiting_count;
	struct pg_list mappings;
	size_t mapping_count;
	bool config_refused; /* the front end does not take CONFIG_CHANGE */
};

struct pg_vu_connection {
	struct pg_vhost_user *server;
	struct pg_vu_socket socket;
	struct pg_watch watch;
	uint64_t messages;
	uint64_t features;
	uint64_t protocol_features;
	uint64_t status;
	enum pg_vhost_user_front_end front_end;
	bool touched;   /* the device executed something since its last reset */
	bool undecided; /* all rings stopped; the next start says whether it was a reset */
	uint64_t applied_features; /* of paragpu_device_accept_features() */
	bool config_read;          /* since the rings stopped */
	bool config_pending;       /* the guest has to be told of a change */
	struct pg_vu_memory memory;
	struct pg_vu_queue queues[PG_VHOST_USER_QUEUES];
	struct pg_vu_channel channel;
	/* GET/SET_INFLIGHT_FD */
	void *inflight_map;
	size_t inflight_map_size;
	uint8_t *inflight_base;
	uint16_t inflight_queues;
	uint16_t inflight_size;
	bool inflight_packed;
};

struct pg_vhost_user {
	struct pg_vhost_user_settings settings;
	struct pg_loop *loop;
	const struct pg_logger *logger;
	struct paragpu_device *device;
	int listen_fd;
	struct pg_watch listen_watch;
	struct sockaddr_un path; /* to be unlinked, if not empty */
	struct pg_vu_connection *connection;
	uint64_t offered_protocol_features;
	uint64_t connections;
	uint64_t resets;
	uint64_t resumes;
};

#define pg_vu_log(server, level, ...) pg_log((server)->logger, level, "vhost-user", __VA_ARGS__)

static inline bool pg_vu_has(const struct pg_vu_connection *connection, unsigned int bit)
{
	return connection->protocol_features & PG_BIT(bit);
}

/* --- dispatch.c ------------------------------------------------------------------------------ */

/*
 * Every message has a handler of this form. It returns 0 or a negative errno.
 * A request with an answer of its own fills in `reply`, whose header is ready
 * but for the size.
 */
typedef int pg_vu_handler(struct pg_vu_connection *connection, struct pg_vu_message *message,
			  struct pg_vu_message *reply);

/* Handles the message in connection->socket.in. An error means that the connection has to end. */
int pg_vu_dispatch(struct pg_vu_connection *connection);

/* --- features.c ------------------------------------------------------------------------------ */

uint64_t pg_vu_offered_features(const struct pg_vhost_user *server);
/* Of settings->protocol_features, what may be offered together. */
uint64_t pg_vu_offered_protocol_features(const struct pg_vhost_user_settings *settings);
pg_vu_handler pg_vu_get_features;
pg_vu_handler pg_vu_set_features;
pg_vu_handler pg_vu_get_protocol_features;
pg_vu_handler pg_vu_set_protocol_features;
pg_vu_handler pg_vu_set_owner;
pg_vu_handler pg_vu_get_queue_num;
pg_vu_handler pg_vu_get_shmem_config;

/* --- device.c: what concerns the device as a whole -------------------------------------------- */

pg_vu_handler pg_vu_get_config;
pg_vu_handler pg_vu_set_config;
pg_vu_handler pg_vu_gpu_set_socket;
pg_vu_handler pg_vu_reset_request;
pg_vu_handler pg_vu_set_status;
pg_vu_handler pg_vu_get_status;

/* Resets the device and forgets every request; rings must be stopped. */
void pg_vu_reset_device(struct pg_vu_connection *connection);
/* A ring stopped: if it was the last, whether the guest paused or reset is open. */
void pg_vu_ring_stopped(struct pg_vu_connection *connection);
/* A ring is about to start: settles that question. */
void pg_vu_decide(struct pg_vu_connection *connection);
/* Tells the device what the driver accepted, as soon as it is known for which life. */
void pg_vu_apply_features(struct pg_vu_connection *connection);

/* --- memory.c -------------------------------------------------------------------------------- */

void pg_vu_memory_finish(struct pg_vu_memory *memory);
/*
 * Finds `size` bytes at the front end's address `user_addr`. Returns NULL if
 * they are not there or not in one piece.
 */
void *pg_vu_memory_resolve(const struct pg_vu_memory *memory, uint64_t user_addr, uint64_t size);
pg_vu_handler pg_vu_set_mem_table;
pg_vu_handler pg_vu_add_mem_reg;
pg_vu_handler pg_vu_rem_mem_reg;
pg_vu_handler pg_vu_get_max_mem_slots;

/* --- queues.c: setting up; rings.c: running ---------------------------------------------------- */

void pg_vu_queue_init(struct pg_vu_queue *queue, struct pg_vu_connection *connection,
		      unsigned int index);
/* The device must not hold a request of it any more. */
void pg_vu_queue_finish(struct pg_vu_queue *queue);
pg_vu_handler pg_vu_set_vring_num;
pg_vu_handler pg_vu_set_vring_addr;
pg_vu_handler pg_vu_set_vring_base;
pg_vu_handler pg_vu_get_vring_base;
pg_vu_handler pg_vu_set_vring_kick;
pg_vu_handler pg_vu_set_vring_call;
pg_vu_handler pg_vu_set_vring_err;
pg_vu_handler pg_vu_set_vring_enable;

/* Starts the ring if the front end has given all and wants it to run. */
void pg_vu_queue_update(struct pg_vu_queue *queue);
/* Stops it and returns where it stood. Harmless if it does not run. */
uint32_t pg_vu_queue_stop(struct pg_vu_queue *queue);
/* The memory table changed under a running ring. */
void pg_vu_queue_remap(struct pg_vu_queue *queue);
/* Takes requests from the ring until it is empty or the round is over. */
void pg_vu_queue_process(struct pg_vu_queue *queue);
/* Interrupts the guest if something was pushed and it wants to know. */
void pg_vu_queue_signal(struct pg_vu_queue *queue);
/* Signals the error descriptor, once, if the ring is broken. */
void pg_vu_queue_report(struct pg_vu_queue *queue);
/* Whether packed rings were negotiated. */
static inline bool pg_vu_packed(const struct pg_vu_connection *connection)
{
	return connection->features & PG_BIT(VIRTIO_F_RING_PACKED);
}

/* --- inflight.c ------------------------------------------------------------------------------ */

pg_vu_handler pg_vu_get_inflight_fd;
pg_vu_handler pg_vu_set_inflight_fd;
/* Before a start: gives the ring its part of the region, if there is one that fits. */
void pg_vu_inflight_attach(struct pg_vu_queue *queue);
/* The device was reset. */
void pg_vu_inflight_clear(struct pg_vu_connection *connection);
void pg_vu_inflight_finish(struct pg_vu_connection *connection);

/* --- backend_channel.c ----------------------------------------------------------------------- */

void pg_vu_channel_init(struct pg_vu_channel *channel);
/* Ends all requests with -ECANCELED; their callbacks have run when this returns. */
void pg_vu_channel_finish(struct pg_vu_channel *channel);
pg_vu_handler pg_vu_set_backend_req_fd;
/* The device was reset: the front end has dropped all mappings without a word. */
void pg_vu_channel_forget_mappings(struct pg_vu_channel *channel);
/* Whether a mapping of this file is live, so that a memory region of it is our own echo. */
bool pg_vu_channel_owns_file(const struct pg_vu_channel *channel, dev_t dev, ino_t ino);
/* Sends CONFIG_CHANGE if one is due and may be sent. */
void pg_vu_channel_config_change(struct pg_vu_connection *connection);

#endif
