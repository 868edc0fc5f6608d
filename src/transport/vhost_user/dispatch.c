/* SPDX-License-Identifier: MIT */
/*
 * One table of all requests of a front end: their sizes, their descriptors,
 * their handlers; and the rules of replying (vhost-user specification,
 * "Communication" and VHOST_USER_PROTOCOL_F_REPLY_ACK).
 *
 * A request that is wrong is refused where the front end asked for an
 * acknowledgement. Where it waits for an answer that cannot be given, the
 * connection ends, or it would wait for ever; otherwise there is no way to
 * tell it, and only the log says so.
 */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "transport/vhost_user/internal.h"

struct request {
	const char *name;
	pg_vu_handler *handle; /* NULL: known, but not served here */
	uint32_t min_size;
	uint32_t max_size;
	uint8_t min_fds;
	uint8_t max_fds;
	bool answered; /* has an answer of its own */
};

#define CONFIG_MIN sizeof(struct vhost_user_config_header)
#define CONFIG_MAX (CONFIG_MIN + VHOST_USER_MAX_CONFIG_SIZE)
#define INFLIGHT_MAX sizeof(struct vhost_user_inflight)

static const struct request requests[] = {
	[VHOST_USER_GET_FEATURES] = {"GET_FEATURES", pg_vu_get_features, 0, 0, 0, 0, true},
	[VHOST_USER_SET_FEATURES] = {"SET_FEATURES", pg_vu_set_features, 8, 8, 0, 0, false},
	[VHOST_USER_SET_OWNER] = {"SET_OWNER", pg_vu_set_owner, 0, 0, 0, 0, false},
	[VHOST_USER_RESET_OWNER] = {"RESET_OWNER", pg_vu_reset_request, 0, 0, 0, 0, false},
	[VHOST_USER_SET_MEM_TABLE] = {"SET_MEM_TABLE", pg_vu_set_mem_table, 8,
				      sizeof(struct vhost_user_memory), 0, VHOST_USER_MAX_FDS,
				      false},
	[VHOST_USER_SET_LOG_BASE] = {"SET_LOG_BASE", NULL, 0, 0, 0, 0, true},
	[VHOST_USER_SET_LOG_FD] = {"SET_LOG_FD", NULL, 0, 0, 0, 0, false},
	[VHOST_USER_SET_VRING_NUM] = {"SET_VRING_NUM", pg_vu_set_vring_num, 8, 8, 0, 0, false},
	[VHOST_USER_SET_VRING_ADDR] = {"SET_VRING_ADDR", pg_vu_set_vring_addr, 40, 40, 0, 0, false},
	[VHOST_USER_SET_VRING_BASE] = {"SET_VRING_BASE", pg_vu_set_vring_base, 8, 8, 0, 0, false},
	[VHOST_USER_GET_VRING_BASE] = {"GET_VRING_BASE", pg_vu_get_vring_base, 8, 8, 0, 0, true},
	[VHOST_USER_SET_VRING_KICK] = {"SET_VRING_KICK", pg_vu_set_vring_kick, 8, 8, 0, 1, false},
	[VHOST_USER_SET_VRING_CALL] = {"SET_VRING_CALL", pg_vu_set_vring_call, 8, 8, 0, 1, false},
	[VHOST_USER_SET_VRING_ERR] = {"SET_VRING_ERR", pg_vu_set_vring_err, 8, 8, 0, 1, false},
	[VHOST_USER_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", pg_vu_get_protocol_features,
					      0, 0, 0, 0, true},
	[VHOST_USER_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", pg_vu_set_protocol_features,
					      8, 8, 0, 0, false},
	[VHOST_USER_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", pg_vu_get_queue_num, 0, 0, 0, 0, true},
	[VHOST_USER_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", pg_vu_set_vring_enable, 8, 8, 0, 0,
					 false},
	[VHOST_USER_SET_BACKEND_REQ_FD] = {"SET_BACKEND_REQ_FD", pg_vu_set_backend_req_fd, 0, 0, 1,
					   1, false},
	[VHOST_USER_GET_CONFIG] = {"GET_CONFIG", pg_vu_get_config, CONFIG_MIN, CONFIG_MAX, 0, 0,
				   true},
	[VHOST_USER_SET_CONFIG] = {"SET_CONFIG", pg_vu_set_config, CONFIG_MIN, CONFIG_MAX, 0, 0,
				   false},
	[VHOST_USER_GET_INFLIGHT_FD] = {"GET_INFLIGHT_FD", pg_vu_get_inflight_fd,
					VHOST_USER_INFLIGHT_WIRE_SIZE, INFLIGHT_MAX, 0, 0, true},
	[VHOST_USER_SET_INFLIGHT_FD] = {"SET_INFLIGHT_FD", pg_vu_set_inflight_fd,
					VHOST_USER_INFLIGHT_WIRE_SIZE, INFLIGHT_MAX, 1, 1, false},
	[VHOST_USER_GPU_SET_SOCKET] = {"GPU_SET_SOCKET", pg_vu_gpu_set_socket, 0, 8, 1, 1, false},
	[VHOST_USER_RESET_DEVICE] = {"RESET_DEVICE", pg_vu_reset_request, 0, 0, 0, 0, false},
	[VHOST_USER_GET_MAX_MEM_SLOTS] = {"GET_MAX_MEM_SLOTS", pg_vu_get_max_mem_slots, 0, 0, 0, 0,
					  true},
	[VHOST_USER_ADD_MEM_REG] = {"ADD_MEM_REG", pg_vu_add_mem_reg, 40, 40, 1, 1, false},
	/* Some front ends send the region's descriptor along ("may", in the specification). */
	[VHOST_USER_REM_MEM_REG] = {"REM_MEM_REG", pg_vu_rem_mem_reg, 40, 40, 0, 1, false},
	[VHOST_USER_SET_STATUS] = {"SET_STATUS", pg_vu_set_status, 8, 8, 0, 0, false},
	[VHOST_USER_GET_STATUS] = {"GET_STATUS", pg_vu_get_status, 0, 0, 0, 0, true},
	[VHOST_USER_GET_SHARED_OBJECT] = {"GET_SHARED_OBJECT", NULL, 0, 0, 0, 0, true},
	[VHOST_USER_SET_DEVICE_STATE_FD] = {"SET_DEVICE_STATE_FD", NULL, 0, 0, 0, 0, true},
	[VHOST_USER_CHECK_DEVICE_STATE] = {"CHECK_DEVICE_STATE", NULL, 0, 0, 0, 0, true},
	[VHOST_USER_GET_SHMEM_CONFIG] = {"GET_SHMEM_CONFIG", pg_vu_get_shmem_config, 0, 0, 0, 0,
					 true},
};

static const struct request *find_request(uint32_t number)
{
	if (number >= sizeof(requests) / sizeof(requests[0]) || !requests[number].name)
		return NULL;
	return &requests[number];
}

const char *pg_vhost_user_request_name(uint32_t number)
{
	const struct request *request = find_request(number);

	return request ? request->name : NULL;
}

static bool wants_ack(const struct pg_vu_connection *connection,
		      const struct pg_vu_message *message)
{
	return (message->header.flags & VHOST_USER_NEED_REPLY_MASK) &&
	       pg_vu_has(connection, VHOST_USER_PROTOCOL_F_REPLY_ACK);
}

static int send_reply(struct pg_vu_connection *connection, struct pg_vu_message *reply)
{
	int error = pg_vu_socket_send(&connection->socket, &reply->header, reply->payload.bytes,
				      reply->fd_count ? reply->fds[0] : -1);

	for (size_t i = 0; i < reply->fd_count; i++)
		pg_close(&reply->fds[i]);
	return error;
}

/* Says what is wrong with the form of `message`, or nothing. */
static int check_form(struct pg_vu_connection *connection, const struct request *request,
		      const struct pg_vu_message *message)
{
	if (!request || !request->handle) {
		pg_vu_log(connection->server, PG_LOG_WARN,
			  "the front end sent %s (%u), which was not offered to it",
			  request ? request->name : "an unknown request", message->header.request);
		return -EOPNOTSUPP;
	}
	if (message->header.size < request->min_size || message->header.size > request->max_size) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "the front end sent %s with %u bytes, but it has %u to %u", request->name,
			  message->header.size, request->min_size, request->max_size);
		return -EINVAL;
	}
	if (message->fd_count < request->min_fds || message->fd_count > request->max_fds) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "the front end sent %s with %zu file descriptors, but it has %u to %u",
			  request->name, message->fd_count, request->min_fds, request->max_fds);
		return -EINVAL;
	}
	return 0;
}

static int no_answer(struct pg_vu_connection *connection, const char *name)
{
	pg_vu_log(connection->server, PG_LOG_ERROR,
		  "%s cannot be answered, and the front end waits for it", name);
	connection->socket.problem = "a request without a possible answer";
	return -EPROTO;
}

/* After the handler: what the front end is told. */
static int conclude(struct pg_vu_connection *connection, const struct request *request,
		    struct pg_vu_message *message, struct pg_vu_message *reply, int error)
{
	const char *name = request ? request->name : "an unknown request";

	if (request && request->answered)
		return error ? no_answer(connection, name) : send_reply(connection, reply);
	if (wants_ack(connection, message)) {
		/* Any value but 0 means failure. */
		reply->payload.u64 = error ? (uint64_t)-error : 0;
		reply->header.size = sizeof(reply->payload.u64);
		return send_reply(connection, reply);
	}
	if (error)
		pg_vu_log(connection->server, PG_LOG_WARN,
			  "%s failed (%s), and the front end did not ask to be told", name,
			  strerror(-error));
	return 0;
}

int pg_vu_dispatch(struct pg_vu_connection *connection)
{
	struct pg_vu_message *message = &connection->socket.in;
	const struct request *request = find_request(message->header.request);
	struct pg_vu_message reply;
	int error;

	if ((message->header.flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
	    (message->header.flags & VHOST_USER_REPLY_MASK)) {
		connection->socket.problem =
			"a message that is not a vhost-user request of version 1";
		return -EPROTO;
	}
	pg_vu_log(connection->server, PG_LOG_TRACE, "%s (%u), %u bytes, %zu descriptors%s",
		  request ? request->name : "unknown request", message->header.request,
		  message->header.size, message->fd_count,
		  wants_ack(connection, message) ? ", to be acknowledged" : "");
	reply.header = (struct vhost_user_header){
		.request = message->header.request,
		.flags = VHOST_USER_VERSION | VHOST_USER_REPLY_MASK,
	};
	reply.fd_count = 0;
	error = check_form(connection, request, message);
	if (!error)
		error = request->handle(connection, message, &reply);
	return conclude(connection, request, message, &reply, error);
}
