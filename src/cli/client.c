/* SPDX-License-Identifier: MIT */
/*
 * The asking side of the control socket; see client.h. Blocks where the daemon
 * may not. The daemon is this user's own program and trusted.
 */
#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/runtime.h"

int pg_client_open(struct pg_control_client *client, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char problem[512];

	*client = (struct pg_control_client){.fd = -1, .received_fd = -1};
	if (pg_runtime_find_control(name, address.sun_path, sizeof(address.sun_path), problem,
				    sizeof(problem)) < 0) {
		fprintf(stderr, "paragpu: %s\n", problem);
		return PG_EXIT_FAILED;
	}
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd >= 0 &&
	    !connect(client->fd, (const struct sockaddr *)&address, sizeof(address)))
		return 0;
	if (errno == ENOENT || errno == ECONNREFUSED)
		fprintf(stderr,
			"paragpu: no device listens at %s; is its paragpud running, with "
			"--control?\n",
			address.sun_path);
	else if (errno == EACCES || errno == EPERM)
		fprintf(stderr,
			"paragpu: %s belongs to another user; only that one and root may open it\n",
			address.sun_path);
	else
		fprintf(stderr, "paragpu: cannot connect to %s: %s\n", address.sun_path,
			strerror(errno));
	return PG_EXIT_FAILED;
}

void pg_client_close(struct pg_control_client *client)
{
	pg_close(&client->received_fd);
	pg_close(&client->fd);
	free(client->bytes);
	client->bytes = NULL;
}

/* Takes the first descriptor of a message. */
static void take_fd(struct pg_control_client *client, struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return;
	pg_close(&client->received_fd);
	memcpy(&client->received_fd, CMSG_DATA(header), sizeof(int));
}

/* Reads more. Returns the count of bytes, 0 at the end, or a negative errno. */
static ssize_t receive(struct pg_control_client *client)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct iovec vector;
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = sizeof(ancillary.bytes),
	};
	ssize_t count;

	if (client->used) {
		memmove(client->bytes, client->bytes + client->used, client->size - client->used);
		client->size -= client->used;
		client->used = 0;
	}
	if (client->capacity - client->size < 4096) {
		size_t capacity = client->capacity * 2 + 16384;
		char *bytes = realloc(client->bytes, capacity);

		if (!bytes)
			return -ENOMEM;
		client->bytes = bytes;
		client->capacity = capacity;
	}
	vector.iov_base = client->bytes + client->size;
	vector.iov_len = client->capacity - client->size;
	do
		count = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return -errno;
	client->size += (size_t)count;
	take_fd(client, &message);
	return count;
}

json_t *pg_client_read(struct pg_control_client *client, int *error)
{
	size_t searched = 0;

	*error = 0;
	for (;;) {
		char *start = client->bytes + client->used;
		size_t length = client->size - client->used;
		char *end = length > searched ? memchr(start + searched, '\n', length - searched)
					      : NULL;
		json_t *line;
		ssize_t count;

		if (end) {
			line = json_loadb(start, (size_t)(end - start), 0, NULL);
			client->used += (size_t)(end - start) + 1;
			if (!line)
				*error = -EPROTO;
			return line;
		}
		searched = length;
		count = receive(client);
		if (count <= 0) {
			*error = (int)count;
			return NULL;
		}
	}
}

static int send_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);

		if (count < 0 && errno != EINTR)
			return -errno;
		if (count > 0) {
			bytes += count;
			size -= (size_t)count;
		}
	}
	return 0;
}

json_t *pg_client_ask(struct pg_control_client *client, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	json_t *answer = NULL, *result;
	int error = -ENOMEM;

	json_decref(request);
	if (text)
		error = send_all(client->fd, text, strlen(text));
	if (!error)
		error = send_all(client->fd, "\n", 1);
	free(text);
	if (!error || error == -EPIPE)
		answer = pg_client_read(client, &error);
	if (!answer) {
		fprintf(stderr, "paragpu: the device does not answer: %s\n",
			error ? strerror(-error) : "it hung up; are you its owner?");
		return NULL;
	}
	result = json_incref(json_object_get(answer, "result"));
	if (!result)
		fprintf(stderr, "paragpu: %s\n",
			json_string_value(json_object_get(answer, "error")) ?: "no answer");
	json_decref(answer);
	return result;
}
