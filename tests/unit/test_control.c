/* SPDX-License-Identifier: MIT */
/* The control socket from inside: followers, dropped lines, descriptors with answers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "daemon/control.h"

struct fixture {
	char path[64];
	struct pg_loop *loop;
	struct pg_logger logger;
	struct pg_control *control;
	int client;
	char text[1 << 20];
	size_t size;
};

static void run_follow(void *data, json_t *request, struct pg_answer *answer)
{
	(void)data;
	(void)request;
	answer->result = json_object();
	answer->follow = true;
}

static void run_file(void *data, json_t *request, struct pg_answer *answer)
{
	(void)data;
	(void)request;
	answer->fd = memfd_create("answer", MFD_CLOEXEC);
	assert_int_equal(write(answer->fd, "content", 7), 7);
	answer->result = json_object();
}

static const struct pg_control_command commands[] = {
	{"follow", run_follow},
	{"file", run_file},
	{NULL, NULL},
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char problem[256];

	pg_logger_init(&fixture->logger, NULL, NULL);
	snprintf(fixture->path, sizeof(fixture->path), "/tmp/pg-control-%d", getpid());
	memcpy(address.sun_path, fixture->path, sizeof(fixture->path));
	if (pg_loop_create(&fixture->loop) ||
	    pg_control_create(fixture->loop, &fixture->logger, fixture->path, commands, fixture,
			      &fixture->control, problem, sizeof(problem)))
		return -1;
	fixture->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*state = fixture;
	if (fixture->client < 0)
		return -1;
	return connect(fixture->client, (struct sockaddr *)&address, sizeof(address));
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;
	int gone;

	pg_close(&fixture->client);
	pg_control_destroy(&fixture->control);
	pg_loop_destroy(fixture->loop);
	gone = stat(fixture->path, &status) < 0 && errno == ENOENT;
	free(fixture);
	return gone ? 0 : -1;
}

static void spin(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++)
		pg_loop_dispatch(fixture->loop, 0);
}

static void ask(struct fixture *fixture, const char *line)
{
	assert_int_equal(send(fixture->client, line, strlen(line), 0), strlen(line));
	spin(fixture);
}

/* Reads all that is there into fixture->text. */
static void read_all(struct fixture *fixture)
{
	ssize_t count;

	do {
		spin(fixture);
		count = recv(fixture->client, fixture->text + fixture->size,
			     sizeof(fixture->text) - fixture->size - 1, MSG_DONTWAIT);
		if (count > 0)
			fixture->size += (size_t)count;
	} while (count > 0);
	fixture->text[fixture->size] = '\0';
}

static void followers_get_every_line_in_order(void **state)
{
	struct fixture *fixture = *state;

	assert_false(pg_control_followed(fixture->control));
	ask(fixture, "{\"command\":\"follow\"}\n");
	assert_true(pg_control_followed(fixture->control));
	pg_control_tell(fixture->control, "one");
	pg_control_tell(fixture->control, "two \"quoted\"");
	read_all(fixture);
	assert_string_equal(
		fixture->text,
		"{\"result\":{}}\n{\"trace\":\"one\"}\n{\"trace\":\"two \\\"quoted\\\"\"}\n");
}

static void follower_that_left_is_forgotten(void **state)
{
	struct fixture *fixture = *state;

	ask(fixture, "{\"command\":\"follow\"}\n");
	pg_close(&fixture->client);
	spin(fixture);
	assert_false(pg_control_followed(fixture->control));
	pg_control_tell(fixture->control, "nobody");
}

static void lines_too_many_for_a_slow_reader_are_counted(void **state)
{
	const unsigned int told = 20000;
	struct fixture *fixture = *state;
	unsigned int seen = 0, dropped = 0;

	ask(fixture, "{\"command\":\"follow\"}\n");
	for (unsigned int i = 0; i < told; i++) {
		pg_control_tell(fixture->control, "a line that is as long as those of a trace are");
		if (i % 100 == 0)
			spin(fixture);
	}
	read_all(fixture);
	pg_control_tell(fixture->control, "last");
	read_all(fixture);
	for (char *line = strtok(fixture->text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned int count;

		if (sscanf(line, "{\"dropped\":%u}", &count) == 1)
			dropped += count;
		else
			seen += !strncmp(line, "{\"trace\":", 9);
	}
	assert_true(dropped > 0);
	assert_int_equal(seen + dropped, told + 1);
}

static void descriptor_comes_with_its_answer(void **state)
{
	struct fixture *fixture = *state;
	char text[64], control[CMSG_SPACE(sizeof(int))] = {0}, content[8] = "";
	struct iovec vector = {text, sizeof(text)};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd;

	ask(fixture, "{\"command\":\"file\"}\n");
	assert_true(recvmsg(fixture->client, &message, MSG_CMSG_CLOEXEC) > 0);
	header = CMSG_FIRSTHDR(&message);
	assert_non_null(header);
	assert_int_equal(header->cmsg_type, SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	assert_int_equal(pread(fd, content, 7, 0), 7);
	assert_string_equal(content, "content");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(followers_get_every_line_in_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(follower_that_left_is_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lines_too_many_for_a_slow_reader_are_counted,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(descriptor_comes_with_its_answer, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
