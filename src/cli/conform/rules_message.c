/* SPDX-License-Identifier: MIT */
/*
 * Rules of the vhost-user main channel: what every request answers, and what a
 * wrong one may do. A back end may refuse a message or end the connection; it
 * must not die, hang, or go on as if nothing were wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/conform/conform.h"
#include "frontend/internal.h"

#define ACK BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)
#define NEED (VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK)
#define REPLY (VHOST_USER_VERSION | VHOST_USER_REPLY_MASK)

enum outcome {
	ACCEPTED,
	REFUSED,
	CLOSED,
	SILENT
};

/*
 * After a message with need_reply: what came back. A defined reply (to
 * GET_FEATURES sent behind it) tells silence from delay.
 */
static enum outcome outcome(struct pg_run *run, struct pg_fe *fe, uint32_t request)
{
	struct vhost_user_header header;
	struct vhost_user_config_header config;
	uint8_t payload[4096] = {0};
	uint64_t status;
	int error = pg_fe_send_message(fe, VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0, NULL, 0,
				       NULL, 0);

	if (!error)
		error = pg_fe_receive(fe, &header, payload, sizeof(payload), NULL,
				      PG_FE_WAIT_DEFAULT);
	if (error == -ECONNRESET)
		return CLOSED;
	CHECK(run, !error, "the back end neither answers nor closes the connection");
	if (error || (header.request == VHOST_USER_GET_FEATURES && request != header.request))
		return SILENT;
	if (!pg_run_strict(run)) /* QEMU never needs replies to requests that have one anyway */
		header.flags &= ~VHOST_USER_NEED_REPLY_MASK;
	CHECK(run, header.flags == REPLY && header.request == request,
	      "the reply has request %u, flags 0x%x", header.request, header.flags);
	memcpy(&status, payload, sizeof(status));
	memcpy(&config, payload, sizeof(config));
	/* the reply to GET_FEATURES itself */
	error = pg_fe_receive(fe, &header, payload, sizeof(payload), NULL, PG_FE_WAIT_DEFAULT);
	if (error && error != -ECONNRESET)
		pg_run_fail(run, "the back end does not answer any more");
	if (request == VHOST_USER_GET_CONFIG) /* an error has no data */
		return !config.size ? REFUSED : ACCEPTED;
	return status ? REFUSED : ACCEPTED;
}

/* A wrong message must not be accepted. */
static void want_refusal(struct pg_run *run, struct pg_fe *fe, uint32_t request)
{
	enum outcome got = outcome(run, fe, request);

	if (got == ACCEPTED || (got == SILENT && (pg_fe_protocol_features(fe) & ACK)))
		CHECK(run, !pg_run_strict(run), "the wrong %s was %s", pg_fe_request_name(request),
		      got == ACCEPTED ? "accepted" : "not answered");
	pg_run_survives(run, PG_VMM);
}

/* --- requests by size and descriptors ------------------------------------------------------------ */

/* A payload that would be right, its size, and how many descriptors belong to it. */
static uint32_t payload_of(struct pg_fe *fe, uint32_t request, uint8_t *payload, uint32_t *fds)
{
	struct vhost_user_memory memory = {.nregions = 1};
	struct vhost_user_single_mem_region slot = {0};
	struct vhost_user_vring_state state = {0, 16};
	struct vhost_user_vring_addr address = {
		.desc_user_addr = pg_fe_user_address(fe, 0x10000),
		.avail_user_addr = pg_fe_user_address(fe, 0x20000),
		.used_user_addr = pg_fe_user_address(fe, 0x30000),
	};
	struct vhost_user_config_header config = {.size = 16};

	*fds = 0;
	memset(payload, 0, 512);
	memory.regions[0] = (struct vhost_user_memory_region){
		.memory_size = 1 << 20, .userspace_addr = pg_fe_user_address(fe, 0x1000) - 0x1000};
	slot.region = memory.regions[0];
	switch (request) {
	case VHOST_USER_SET_MEM_TABLE:
		*fds = 1;
		memcpy(payload, &memory, 40);
		return 40;
	case VHOST_USER_ADD_MEM_REG:
	case VHOST_USER_REM_MEM_REG:
		*fds = request == VHOST_USER_ADD_MEM_REG;
		memcpy(payload, &slot, sizeof(slot));
		return sizeof(slot);
	case VHOST_USER_SET_VRING_NUM:
	case VHOST_USER_SET_VRING_BASE:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_SET_VRING_ENABLE:
		state.num = request == VHOST_USER_SET_VRING_NUM ? 16 : 0;
		memcpy(payload, &state, sizeof(state));
		return sizeof(state);
	case VHOST_USER_SET_VRING_ADDR:
		memcpy(payload, &address, sizeof(address));
		return sizeof(address);
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
	case VHOST_USER_SET_VRING_ERR:
		*fds = 1;
		return 8;
	case VHOST_USER_SET_FEATURES:
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		return 8;
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_SET_CONFIG:
		memcpy(payload, &config, sizeof(config));
		return sizeof(config) + 16;
	case VHOST_USER_SET_BACKEND_REQ_FD:
	case VHOST_USER_GPU_SET_SOCKET:
		*fds = 1;
		return 0;
	default:
		return 0;
	}
}

/* A descriptor of the kind that the request wants. */
static int descriptor_for(struct pg_fe *fe, uint32_t request)
{
	if (request == VHOST_USER_SET_MEM_TABLE || request == VHOST_USER_ADD_MEM_REG)
		return fe->memfd;
	return fe->queues[0].err;
}

enum deformation {
	SHORT,
	LONG,
	EMPTY,
	HUGE,
	CUT,
	NO_FD,
	EXTRA_FD,
	MANY_FDS
};

#define DEFORM(request, how) ((uint64_t)(request) << 8 | (how))

static void deformed(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t request = (uint32_t)(argument >> 8);
	enum deformation how = (enum deformation)(argument & 255);
	uint8_t payload[512];
	int fds[16];
	uint32_t fd_count;
	uint32_t size = payload_of(fe, request, payload, &fd_count);
	uint32_t stated = size;

	for (int i = 0; i < 16; i++)
		fds[i] = descriptor_for(fe, request);
	if (how == SHORT)
		stated = size = size ? size - 1 : 0;
	else if (how == LONG)
		stated = size = size + 8;
	else if (how == EMPTY)
		stated = size = 0;
	else if (how == HUGE)
		stated = 0x7fffffff;
	else if (how == CUT)
		stated = size + 64;
	else if (how == NO_FD)
		fd_count = 0;
	else if (how == EXTRA_FD)
		fd_count++;
	else if (how == MANY_FDS)
		fd_count = 16;
	pg_fe_send_message(fe, request, NEED, stated, payload, size, fds, fd_count);
	if (how == HUGE || how == CUT) /* the rest never comes */
		pg_run_survives(run, PG_VMM);
	else
		want_refusal(run, fe, request);
}

/* --- wrong numbers ------------------------------------------------------------------------------- */

static void wrong_index(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint32_t request = (uint32_t)(argument >> 32), index = (uint32_t)argument;
	uint8_t payload[512];
	uint32_t fd_count;
	uint32_t size = payload_of(fe, request, payload, &fd_count);
	int fd = descriptor_for(fe, request);

	memcpy(payload, &index, sizeof(index));
	pg_fe_send_message(fe, request, NEED, size, payload, size, &fd, fd_count);
	want_refusal(run, fe, request);
}

static void ring_size(struct pg_run *run, struct pg_fe *fe, uint64_t size)
{
	struct vhost_user_vring_state state = {0, (uint32_t)size};

	MUST(run, pg_fe_stop(fe));
	pg_fe_send_message(fe, VHOST_USER_SET_VRING_NUM, NEED, sizeof(state), &state, sizeof(state),
			   NULL, 0);
	if (size == 100) { /* only packed rings may have any size, which is decided later */
		outcome(run, fe, VHOST_USER_SET_VRING_NUM);
		pg_run_survives(run, PG_VMM);
	} else {
		want_refusal(run, fe, VHOST_USER_SET_VRING_NUM);
	}
}

static void ring_address(struct pg_run *run, struct pg_fe *fe, uint64_t address)
{
	struct vhost_user_vring_addr message = {
		.desc_user_addr = address,
		.avail_user_addr = address,
		.used_user_addr = address,
	};
	struct vhost_user_vring_state state = {0, 256};
	int kick = fe->queues[0].kick;
	uint64_t index = 0;

	MUST(run, pg_fe_stop(fe));
	pg_fe_send_message(fe, VHOST_USER_SET_VRING_NUM, VHOST_USER_VERSION, sizeof(state), &state,
			   sizeof(state), NULL, 0);
	pg_fe_send_message(fe, VHOST_USER_SET_VRING_ADDR, VHOST_USER_VERSION, sizeof(message),
			   &message, sizeof(message), NULL, 0);
	pg_fe_send_message(fe, VHOST_USER_SET_VRING_KICK, VHOST_USER_VERSION, 8, &index, 8, &kick,
			   1);
	state.num = 1;
	pg_fe_send_message(fe, VHOST_USER_SET_VRING_ENABLE, VHOST_USER_VERSION, sizeof(state),
			   &state, sizeof(state), NULL, 0);
	pg_fe_kick_always(fe, 0);
	outcome(run, fe, VHOST_USER_SET_VRING_KICK);
	pg_run_survives(run, PG_VMM);
}

/* The last ring entry would lie behind the end of memory. */
static void ring_over_end(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	ring_address(run, fe, pg_fe_user_address(fe, pg_fe_region_end(fe, 1) - 4096));
}

static void region(struct pg_run *run, struct pg_fe *fe, uint64_t index)
{
	struct vhost_user_memory table = {.nregions = 1};
	uint64_t here = pg_fe_user_address(fe, 0x1000) - 0x1000;
	const struct vhost_user_memory_region wrong[] = {
		{0, 0, here, 0},                  /* empty */
		{0, ~0ull, here, 0},              /* as large as can be */
		{0, 1 << 20, here, ~0ull - 4095}, /* offset near the end */
		{0, 1ull << 40, here, 0},         /* larger than the file */
		{0, 1 << 20, here, 1ull << 40},   /* behind the file */
		{~0ull - 4095, 1 << 20, here, 0}, /* guest addresses wrap */
		{0, 1 << 20, ~0ull - 4095, 0},    /* user addresses wrap */
		{0, ~0ull - 4095, here, 8192},    /* size + offset wraps */
	};

	table.regions[0] = wrong[index];
	pg_fe_send_message(fe, VHOST_USER_SET_MEM_TABLE, NEED, 40, &table, 40, &fe->memfd, 1);
	want_refusal(run, fe, VHOST_USER_SET_MEM_TABLE);
}

static void too_many_regions(struct pg_run *run, struct pg_fe *fe, uint64_t count)
{
	struct vhost_user_memory table = {.nregions = (uint32_t)count};

	for (uint32_t i = 0; i < 8; i++)
		table.regions[i] = (struct vhost_user_memory_region){(uint64_t)i << 20, 1 << 20,
								     (uint64_t)(i + 16) << 20, 0};
	pg_fe_send_message(fe, VHOST_USER_SET_MEM_TABLE, NEED, sizeof(table), &table, sizeof(table),
			   &fe->memfd, 1);
	want_refusal(run, fe, VHOST_USER_SET_MEM_TABLE);
}

static void overlapping_regions(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct vhost_user_memory table = {.nregions = 2};
	int fds[2] = {fe->memfd, fe->memfd};

	(void)argument;
	table.regions[0] = (struct vhost_user_memory_region){0, 2 << 20, 1 << 30, 0};
	table.regions[1] = (struct vhost_user_memory_region){1 << 20, 2 << 20, 3u << 30, 0};
	pg_fe_send_message(fe, VHOST_USER_SET_MEM_TABLE, NEED, 72, &table, 72, fds, 2);
	want_refusal(run, fe, VHOST_USER_SET_MEM_TABLE);
}

static void no_regions(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct vhost_user_memory table = {0};

	(void)argument;
	/* what QEMU sends when guest memory is not shared */
	pg_fe_send_message(fe, VHOST_USER_SET_MEM_TABLE, NEED, 8, &table, 8, NULL, 0);
	outcome(run, fe, VHOST_USER_SET_MEM_TABLE);
	pg_fe_kick_always(fe, 0);
	pg_run_survives(run, PG_VMM);
}

/* The file behind guest memory is shorter than the region: touching it would be SIGBUS. */
static void truncated_memory(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct vhost_user_memory table = {.nregions = 1};
	int memfd = memfd_create("short", MFD_CLOEXEC);

	(void)argument;
	CHECK(run, memfd >= 0 && !ftruncate(memfd, 4096), "cannot make a memfd");
	table.regions[0] = (struct vhost_user_memory_region){0, 16 << 20, 1ull << 40, 0};
	pg_fe_send_message(fe, VHOST_USER_SET_MEM_TABLE, NEED, 40, &table, 40, &memfd, 1);
	pg_close(&memfd);
	want_refusal(run, fe, VHOST_USER_SET_MEM_TABLE);
}

static void fd_of_wrong_kind(struct pg_run *run, struct pg_fe *fe, uint64_t request)
{
	uint8_t payload[512];
	uint32_t fd_count;
	uint32_t size = payload_of(fe, (uint32_t)request, payload, &fd_count);
	bool memory = descriptor_for(fe, (uint32_t)request) == fe->memfd;
	/* an eventfd as memory, memory as an eventfd or a socket */
	int fd = memory ? fe->queues[0].err : fe->memfd;

	pg_fe_send_message(fe, (uint32_t)request, NEED, size, payload, size, &fd, 1);
	outcome(run, fe, (uint32_t)request);
	pg_fe_kick_always(fe, 0);
	pg_run_survives(run, PG_VMM);
}

/* --- headers --------------------------------------------------------------------------------------- */

static void unknown_request(struct pg_run *run, struct pg_fe *fe, uint64_t request)
{
	uint64_t payload = 1;
	enum outcome got;

	pg_fe_send_message(fe, (uint32_t)request, NEED, 8, &payload, 8, NULL, 0);
	got = outcome(run, fe, (uint32_t)request);
	if (pg_fe_protocol_features(fe) & ACK)
		CHECK(run, got != ACCEPTED && (got != SILENT || !pg_run_strict(run)),
		      "request %u was %s", (uint32_t)request,
		      got == ACCEPTED ? "accepted" : "not answered although a reply was needed");
	pg_run_survives(run, PG_VMM);
}

static void unknown_request_silently(struct pg_run *run, struct pg_fe *fe, uint64_t request)
{
	uint64_t payload = 1;
	enum outcome got;

	pg_fe_send_message(fe, (uint32_t)request, VHOST_USER_VERSION, 8, &payload, 8, NULL, 0);
	got = outcome(run, fe, (uint32_t)request);
	CHECK(run, got == SILENT || got == CLOSED, "a request that needs no reply was answered");
	pg_run_survives(run, PG_VMM);
}

static void wrong_flags(struct pg_run *run, struct pg_fe *fe, uint64_t flags)
{
	struct vhost_user_header header;
	uint64_t payload;
	int error;

	pg_fe_send_message(fe, VHOST_USER_GET_FEATURES, (uint32_t)flags, 0, NULL, 0, NULL, 0);
	error = pg_fe_receive(fe, &header, &payload, sizeof(payload), NULL, 200);
	if (!error)
		CHECK(run, header.flags == REPLY, "the reply has flags 0x%x", header.flags);
	pg_run_survives(run, PG_VMM);
}

/* A message may come in pieces of any size. */
static void in_pieces(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct vhost_user_vring_state state = {0, 0};
	struct vhost_user_header header = {VHOST_USER_SET_VRING_ENABLE, NEED, sizeof(state)};
	uint8_t bytes[sizeof(header) + sizeof(state)];
	uint64_t status;

	(void)argument;
	state.num = 1;
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &state, sizeof(state));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		MUST(run, pg_fe_send_raw(fe, bytes + i, 1, NULL, 0));
		if (i + 1 < sizeof(bytes))
			MUST(run, pg_fe_pump(fe, 2));
	}
	MUST(run, pg_fe_receive(fe, &header, &status, sizeof(status), NULL, PG_FE_WAIT_DEFAULT));
	CHECK(run, status == 0, "refused");
}

/* Several messages may come in one piece. */
static void in_one_piece(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct vhost_user_header headers[5], header;
	uint64_t features;

	(void)argument;
	for (int i = 0; i < 5; i++)
		headers[i] =
			(struct vhost_user_header){VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0};
	MUST(run, pg_fe_send_raw(fe, headers, sizeof(headers), NULL, 0));
	for (int i = 0; i < 5; i++) {
		MUST(run, pg_fe_receive(fe, &header, &features, 8, NULL, PG_FE_WAIT_DEFAULT));
		CHECK(run, features == pg_fe_offered(fe), "the features changed");
	}
}

static void half_header(struct pg_run *run, struct pg_fe *fe, uint64_t size)
{
	struct vhost_user_header header = {VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0};

	MUST(run, pg_fe_send_raw(fe, &header, size, NULL, 0));
	pg_run_survives(run, PG_VMM);
}

static void garbage(struct pg_run *run, struct pg_fe *fe, uint64_t seed)
{
	uint32_t words[1024];

	for (uint32_t i = 0; i < 1024; i++)
		words[i] = pg_pattern_pixel((uint32_t)seed, i) * 257;
	pg_fe_send_raw(fe, words, sizeof(words), NULL, 0);
	pg_run_survives(run, PG_VMM);
}

/* --- answers --------------------------------------------------------------------------------------- */

static void offers(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t offered = pg_fe_offered(fe), protocol = pg_fe_protocol_offered(fe);

	(void)argument;
	CHECK(run, offered & BIT(VIRTIO_F_VERSION_1), "VIRTIO_F_VERSION_1 is not offered");
	CHECK(run, offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES),
	      "VHOST_USER_F_PROTOCOL_FEATURES is not offered");
	CHECK(run, protocol & BIT(VHOST_USER_PROTOCOL_F_CONFIG),
	      "VHOST_USER_PROTOCOL_F_CONFIG is not offered");
	CHECK(run, offered & BIT(VIRTIO_F_INDIRECT_DESC), "VIRTIO_F_INDIRECT_DESC is not offered");
}

static void no_slots_with_window(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t both = BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
			BIT(VHOST_USER_PROTOCOL_F_SHMEM);

	(void)argument;
	CHECK(run, (pg_fe_protocol_offered(fe) & both) != both,
	      "CONFIGURE_MEM_SLOTS and SHMEM together make QEMU 11.1.3 crash");
}

static void promises(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t bad = BIT(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS) |
		       BIT(VHOST_USER_PROTOCOL_F_XEN_MMAP);

	(void)argument;
	CHECK(run, !(pg_fe_protocol_offered(fe) & bad),
	      "offers protocol features that QEMU acknowledges and nobody can use: 0x%llx",
	      (unsigned long long)(pg_fe_protocol_offered(fe) & bad));
}

static void queue_count(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t count = 0;

	(void)argument;
	MUST(run, pg_fe_message(fe, VHOST_USER_GET_QUEUE_NUM, NULL, 0, NULL, 0, false, &count,
				sizeof(count)));
	CHECK(run, count >= 2 && count <= 1024, "GET_QUEUE_NUM says %llu",
	      (unsigned long long)count);
}

/* SET_FEATURES with bits that were never offered: QEMU's vhost-user-gpu does that. */
static void forced_setup(struct pg_fe_settings *settings, uint64_t argument)
{
	(void)argument;
	settings->forced_features = BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX) |
				    BIT(VIRTIO_F_RING_RESET);
}

static void forced(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	(void)argument;
	for (int i = 0; i < 300; i++)
		WANT_ERROR(run, pg_fe_unref(fe, 999), BAD_RESOURCE);
}

static void config_range(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct {
		struct vhost_user_config_header header;
		uint8_t bytes[256];
	} config = {.header = {(uint32_t)(argument >> 32), (uint32_t)argument, 0}};
	struct vhost_user_header header;
	uint8_t reply[600];
	int error;

	pg_fe_send_message(fe, VHOST_USER_GET_CONFIG, VHOST_USER_VERSION, sizeof(config), &config,
			   sizeof(config), NULL, 0);
	error = pg_fe_receive(fe, &header, reply, sizeof(reply), NULL, PG_FE_WAIT_DEFAULT);
	CHECK(run, !error || error == -ECONNRESET, "GET_CONFIG is not answered");
	pg_run_survives(run, PG_VMM);
}

/* CALL and ERR are replaced any time; the old ones are not signalled any more. */
static void replaced_call(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	int old = fcntl(fe->queues[0].call, F_DUPFD_CLOEXEC, 0);
	uint64_t index = 0, count;

	(void)argument;
	for (int i = 0; i < 50 && !pg_run_failed(run); i++) {
		pg_close(&fe->queues[0].call);
		fe->queues[0].call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		MUST(run, pg_fe_message(fe, VHOST_USER_SET_VRING_CALL, &index, 8,
					&fe->queues[0].call, 1, true, NULL, 0));
		WANT_ERROR(run, pg_fe_unref(fe, 999), BAD_RESOURCE);
	}
	/* what was pending at the first replacement may be there, not fifty */
	if (read(old, &count, sizeof(count)) == sizeof(count))
		CHECK(run, count < 10, "the replaced call descriptor was signalled %llu times",
		      (unsigned long long)count);
	close(old);
}

/* Bit 8: no descriptor, the front end polls. */
static void call_without_fd(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint64_t payload = VHOST_USER_VRING_NOFD_MASK, index = 0;
	uint32_t handle;
	struct virtio_gpu_resource_unref request = {.resource_id = pg_to_le32(999)};

	(void)argument;
	MUST(run,
	     pg_fe_message(fe, VHOST_USER_SET_VRING_CALL, &payload, 8, NULL, 0, true, NULL, 0));
	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_UNREF);
	MUST(run, pg_fe_command_start(fe, 0, &request, sizeof(request), NULL, 0, 24, &handle));
	MUST(run, pg_fe_kick(fe, 0));
	for (int i = 0; i < 200 && !pg_fe_command_done(fe, handle); i++)
		MUST(run, pg_fe_pump(fe, 5));
	CHECK(run, pg_fe_command_done(fe, handle), "not served without a call descriptor");
	MUST(run, pg_fe_message(fe, VHOST_USER_SET_VRING_CALL, &index, 8, &fe->queues[0].call, 1,
				true, NULL, 0));
	MUST(run, pg_fe_command_finish(fe, handle, PG_FE_WAIT_DEFAULT, NULL, 0, NULL));
}

#define MESSAGES "vhost-user: messages"
#define DEFORMED(request, how, ident, text)                      \
	{"message/" ident "/" #request,                          \
	 #request " " text " is refused or ends the connection", \
	 MESSAGES,                                               \
	 .needs = PG_NO_WITNESS,                                 \
	 .run = deformed,                                        \
	 .argument = DEFORM(VHOST_USER_##request, how)},
/* clang-format has no settled opinion on lists of macros. */
/* clang-format off */
#define SIZED(X) \
	X(SET_FEATURES) X(SET_MEM_TABLE) X(SET_VRING_NUM) X(SET_VRING_ADDR) \
	X(SET_VRING_BASE) X(GET_VRING_BASE) X(SET_VRING_KICK) X(SET_VRING_CALL) \
	X(SET_VRING_ERR) X(SET_PROTOCOL_FEATURES) X(SET_VRING_ENABLE) X(GET_CONFIG) \
	X(SET_CONFIG) X(ADD_MEM_REG) X(REM_MEM_REG)
/* All but SET_MEM_TABLE, which may be padded to eight regions. */
#define LONGER(X) \
	X(SET_FEATURES) X(SET_VRING_NUM) X(SET_VRING_ADDR) X(SET_VRING_BASE) \
	X(GET_VRING_BASE) X(SET_VRING_KICK) X(SET_VRING_CALL) X(SET_VRING_ERR) \
	X(SET_PROTOCOL_FEATURES) X(SET_VRING_ENABLE) X(GET_CONFIG) X(SET_CONFIG) \
	X(ADD_MEM_REG) X(REM_MEM_REG)
#define WITH_FD(X) \
	X(SET_MEM_TABLE) X(SET_VRING_KICK) X(SET_VRING_CALL) X(SET_VRING_ERR) \
	X(SET_BACKEND_REQ_FD) X(GPU_SET_SOCKET) X(ADD_MEM_REG)
#define WITHOUT_FD(X) \
	X(GET_FEATURES) X(SET_FEATURES) X(SET_OWNER) X(SET_VRING_NUM) X(SET_VRING_ADDR) \
	X(SET_VRING_BASE) X(GET_VRING_BASE) X(GET_PROTOCOL_FEATURES) X(GET_QUEUE_NUM) \
	X(SET_VRING_ENABLE) X(GET_CONFIG) X(RESET_DEVICE)
#define INDEXED(X) \
	X(SET_VRING_NUM) X(SET_VRING_ADDR) X(SET_VRING_BASE) X(GET_VRING_BASE) \
	X(SET_VRING_KICK) X(SET_VRING_CALL) X(SET_VRING_ERR) X(SET_VRING_ENABLE)
/* clang-format on */

#define TOO_SHORT(request) DEFORMED(request, SHORT, "short", "with a byte missing")
#define TOO_LONG(request) DEFORMED(request, LONG, "long", "with eight bytes too many")
#define ALL_EMPTY(request) DEFORMED(request, EMPTY, "empty", "without payload")
#define TOO_HUGE(request) DEFORMED(request, HUGE, "huge", "that states 2 GiB")
#define CUT_OFF(request) DEFORMED(request, CUT, "cut", "that ends early")
#define FD_LESS(request) DEFORMED(request, NO_FD, "no-fd", "without its descriptor")
#define FD_EXTRA(request) DEFORMED(request, EXTRA_FD, "extra-fd", "with a descriptor too many")
#define FD_MANY(request) DEFORMED(request, MANY_FDS, "many-fds", "with 16 descriptors")
#define WRONG_KIND(request)                                          \
	{"message/wrong-fd/" #request,                               \
	 #request " with a descriptor of another kind does no harm", \
	 MESSAGES,                                                   \
	 .needs = PG_NO_WITNESS,                                     \
	 .run = fd_of_wrong_kind,                                    \
	 .argument = VHOST_USER_##request},
#define INDEX_200(request)                      \
	{"message/index-200/" #request,         \
	 #request " for ring 200 does no harm", \
	 MESSAGES,                              \
	 .needs = PG_NO_WITNESS,                \
	 .run = wrong_index,                    \
	 .argument = (uint64_t)VHOST_USER_##request << 32 | 200},
#define INDEX_MAX(request)                             \
	{"message/index-largest/" #request,            \
	 #request " for ring 0xffffffff does no harm", \
	 MESSAGES,                                     \
	 .needs = PG_NO_WITNESS,                       \
	 .run = wrong_index,                           \
	 .argument = (uint64_t)VHOST_USER_##request << 32 | 0xffffffff},
/* Strings are joined by standing side by side, without parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define M(ident, text, function, value)                                             \
	{"message/" ident, text, MESSAGES, .needs = PG_NO_WITNESS, .run = function, \
	 .argument = value}

static const struct pg_rule rules[] = {
	{"offer/needed", "what QEMU and Linux cannot do without is offered", MESSAGES,
	 .run = offers},
	{"offer/slots-or-window", "memory slots and window are not offered together", MESSAGES,
	 .run = no_slots_with_window},
	{"offer/promises", "nothing is offered that cannot be kept", MESSAGES, .run = promises},
	{"offer/forced", "ring features that were not offered may be accepted anyway", MESSAGES,
	 .needs = PG_NEEDS_GPU, .run = forced, .setup = forced_setup},
	{"message/queue-count", "GET_QUEUE_NUM covers both queues", MESSAGES,
	 .protocol = BIT(VHOST_USER_PROTOCOL_F_MQ), .run = queue_count},
	{"message/pieces", "a message may come byte by byte", MESSAGES, .protocol = ACK,
	 .run = in_pieces},
	{"message/together", "messages may come several at once", MESSAGES, .run = in_one_piece},
	{"message/call-replaced", "a call descriptor may be replaced any time", MESSAGES,
	 .run = replaced_call},
	{"message/call-without-fd", "a ring may be without call descriptor", MESSAGES,
	 .run = call_without_fd},
	SIZED(TOO_SHORT) LONGER(TOO_LONG) SIZED(ALL_EMPTY) SIZED(TOO_HUGE) SIZED(CUT_OFF)
		WITH_FD(FD_LESS) WITH_FD(FD_EXTRA) WITHOUT_FD(FD_EXTRA) SIZED(FD_MANY)
			WITH_FD(WRONG_KIND) INDEXED(INDEX_200) INDEXED(INDEX_MAX)
				M("ring-size-0", "a ring of 0 entries is refused", ring_size, 0),
	M("ring-size-32769", "a ring of 32769 entries is refused", ring_size, 32769),
	M("ring-size-largest", "a ring of 2^32 - 1 entries is refused", ring_size, 0xffffffff),
	M("ring-size-odd", "a split ring of 100 entries does no harm", ring_size, 100),
	M("ring-address-0", "a ring at address 0 does no harm", ring_address, 0),
	M("ring-address-wild", "a ring outside of memory does no harm", ring_address, 1ull << 62),
	M("ring-address-wrapping", "a ring whose end wraps does no harm", ring_address,
	  ~0ull - 4095),
	M("ring-address-odd", "a misaligned ring does no harm", ring_address, 0x1003),
	M("ring-over-end", "a ring that leaves memory does no harm", ring_over_end, 0),
	M("region-empty", "a memory region of 0 bytes is refused", region, 0),
	M("region-largest", "a memory region of 2^64 - 1 bytes is refused", region, 1),
	M("region-offset", "a region with an offset near 2^64 is refused", region, 2),
	M("region-over-file", "a region larger than its file is refused", region, 3),
	M("region-behind-file", "a region behind its file is refused", region, 4),
	M("region-guest-wrapping", "a region whose guest addresses wrap is refused", region, 5),
	M("region-user-wrapping", "a region whose user addresses wrap is refused", region, 6),
	M("region-sum-wrapping", "a region whose size and offset wrap is refused", region, 7),
	M("region-truncated", "a region whose file is too short is refused", truncated_memory, 0),
	M("regions-9", "nine regions with room for eight are refused", too_many_regions, 9),
	M("regions-largest", "2^32 - 1 regions are refused", too_many_regions, 0xffffffff),
	M("regions-fds", "eight regions with one descriptor are refused", too_many_regions, 8),
	M("regions-overlapping", "overlapping regions are refused", overlapping_regions, 0),
	M("regions-none", "no memory at all does no harm", no_regions, 0),
	M("unknown-0", "request 0 with need_reply is answered with an error", unknown_request, 0),
	M("unknown-99", "an unknown request with need_reply is answered with an error",
	  unknown_request, 99),
	M("unknown-largest", "request 2^32 - 1 with need_reply is answered with an error",
	  unknown_request, 0xffffffff),
	M("unknown-silent", "an unknown request without need_reply is ignored",
	  unknown_request_silently, 99),
	M("flags-version-0", "version 0 does no harm", wrong_flags, 0),
	M("flags-version-3", "version 3 does no harm", wrong_flags, 3),
	M("flags-reply", "a request marked as reply does no harm", wrong_flags, REPLY),
	M("flags-all", "all flags at once do no harm", wrong_flags, 0xffffffff),
	M("config-offset", "GET_CONFIG behind the end does no harm", config_range,
	  0xffffffff00000010),
	M("config-size", "GET_CONFIG of 256 bytes does no harm", config_range, 256),
	M("config-huge", "GET_CONFIG of 2^32 - 1 bytes does no harm", config_range, 0xffffffff),
	M("config-sum", "GET_CONFIG whose end wraps does no harm", config_range,
	  0xfffffff8000000ff),
	M("half-header", "a connection that ends within a header does no harm", half_header, 5),
	M("no-byte", "a connection that ends in good order does no harm", half_header, 12),
	M("garbage-1", "random bytes do no harm", garbage, 1),
	M("garbage-2", "other random bytes do no harm", garbage, 2),
	M("garbage-3", "more random bytes do no harm", garbage, 3),
};
/* NOLINTEND(bugprone-macro-parentheses) */

const struct pg_rule_set pg_rules_message = PG_RULE_SET(rules);
