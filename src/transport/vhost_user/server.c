/* SPDX-License-Identifier: MIT */
/*
 * The server: its socket, its one connection, and how both end. Whatever ends
 * a connection, the next one starts from nothing: the device is reset, guest
 * memory unmapped, every descriptor of the front end closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "transport/vhost_user/internal.h"

/* Messages of the front end handled before the rings get their turn again. */
#define MESSAGES_PER_ROUND 32

void pg_vhost_user_settings_init(struct pg_vhost_user_settings *settings)
{
	*settings = (struct pg_vhost_user_settings){
		.protocol_features = PG_BIT(VHOST_USER_PROTOCOL_F_MQ) |
				     PG_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
				     PG_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
				     PG_BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
				     PG_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
				     PG_BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) |
				     PG_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
				     PG_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS),
		.shmem_bit = VHOST_USER_PROTOCOL_F_SHMEM,
	};
}

static int check_settings(const struct pg_vhost_user_settings *settings, const char **problem)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!settings->loop || !settings->logger)
		*problem = "a loop and a logger must be given";
	else if (settings->window_size &&
		 (!pg_is_power_of_two(settings->window_size) || settings->window_size < page))
		*problem = "the window size must be a power of two of at least a page, "
			   "because QEMU aborts with any other";
	else if (settings->window_size && (settings->shmem_bit < 20 || settings->shmem_bit > 62 ||
					   settings->shmem_bit == 30))
		*problem = "the SHMEM bit must be one that means nothing else: 20 to 62, not 30";
	else
		return 0;
	return -EINVAL;
}

int pg_vhost_user_create(const struct pg_vhost_user_settings *settings, struct pg_vhost_user **out,
			 const char **problem)
{
	struct pg_vhost_user *server;
	const char *unused;
	int error = check_settings(settings, problem ? problem : &unused);

	if (error)
		return error;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->settings = *settings;
	server->loop = settings->loop;
	server->logger = settings->logger;
	server->listen_fd = -1;
	server->offered_protocol_features = pg_vu_offered_protocol_features(settings);
	*out = server;
	return 0;
}

void pg_vhost_user_set_device(struct pg_vhost_user *server, struct paragpu_device *device)
{
	server->device = device;
}

/* --- connections ------------------------------------------------------------------------------ */

static void accept_ready(void *data, uint32_t events);

static void listen_again(struct pg_vhost_user *server)
{
	int error;

	if (server->listen_fd < 0 || server->listen_watch.loop)
		return;
	error = pg_watch_add(server->loop, &server->listen_watch, server->listen_fd, EPOLLIN,
			     accept_ready, server);
	if (error)
		pg_vu_log(server, PG_LOG_ERROR, "cannot wait for front ends: %s", strerror(-error));
}

static void close_connection(struct pg_vu_connection *connection)
{
	struct pg_vhost_user *server = connection->server;

	pg_watch_remove(&connection->watch);
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++)
		pg_vu_queue_stop(&connection->queues[i]);
	pg_vu_channel_forget_mappings(&connection->channel);
	paragpu_device_reset(server->device);
	paragpu_device_set_memory(server->device, NULL);
	pg_vu_channel_finish(&connection->channel);
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++)
		pg_vu_queue_finish(&connection->queues[i]);
	pg_vu_inflight_finish(connection);
	pg_vu_memory_finish(&connection->memory);
	pg_vu_socket_finish(&connection->socket);
	server->connection = NULL;
	free(connection);
	listen_again(server);
	if (server->settings.callbacks.closed)
		server->settings.callbacks.closed(server->settings.callbacks.data);
}

/* From anywhere, so not at once: the main watch sees it as the end of the stream and closes all. */
void pg_vhost_user_disconnect(struct pg_vhost_user *server, const char *why)
{
	if (!server->connection)
		return;
	pg_vu_log(server, PG_LOG_WARN, "connection to the front end closed: %s", why);
	shutdown(server->connection->socket.fd, SHUT_RDWR);
}

static void end_of_connection(struct pg_vu_connection *connection, int error)
{
	struct pg_vhost_user *server = connection->server;

	if (error == -EPIPE || error == -ECONNRESET)
		pg_vu_log(server, PG_LOG_INFO, "the front end disconnected");
	else if (error == -EPROTO)
		pg_vu_log(server, PG_LOG_ERROR, "connection to the front end closed: %s",
			  connection->socket.problem);
	else
		pg_vu_log(server, PG_LOG_ERROR, "connection to the front end closed: %s",
			  strerror(-error));
	close_connection(connection);
}

static void message_ready(void *data, uint32_t events)
{
	struct pg_vu_connection *connection = data;
	int error = 0;

	if (events & EPOLLOUT) {
		error = pg_vu_socket_flush(&connection->socket);
		if (error == -EAGAIN)
			return;
	}
	/* Nothing more is taken from a front end that does not read its replies. */
	for (int i = 0; !error && i < MESSAGES_PER_ROUND; i++) {
		if (pg_vu_socket_unsent(&connection->socket))
			break;
		error = pg_vu_socket_receive(&connection->socket);
		if (!error)
			break;
		if (error < 0)
			continue;
		connection->messages++;
		error = pg_vu_dispatch(connection);
		pg_vu_socket_next(&connection->socket);
	}
	if (!error)
		error = pg_watch_set_events(&connection->watch,
					    pg_vu_socket_unsent(&connection->socket) ? EPOLLOUT
										     : EPOLLIN);
	if (error)
		end_of_connection(connection, error);
}

static int open_connection(struct pg_vhost_user *server, int *fd)
{
	struct pg_vu_connection *connection = calloc(1, sizeof(*connection));
	int error;

	if (!connection)
		return -ENOMEM;
	connection->server = server;
	error = pg_vu_socket_init(&connection->socket, fd);
	if (error) {
		free(connection);
		return error;
	}
	error = pg_watch_add(server->loop, &connection->watch, connection->socket.fd, EPOLLIN,
			     message_ready, connection);
	if (error) {
		pg_vu_socket_finish(&connection->socket);
		free(connection);
		return error;
	}
	pg_vu_channel_init(&connection->channel);
	for (unsigned int i = 0; i < PG_VHOST_USER_QUEUES; i++)
		pg_vu_queue_init(&connection->queues[i], connection, i);
	server->connection = connection;
	server->connections++;
	pg_watch_remove(&server->listen_watch);
	pg_vu_log(server, PG_LOG_INFO, "a front end connected");
	if (server->settings.callbacks.opened)
		server->settings.callbacks.opened(server->settings.callbacks.data);
	return 0;
}

static void accept_ready(void *data, uint32_t events)
{
	struct pg_vhost_user *server = data;
	int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int error;

	(void)events;
	if (fd < 0)
		return; /* it went away again */
	error = open_connection(server, &fd);
	if (error)
		pg_vu_log(server, PG_LOG_ERROR, "cannot serve a front end: %s", strerror(-error));
	pg_close(&fd);
}

int pg_vhost_user_adopt(struct pg_vhost_user *server, int *fd)
{
	struct stat status;

	if (server->connection)
		return -EBUSY;
	if (fstat(*fd, &status) < 0)
		return -errno;
	if (!S_ISSOCK(status.st_mode))
		return -ENOTSOCK;
	return open_connection(server, fd);
}

/* --- listening -------------------------------------------------------------------------------- */

/* Whether a socket file lies there which nobody serves any more. */
static bool is_stale(const struct sockaddr_un *path)
{
	struct stat status;
	bool stale;
	int fd;

	if (lstat(path->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)path, sizeof(*path)) < 0 &&
		errno == ECONNREFUSED;
	pg_close(&fd);
	return stale;
}

static int bind_path(int fd, const struct sockaddr_un *path)
{
	if (!bind(fd, (const struct sockaddr *)path, sizeof(*path)))
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (!is_stale(path) || unlink(path->sun_path) < 0)
		return -EADDRINUSE;
	return bind(fd, (const struct sockaddr *)path, sizeof(*path)) < 0 ? -errno : 0;
}

int pg_vhost_user_listen(struct pg_vhost_user *server, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int error;

	if (server->listen_fd >= 0)
		return -EBUSY;
	if (strlen(path) >= sizeof(address.sun_path)) {
		pg_vu_log(server, PG_LOG_ERROR,
			  "cannot listen at %s: a socket's path has at most %zu characters", path,
			  sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path));
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listen_fd < 0)
		return -errno;
	error = bind_path(server->listen_fd, &address);
	if (!error) {
		server->path = address;
		if (listen(server->listen_fd, 4) < 0)
			error = -errno;
	}
	if (error) {
		pg_vu_log(server, PG_LOG_ERROR, "cannot listen at %s: %s", path,
			  error == -EADDRINUSE ? "another process does, or it is not a socket"
					       : strerror(-error));
		pg_close(&server->listen_fd);
		return error;
	}
	if (!server->connection)
		listen_again(server);
	return 0;
}

void pg_vhost_user_destroy(struct pg_vhost_user **out)
{
	struct pg_vhost_user *server = *out;

	if (!server)
		return;
	*out = NULL;
	pg_watch_remove(&server->listen_watch);
	pg_close(&server->listen_fd);
	if (server->connection)
		close_connection(server->connection);
	if (server->path.sun_path[0])
		unlink(server->path.sun_path);
	free(server);
}
