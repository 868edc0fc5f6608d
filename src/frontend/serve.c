/* SPDX-License-Identifier: MIT */
/*
 * What a VMM's main loop does: waits for several descriptors at once and serves
 * display socket and back-end channel when they have something to say.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/loop.h"
#include "frontend/internal.h"

__attribute__((format(printf, 2, 0))) static void note(struct pg_fe *fe, const char *format,
						       va_list arguments)
{
	vsnprintf(fe->error, sizeof(fe->error), format, arguments);
}

int pg_fe_fail(struct pg_fe *fe, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note(fe, format, arguments);
	va_end(arguments);
	return error;
}

int pg_fe_die(struct pg_fe *fe, int error, const char *format, ...)
{
	va_list arguments;

	if (fe->dead)
		return fe->dead;
	va_start(arguments, format);
	note(fe, format, arguments);
	va_end(arguments);
	fe->dead = error;
	return error;
}

/* The main channel says something unasked: its end, or a breach of protocol. */
static int main_channel_event(struct pg_fe *fe)
{
	char byte;
	ssize_t got = recv(fe->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (got > 0)
		return pg_fe_die(fe, -EPROTO, "the back end sent a message that nobody asked for");
	if (got < 0 && errno == EAGAIN)
		return 0;
	return pg_fe_die(fe, -ECONNRESET, "the back end closed the connection");
}

enum {
	EXTRA,
	DISPLAY,
	BACKEND,
	MAIN,
	COUNT
};

int pg_fe_serve(struct pg_fe *fe, int extra_fd, bool *extra_ready, uint64_t deadline_ns)
{
	struct pollfd entries[COUNT] = {
		[EXTRA] = {.fd = extra_fd, .events = POLLIN},
		[DISPLAY] = {.fd = fe->display.stalled ? -1 : fe->display.fd, .events = POLLIN},
		[BACKEND] = {.fd = fe->backend.fd, .events = POLLIN},
		[MAIN] = {.fd = fe->socket, .events = POLLIN},
	};
	uint64_t now = pg_now_ns();
	uint64_t left = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;
	int ready = poll(entries, COUNT, left > INT32_MAX ? INT32_MAX : (int)left);
	int error = 0;

	if (extra_ready)
		*extra_ready = false;
	if (ready < 0)
		return errno == EINTR ? 0 : pg_fe_die(fe, -errno, "poll failed");
	if (!ready)
		return -ETIMEDOUT;
	if (entries[EXTRA].revents && extra_ready)
		*extra_ready = true;
	if (entries[DISPLAY].revents)
		error = pg_fe_display_serve(fe);
	if (!error && entries[BACKEND].revents)
		error = pg_fe_backend_serve(fe);
	if (!error && entries[MAIN].revents)
		error = main_channel_event(fe);
	return error;
}

int pg_fe_pump(struct pg_fe *fe, uint32_t milliseconds)
{
	uint64_t deadline = pg_fe_deadline(fe, milliseconds);

	while (!fe->dead) {
		int error = pg_fe_serve(fe, -1, NULL, deadline);

		if (error == -ETIMEDOUT)
			return 0;
		if (error)
			return error;
	}
	return fe->dead;
}

int pg_fe_settle(struct pg_fe *fe, uint32_t quiet_ms)
{
	while (!fe->dead) {
		int error = pg_fe_serve(fe, -1, NULL, pg_fe_deadline(fe, quiet_ms));

		if (error == -ETIMEDOUT)
			return 0;
		if (error)
			return error;
	}
	return fe->dead;
}
