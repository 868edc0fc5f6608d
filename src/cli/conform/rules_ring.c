/* SPDX-License-Identifier: MIT */
/*
 * Rules of virtqueues (virtio specification, "Virtqueues"): every layout and
 * shape that a driver may use, and what a hostile driver may do. A broken ring
 * may stop that queue, or the connection; never the process.
 */
#include <string.h>

#include "cli/conform/conform.h"
#include "frontend/internal.h"

#define INDIRECT BIT(VIRTIO_F_INDIRECT_DESC)
#define EVENT BIT(VIRTIO_F_EVENT_IDX)
#define PACKED BIT(VIRTIO_F_RING_PACKED)
#define ORDER BIT(VIRTIO_F_IN_ORDER)

/* --- all layouts ------------------------------------------------------------------------------ */

/* `argument`: the ring features to have, of the four above. */
static void layout_setup(struct pg_fe_settings *settings, uint64_t features)
{
	settings->features &= ~(INDIRECT | EVENT | PACKED | ORDER);
	settings->features |= features;
}

static void small_setup(struct pg_fe_settings *settings, uint64_t features)
{
	layout_setup(settings, features);
	settings->queue_size[0] = 8;
	settings->queue_size[1] = 4;
}

static void serve_many(struct pg_run *run, struct pg_fe *fe, uint64_t features)
{
	(void)features;
	for (uint32_t i = 0; i < 1000 && !pg_run_failed(run); i++) {
		WANT(run, pg_fe_create_2d(fe, 5, BGRX, 16, 16), OK);
		WANT_ERROR(run, pg_fe_create_2d(fe, 5, BGRX, 16, 16), BAD_RESOURCE);
		if (i % 7 == 0)
			MUST(run, pg_fe_move_cursor(fe, 0, (int32_t)i, 0));
		WANT(run, pg_fe_unref(fe, 5), OK);
	}
}

static int start(struct pg_fe *fe, uint32_t id, uint32_t *handle)
{
	struct virtio_gpu_resource_unref request = {.resource_id = pg_to_le32(id)};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_UNREF);
	return pg_fe_command_start(fe, 0, &request, sizeof(request), NULL, 0,
				   sizeof(struct virtio_gpu_ctrl_hdr), handle);
}

/* As many requests as the ring holds with one kick, again and again. */
static void full_ring(struct pg_run *run, struct pg_fe *fe, uint64_t features)
{
	uint32_t handles[256];

	(void)features;
	for (int round = 0; round < 30 && !pg_run_failed(run); round++) {
		uint32_t count = 0;

		while (count < 256 && pg_fe_queue_free(fe, 0) >= 2) {
			MUST(run, start(fe, 999, &handles[count]));
			if (pg_run_failed(run))
				return;
			count++;
		}
		MUST(run, pg_fe_kick(fe, 0));
		while (count-- > 0)
			MUST(run, pg_fe_command_finish(fe, handles[count], PG_FE_WAIT_DEFAULT, NULL,
						       0, NULL));
	}
}

static void one_descriptor(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	/* header alone, nothing writable: a chain of one */
	struct virtio_gpu_ctrl_hdr request;

	pg_fe_fill_header(&request, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	for (int i = 0; i < 100; i++)
		MUST(run, pg_fe_execute(fe, 0, &request, sizeof(request), NULL, 0, NULL, 0, NULL));
}

/* A chain longer than the ring, as Linux sends it through an indirect table. */
static void long_chain(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	uint64_t address = pg_pattern(fe, 4096, 1);
	uint32_t entries = (uint32_t)count / 16;
	struct virtio_gpu_mem_entry list[512];

	for (uint32_t i = 0; i < entries; i++)
		list[i] = pg_fe_entry(address, 4096);
	WANT(run, pg_fe_create_2d(fe, 5, BGRX, 32, 32), OK);
	pg_fe_set_shape(fe, 1, 1);
	WANT(run, pg_fe_attach_entries(fe, 5, entries, list, entries), OK);
	pg_fe_set_shape(fe, 0, 0);
	WANT(run, pg_fe_transfer(fe, 5, 0, 0, 32, 32, 0), OK);
	pg_show(run, fe, 5, 32, 32);
	pg_want_picture(run, fe, 32, 32, 1, 32);
}

/* --- hostile drivers --------------------------------------------------------------------------- */

/* A ring is broken on purpose: no more waiting for it, the back end must live. */
static void want_survival(struct pg_run *run, struct pg_fe *fe)
{
	pg_fe_kick_always(fe, 0);
	pg_fe_pump(fe, 100);
	pg_run_survives(run, PG_GUEST);
}

/* Puts `head` into a split ring. */
static void split_avail(struct pg_fe *fe, uint16_t head)
{
	struct pg_fe_queue *queue = &fe->queues[0];
	struct virtq_avail *avail = queue->avail;

	avail->ring[queue->avail_index % queue->size] = pg_to_le16(head);
	queue->avail_index++;
	__atomic_store_n(&avail->idx.wire, pg_to_le16(queue->avail_index).wire, __ATOMIC_RELEASE);
}

static void set_desc(struct virtq_desc *desc, uint64_t address, uint32_t length, uint32_t flags,
		     uint16_t next)
{
	desc->addr = pg_to_le64(address);
	desc->len = pg_to_le32(length);
	desc->flags = pg_to_le16((uint16_t)flags);
	desc->next = pg_to_le16(next);
}

/* Writes the descriptor at the packed ring's current place and makes it available. */
static void packed_avail(struct pg_fe *fe, uint64_t address, uint32_t length, uint32_t flags,
			 uint16_t id)
{
	struct pg_fe_queue *queue = &fe->queues[0];
	struct pvirtq_desc *desc = &queue->desc.packed[queue->avail_index];
	uint32_t bits = queue->avail_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;

	desc->addr = pg_to_le64(address);
	desc->len = pg_to_le32(length);
	desc->id = pg_to_le16(id);
	__atomic_store_n(&desc->flags.wire, pg_to_le16((uint16_t)(flags | bits)).wire,
			 __ATOMIC_RELEASE);
	if (++queue->avail_index == queue->size) {
		queue->avail_index = 0;
		queue->avail_wrap = !queue->avail_wrap;
	}
}

enum attack {
	HEAD_TOO_LARGE,
	NEXT_TOO_LARGE,
	LOOP_OF_ONE,
	LOOP_OF_TWO,
	INDEX_JUMP,
	INDIRECT_IN_INDIRECT,
	INDIRECT_LOOP,
	INDIRECT_NEXT_TOO_LARGE,
	INDIRECT_ODD_LENGTH,
	INDIRECT_EMPTY,
	INDIRECT_WITH_NEXT,
	INDIRECT_WRITABLE,
	INDIRECT_OUTSIDE,
	INDIRECT_HUGE,
	ADDRESS_OUTSIDE,
	ADDRESS_WRAPPING,
	ADDRESS_OVER_END,
	RESPONSE_OUTSIDE,
	LENGTH_HUGE,
	LENGTH_ZERO,
	ALL_LENGTHS_ZERO,
	WRITABLE_FIRST,
	WRITABLE_BEFORE_READABLE,
	UNKNOWN_FLAGS,
	SAME_HEAD_TWICE,
	PACKED_ENDLESS,
	PACKED_ID_TOO_LARGE,
};

/* A good request of 24 bytes. */
static uint64_t request_in_memory(struct pg_fe *fe)
{
	uint64_t address = pg_fe_alloc(fe, 4096, 4096);

	pg_fe_fill_header(pg_fe_memory(fe, address, 24), VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	return address;
}

#define NEXT VIRTQ_DESC_F_NEXT
#define WRITE VIRTQ_DESC_F_WRITE
#define TABLE VIRTQ_DESC_F_INDIRECT

static void split_table_attack(struct pg_fe *fe, enum attack attack, struct virtq_desc *ring,
			       uint64_t good)
{
	uint64_t address = pg_fe_alloc(fe, 65536, 4096);
	struct virtq_desc *table = pg_fe_memory(fe, address, 65536);
	uint32_t length = 32, flags = TABLE;

	set_desc(&table[0], good, 24, NEXT, 1);
	set_desc(&table[1], good + 1024, 408, WRITE, 0);
	if (attack == INDIRECT_IN_INDIRECT)
		set_desc(&table[1], address, 32, TABLE, 0);
	else if (attack == INDIRECT_LOOP)
		set_desc(&table[1], good + 1024, 408, WRITE | NEXT, 0);
	else if (attack == INDIRECT_NEXT_TOO_LARGE)
		set_desc(&table[0], good, 24, NEXT, 60000);
	else if (attack == INDIRECT_ODD_LENGTH)
		length = 39;
	else if (attack == INDIRECT_EMPTY)
		length = 0;
	else if (attack == INDIRECT_WITH_NEXT)
		flags |= NEXT;
	else if (attack == INDIRECT_WRITABLE)
		flags |= WRITE;
	else if (attack == INDIRECT_OUTSIDE)
		address = pg_fe_region_end(fe, 0) - 16;
	else if (attack == INDIRECT_HUGE)
		length = 0xfffffff0;
	set_desc(&ring[0], address, length, flags, 1);
	split_avail(fe, 0);
}

static void split_attack(struct pg_run *run, struct pg_fe *fe, uint64_t attack)
{
	struct pg_fe_queue *queue = &fe->queues[0];
	struct virtq_desc *ring = queue->desc.split;
	uint64_t good = request_in_memory(fe);
	uint64_t end = pg_fe_region_end(fe, 0);

	set_desc(&ring[0], good, 24, NEXT, 1);
	set_desc(&ring[1], good + 1024, 408, WRITE, 0);
	if (attack >= INDIRECT_IN_INDIRECT && attack <= INDIRECT_HUGE) {
		split_table_attack(fe, (enum attack)attack, ring, good);
		want_survival(run, fe);
		return;
	}
	switch (attack) {
	case NEXT_TOO_LARGE:
		set_desc(&ring[0], good, 24, NEXT, (uint16_t)queue->size);
		break;
	case LOOP_OF_ONE:
		set_desc(&ring[0], good, 24, NEXT, 0);
		break;
	case LOOP_OF_TWO:
		set_desc(&ring[1], good + 1024, 408, NEXT | WRITE, 0);
		break;
	case ADDRESS_OUTSIDE:
		set_desc(&ring[0], end + 4096, 24, NEXT, 1);
		break;
	case ADDRESS_WRAPPING:
		set_desc(&ring[0], ~0ull - 7, 24, NEXT, 1);
		break;
	case ADDRESS_OVER_END:
		set_desc(&ring[0], end - 8, 24, NEXT, 1);
		break;
	case RESPONSE_OUTSIDE:
		set_desc(&ring[1], 1ull << 50, 408, WRITE, 0);
		break;
	case LENGTH_HUGE:
		set_desc(&ring[0], good, 0xffffffff, NEXT, 1);
		break;
	case LENGTH_ZERO:
		set_desc(&ring[1], good + 1024, 0, WRITE, 0);
		break;
	case ALL_LENGTHS_ZERO:
		set_desc(&ring[0], good, 0, NEXT, 1);
		set_desc(&ring[1], good + 1024, 0, WRITE, 0);
		break;
	case WRITABLE_FIRST:
		set_desc(&ring[0], good, 24, WRITE, 0);
		break;
	case WRITABLE_BEFORE_READABLE:
		set_desc(&ring[0], good + 1024, 408, WRITE | NEXT, 1);
		set_desc(&ring[1], good, 24, 0, 0);
		break;
	case UNKNOWN_FLAGS:
		set_desc(&ring[0], good, 24, 0xfff8 | NEXT, 1);
		break;
	default:
		break;
	}
	split_avail(fe, attack == HEAD_TOO_LARGE ? (uint16_t)(queue->size + 5) : 0);
	if (attack == SAME_HEAD_TWICE)
		split_avail(fe, 0);
	if (attack == INDEX_JUMP) {
		queue->avail_index = (uint16_t)(queue->avail_index + 1000 + queue->size);
		split_avail(fe, 0);
	}
	want_survival(run, fe);
}

static void packed_attack(struct pg_run *run, struct pg_fe *fe, uint64_t attack)
{
	uint64_t good = request_in_memory(fe);
	uint64_t address = pg_fe_alloc(fe, 4096, 4096);
	struct pvirtq_desc *table = pg_fe_memory(fe, address, 4096);
	uint32_t size = fe->queues[0].size;

	memset(table, 0, 4096);
	table[0].addr = pg_to_le64(good);
	table[0].len = pg_to_le32(24);
	switch (attack) {
	case PACKED_ENDLESS:
		for (uint32_t i = 0; i < size; i++)
			packed_avail(fe, good, 24, NEXT, 0);
		break;
	case PACKED_ID_TOO_LARGE:
		packed_avail(fe, good, 24, 0, (uint16_t)(size + 9));
		break;
	case INDIRECT_IN_INDIRECT:
		table[0].flags = pg_to_le16(TABLE);
		table[0].addr = pg_to_le64(address);
		packed_avail(fe, address, 16, TABLE, 0);
		break;
	case INDIRECT_ODD_LENGTH:
		packed_avail(fe, address, 17, TABLE, 0);
		break;
	case INDIRECT_EMPTY:
		packed_avail(fe, address, 0, TABLE, 0);
		break;
	case INDIRECT_HUGE:
		packed_avail(fe, address, 0xfffffff0, TABLE, 0);
		break;
	case INDIRECT_OUTSIDE:
		packed_avail(fe, pg_fe_region_end(fe, 0), 32, TABLE, 0);
		break;
	case ADDRESS_OUTSIDE:
		packed_avail(fe, 1ull << 50, 24, 0, 0);
		break;
	case ADDRESS_WRAPPING:
		packed_avail(fe, ~0ull - 7, 24, 0, 0);
		break;
	case LENGTH_ZERO:
		packed_avail(fe, good, 0, 0, 0);
		break;
	case WRITABLE_BEFORE_READABLE:
		packed_avail(fe, good + 1024, 408, WRITE | NEXT, 0);
		packed_avail(fe, good, 24, 0, 0);
		break;
	default:
		packed_avail(fe, good, 24, 0xff78, 0);
		break;
	}
	want_survival(run, fe);
}

/* The device must not look at the request a second time (F10): the words change all the time. */
static void racing(struct pg_run *run, struct pg_fe *fe, uint64_t rounds)
{
	struct virtio_gpu_resource_attach_backing *request;
	uint64_t address = pg_fe_alloc(fe, 8192, 4096);
	uint64_t backing = pg_fe_alloc(fe, 65536, 4096);
	struct virtio_gpu_mem_entry *entries;
	struct pg_fe_segment chain[2] = {{address, 32 + 64, 0}, {address + 4096, 24, 1}};

	request = pg_fe_memory(fe, address, 8192);
	entries = (struct virtio_gpu_mem_entry *)(void *)(request + 1);
	for (uint64_t i = 0; i < rounds && !pg_run_failed(run); i++) {
		uint64_t token;

		WANT(run, pg_fe_create_2d(fe, 5, BGRX, 32, 32), OK);
		pg_fe_fill_header(&request->hdr, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING);
		request->resource_id = pg_to_le32(5);
		request->nr_entries = pg_to_le32(4);
		for (uint32_t k = 0; k < 4; k++)
			entries[k] = pg_fe_entry(backing, 4096);
		MUST(run, pg_fe_submit(fe, 0, chain, 2, &token));
		MUST(run, pg_fe_kick(fe, 0));
		for (uint32_t flips = 0; flips < 20000; flips++) {
			volatile uint32_t *count = &request->nr_entries.wire;
			volatile uint32_t *id = &request->resource_id.wire;
			volatile uint64_t *where = &entries[3].addr.wire;

			*count = flips & 1 ? 4 : 0xffffffff;
			*id = flips & 1 ? 5 : 999;
			*where = flips & 1 ? backing : ~0ull;
		}
		MUST(run, pg_fe_wait(fe, 0, token, PG_FE_WAIT_DEFAULT, NULL));
		CHECK(run, pg_fe_transfer(fe, 5, 0, 0, 32, 32, 0) >= 0, "no answer");
		WANT(run, pg_fe_unref(fe, 5), OK);
	}
}

/* With the event index a driver kicks only when asked to; who never asks again, starves (F14). */
static void event_index_moves(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t kicks = fe->queues[0].kicks;

	(void)argument;
	for (uint32_t i = 0; i < 600 && !pg_run_failed(run); i++)
		WANT_ERROR(run, pg_fe_unref(fe, 999), BAD_RESOURCE);
	CHECK(run, fe->queues[0].kicks > kicks, "the device never asked for a kick");
}

/* Requests that are in the ring before it is started are served. */
static void before_start(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t handle;

	(void)argument;
	MUST(run, pg_fe_stop(fe));
	MUST(run, pg_fe_pump(fe, 20));
	MUST(run, start(fe, 999, &handle));
	if (pg_run_failed(run))
		return;
	MUST(run, pg_fe_start(fe));
	MUST(run, pg_fe_kick_always(fe, 0));
	MUST(run, pg_fe_command_finish(fe, handle, PG_FE_WAIT_DEFAULT, NULL, 0, NULL));
}

#define LAYOUTS "Virtqueues"
#define HOSTILE "Virtqueues; F12"
/* Strings are joined by standing side by side, without parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define VARIANT(ident, text, bits)                                                               \
	{"ring/" ident "/many",                                                                  \
	 "a thousand requests are served with " text,                                            \
	 LAYOUTS,                                                                                \
	 .features = bits,                                                                       \
	 .run = serve_many,                                                                      \
	 .argument = bits,                                                                       \
	 .setup = layout_setup},                                                                 \
		{"ring/" ident "/full", "full rings are served with " text,                      \
		 LAYOUTS "; F14",       .features = bits,                                        \
		 .run = full_ring,      .argument = bits,                                        \
		 .setup = layout_setup},                                                         \
		{"ring/" ident "/small",                                                         \
		 "rings of eight entries are served with " text,                                 \
		 LAYOUTS,                                                                        \
		 .features = bits,                                                               \
		 .run = serve_many,                                                              \
		 .argument = bits,                                                               \
		 .setup = small_setup},                                                          \
	{                                                                                        \
		"ring/" ident "/one", "chains of one descriptor are served with " text, LAYOUTS, \
			.features = bits, .run = one_descriptor, .argument = bits,               \
			.setup = layout_setup                                                    \
	}
#define SPLIT(ident, text, attack)         \
	{"ring/hostile/" ident,            \
	 text " does not end the process", \
	 HOSTILE,                          \
	 .needs = PG_NO_WITNESS,           \
	 .run = split_attack,              \
	 .argument = attack}
#define PACK(ident, text, attack)          \
	{"ring/hostile-packed/" ident,     \
	 text " does not end the process", \
	 HOSTILE,                          \
	 .features = PACKED,               \
	 .needs = PG_NO_WITNESS,           \
	 .run = packed_attack,             \
	 .argument = attack,               \
	 .setup = packed_setup}

static void packed_setup(struct pg_fe_settings *settings, uint64_t argument)
{
	(void)argument;
	settings->features |= PACKED;
}

static void direct_setup(struct pg_fe_settings *settings, uint64_t argument)
{
	(void)argument;
	settings->indirect = 0;
	settings->queue_size[0] = 1024;
}

static const struct pg_rule rules[] = {
	VARIANT("split", "a split ring", 0),
	VARIANT("split-indirect", "a split ring and indirect tables", INDIRECT),
	VARIANT("split-event", "a split ring and the event index", EVENT),
	VARIANT("split-indirect-event", "a split ring, indirect tables, event index",
		INDIRECT | EVENT),
	VARIANT("split-in-order", "a split ring in order", INDIRECT | EVENT | ORDER),
	VARIANT("packed", "a packed ring", PACKED),
	VARIANT("packed-indirect", "a packed ring and indirect tables", PACKED | INDIRECT),
	VARIANT("packed-event", "a packed ring and the event index", PACKED | EVENT),
	VARIANT("packed-indirect-event", "a packed ring, indirect tables, event index",
		PACKED | INDIRECT | EVENT),
	VARIANT("packed-in-order", "a packed ring in order", PACKED | INDIRECT | EVENT | ORDER),
	{"ring/direct-chain", "a chain of 600 descriptors in the ring is served", LAYOUTS,
	 .run = long_chain, .argument = 512, .setup = direct_setup},
	{"ring/chain-1024", "a chain longer than the ring is served through a table",
	 LAYOUTS "; F11, Q5", .features = INDIRECT, .run = long_chain, .argument = 1024},
	{"ring/chain-1282", "a chain of 1282 descriptors, as Linux sends, is served",
	 LAYOUTS "; F11", .features = INDIRECT, .run = long_chain, .argument = 1232},
	{"ring/chain-4096", "a chain of 4096 descriptors is served", LAYOUTS "; F11",
	 .features = INDIRECT, .run = long_chain, .argument = 4048},
	{"ring/event-index-moves", "the device asks for kicks again and again", LAYOUTS "; F14",
	 .features = EVENT, .run = event_index_moves},
	{"ring/before-start", "what is in the ring when it starts is served", LAYOUTS,
	 .run = before_start},
	{"ring/racing", "a request that changes while it is read does no harm", "F10",
	 .run = racing, .argument = 200},
	SPLIT("head-too-large", "a head behind the ring", HEAD_TOO_LARGE),
	SPLIT("next-too-large", "a next behind the ring", NEXT_TOO_LARGE),
	SPLIT("loop-of-one", "a descriptor that follows itself", LOOP_OF_ONE),
	SPLIT("loop-of-two", "a loop of two descriptors", LOOP_OF_TWO),
	SPLIT("index-jump", "an avail index that jumps", INDEX_JUMP),
	SPLIT("indirect-in-indirect", "a table in a table", INDIRECT_IN_INDIRECT),
	SPLIT("indirect-loop", "a loop in a table", INDIRECT_LOOP),
	SPLIT("indirect-next-too-large", "a next behind the table", INDIRECT_NEXT_TOO_LARGE),
	SPLIT("indirect-odd-length", "a table of 39 bytes", INDIRECT_ODD_LENGTH),
	SPLIT("indirect-empty", "a table of 0 bytes", INDIRECT_EMPTY),
	SPLIT("indirect-with-next", "a table with a next", INDIRECT_WITH_NEXT),
	SPLIT("indirect-writable", "a table marked writable", INDIRECT_WRITABLE),
	SPLIT("indirect-outside", "a table that leaves memory", INDIRECT_OUTSIDE),
	SPLIT("indirect-huge", "a table of 4 GiB", INDIRECT_HUGE),
	SPLIT("address-outside", "a request outside of memory", ADDRESS_OUTSIDE),
	SPLIT("address-wrapping", "a request whose end wraps", ADDRESS_WRAPPING),
	SPLIT("address-over-end", "a request that leaves memory", ADDRESS_OVER_END),
	SPLIT("response-outside", "an answer buffer outside of memory", RESPONSE_OUTSIDE),
	SPLIT("length-huge", "a request of 4 GiB", LENGTH_HUGE),
	SPLIT("length-zero", "an answer buffer of length 0", LENGTH_ZERO),
	SPLIT("all-lengths-zero", "a chain of lengths 0", ALL_LENGTHS_ZERO),
	SPLIT("writable-only", "a chain without anything to read", WRITABLE_FIRST),
	SPLIT("writable-first", "a writable descriptor before a readable one",
	      WRITABLE_BEFORE_READABLE),
	SPLIT("unknown-flags", "unknown descriptor flags", UNKNOWN_FLAGS),
	SPLIT("same-head-twice", "a head that is available twice", SAME_HEAD_TWICE),
	PACK("endless", "a ring that is one chain without end", PACKED_ENDLESS),
	PACK("id-too-large", "a buffer id behind the ring", PACKED_ID_TOO_LARGE),
	PACK("indirect-in-indirect", "a table in a table", INDIRECT_IN_INDIRECT),
	PACK("indirect-odd-length", "a table of 17 bytes", INDIRECT_ODD_LENGTH),
	PACK("indirect-empty", "a table of 0 bytes", INDIRECT_EMPTY),
	PACK("indirect-huge", "a table of 4 GiB", INDIRECT_HUGE),
	PACK("indirect-outside", "a table outside of memory", INDIRECT_OUTSIDE),
	PACK("address-outside", "a request outside of memory", ADDRESS_OUTSIDE),
	PACK("address-wrapping", "a request whose end wraps", ADDRESS_WRAPPING),
	PACK("length-zero", "a request of length 0", LENGTH_ZERO),
	PACK("writable-first", "a writable descriptor before a readable one",
	     WRITABLE_BEFORE_READABLE),
	PACK("unknown-flags", "unknown descriptor flags", UNKNOWN_FLAGS),
};
/* NOLINTEND(bugprone-macro-parentheses) */

const struct pg_rule_set pg_rules_ring = PG_RULE_SET(rules);
