/* SPDX-License-Identifier: MIT */
/*
 * The inside of `paragpu bench`. A measurement is a function that does one
 * thing for a while and says how it went; it runs against every subject in
 * turn, round by round, so that a disturbance of the machine meets all alike.
 * Subjects are back ends, and the physical limit: what the machine itself can
 * do of the same work (memcpy, eventfd, a socket) without any back end.
 */
#ifndef PG_CLI_BENCH_BENCH_H
#define PG_CLI_BENCH_BENCH_H

#include <sys/types.h>

#include "frontend/internal.h"

#define PG_BENCH_MAX_SUBJECTS 8
#define PG_BENCH_MAX_ROUNDS 101
#define PG_BENCH_ABSENT (-1.0) /* not offered, or took too long */

struct pg_bench_subject {
	const char *name;
	char **command; /* NULL: the physical limit */
	char directory[64];
	char socket[108];
	pid_t pid;
	clockid_t cpu_clock;
	struct pg_fe *fe;
	uint64_t memory; /* guest address of what the current measurement works on */
	uint32_t live;   /* resources made to be many */
	double startup_ms, first_answer_ms;
};

struct pg_bench_options {
	uint32_t rounds;
	double seconds; /* that one measurement of one subject in one round takes */
	uint32_t most_live;
	const char *only;
	const char *json;
};

struct pg_bench_run {
	struct pg_bench_options options;
	struct pg_bench_subject subjects[PG_BENCH_MAX_SUBJECTS];
	uint32_t subject_count;
	/* the second value of a measurement: microseconds of the back end's CPU for one */
	double cpu_us;
};

struct pg_bench_measure {
	const char *name;
	const char *unit;
	bool lower_is_better;
	const char *limit; /* what the limit does; NULL: there is none */
	/* Once for each back end, before the rounds. Returns 0, or why not: the measure is absent. */
	int (*prepare)(struct pg_bench_run *run, struct pg_bench_subject *subject,
		       uint64_t argument);
	/* PG_BENCH_ABSENT if it cannot be measured. */
	double (*run)(struct pg_bench_run *run, struct pg_bench_subject *subject,
		      uint64_t argument);
	uint64_t argument;
};

extern const struct pg_bench_measure pg_bench_measures[];
extern const size_t pg_bench_measure_count;

/* --- subjects (subject.c) ---------------------------------------------------------------------- */

int pg_bench_subject_start(struct pg_bench_run *run, struct pg_bench_subject *subject);
void pg_bench_subject_stop(struct pg_bench_subject *subject);
/* Nanoseconds of CPU that the back end has used. */
uint64_t pg_bench_cpu_ns(const struct pg_bench_subject *subject);
/* A line of /proc/PID/status in KiB, e.g. "RssAnon:". */
double pg_bench_status_kib(const struct pg_bench_subject *subject, const char *key);

/* --- requests (request.c) ---------------------------------------------------------------------- */

/* A request in guest memory, ready to be sent again and again. */
struct pg_bench_request {
	struct pg_fe_segment chain[3];
	uint32_t count;
};

int pg_bench_request_init(struct pg_fe *fe, struct pg_bench_request *request, const void *bytes,
			  size_t size, uint32_t response_size);
/* Sends and waits as a driver does, with as little of our own as possible. */
int pg_bench_send(struct pg_fe *fe, const struct pg_bench_request *request);
/* Sends `count` with up to `depth` in flight; each of `requests` in turn. */
int pg_bench_stream(struct pg_fe *fe, const struct pg_bench_request *requests,
		    uint32_t request_count, uint32_t count, uint32_t depth);

/* --- limits (limit.c) ---------------------------------------------------------------------------- */

/* Round trips over two eventfds with another process; fills `ns` with each. */
int pg_bench_ping_pong(uint32_t count, uint64_t *ns);
/* Seconds to copy `bytes` from a shared file to private memory once. */
double pg_bench_copy_seconds(size_t bytes);
/* Frames of `bytes` a second through a socket pair from another process. */
double pg_bench_socket_frames(size_t bytes, double seconds);

double pg_bench_median(double *values, uint32_t count);
uint64_t pg_bench_percentile(uint64_t *values, uint32_t count, uint32_t percent);

#endif
