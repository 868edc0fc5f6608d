/* SPDX-License-Identifier: MIT */
/*
 * Messages of the main channel, right and wrong ones. Replies are checked as
 * QEMU checks them: flags exactly version 1 + reply, the id repeated.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "frontend/internal.h"

#define REPLY_FLAGS (VHOST_USER_VERSION | VHOST_USER_REPLY_MASK)

static const char *const names[] = {
	[VHOST_USER_GET_FEATURES] = "GET_FEATURES",
	[VHOST_USER_SET_FEATURES] = "SET_FEATURES",
	[VHOST_USER_SET_OWNER] = "SET_OWNER",
	[VHOST_USER_RESET_OWNER] = "RESET_OWNER",
	[VHOST_USER_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[VHOST_USER_SET_LOG_BASE] = "SET_LOG_BASE",
	[VHOST_USER_SET_LOG_FD] = "SET_LOG_FD",
	[VHOST_USER_SET_VRING_NUM] = "SET_VRING_NUM",
	[VHOST_USER_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[VHOST_USER_SET_VRING_BASE] = "SET_VRING_BASE",
	[VHOST_USER_GET_VRING_BASE] = "GET_VRING_BASE",
	[VHOST_USER_SET_VRING_KICK] = "SET_VRING_KICK",
	[VHOST_USER_SET_VRING_CALL] = "SET_VRING_CALL",
	[VHOST_USER_SET_VRING_ERR] = "SET_VRING_ERR",
	[VHOST_USER_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[VHOST_USER_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[VHOST_USER_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[VHOST_USER_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	[VHOST_USER_SET_BACKEND_REQ_FD] = "SET_BACKEND_REQ_FD",
	[VHOST_USER_GET_CONFIG] = "GET_CONFIG",
	[VHOST_USER_SET_CONFIG] = "SET_CONFIG",
	[VHOST_USER_GET_INFLIGHT_FD] = "GET_INFLIGHT_FD",
	[VHOST_USER_SET_INFLIGHT_FD] = "SET_INFLIGHT_FD",
	[VHOST_USER_GPU_SET_SOCKET] = "GPU_SET_SOCKET",
	[VHOST_USER_RESET_DEVICE] = "RESET_DEVICE",
	[VHOST_USER_GET_MAX_MEM_SLOTS] = "GET_MAX_MEM_SLOTS",
	[VHOST_USER_ADD_MEM_REG] = "ADD_MEM_REG",
	[VHOST_USER_REM_MEM_REG] = "REM_MEM_REG",
	[VHOST_USER_SET_STATUS] = "SET_STATUS",
	[VHOST_USER_GET_STATUS] = "GET_STATUS",
	[VHOST_USER_GET_SHARED_OBJECT] = "GET_SHARED_OBJECT",
	[VHOST_USER_SET_DEVICE_STATE_FD] = "SET_DEVICE_STATE_FD",
	[VHOST_USER_CHECK_DEVICE_STATE] = "CHECK_DEVICE_STATE",
	[VHOST_USER_GET_SHMEM_CONFIG] = "GET_SHMEM_CONFIG",
};

const char *pg_fe_request_name(uint32_t request)
{
	if (request < sizeof(names) / sizeof(names[0]) && names[request])
		return names[request];
	return "an unknown message";
}

static int transmission_failed(struct pg_fe *fe, int error, const char *what, uint32_t request)
{
	const char *name = pg_fe_request_name(request);

	if (error == -ETIMEDOUT)
		return pg_fe_die(fe, error, "%s: the back end did not %s within %u ms", name, what,
				 fe->settings.timeout_ms);
	if (error == -ECONNRESET)
		return pg_fe_die(fe, error, "%s: the back end closed the connection", name);
	return pg_fe_die(fe, error, "%s: %s", name, strerror(-error));
}

int pg_fe_send_raw(struct pg_fe *fe, const void *bytes, size_t size, const int *fds,
		   uint32_t fd_count)
{
	if (fe->dead)
		return fe->dead;
	return pg_fe_socket_send(fe->socket, bytes, size, fds, fd_count,
				 pg_fe_deadline(fe, PG_FE_WAIT_DEFAULT));
}

int pg_fe_send_message(struct pg_fe *fe, uint32_t request, uint32_t flags, uint32_t stated_size,
		       const void *payload, size_t size, const int *fds, uint32_t fd_count)
{
	struct vhost_user_header header = {request, flags, stated_size};
	uint8_t *bytes = malloc(sizeof(header) + size);
	int error;

	if (!bytes)
		return pg_fe_fail(fe, -ENOMEM, "out of memory");
	memcpy(bytes, &header, sizeof(header));
	if (size)
		memcpy(bytes + sizeof(header), payload, size);
	error = pg_fe_send_raw(fe, bytes, sizeof(header) + size, fds, fd_count);
	free(bytes);
	return error;
}

int pg_fe_receive(struct pg_fe *fe, struct vhost_user_header *header, void *payload,
		  size_t capacity, uint32_t *fd_count, uint32_t timeout_ms)
{
	uint64_t deadline = pg_fe_deadline(fe, timeout_ms);
	int fds[16];
	uint32_t count = 16;
	int error;

	if (fe->dead)
		return fe->dead;
	error = pg_fe_socket_receive(fe->socket, header, sizeof(*header), fds, &count, deadline);
	if (error)
		return error;
	if (fd_count)
		*fd_count = count;
	while (count)
		pg_close(&fds[--count]);
	if (header->size > capacity)
		return pg_fe_die(fe, -EPROTO, "%s: a reply of %u bytes where at most %zu can be",
				 pg_fe_request_name(header->request), header->size, capacity);
	return pg_fe_socket_receive(fe->socket, payload, header->size, NULL, NULL, deadline);
}

/* One reply with exactly `size` bytes. */
static int receive_reply(struct pg_fe *fe, uint32_t request, void *reply, uint32_t size)
{
	struct vhost_user_header header;
	uint8_t buffer[4096];
	int error = pg_fe_receive(fe, &header, buffer, sizeof(buffer), NULL, PG_FE_WAIT_DEFAULT);

	if (fe->dead)
		return fe->dead;
	if (error)
		return transmission_failed(fe, error, "answer", request);
	if (header.request != request || header.flags != REPLY_FLAGS)
		return pg_fe_die(fe, -EPROTO, "%s was answered with request %u, flags 0x%x",
				 pg_fe_request_name(request), header.request, header.flags);
	if (header.size != size)
		return pg_fe_die(fe, -EPROTO, "%s was answered with %u bytes instead of %u",
				 pg_fe_request_name(request), header.size, size);
	memcpy(reply, buffer, size);
	return 0;
}

int pg_fe_message(struct pg_fe *fe, uint32_t request, const void *payload, uint32_t size,
		  const int *fds, uint32_t fd_count, bool acknowledge, void *reply,
		  uint32_t reply_size)
{
	bool ack = acknowledge && !reply &&
		   (fe->protocol_features & (1ull << VHOST_USER_PROTOCOL_F_REPLY_ACK));
	uint64_t status = 0;
	int error;

	if (fe->dead)
		return fe->dead;
	error = pg_fe_send_message(fe, request,
				   VHOST_USER_VERSION | (ack ? VHOST_USER_NEED_REPLY_MASK : 0),
				   size, payload, size, fds, fd_count);
	if (error)
		return transmission_failed(fe, error, "take the message", request);
	if (reply)
		return receive_reply(fe, request, reply, reply_size);
	if (!ack)
		return 0;
	error = receive_reply(fe, request, &status, sizeof(status));
	if (!error && status)
		error = pg_fe_fail(fe, -EREMOTEIO, "%s was refused (status %llu)",
				   pg_fe_request_name(request), (unsigned long long)status);
	return error;
}

int pg_fe_get_config(struct pg_fe *fe, uint32_t offset, uint32_t size, void *data)
{
	struct {
		struct vhost_user_config_header header;
		uint8_t bytes[VHOST_USER_MAX_CONFIG_SIZE];
	} config = {.header = {offset, size, 0}};
	uint32_t total = (uint32_t)sizeof(config.header) + size;
	int error;

	if (size > VHOST_USER_MAX_CONFIG_SIZE)
		return pg_fe_fail(fe, -EINVAL, "the configuration space ends at 256 bytes");
	error = pg_fe_message(fe, VHOST_USER_GET_CONFIG, &config, total, NULL, 0, false, &config,
			      total);
	if (!error)
		memcpy(data, config.bytes, size);
	return error;
}

int pg_fe_set_config(struct pg_fe *fe, uint32_t offset, uint32_t size, const void *data)
{
	struct {
		struct vhost_user_config_header header;
		uint8_t bytes[VHOST_USER_MAX_CONFIG_SIZE];
	} config = {.header = {offset, size, 0}};

	if (size > VHOST_USER_MAX_CONFIG_SIZE)
		return pg_fe_fail(fe, -EINVAL, "the configuration space ends at 256 bytes");
	memcpy(config.bytes, data, size);
	return pg_fe_message(fe, VHOST_USER_SET_CONFIG, &config,
			     (uint32_t)sizeof(config.header) + size, NULL, 0, true, NULL, 0);
}
