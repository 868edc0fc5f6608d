/* SPDX-License-Identifier: MIT */
/*
 * Layout of split and packed virtqueues and the transport feature bits
 * (virtio specification, "Virtqueues" and "Reserved Feature Bits").
 */
#ifndef PG_PROTOCOL_VIRTIO_RING_H
#define PG_PROTOCOL_VIRTIO_RING_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/le.h"

#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_F_RING_PACKED 34
#define VIRTIO_F_IN_ORDER 35
#define VIRTIO_F_ORDER_PLATFORM 36
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_RING_RESET 40

#define VIRTQ_MAX_SIZE 32768

/* Descriptor flags, the same in both layouts. */
#define VIRTQ_DESC_F_NEXT (1u << 0)
#define VIRTQ_DESC_F_WRITE (1u << 1)
#define VIRTQ_DESC_F_INDIRECT (1u << 2)
/* Packed only. */
#define VIRTQ_DESC_F_AVAIL (1u << 7)
#define VIRTQ_DESC_F_USED (1u << 15)

struct virtq_desc {
	le64 addr;
	le32 len;
	le16 flags;
	le16 next;
};

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u

/* `ring` is followed by le16 used_event. */
struct virtq_avail {
	le16 flags;
	le16 idx;
	le16 ring[];
};

struct virtq_used_elem {
	le32 id;
	le32 len;
};

#define VIRTQ_USED_F_NO_NOTIFY 1u

/* `ring` is followed by le16 avail_event. */
struct virtq_used {
	le16 flags;
	le16 idx;
	struct virtq_used_elem ring[];
};

struct pvirtq_desc {
	le64 addr;
	le32 len;
	le16 id;
	le16 flags;
};

#define RING_EVENT_FLAGS_ENABLE 0u
#define RING_EVENT_FLAGS_DISABLE 1u
#define RING_EVENT_FLAGS_DESC 2u

struct pvirtq_event_suppress {
	le16 desc; /* bits 0-14 offset, bit 15 wrap counter */
	le16 flags;
};

static_assert(sizeof(struct virtq_desc) == 16, "virtq_desc");
static_assert(sizeof(struct virtq_avail) == 4, "virtq_avail");
static_assert(sizeof(struct virtq_used_elem) == 8, "virtq_used_elem");
static_assert(sizeof(struct virtq_used) == 4, "virtq_used");
static_assert(sizeof(struct pvirtq_desc) == 16, "pvirtq_desc");
static_assert(sizeof(struct pvirtq_event_suppress) == 4, "pvirtq_event_suppress");

#endif
