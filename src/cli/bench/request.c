/* SPDX-License-Identifier: MIT */
/*
 * The shortest way of a request through the front end: what is measured shall
 * be the back end. A wait is one blocking read of the call descriptor, as the
 * eventfd ping-pong beside it does; an alarm ends one that takes for ever.
 */
#include "cli/bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int pg_bench_request_init(struct pg_fe *fe, struct pg_bench_request *request, const void *bytes,
			  size_t size, uint32_t response_size)
{
	uint64_t address = pg_fe_alloc(fe, 4096 + size, 64);
	void *memory = pg_fe_memory(fe, address, size);

	if (!memory)
		return -ENOMEM;
	memcpy(memory, bytes, size);
	request->chain[0] = (struct pg_fe_segment){address, (uint32_t)size, 0};
	request->chain[1] =
		(struct pg_fe_segment){address + ((size + 63) & ~63ull), response_size, 1};
	request->count = response_size ? 2 : 1;
	return 0;
}

/* Blocks until something was completed; the SIGALRM of bench.c ends the process otherwise. */
static int wait_some(struct pg_fe *fe, struct pg_fe_queue *queue)
{
	for (;;) {
		uint64_t count;
		int error = pg_fe_collect(fe, queue);

		if (error || queue->done_count)
			return error;
		if (pg_fe_arm(queue))
			continue;
		if (read(queue->call, &count, sizeof(count)) < 0) {
			struct pollfd entry = {.fd = queue->call, .events = POLLIN};

			if (errno != EAGAIN && errno != EINTR)
				return -errno;
			poll(&entry, 1, 1000);
		}
	}
}

int pg_bench_send(struct pg_fe *fe, const struct pg_bench_request *request)
{
	struct pg_fe_queue *queue = &fe->queues[0];
	uint64_t token;
	int error = pg_fe_submit(fe, 0, request->chain, request->count, &token);

	if (!error)
		error = pg_fe_kick(fe, 0);
	if (!error)
		error = wait_some(fe, queue);
	queue->done_count = 0;
	return error;
}

int pg_bench_stream(struct pg_fe *fe, const struct pg_bench_request *requests,
		    uint32_t request_count, uint32_t count, uint32_t depth)
{
	struct pg_fe_queue *queue = &fe->queues[0];
	uint32_t sent = 0, done = 0;
	int error = 0;

	queue->done_count = 0;
	while (!error && done < count) {
		while (!error && sent < count && sent - done < depth) {
			uint64_t token;
			const struct pg_bench_request *request = &requests[sent % request_count];

			error = pg_fe_submit(fe, 0, request->chain, request->count, &token);
			sent++;
		}
		if (!error)
			error = pg_fe_kick(fe, 0);
		if (!error)
			error = wait_some(fe, queue);
		done += (uint32_t)queue->done_count;
		queue->done_count = 0;
	}
	return error;
}
