/* SPDX-License-Identifier: MIT */
/*
 * What is measured. Each function works for about options.seconds and returns
 * one number; the physical limit does the same work without a back end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/loop.h"
#include "cli/bench/bench.h"

#define WIDTH 1920u
#define HEIGHT 1080u
#define FRAME 8294400u /* bytes of WIDTH * HEIGHT pixels */
#define PICTURE 1
#define SMALL 2
#define BLOB 3
#define SCRATCH 10
#define FIRST_LIVE 100000
#define SAMPLES 20000
#define OK VIRTIO_GPU_RESP_OK_NODATA
#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static bool is_limit(const struct pg_bench_subject *subject)
{
	return !subject->command;
}

static double since(uint64_t start)
{
	return (double)(pg_now_ns() - start) / 1e9;
}

/* --- commands ------------------------------------------------------------------------------------ */

/* A valid command that does next to nothing: a flush of a pixel that no head shows. */
static int small_request(struct pg_fe *fe, struct pg_bench_request *request)
{
	struct virtio_gpu_resource_flush flush = {
		.r = pg_fe_rect(0, 0, 1, 1),
		.resource_id = pg_to_le32(SMALL),
	};

	pg_fe_fill_header(&flush.hdr, VIRTIO_GPU_CMD_RESOURCE_FLUSH);
	return pg_bench_request_init(fe, request, &flush, sizeof(flush), 24);
}

static int make_small(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t argument)
{
	int type = pg_fe_create_2d(subject->fe, SMALL, BGRX, 64, 64);

	(void)run;
	(void)argument;
	if (type == OK)
		pg_fe_attach(subject->fe, SMALL, pg_fe_alloc(subject->fe, 16384, 4096), 16384);
	return type < 0 ? type : 0;
}

static double round_trip(struct pg_bench_run *run, struct pg_bench_subject *subject,
			 uint64_t percent)
{
	static uint64_t ns[SAMPLES];
	struct pg_bench_request request;
	uint64_t cpu;

	if (is_limit(subject))
		return pg_bench_ping_pong(SAMPLES, ns)
			       ? PG_BENCH_ABSENT
			       : (double)pg_bench_percentile(ns, SAMPLES, (uint32_t)percent) / 1e3;
	if (small_request(subject->fe, &request))
		return PG_BENCH_ABSENT;
	for (uint32_t i = 0; i < 200; i++)
		pg_bench_send(subject->fe, &request);
	cpu = pg_bench_cpu_ns(subject);
	for (uint32_t i = 0; i < SAMPLES; i++) {
		uint64_t start = pg_now_ns();

		if (pg_bench_send(subject->fe, &request))
			return PG_BENCH_ABSENT;
		ns[i] = pg_now_ns() - start;
	}
	run->cpu_us = (double)(pg_bench_cpu_ns(subject) - cpu) / 1e3 / SAMPLES;
	return (double)pg_bench_percentile(ns, SAMPLES, (uint32_t)percent) / 1e3;
}

static double command_rate(struct pg_bench_run *run, struct pg_bench_subject *subject,
			   uint64_t depth)
{
	struct pg_bench_request requests[64];
	uint64_t start, cpu, count = 0;
	double seconds;

	if (is_limit(subject))
		return PG_BENCH_ABSENT;
	for (uint32_t i = 0; i < 64; i++)
		if (small_request(subject->fe, &requests[i]))
			return PG_BENCH_ABSENT;
	cpu = pg_bench_cpu_ns(subject);
	start = pg_now_ns();
	do {
		if (pg_bench_stream(subject->fe, requests, 64, 2000, (uint32_t)depth))
			return PG_BENCH_ABSENT;
		count += 2000;
		seconds = since(start);
	} while (seconds < run->options.seconds);
	run->cpu_us = (double)(pg_bench_cpu_ns(subject) - cpu) / 1e3 / (double)count;
	return (double)count / seconds;
}

/* --- many resources ------------------------------------------------------------------------------ */

/* Makes resources until `live` of them exist; gives up after a while. */
static int populate(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t live)
{
	uint64_t start = pg_now_ns();

	if (live > run->options.most_live)
		return -ENOTSUP;
	if (!subject->memory)
		subject->memory = pg_fe_alloc(subject->fe, 4096, 4096);
	while (subject->live < live) {
		uint32_t id = FIRST_LIVE + subject->live;

		if (pg_fe_create_2d(subject->fe, id, BGRX, 16, 16) != OK ||
		    pg_fe_attach(subject->fe, id, subject->memory, 1024) != OK)
			return -ENOSPC;
		subject->live++;
		if (subject->live % 1000 == 0 && since(start) > 60)
			return -ETIME;
	}
	return 0;
}

static double create_rate(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t live)
{
	struct virtio_gpu_resource_create_2d create = {
		.resource_id = pg_to_le32(SCRATCH),
		.format = pg_to_le32(BGRX),
		.width = pg_to_le32(16),
		.height = pg_to_le32(16),
	};
	struct {
		struct virtio_gpu_resource_attach_backing request;
		struct virtio_gpu_mem_entry entry;
	} attach = {.request = {.resource_id = pg_to_le32(SCRATCH), .nr_entries = pg_to_le32(1)}};
	struct virtio_gpu_resource_unref unref = {.resource_id = pg_to_le32(SCRATCH)};
	struct pg_bench_request requests[3];
	uint64_t start, cpu, count = 0;
	double seconds;

	if (is_limit(subject) || subject->live != live)
		return PG_BENCH_ABSENT;
	attach.entry = pg_fe_entry(subject->memory, 1024);
	pg_fe_fill_header(&create.hdr, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D);
	pg_fe_fill_header(&attach.request.hdr, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING);
	pg_fe_fill_header(&unref.hdr, VIRTIO_GPU_CMD_RESOURCE_UNREF);
	pg_bench_request_init(subject->fe, &requests[0], &create, sizeof(create), 24);
	pg_bench_request_init(subject->fe, &requests[1], &attach, sizeof(attach), 24);
	pg_bench_request_init(subject->fe, &requests[2], &unref, sizeof(unref), 24);
	cpu = pg_bench_cpu_ns(subject);
	start = pg_now_ns();
	do {
		if (pg_bench_stream(subject->fe, requests, 3, 300, 63))
			return PG_BENCH_ABSENT;
		count += 100;
		seconds = since(start);
	} while (seconds < run->options.seconds);
	run->cpu_us = (double)(pg_bench_cpu_ns(subject) - cpu) / 1e3 / (double)count;
	return (double)count / seconds;
}

static double memory_of_live(struct pg_bench_run *run, struct pg_bench_subject *subject,
			     uint64_t live)
{
	(void)run;
	if (is_limit(subject) || subject->live != live)
		return PG_BENCH_ABSENT;
	return pg_bench_status_kib(subject, "RssAnon:") / 1024;
}

/* --- pictures -------------------------------------------------------------------------------------- */

/* A 1080p picture of entries of `piece` bytes (0: one), not shown. */
static int make_picture(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t piece)
{
	struct pg_fe *fe = subject->fe;
	uint64_t address = pg_fe_alloc(fe, FRAME, 4096);
	uint8_t *memory = pg_fe_memory(fe, address, FRAME);

	(void)run;
	if (!memory)
		return -ENOMEM;
	for (uint32_t i = 0; i < FRAME; i++)
		memory[i] = (uint8_t)(i * 7 + i / 4096);
	pg_fe_unref(fe, PICTURE);
	if (pg_fe_create_2d(fe, PICTURE, BGRX, WIDTH, HEIGHT) != OK ||
	    pg_fe_attach_pieces(fe, PICTURE, address, FRAME, (uint32_t)piece) != OK)
		return -EPROTO;
	return 0;
}

static int show_picture(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t piece)
{
	int error = make_picture(run, subject, piece);

	if (!error && pg_fe_set_scanout(subject->fe, 0, PICTURE, 0, 0, WIDTH, HEIGHT) != OK)
		error = -EPROTO;
	return error;
}

static double transfer(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t piece)
{
	struct virtio_gpu_transfer_to_host_2d request = {
		.r = pg_fe_rect(0, 0, WIDTH, HEIGHT),
		.resource_id = pg_to_le32(PICTURE),
	};
	struct pg_bench_request prepared;
	uint64_t start, cpu, count = 0;
	double seconds;

	(void)piece;
	if (is_limit(subject))
		return FRAME / pg_bench_copy_seconds(FRAME) / 1e9;
	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D);
	if (pg_bench_request_init(subject->fe, &prepared, &request, sizeof(request), 24))
		return PG_BENCH_ABSENT;
	cpu = pg_bench_cpu_ns(subject);
	start = pg_now_ns();
	do {
		if (pg_bench_send(subject->fe, &prepared))
			return PG_BENCH_ABSENT;
		count++;
		seconds = since(start);
	} while (seconds < run->options.seconds);
	run->cpu_us = (double)(pg_bench_cpu_ns(subject) - cpu) / 1e3 / (double)count;
	return (double)count * FRAME / seconds / 1e9;
}

struct area {
	uint32_t width, height;
};

/* Flushes, with a transfer before each unless it is a blob, until the display has every one. */
static double shown(struct pg_bench_run *run, struct pg_bench_subject *subject, uint32_t id,
		    bool transferred, struct area area)
{
	struct pg_fe *fe = subject->fe;
	uint64_t start, cpu, count = 0;
	double seconds;

	pg_fe_settle(fe, 20);
	cpu = pg_bench_cpu_ns(subject);
	start = pg_now_ns();
	do {
		uint32_t updates = pg_fe_get_head(fe, 0)->updates;

		if (transferred && pg_fe_transfer(fe, id, 0, 0, area.width, area.height, 0) != OK)
			return PG_BENCH_ABSENT;
		if (pg_fe_flush(fe, id, 0, 0, area.width, area.height) != OK ||
		    pg_fe_wait_updates(fe, 0, updates + 1, PG_FE_WAIT_DEFAULT))
			return PG_BENCH_ABSENT;
		count++;
		seconds = since(start);
	} while (seconds < run->options.seconds);
	run->cpu_us = (double)(pg_bench_cpu_ns(subject) - cpu) / 1e3 / (double)count;
	return (double)count / seconds;
}

static double shown_frame(struct pg_bench_run *run, struct pg_bench_subject *subject,
			  uint64_t piece)
{
	(void)piece;
	if (is_limit(subject))
		return pg_bench_socket_frames(FRAME, run->options.seconds);
	return shown(run, subject, PICTURE, true, (struct area){WIDTH, HEIGHT});
}

static double shown_damage(struct pg_bench_run *run, struct pg_bench_subject *subject,
			   uint64_t side)
{
	if (is_limit(subject))
		return PG_BENCH_ABSENT;
	return shown(run, subject, PICTURE, true, (struct area){(uint32_t)side, (uint32_t)side});
}

/* --- blobs ----------------------------------------------------------------------------------------- */

static bool has_blobs(const struct pg_bench_subject *subject)
{
	return pg_fe_features(subject->fe) >> VIRTIO_GPU_F_RESOURCE_BLOB & 1;
}

static int show_blob(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t piece)
{
	struct virtio_gpu_rect r = pg_fe_rect(0, 0, WIDTH, HEIGHT);
	uint64_t address;

	(void)run;
	if (!has_blobs(subject))
		return -ENOTSUP;
	pg_fe_unref(subject->fe, BLOB);
	address = pg_fe_alloc(subject->fe, FRAME, 4096);
	memset(pg_fe_memory(subject->fe, address, FRAME), 0x37, FRAME);
	if (pg_fe_create_blob(subject->fe, BLOB, address, FRAME, (uint32_t)piece) != OK ||
	    pg_fe_set_scanout_blob(subject->fe, 0, BLOB, &r, WIDTH, HEIGHT, BGRX, WIDTH * 4, 0) !=
		    OK)
		return -EPROTO;
	return 0;
}

static double shown_blob(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t piece)
{
	(void)piece;
	if (is_limit(subject))
		return pg_bench_socket_frames(FRAME, run->options.seconds);
	return shown(run, subject, BLOB, false, (struct area){WIDTH, HEIGHT});
}

static int blob_memory(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t entries)
{
	(void)run;
	if (!has_blobs(subject))
		return -ENOTSUP;
	subject->memory = pg_fe_alloc(subject->fe, entries * 4096, 4096);
	return subject->memory ? 0 : -ENOMEM;
}

static double blob_rate(struct pg_bench_run *run, struct pg_bench_subject *subject,
			uint64_t entries)
{
	struct virtio_gpu_resource_unref unref = {.resource_id = pg_to_le32(SCRATCH)};
	size_t size = sizeof(struct virtio_gpu_resource_create_blob) +
		      entries * sizeof(struct virtio_gpu_mem_entry);
	struct virtio_gpu_resource_create_blob *create;
	struct virtio_gpu_mem_entry *list;
	struct pg_bench_request requests[2];
	uint64_t start, cpu, count = 0;
	double seconds = 0;

	if (is_limit(subject))
		return PG_BENCH_ABSENT;
	create = calloc(1, size);
	if (!create)
		return PG_BENCH_ABSENT;
	list = (struct virtio_gpu_mem_entry *)(void *)(create + 1);
	pg_fe_fill_header(&create->hdr, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB);
	create->resource_id = pg_to_le32(SCRATCH);
	create->blob_mem = pg_to_le32(VIRTIO_GPU_BLOB_MEM_GUEST);
	create->blob_flags = pg_to_le32(VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE);
	create->nr_entries = pg_to_le32((uint32_t)entries);
	create->size = pg_to_le64(entries * 4096);
	for (uint64_t i = 0; i < entries; i++)
		list[i] = pg_fe_entry(subject->memory + i * 4096, 4096);
	pg_fe_fill_header(&unref.hdr, VIRTIO_GPU_CMD_RESOURCE_UNREF);
	if (pg_bench_request_init(subject->fe, &requests[0], create, size, 24) ||
	    pg_bench_request_init(subject->fe, &requests[1], &unref, sizeof(unref), 24)) {
		free(create);
		return PG_BENCH_ABSENT;
	}
	free(create);
	cpu = pg_bench_cpu_ns(subject);
	start = pg_now_ns();
	while (seconds < run->options.seconds) {
		if (pg_bench_stream(subject->fe, requests, 2, 2, 2))
			return PG_BENCH_ABSENT;
		count++;
		seconds = since(start);
	}
	run->cpu_us = (double)(pg_bench_cpu_ns(subject) - cpu) / 1e3 / (double)count;
	return (double)count / seconds;
}

/* --- the process ------------------------------------------------------------------------------------ */

static double startup(struct pg_bench_run *run, struct pg_bench_subject *subject, uint64_t first)
{
	struct pg_bench_subject fresh = {.command = subject->command};
	double milliseconds;

	(void)run;
	if (is_limit(subject))
		return PG_BENCH_ABSENT;
	memcpy(fresh.directory, subject->directory, sizeof(fresh.directory));
	memcpy(fresh.socket, subject->socket, sizeof(fresh.socket));
	if (pg_bench_subject_start(run, &fresh)) {
		fresh.directory[0] = 0;
		pg_bench_subject_stop(&fresh);
		return PG_BENCH_ABSENT;
	}
	milliseconds = first ? fresh.first_answer_ms : fresh.startup_ms;
	fresh.directory[0] = 0;
	pg_bench_subject_stop(&fresh);
	return milliseconds;
}

/* `argument`: 0 all of it but guest memory, 1 what is the process's own alone. */
static double idle_memory(struct pg_bench_run *run, struct pg_bench_subject *subject,
			  uint64_t argument)
{
	(void)run;
	if (is_limit(subject))
		return PG_BENCH_ABSENT;
	return (pg_bench_status_kib(subject, "RssAnon:") +
		(argument ? 0 : pg_bench_status_kib(subject, "RssFile:"))) /
	       1024;
}

static double idle_cpu(struct pg_bench_run *run, struct pg_bench_subject *subject,
		       uint64_t argument)
{
	struct timespec second = {.tv_sec = 1};
	uint64_t cpu;

	(void)run;
	(void)argument;
	if (is_limit(subject))
		return PG_BENCH_ABSENT;
	cpu = pg_bench_cpu_ns(subject);
	nanosleep(&second, NULL);
	return (double)(pg_bench_cpu_ns(subject) - cpu) / 1e3;
}

#define PING "eventfd ping-pong"
#define COPY "memcpy of the frame"
#define POUR "the frame through a socket"

const struct pg_bench_measure pg_bench_measures[] = {
	{"start-up: socket answers", "ms", true, NULL, NULL, startup, 0},
	{"start-up: first command answered", "ms", true, NULL, NULL, startup, 1},
	{"memory, idle", "MiB", true, NULL, NULL, idle_memory, 0},
	{"memory, idle, private", "MiB", true, NULL, NULL, idle_memory, 1},
	{"CPU in an idle second", "us", true, NULL, NULL, idle_cpu, 0},
	{"round trip p50", "us", true, PING, make_small, round_trip, 50},
	{"round trip p99", "us", true, PING, NULL, round_trip, 99},
	{"commands, depth 1", "/s", false, NULL, NULL, command_rate, 1},
	{"commands, depth 64", "/s", false, NULL, NULL, command_rate, 64},
	{"transfer 1080p, 1 entry", "GB/s", false, COPY, make_picture, transfer, 0},
	{"transfer 1080p, 4 KiB entries", "GB/s", false, COPY, make_picture, transfer, 4096},
	{"shown 1080p frame, 1 entry", "/s", false, POUR, show_picture, shown_frame, 0},
	{"shown 1080p frame, 4 KiB entries", "/s", false, POUR, show_picture, shown_frame, 4096},
	{"shown damage 64x64", "/s", false, NULL, NULL, shown_damage, 64},
	{"shown 1080p blob, 1 entry", "/s", false, POUR, show_blob, shown_blob, 0},
	{"shown 1080p blob, 4 KiB entries", "/s", false, POUR, show_blob, shown_blob, 4096},
	{"blob create+unref, 1 entry", "/s", false, NULL, blob_memory, blob_rate, 1},
	{"blob create+unref, 256 entries", "/s", false, NULL, blob_memory, blob_rate, 256},
	{"blob create+unref, 8192 entries", "/s", false, NULL, blob_memory, blob_rate, 8192},
	{"create+attach+unref, 1k live", "/s", false, NULL, populate, create_rate, 1000},
	{"create+attach+unref, 10k live", "/s", false, NULL, populate, create_rate, 10000},
	{"create+attach+unref, 100k live", "/s", false, NULL, populate, create_rate, 100000},
	{"memory, private, 100k live", "MiB", true, NULL, NULL, memory_of_live, 100000},
};

const size_t pg_bench_measure_count = sizeof(pg_bench_measures) / sizeof(pg_bench_measures[0]);
