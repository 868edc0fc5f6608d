/* SPDX-License-Identifier: MIT */
/*
 * Bytes and descriptors over a UNIX stream socket, each call with a deadline.
 * Knows nothing of messages. The peer is not trusted to read, to write, or to live.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "frontend/internal.h"

uint64_t pg_fe_deadline(const struct pg_fe *fe, uint32_t timeout_ms)
{
	if (timeout_ms == PG_FE_WAIT_DEFAULT)
		timeout_ms = fe->settings.timeout_ms;
	return pg_now_ns() + (uint64_t)timeout_ms * 1000000;
}

static int wait_for(int fd, short events, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd entry = {.fd = fd, .events = events};
		uint64_t now = pg_now_ns();
		uint64_t left = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;
		int ready = poll(&entry, 1, left > INT32_MAX ? INT32_MAX : (int)left);

		if (ready > 0)
			return 0;
		if (!ready)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int pg_fe_wait_readable(int fd, uint64_t deadline_ns)
{
	return wait_for(fd, POLLIN, deadline_ns);
}

static bool is_lost(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

int pg_fe_socket_send(int fd, const void *bytes, size_t size, const int *fds, uint32_t fd_count,
		      uint64_t deadline_ns)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * 64)];
	} control = {0};
	const char *cursor = bytes;

	if (fd_count > 64)
		return -EINVAL;
	while (size) {
		struct iovec vector = {.iov_base = (void *)(uintptr_t)cursor, .iov_len = size};
		struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
		ssize_t sent;

		if (fd_count) {
			message.msg_control = &control;
			message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
			control.header.cmsg_level = SOL_SOCKET;
			control.header.cmsg_type = SCM_RIGHTS;
			control.header.cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
			memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * fd_count);
		}
		sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0) {
			cursor += sent;
			size -= (size_t)sent;
			fd_count = 0;
			continue;
		}
		if (is_lost(errno))
			return -ECONNRESET;
		if (errno == EAGAIN) {
			int error = wait_for(fd, POLLOUT, deadline_ns);

			if (error)
				return error;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static void take_fds(struct msghdr *message, int *fds, uint32_t capacity, uint32_t *count)
{
	struct cmsghdr *header;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		const unsigned char *data = CMSG_DATA(header);
		size_t bytes = header->cmsg_len - CMSG_LEN(0);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (; bytes >= sizeof(int); bytes -= sizeof(int), data += sizeof(int)) {
			int fd;

			memcpy(&fd, data, sizeof(int));
			if (*count < capacity)
				fds[(*count)++] = fd;
			else
				close(fd);
		}
	}
}

int pg_fe_socket_receive(int fd, void *bytes, size_t size, int *fds, uint32_t *fd_count,
			 uint64_t deadline_ns)
{
	uint32_t capacity = fd_count ? *fd_count : 0;
	uint32_t count = 0;
	char *cursor = bytes;
	int result = 0;

	while (size) {
		char control[CMSG_SPACE(sizeof(int) * 64)];
		struct iovec vector = {.iov_base = cursor, .iov_len = size};
		struct msghdr message = {
			.msg_iov = &vector,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (got > 0) {
			take_fds(&message, fds, capacity, &count);
			cursor += got;
			size -= (size_t)got;
			continue;
		}
		if (!got || is_lost(errno))
			result = -ECONNRESET;
		else if (errno == EAGAIN)
			result = wait_for(fd, POLLIN, deadline_ns);
		else if (errno != EINTR)
			result = -errno;
		if (result)
			break;
	}
	if (result) {
		while (count)
			pg_close(&fds[--count]);
	}
	if (fd_count)
		*fd_count = count;
	return result;
}
