/* SPDX-License-Identifier: MIT */
/*
 * Messages over one vhost-user socket, the main one or the back-end channel:
 * framing, and descriptors that always belong to somebody. Never blocks. What
 * the messages mean is not known here.
 */
#ifndef PG_TRANSPORT_VHOST_USER_SOCKET_H
#define PG_TRANSPORT_VHOST_USER_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "protocol/vhost_user.h"

/* No message of the protocol is longer; a front end that announces more has lost its place. */
#define PG_VU_MAX_PAYLOAD 4096

union pg_vu_payload {
	uint64_t u64;
	struct vhost_user_vring_state vring_state;
	struct vhost_user_vring_addr vring_addr;
	struct vhost_user_memory memory;
	struct vhost_user_single_mem_region region;
	struct vhost_user_log log;
	struct {
		struct vhost_user_config_header header;
		uint8_t data[VHOST_USER_MAX_CONFIG_SIZE];
	} config;
	struct vhost_user_inflight inflight;
	struct vhost_user_shmem_config shmem_config;
	struct vhost_user_shmem_map shmem_map;
	struct vhost_user_shared_object object;
	uint8_t bytes[PG_VU_MAX_PAYLOAD];
};

/* Owns its descriptors: a handler that wants one takes it with pg_take_fd(). */
struct pg_vu_message {
	struct vhost_user_header header;
	union pg_vu_payload payload;
	int fds[VHOST_USER_MAX_FDS];
	size_t fd_count;
};

struct pg_vu_socket {
	int fd;              /* -1: closed */
	const char *problem; /* after -EPROTO: what was wrong */

	/* private */
	struct pg_vu_message in;
	size_t received;
	struct pg_list out;
	size_t out_bytes;
};

/* Takes *fd and makes it non-blocking. */
int pg_vu_socket_init(struct pg_vu_socket *socket, int *fd);
/* Closes everything, received descriptors and unsent messages too. */
void pg_vu_socket_finish(struct pg_vu_socket *socket);

/*
 * Reads on. Returns 1 if socket->in is a whole message now, valid until
 * pg_vu_socket_next(); 0 if more has to come; -EPIPE at the end of the stream;
 * -EPROTO for what cannot be a message; or another errno.
 */
int pg_vu_socket_receive(struct pg_vu_socket *socket);
/* Done with socket->in: closes the descriptors that nobody took. */
void pg_vu_socket_next(struct pg_vu_socket *socket);

/*
 * Sends, or queues what the socket does not take now; header->size counts.
 * A duplicate of `fd` goes along unless it is -1. Returns 0; -ENOBUFS if the
 * other side has not read for too long; or another errno.
 */
int pg_vu_socket_send(struct pg_vu_socket *socket, const struct vhost_user_header *header,
		      const void *payload, int fd);
/* Sends what is queued. Returns 0 when all is out, -EAGAIN, or another errno. */
int pg_vu_socket_flush(struct pg_vu_socket *socket);
static inline int pg_vu_socket_unsent(const struct pg_vu_socket *socket)
{
	return !pg_list_empty(&socket->out);
}

#endif
