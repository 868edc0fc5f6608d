/* SPDX-License-Identifier: MIT */
/* Where paragpud's lines go; see messages.h. */
#include "daemon/messages.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"

#define LINE_NS (1000000000ull / PG_MESSAGE_RATE)

void pg_messages_init(struct pg_messages *messages, int fd, const char *program)
{
	*messages = (struct pg_messages){
		.fd = fd,
		.program = program,
		.last_ns = pg_now_ns(),
		.credit = PG_MESSAGE_BURST * LINE_NS,
	};
}

/* Whether one more line is within the rate, with the note on those left out before it. */
static int spend(struct pg_messages *messages)
{
	uint64_t cost = messages->left_out ? 2 * LINE_NS : LINE_NS;
	uint64_t now = pg_now_ns();

	messages->credit += now - messages->last_ns;
	messages->last_ns = now;
	if (messages->credit > PG_MESSAGE_BURST * LINE_NS)
		messages->credit = PG_MESSAGE_BURST * LINE_NS;
	if (messages->credit < cost)
		return 0;
	messages->credit -= cost;
	return 1;
}

/* Writes a line of `length` characters whole, or not at all if it would have to wait. */
static int write_line(const struct pg_messages *messages, char *line, int length, size_t size)
{
	struct pollfd poll_fd = {.fd = messages->fd, .events = POLLOUT};

	if ((size_t)length >= size) { /* snprintf() cut it */
		length = (int)size - 1;
		line[length - 1] = '\n';
	}
	/* a pipe that is ready takes 4096 bytes, which is more than any line */
	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLOUT &&
	       write(messages->fd, line, (size_t)length) == length;
}

void pg_messages_write(void *data, enum pg_log_level level, const char *module, const char *message)
{
	struct pg_messages *messages = data;
	char line[1200];
	int length;

	if (!spend(messages)) {
		messages->left_out++;
		return;
	}
	if (messages->left_out) {
		length = snprintf(line, sizeof(line),
				  "%s: %" PRIu64 " messages were left out here\n",
				  messages->program, messages->left_out);
		if (write_line(messages, line, length, sizeof(line)))
			messages->left_out = 0;
	}
	if (level == PG_LOG_INFO)
		length = snprintf(line, sizeof(line), "%s: %s: %s\n", messages->program, module,
				  message);
	else
		length = snprintf(line, sizeof(line), "%s: %s: %s: %s\n", messages->program, module,
				  pg_log_level_name(level), message);
	if (!write_line(messages, line, length, sizeof(line)))
		messages->left_out++;
}
