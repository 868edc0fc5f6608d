/* SPDX-License-Identifier: MIT */
/*
 * A virtio-gpu device without a transport (virtio specification, "GPU Device").
 *
 * The embedder brings requests (paragpu_device_submit) and gets them back
 * answered (paragpu_host.complete); it forwards configuration space accesses,
 * resets and the guest's memory table. See examples/minimal.c for all of it.
 *
 * Threads: one device belongs to one thread at a time. Different devices share
 * nothing. No function blocks, ends the process, or touches process-wide state.
 *
 * Errors: functions return 0 or a negative errno. Mistakes of the *guest* are
 * never errors here: they are answered in the protocol and counted.
 */
#ifndef PARAGPU_DEVICE_H
#define PARAGPU_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/display.h>
#include <paragpu/host.h>
#include <paragpu/memory.h>
#include <paragpu/renderer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PARAGPU_VERSION_MAJOR 0
#define PARAGPU_VERSION_MINOR 1
#define PARAGPU_VERSION_PATCH 0

/* The version of the library that runs, "0.1.0". */
const char *paragpu_version(void);

struct paragpu_device;

/* What a guest can make is bounded. Over a limit the guest gets ERR_OUT_OF_MEMORY. */
struct paragpu_limits {
	/* Resources alive at once. Default 131072: ten times a busy desktop; each costs about 200 bytes. */
	uint32_t resources;
	/*
	 * Bytes of host memory for images; also of what all heads show
	 * together, of which each display has a copy. Default 1 GiB: sixteen
	 * heads of 4K, double-buffered, fit.
	 */
	uint64_t host_bytes;
	/* Memory entries in one backing. Default 1048576: 4 GiB in 4 KiB pages. */
	uint32_t backing_entries;
	/* Memory entries in all backings together. Default 4194304; 16 bytes each. */
	uint64_t total_entries;
	/* Contexts alive at once. Default 256. */
	uint32_t contexts;
	/* Requests held for fences at once. Default 16384, over any queue that QEMU offers. */
	uint32_t pending;
	/* Bytes of one command stream. Default 64 MiB: Linux sends them whole, Mesa keeps below 1 MiB. */
	uint32_t submit_bytes;
	uint64_t reserved[7];
};

struct paragpu_settings {
	/* Must be set; copied. */
	struct paragpu_host host;
	/*
	 * Device feature bits to offer (bits 0..23 of the feature word) of those that the library
	 * has. Default: all. VIRGL and CONTEXT_INIT are offered only while there is a renderer with
	 * a capset.
	 */
	uint64_t features;
	/* Number of heads, 1..16 (default 1), and how they begin. Default 1280x800 at 60 Hz, only head 0 connected. */
	uint32_t head_count;
	struct paragpu_head heads[PARAGPU_MAX_HEADS];
	/* For BLOB_ALIGNMENT: a power of two of at least 1. Default: the host's page size. */
	uint32_t blob_alignment;
	struct paragpu_limits limits;
	/*
	 * Bytes of the host-visible window (shared memory region 1): a power of two, at least a
	 * page, or 0 (default): none. It needs host.map_blob and host.unmap_blob.
	 */
	uint64_t window_size;
	uint64_t reserved[15];
};

/* Fills in every default; `host` stays empty. */
void paragpu_settings_init(struct paragpu_settings *settings);

/*
 * Makes a device. Returns 0; -EINVAL for settings out of range, and then
 * *problem (may be NULL) points to a constant sentence that says which; -ENOMEM.
 */
int paragpu_device_create(const struct paragpu_settings *settings, struct paragpu_device **out,
			  const char **problem);

/* Resets the device, detaches its displays, frees it and sets *device to NULL. Accepts NULL. */
void paragpu_device_destroy(struct paragpu_device **device);

/* The device features to offer to the driver (bits 0..23 only; ring features are the transport's). */
uint64_t paragpu_device_features(const struct paragpu_device *device);

/*
 * What the driver accepted; bits that were not offered are ignored. Commands of
 * features not accepted are answered with ERR_UNSPEC. Call it after every reset.
 */
void paragpu_device_accept_features(struct paragpu_device *device, uint64_t features);

/*
 * The guest's memory from now on; the device takes its own reference, NULL means
 * none. Backings refer to guest addresses, so that a new table takes effect at
 * once: addresses that it lacks read as zeroes and swallow writes.
 */
void paragpu_device_set_memory(struct paragpu_device *device, struct paragpu_memory *memory);

/*
 * Executes one request. It is returned by `complete`, before this function
 * returns or, when it waits for a display or behind an earlier fence of its
 * timeline, later. Several may be submitted before the first is complete.
 */
void paragpu_device_submit(struct paragpu_device *device, struct paragpu_request *request);

/*
 * The driver reset the device: every resource, context and held request is
 * forgotten (not completed: the rings are gone), heads are switched off,
 * accepted features are cleared. Heads keep the modes given last.
 */
void paragpu_device_reset(struct paragpu_device *device);

/* Bytes of the configuration space: 20. */
size_t paragpu_device_config_size(const struct paragpu_device *device);

/*
 * Reads or writes [offset, offset + size) of the configuration space. Bytes
 * beyond its end read as 0 and ignore writes; of all fields only events_clear
 * takes a write ("Device configuration layout").
 */
void paragpu_device_read_config(const struct paragpu_device *device, size_t offset, void *buffer,
				size_t size);
void paragpu_device_write_config(struct paragpu_device *device, size_t offset, const void *buffer,
				 size_t size);

/*
 * Changes how head `index` presents itself: resize, connect, disconnect. Raises
 * VIRTIO_GPU_EVENT_DISPLAY and calls config_changed. Returns 0 or -EINVAL.
 */
int paragpu_device_set_head(struct paragpu_device *device, uint32_t index,
			    const struct paragpu_head *head);
int paragpu_device_get_head(const struct paragpu_device *device, uint32_t index,
			    struct paragpu_head *head);

/*
 * Attaches a display, which stays the caller's and must be removed before it is
 * freed. It is told at once what each head shows and gets a full flush for it.
 * Returns 0, or -EBUSY if it is attached already.
 */
int paragpu_device_add_display(struct paragpu_device *device, struct paragpu_display *display);

/*
 * Detaches a display: no call to it follows. Its holds are released and its
 * open queries answered by the device; it must not do so itself afterwards.
 * Harmless for a display that is not attached.
 */
void paragpu_device_remove_display(struct paragpu_device *device, struct paragpu_display *display);

/*
 * Attaches a renderer, which stays the caller's and must be removed, or the
 * device destroyed, before it is freed. Its capsets are asked for once, here,
 * and come behind those of earlier renderers. Add all before the driver starts:
 * capsets and features must not change under it.
 *
 * The embedder watches ops->poll_fd() and calls ops->dispatch() when it is readable.
 *
 * Returns 0; -EBUSY if it is attached already or the driver has accepted
 * features; -ENOSPC over 8 renderers or PARAGPU_MAX_CAPSETS capsets; -EINVAL if
 * a function is missing or a capset is out of range (ids above 30 make Linux
 * fail); -EEXIST if another renderer has one of its capsets; -ENOMEM.
 */
int paragpu_device_add_renderer(struct paragpu_device *device, struct paragpu_renderer *renderer);

/*
 * Detaches a renderer: it is reset, and what it had is lost, as by
 * paragpu_renderer_lost(). Harmless for a renderer that is not attached.
 */
void paragpu_device_remove_renderer(struct paragpu_device *device,
				    struct paragpu_renderer *renderer);

/*
 * Makes an EDID of `head` as the device would: 128 or 256 bytes, EDID 1.4.
 * Returns the size. `index` goes into the serial number.
 */
size_t paragpu_edid(const struct paragpu_head *head, uint32_t index, uint8_t edid[256]);

/* Counters and current numbers of a device. */
struct paragpu_stats {
	uint64_t commands;  /* executed, both queues */
	uint64_t errors;    /* of these, answered by an error */
	uint64_t malformed; /* of these, too short to have a header */
	uint64_t flushes;
	uint64_t bytes_transferred;
	uint64_t resources;       /* alive now */
	uint64_t host_bytes;      /* in images now */
	uint64_t backing_entries; /* in backings now; adjacent ones count as one */
	uint64_t contexts;
	uint64_t pending; /* requests held now */
	uint64_t resets;
	uint64_t fences;       /* of renderers, open now */
	uint64_t stalled;      /* requests that wait for an earlier one, now */
	uint64_t mappings;     /* in the host-visible window now */
	uint64_t mapped_bytes; /* by these */
	uint64_t lost;         /* contexts and renderers that were lost */
	uint64_t reserved[11];
};

void paragpu_device_get_stats(const struct paragpu_device *device, struct paragpu_stats *stats);

enum paragpu_resource_kind {
	PARAGPU_RESOURCE_2D,
	PARAGPU_RESOURCE_3D,
	PARAGPU_RESOURCE_BLOB,
};

/* One resource, for inspection. */
struct paragpu_resource_info {
	uint32_t id;
	enum paragpu_resource_kind kind;
	uint32_t format, width, height; /* 0 for blobs */
	uint32_t blob_mem, blob_flags;  /* 0 for others */
	uint64_t size;                  /* bytes */
	uint64_t backing_entries;
	uint32_t scanouts; /* bit per head that shows it */
	bool has_uuid;
	uint8_t uuid[16];
	uint64_t reserved[8];
};

/*
 * The resource with the smallest id above `after`. Returns false if there is
 * none. A walk over all of them sorts their ids once, unless resources come or
 * go meanwhile.
 */
bool paragpu_device_next_resource(struct paragpu_device *device, uint32_t after,
				  struct paragpu_resource_info *info);

/* What head `index` shows. */
struct paragpu_scanout_info {
	bool enabled;
	uint32_t resource_id;
	struct paragpu_rect rect; /* in the resource, or in the blob's framebuffer */
	uint32_t format;
	uint32_t stride;
	struct paragpu_cursor cursor;
	uint64_t reserved[8];
};

bool paragpu_device_get_scanout(const struct paragpu_device *device, uint32_t index,
				struct paragpu_scanout_info *info);

/* One context, for inspection. The strings are the device's until control returns to it. */
struct paragpu_context_info {
	uint32_t id;
	uint32_t capset_id;
	const char *name;     /* as the guest gave it: any bytes */
	const char *renderer; /* name of who executes it; NULL: lost with its renderer */
	bool lost;
	uint64_t resources; /* attached */
	uint64_t fences;    /* on its rings */
	uint64_t reserved[8];
};

/* The context with the smallest id above `after`. Returns false if there is none. */
bool paragpu_device_next_context(const struct paragpu_device *device, uint32_t after,
				 struct paragpu_context_info *info);

/* The capset at `index`, as the guest counts, and its renderer's name. False beyond the last. */
bool paragpu_device_get_capset(const struct paragpu_device *device, uint32_t index,
			       struct paragpu_capset *capset, const char **renderer);

/* One place of the host-visible window, for inspection. */
struct paragpu_mapping_info {
	uint64_t offset, length;
	uint32_t resource_id; /* 0: its resource is gone, it is being unmapped */
	bool settled;         /* no operation is under way */
	uint64_t reserved[4];
};

/* The place with the smallest offset of at least `from`. Returns false if there is none. */
bool paragpu_device_next_mapping(const struct paragpu_device *device, uint64_t from,
				 struct paragpu_mapping_info *info);

/*
 * The memory of the resource with this UUID, to be given to another device: a
 * new descriptor that is the caller's. Only of blobs that the guest created with
 * USE_CROSS_DEVICE. Returns 0, -ENOENT for an unknown or other resource,
 * -ENOTSUP for memory without a file of its own, or the error of dup().
 */
int paragpu_device_export(struct paragpu_device *device, const uint8_t uuid[16],
			  struct paragpu_export *memory);

#ifdef __cplusplus
}
#endif

#endif
