/* SPDX-License-Identifier: MIT */
/* The control socket: who comes in, and the lines to and fro; see control.h. */
#include "daemon/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/listen.h"

#define MODULE "control"

#define MAX_CLIENTS 8
/* No command of ours needs a tenth of it. */
#define MAX_REQUEST 4096
/* Lines for one who follows and does not read: about 2000. */
#define MAX_BACKLOG ((size_t)256 << 10)
/* How long nobody is let in when the process is out of descriptors. */
#define ACCEPT_PAUSE_NS 1000000000ull

struct pg_client {
	struct pg_list link;
	struct pg_control *control;
	struct pg_watch watch;
	int fd;
	char request[MAX_REQUEST];
	size_t request_size;
	/* what is to be sent: bytes [sent, size) of `output` */
	char *output;
	size_t sent, size, capacity;
	int output_fd; /* goes with the next byte */
	bool follows;
	bool leaving; /* hang up when all is sent */
	uint64_t dropped;
	struct pg_deferred flush;
};

struct pg_control {
	struct pg_loop *loop;
	const struct pg_logger *logger;
	const struct pg_control_command *commands;
	void *data;
	struct pg_listener listener;
	struct pg_watch watch;
	struct pg_timer pause;
	struct pg_list clients;
	unsigned int client_count;
	unsigned int follower_count;
};

static void client_destroy(struct pg_client *client)
{
	struct pg_control *control = client->control;

	pg_defer_cancel(&client->flush);
	pg_watch_remove(&client->watch);
	pg_list_remove(&client->link);
	control->client_count--;
	control->follower_count -= client->follows;
	pg_close(&client->output_fd);
	pg_close(&client->fd);
	free(client->output);
	free(client);
}

/* Makes room for `size` more bytes. Returns false if there is no memory. */
static bool client_reserve(struct pg_client *client, size_t size)
{
	size_t capacity = client->capacity ? client->capacity : 4096;
	char *output;

	if (client->sent) {
		memmove(client->output, client->output + client->sent, client->size - client->sent);
		client->size -= client->sent;
		client->sent = 0;
	}
	while (capacity < client->size + size)
		capacity *= 2;
	if (capacity == client->capacity)
		return true;
	output = realloc(client->output, capacity);
	if (!output)
		return false;
	client->output = output;
	client->capacity = capacity;
	return true;
}

/* Appends `object` as a line. Returns false if there is no memory. */
static bool client_append(struct pg_client *client, const json_t *object)
{
	size_t size = json_dumpb(object, NULL, 0, JSON_COMPACT);

	if (!size || !client_reserve(client, size + 1))
		return false;
	json_dumpb(object, client->output + client->size, size, JSON_COMPACT);
	client->size += size;
	client->output[client->size++] = '\n';
	return true;
}

static ssize_t send_some(struct pg_client *client)
{
	struct iovec vector = {
		.iov_base = client->output + client->sent,
		.iov_len = client->size - client->sent,
	};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *header;

	if (client->output_fd >= 0) {
		message.msg_control = ancillary.bytes;
		message.msg_controllen = sizeof(ancillary.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &client->output_fd, sizeof(int));
	}
	return sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Sends what the socket takes. Returns false if the client is gone, and freed. */
static bool client_flush(struct pg_client *client)
{
	while (client->sent < client->size) {
		ssize_t count = send_some(client);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN) {
			pg_watch_set_events(&client->watch,
					    client->follows ? EPOLLIN | EPOLLOUT : EPOLLOUT);
			return true;
		}
		if (count < 0) {
			client_destroy(client);
			return false;
		}
		client->sent += (size_t)count;
		pg_close(&client->output_fd);
	}
	client->sent = client->size = 0;
	/* A client that once asked for much shall not hold it for ever. */
	if (client->capacity > MAX_BACKLOG) {
		free(client->output);
		client->output = NULL;
		client->capacity = 0;
	}
	if (client->leaving) {
		client_destroy(client);
		return false;
	}
	pg_watch_set_events(&client->watch, EPOLLIN);
	return true;
}

static void run_command(struct pg_control *control, json_t *request, struct pg_answer *answer)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	if (!name) {
		snprintf(answer->problem, sizeof(answer->problem),
			 "a request is an object with a string called command, such as "
			 "{\"command\":\"version\"}");
		return;
	}
	for (const struct pg_control_command *command = control->commands; command->name;
	     command++) {
		if (!strcmp(command->name, name)) {
			command->run(control->data, request, answer);
			return;
		}
	}
	snprintf(answer->problem, sizeof(answer->problem), "there is no command \"%.64s\"", name);
}

/* Runs one line and queues its answer. Returns false if the client must go. */
static bool client_request(struct pg_client *client, const char *line, size_t size)
{
	struct pg_control *control = client->control;
	struct pg_answer answer = {.fd = -1};
	json_error_t error;
	json_t *request = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
	json_t *response = json_object();
	json_t *id = json_object_get(request, "id");
	bool queued;

	if (request)
		run_command(control, request, &answer);
	else
		snprintf(answer.problem, sizeof(answer.problem), "the request is not JSON: %s",
			 error.text);
	if (id)
		json_object_set(response, "id", id);
	if (answer.result)
		json_object_set_new(response, "result", answer.result);
	else
		json_object_set_new(response, "error", json_string(answer.problem));
	queued = response && client_append(client, response);
	if (answer.result && answer.follow && !client->follows) {
		client->follows = true;
		control->follower_count++;
	}
	client->output_fd = pg_take_fd(&answer.fd);
	json_decref(response);
	json_decref(request);
	return queued;
}

/* Runs the complete lines that are there, one answer at a time. Returns false if the client is gone. */
static bool client_requests(struct pg_client *client)
{
	while (client->sent == client->size && !client->leaving) {
		char *end = memchr(client->request, '\n', client->request_size);
		size_t size;
		bool kept;

		if (!end) {
			if (client->request_size < sizeof(client->request))
				return true;
			client_destroy(client);
			return false;
		}
		size = (size_t)(end - client->request);
		if (client->follows)
			kept = true; /* nothing can be asked any more */
		else
			kept = client_request(client, client->request, size);
		client->request_size -= size + 1;
		memmove(client->request, end + 1, client->request_size);
		if (!kept) {
			client_destroy(client);
			return false;
		}
		if (!client_flush(client))
			return false;
	}
	return true;
}

static void client_ready(void *data, uint32_t events)
{
	struct pg_client *client = data;
	ssize_t count;

	if (events & EPOLLOUT && !client_flush(client))
		return;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		if (client->request_size == sizeof(client->request) && !client->follows)
			return; /* an answer is still on its way out */
		count = recv(client->fd, client->request + client->request_size,
			     sizeof(client->request) - client->request_size, MSG_DONTWAIT);
		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (count <= 0) {
			client_destroy(client);
			return;
		}
		client->request_size += (size_t)count;
		if (client->follows)
			client->request_size = 0;
	}
	client_requests(client);
}

static bool may_enter(struct pg_control *control, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	if (!peer.uid || peer.uid == geteuid())
		return true;
	pg_log(control->logger, PG_LOG_WARN, MODULE,
	       "turned away user %u (process %d): only user %u and root may come in",
	       (unsigned int)peer.uid, (int)peer.pid, (unsigned int)geteuid());
	return false;
}

static void client_create(struct pg_control *control, int *fd)
{
	struct pg_client *client = calloc(1, sizeof(*client));

	if (!client)
		return;
	client->control = control;
	client->output_fd = -1;
	client->fd = pg_take_fd(fd);
	pg_list_append(&control->clients, &client->link);
	control->client_count++;
	if (pg_watch_add(control->loop, &client->watch, client->fd, EPOLLIN, client_ready, client) <
	    0)
		client_destroy(client);
}

static void accept_again(void *data)
{
	struct pg_control *control = data;

	pg_watch_set_events(&control->watch, EPOLLIN);
}

static void accept_ready(void *data, uint32_t events)
{
	static const char full[] = "{\"error\":\"too many clients; end one and try again\"}\n";
	struct pg_control *control = data;
	int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
			return;
		pg_watch_set_events(&control->watch, 0);
		pg_timer_set(control->loop, &control->pause, ACCEPT_PAUSE_NS, accept_again,
			     control);
		return;
	}
	if (!may_enter(control, fd))
		;
	else if (control->client_count == MAX_CLIENTS)
		send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		client_create(control, &fd);
	pg_close(&fd);
}

int pg_control_create(struct pg_loop *loop, const struct pg_logger *logger, const char *path,
		      const struct pg_control_command *commands, void *data,
		      struct pg_control **out, char *problem, size_t problem_size)
{
	struct pg_control *control = calloc(1, sizeof(*control));
	int error;

	if (!control) {
		snprintf(problem, problem_size, "no memory for the control socket");
		return -ENOMEM;
	}
	*control = (struct pg_control){
		.loop = loop,
		.logger = logger,
		.commands = commands,
		.data = data,
		.listener.fd = -1,
	};
	pg_list_init(&control->clients);
	error = pg_listen(&control->listener, path, 0600, problem, problem_size);
	if (!error) {
		error = pg_watch_add(loop, &control->watch, control->listener.fd, EPOLLIN,
				     accept_ready, control);
		if (error)
			snprintf(problem, problem_size, "cannot watch the control socket: %s",
				 strerror(-error));
	}
	if (error) {
		pg_control_destroy(&control);
		return error;
	}
	*out = control;
	return 0;
}

void pg_control_destroy(struct pg_control **control)
{
	struct pg_control *taken = *control;

	*control = NULL;
	if (!taken)
		return;
	pg_list_for_each_safe(link, &taken->clients)
		client_destroy(pg_container_of(link, struct pg_client, link));
	pg_timer_cancel(&taken->pause);
	pg_watch_remove(&taken->watch);
	pg_listener_finish(&taken->listener);
	free(taken);
}

bool pg_control_followed(const struct pg_control *control)
{
	return control && control->follower_count;
}

static void flush_deferred(void *data)
{
	client_flush(data);
}

/* Appends a line for one who follows, if its backlog has room. */
static void client_tell(struct pg_client *client, const json_t *line)
{
	/* a line of trace and the note on dropped ones are far below 2 KiB */
	if (client->size - client->sent + 2048 > MAX_BACKLOG) {
		client->dropped++;
		return;
	}
	if (client->dropped) {
		json_t *note = json_pack("{s:I}", "dropped", (json_int_t)client->dropped);

		if (note && client_append(client, note))
			client->dropped = 0;
		json_decref(note);
	}
	if (!client_append(client, line))
		client->dropped++;
	/* with the rest of this round, in one write */
	if (client->watch.events == EPOLLIN)
		pg_defer(client->control->loop, &client->flush, flush_deferred, client);
}

void pg_control_tell(struct pg_control *control, const char *text)
{
	json_t *line = json_pack("{s:s}", "trace", text);

	if (!line)
		return;
	pg_list_for_each(link, &control->clients) {
		struct pg_client *client = pg_container_of(link, struct pg_client, link);

		if (client->follows)
			client_tell(client, line);
	}
	json_decref(line);
}
