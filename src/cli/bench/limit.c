/* SPDX-License-Identifier: MIT */
/*
 * Physical limits: what this machine can do of a measurement's work when no
 * back end stands in between. Also the little statistics that there are.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "cli/bench/bench.h"

static _Noreturn void pong(int ping_fd, int pong_fd)
{
	uint64_t value;

	while (read(ping_fd, &value, sizeof(value)) == sizeof(value) &&
	       write(pong_fd, &value, sizeof(value)) == sizeof(value))
		;
	_exit(0);
}

int pg_bench_ping_pong(uint32_t count, uint64_t *ns)
{
	int there = eventfd(0, EFD_CLOEXEC), back = eventfd(0, EFD_CLOEXEC);
	pid_t child = fork();
	uint64_t one = 1;
	int error = 0;

	if (!child)
		pong(there, back);
	for (uint32_t i = 0; i < count && child > 0 && !error; i++) {
		uint64_t start = pg_now_ns();

		if (write(there, &one, sizeof(one)) != sizeof(one) ||
		    read(back, &one, sizeof(one)) != sizeof(one))
			error = -errno;
		ns[i] = pg_now_ns() - start;
	}
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	pg_close(&there);
	pg_close(&back);
	return child < 0 ? -EAGAIN : error;
}

double pg_bench_copy_seconds(size_t bytes)
{
	int fd = memfd_create("source", MFD_CLOEXEC);
	void *private = malloc(bytes);
	uint64_t start, count = 0;
	double seconds = PG_BENCH_ABSENT;
	void *shared = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, (off_t)bytes))
		shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared != MAP_FAILED && private) {
		memset(shared, 1, bytes);
		memcpy(private, shared, bytes);
		start = pg_now_ns();
		do {
			memcpy(private, shared, bytes);
			__asm__ volatile("" : : "r"(private) : "memory");
			count++;
		} while (pg_now_ns() - start < 100000000);
		seconds = (double)(pg_now_ns() - start) / 1e9 / (double)count;
	}
	if (shared != MAP_FAILED)
		munmap(shared, bytes);
	free(private);
	pg_close(&fd);
	return seconds;
}

static _Noreturn void pour(int fd, size_t bytes)
{
	char *frame = malloc(bytes);

	if (frame)
		memset(frame, 1, bytes);
	for (;;) {
		for (size_t sent = 0; frame && sent < bytes;) {
			ssize_t got = write(fd, frame + sent, bytes - sent);

			if (got <= 0)
				_exit(0);
			sent += (size_t)got;
		}
	}
}

double pg_bench_socket_frames(size_t bytes, double seconds)
{
	char *frame = malloc(bytes);
	uint64_t start, frames = 0;
	int pair[2];
	pid_t child;

	if (!frame || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		free(frame);
		return PG_BENCH_ABSENT;
	}
	child = fork();
	if (!child)
		pour(pair[1], bytes);
	pg_close(&pair[1]);
	start = pg_now_ns();
	do {
		for (size_t have = 0; have < bytes;) {
			ssize_t got = read(pair[0], frame + have, bytes - have);

			if (got <= 0)
				break;
			have += (size_t)got;
		}
		frames++;
	} while ((double)(pg_now_ns() - start) < seconds * 1e9);
	seconds = (double)(pg_now_ns() - start) / 1e9;
	pg_close(&pair[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	free(frame);
	return (double)frames / seconds;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double pg_bench_median(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return count ? values[count / 2] : PG_BENCH_ABSENT;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t pg_bench_percentile(uint64_t *values, uint32_t count, uint32_t percent)
{
	qsort(values, count, sizeof(*values), compare_u64);
	return count ? values[(uint64_t)(count - 1) * percent / 100] : 0;
}
