/* SPDX-License-Identifier: MIT */
/* Messages over one vhost-user socket; see socket.h. */
#include "transport/vhost_user/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

#define HEADER sizeof(struct vhost_user_header)
/* Unsent bytes that are kept for a front end which does not read. */
#define OUT_MAX ((size_t)256 * 1024)

struct out_message {
	struct pg_list link;
	int fd;
	size_t size;
	size_t sent;
	uint8_t bytes[];
};

int pg_vu_socket_init(struct pg_vu_socket *socket, int *fd)
{
	int error = pg_set_nonblocking(*fd);

	if (error)
		return error;
	*socket = (struct pg_vu_socket){.fd = pg_take_fd(fd)};
	pg_list_init(&socket->out);
	return 0;
}

static void free_out(struct out_message *message)
{
	pg_list_remove(&message->link);
	pg_close(&message->fd);
	free(message);
}

void pg_vu_socket_finish(struct pg_vu_socket *socket)
{
	if (!socket->out.next)
		return;
	pg_vu_socket_next(socket);
	pg_list_for_each_safe(link, &socket->out)
		free_out(pg_container_of(link, struct out_message, link));
	socket->out_bytes = 0;
	pg_close(&socket->fd);
}

void pg_vu_socket_next(struct pg_vu_socket *socket)
{
	for (size_t i = 0; i < socket->in.fd_count; i++)
		pg_close(&socket->in.fds[i]);
	socket->in.fd_count = 0;
	socket->received = 0;
}

/* Takes over every descriptor that came. Returns false if there were too many. */
static bool collect_fds(struct pg_vu_message *message, struct msghdr *header)
{
	bool fit = !(header->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (message->fd_count < VHOST_USER_MAX_FDS) {
				message->fds[message->fd_count++] = fd;
			} else {
				pg_close(&fd);
				fit = false;
			}
		}
	}
	return fit;
}

/* Reads up to `size` bytes. Returns their number, 0 for "later", or an error. */
static ssize_t read_some(struct pg_vu_socket *socket, void *buffer, size_t size)
{
	/* Room for more than a message may have, so that a surplus is seen and not lost. */
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * (VHOST_USER_MAX_FDS + 1))];
	} control;
	struct iovec vector = {.iov_base = buffer, .iov_len = size};
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t count;

	do {
		count = recvmsg(socket->fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!collect_fds(&socket->in, &header)) {
		socket->problem = "a message with more file descriptors than any may have";
		return -EPROTO;
	}
	return count ? count : -EPIPE;
}

int pg_vu_socket_receive(struct pg_vu_socket *socket)
{
	struct pg_vu_message *in = &socket->in;
	ssize_t count;

	while (socket->received < HEADER) {
		count = read_some(socket, (uint8_t *)&in->header + socket->received,
				  HEADER - socket->received);
		if (count <= 0)
			return (int)count;
		socket->received += (size_t)count;
	}
	if (in->header.size > PG_VU_MAX_PAYLOAD) {
		socket->problem = "a message longer than any may be";
		return -EPROTO;
	}
	while (socket->received < HEADER + in->header.size) {
		size_t have = socket->received - HEADER;

		count = read_some(socket, in->payload.bytes + have, in->header.size - have);
		if (count <= 0)
			return (int)count;
		socket->received += (size_t)count;
	}
	return 1;
}

static ssize_t write_some(struct pg_vu_socket *socket, struct out_message *message)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec vector = {
		.iov_base = message->bytes + message->sent,
		.iov_len = message->size - message->sent,
	};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	ssize_t count;

	if (message->fd >= 0) {
		struct cmsghdr *c = &control.align;

		header.msg_control = control.bytes;
		header.msg_controllen = sizeof(control.bytes);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &message->fd, sizeof(int));
	}
	do {
		count = sendmsg(socket->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (count < 0 && errno == EINTR);
	return count < 0 ? -errno : count;
}

int pg_vu_socket_flush(struct pg_vu_socket *socket)
{
	pg_list_for_each_safe(link, &socket->out) {
		struct out_message *message = pg_container_of(link, struct out_message, link);

		while (message->sent < message->size) {
			ssize_t count = write_some(socket, message);

			if (count < 0)
				return (int)count;
			pg_close(&message->fd); /* it went with the first byte */
			message->sent += (size_t)count;
			socket->out_bytes -= (size_t)count;
		}
		free_out(message);
	}
	return 0;
}

int pg_vu_socket_send(struct pg_vu_socket *socket, const struct vhost_user_header *header,
		      const void *payload, int fd)
{
	size_t size = HEADER + header->size;
	struct out_message *message;
	int error;

	if (socket->out_bytes + size > OUT_MAX)
		return -ENOBUFS;
	message = malloc(sizeof(*message) + size);
	if (!message)
		return -ENOMEM;
	*message = (struct out_message){.fd = -1, .size = size};
	memcpy(message->bytes, header, HEADER);
	if (header->size)
		memcpy(message->bytes + HEADER, payload, header->size);
	if (fd >= 0) {
		message->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (message->fd < 0) {
			error = -errno;
			free(message);
			return error;
		}
	}
	pg_list_append(&socket->out, &message->link);
	socket->out_bytes += size;
	error = pg_vu_socket_flush(socket);
	return error == -EAGAIN ? 0 : error;
}
