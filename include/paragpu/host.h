/* SPDX-License-Identifier: MIT */
/*
 * What a device asks of the program that embeds it: to return finished
 * requests, to interrupt the guest, to listen.
 *
 * The device calls these functions on the thread that called into the device,
 * or that answered it (paragpu_flush_release(), paragpu_query_answer_*()), and
 * from nowhere else. None may call back into the device unless it says so.
 */
#ifndef PARAGPU_HOST_H
#define PARAGPU_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum paragpu_queue {
	PARAGPU_QUEUE_CONTROL = 0,
	PARAGPU_QUEUE_CURSOR = 1,
};

/*
 * One request of the guest, as it lies in guest memory: the device-readable and
 * the device-writable part of a descriptor chain, each in any number of pieces.
 * The embedder owns the structure and the memory it points to and keeps both
 * until `complete` returned it (or until paragpu_device_reset(), which forgets
 * all requests). Start from zeroes.
 */
struct paragpu_request {
	const struct iovec *readable;
	size_t readable_count;
	const struct iovec *writable;
	size_t writable_count;
	enum paragpu_queue queue;

	/* private to the device */
	struct {
		void *link[2];
		void *timeline;
		uint64_t fence_id;
		uint64_t started_ns;
		void *record;
		uint32_t written;
		uint32_t response;
		uint32_t waits;
		uint64_t reserved[6];
	} device;
};

enum paragpu_log_level {
	PARAGPU_LOG_ERROR,
	PARAGPU_LOG_WARN,
	PARAGPU_LOG_INFO,
	PARAGPU_LOG_DEBUG,
	PARAGPU_LOG_TRACE,
};

/* A finished command, for tracing. All of it is valid during the call only. */
struct paragpu_trace {
	uint64_t started_ns;  /* CLOCK_MONOTONIC */
	uint64_t duration_ns; /* until the response was due, fences included */
	enum paragpu_queue queue;
	uint32_t response;   /* VIRTIO_GPU_RESP_* */
	const void *request; /* the device's own copy of header and fixed part */
	size_t request_size;
	uint64_t reserved[4];
};

/* A part of the host-visible window (shared memory region 1) and what is to be seen there. */
struct paragpu_mapping {
	uint64_t offset, length; /* in the window; multiples of the host's page size */
	/* The bytes; for map_blob only, and valid during the call only: map or duplicate it. */
	int fd;
	uint64_t fd_offset; /* a multiple of the host's page size */
	uint32_t map_info;  /* VIRTIO_GPU_MAP_CACHE_*: how the guest will access it */
	uint64_t reserved[4];
};

/* One map_blob or unmap_blob under way. Opaque; consumed by paragpu_window_done(). */
struct paragpu_window_operation;

struct paragpu_host {
	/*
	 * `request` is done: `written` bytes were stored in its writable part,
	 * from the front. The request is the embedder's again, which may submit
	 * further ones from here. Must be set.
	 */
	void (*complete)(void *data, struct paragpu_request *request, size_t written);

	/* The configuration space changed: interrupt the driver. May be NULL. */
	void (*config_changed)(void *data);

	/* A message to people: one line without newline. May be NULL. */
	void (*log)(void *data, enum paragpu_log_level level, const char *module,
		    const char *message);

	/* Called for each finished command. NULL: no tracing, no cost. */
	void (*trace)(void *data, const struct paragpu_trace *trace);

	/*
	 * Maps a file into the host-visible window, readable and writable, or
	 * takes it out, so that nothing of it is to be seen there any more. Both
	 * are operations: answer each once by paragpu_window_done(), from within
	 * or later, also when the device was reset or destroyed meanwhile. Calls
	 * never concern a place where another one is under way, and what is
	 * mapped never overlaps. Both must be set if the device has a window.
	 */
	void (*map_blob)(void *data, const struct paragpu_mapping *mapping,
			 struct paragpu_window_operation *operation);
	void (*unmap_blob)(void *data, const struct paragpu_mapping *mapping,
			   struct paragpu_window_operation *operation);

	void *data;
	void *reserved[6];
};

/*
 * The answer to map_blob or unmap_blob: 0 or a negative errno. A place that
 * could not be unmapped is never used again.
 *
 * A reset unmaps everything by such operations; the next driver may come
 * before they are answered. paragpu_device_destroy() starts none: the window
 * is the embedder's, which drops whatever is in it.
 */
void paragpu_window_done(struct paragpu_window_operation *operation, int error);

/*
 * Writes one line with the command's name, its arguments, the response and the
 * time into `buffer`, always terminated. Returns the length that the whole line
 * has, as snprintf() does. Safe from any thread.
 */
size_t paragpu_trace_format(const struct paragpu_trace *trace, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
