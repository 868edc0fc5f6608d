/* SPDX-License-Identifier: MIT */
/*
 * Rules that hold for every command alike: any shape of descriptor chain,
 * short and long requests, short or absent responses, fences, features.
 *
 * Each runs over a specimen of its command that would succeed, in a scene with
 * resource 1 (2D, backed), 2 (2D, bare), 3 (guest blob, if there are blobs).
 */
#include <errno.h>
#include <string.h>

#include "cli/conform/conform.h"
#include "frontend/internal.h"

#define SIDE 64u
#define BYTES 16384u /* of SIDE * SIDE pixels */
#define PICTURE 1
#define BARE 2
#define BLOB 3
#define NEW 10
#define ABSENT 999

struct specimen {
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		uint8_t bytes[96];
	} request;
	size_t size;
	struct virtio_gpu_mem_entry entries[2];
	uint32_t entry_count;
	uint32_t response_size;
	uint32_t success;
	uint32_t queue;
};

/* The feature that a command needs, by specification. */
static uint64_t gate(uint32_t type)
{
	switch (type) {
	case VIRTIO_GPU_CMD_GET_EDID:
		return BIT(VIRTIO_GPU_F_EDID);
	case VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID:
		return BIT(VIRTIO_GPU_F_RESOURCE_UUID);
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
	case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
	case VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB:
		return BIT(VIRTIO_GPU_F_RESOURCE_BLOB);
	case VIRTIO_GPU_CMD_GET_CAPSET_INFO:
	case VIRTIO_GPU_CMD_GET_CAPSET:
	case VIRTIO_GPU_CMD_CTX_CREATE:
	case VIRTIO_GPU_CMD_CTX_DESTROY:
	case VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE:
	case VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE:
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_3D:
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D:
	case VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D:
	case VIRTIO_GPU_CMD_SUBMIT_3D:
		return BIT(VIRTIO_GPU_F_VIRGL);
	default:
		return 0;
	}
}

static size_t request_size(uint32_t type)
{
	switch (type) {
	case VIRTIO_GPU_CMD_GET_DISPLAY_INFO:
	case VIRTIO_GPU_CMD_CTX_DESTROY:
		return sizeof(struct virtio_gpu_ctrl_hdr);
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
	case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
		return sizeof(struct virtio_gpu_resource_create_2d);
	case VIRTIO_GPU_CMD_SET_SCANOUT:
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		return sizeof(struct virtio_gpu_set_scanout);
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
	case VIRTIO_GPU_CMD_UPDATE_CURSOR:
	case VIRTIO_GPU_CMD_MOVE_CURSOR:
		return sizeof(struct virtio_gpu_transfer_to_host_2d);
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
	case VIRTIO_GPU_CMD_CTX_CREATE:
		return sizeof(struct virtio_gpu_set_scanout_blob);
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_3D:
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D:
	case VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D:
		return sizeof(struct virtio_gpu_resource_create_3d);
	default:
		return sizeof(struct virtio_gpu_resource_unref);
	}
}

static void put32(struct specimen *specimen, size_t offset, uint32_t value)
{
	le32 wire = pg_to_le32(value);

	memcpy(specimen->request.bytes + offset, &wire, sizeof(wire));
}

static void put_rect(struct specimen *specimen, uint32_t width, uint32_t height)
{
	put32(specimen, 32, width);
	put32(specimen, 36, height);
}

/* Which resource the specimen names, at which offset; 0 offset: it names none. */
static size_t resource_offset(uint32_t type, uint32_t *id)
{
	*id = PICTURE;
	switch (type) {
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_3D:
		*id = NEW;
		return 24;
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
		*id = BARE;
		return 24;
	case VIRTIO_GPU_CMD_RESOURCE_UNREF:
	case VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING:
	case VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID:
	case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
	case VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB:
	case VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE:
	case VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE:
		return 24;
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
		*id = BLOB;
		return 44;
	case VIRTIO_GPU_CMD_SET_SCANOUT:
		return 44;
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		return 40;
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		return 48;
	default:
		return 0;
	}
}

static void add_entries(struct specimen *specimen, struct pg_fe *fe, uint32_t each)
{
	uint64_t address = pg_fe_alloc(fe, each * 2ull, 4096);

	specimen->entries[0] = pg_fe_entry(address, each);
	specimen->entries[1] = pg_fe_entry(address + each, each);
	specimen->entry_count = 2;
}

/* What lies between header and resource id. */
static void fill_rest(struct specimen *specimen, struct pg_fe *fe, uint32_t type)
{
	switch (type) {
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
		put32(specimen, 28, BGRX);
		put_rect(specimen, 16, 16);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
		put32(specimen, 28, 2);
		add_entries(specimen, fe, BYTES / 2);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
		put32(specimen, 28, VIRTIO_GPU_BLOB_MEM_GUEST);
		put32(specimen, 32, VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE);
		put32(specimen, 36, 2);
		put32(specimen, 48, BYTES);
		add_entries(specimen, fe, BYTES / 2);
		break;
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
		put_rect(specimen, SIDE, SIDE);
		put32(specimen, 48, SIDE);
		put32(specimen, 52, SIDE);
		put32(specimen, 56, BGRX);
		put32(specimen, 64, SIDE * 4);
		break;
	case VIRTIO_GPU_CMD_SET_SCANOUT:
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		put_rect(specimen, SIDE, SIDE);
		break;
	default:
		break;
	}
}

static void make_specimen(struct specimen *specimen, struct pg_fe *fe, uint32_t type)
{
	uint32_t id;
	size_t offset = resource_offset(type, &id);

	memset(specimen, 0, sizeof(*specimen));
	pg_fe_fill_header(&specimen->request.hdr, type);
	specimen->size = request_size(type);
	specimen->response_size = sizeof(struct virtio_gpu_ctrl_hdr);
	specimen->success = OK;
	if (offset)
		put32(specimen, offset, id);
	fill_rest(specimen, fe, type);
	if (type == VIRTIO_GPU_CMD_GET_DISPLAY_INFO) {
		specimen->response_size = sizeof(struct virtio_gpu_resp_display_info);
		specimen->success = VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
	} else if (type == VIRTIO_GPU_CMD_GET_EDID) {
		specimen->response_size = sizeof(struct virtio_gpu_resp_edid);
		specimen->success = VIRTIO_GPU_RESP_OK_EDID;
	} else if (type == VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID) {
		specimen->response_size = sizeof(struct virtio_gpu_resp_resource_uuid);
		specimen->success = VIRTIO_GPU_RESP_OK_RESOURCE_UUID;
	}
}

static void make_scene(struct pg_run *run, struct pg_fe *fe)
{
	pg_make_picture(run, fe, PICTURE, SIDE, SIDE, 1);
	WANT(run, pg_fe_create_2d(fe, BARE, BGRX, SIDE, SIDE), OK);
	if (pg_fe_features(fe) & BIT(VIRTIO_GPU_F_RESOURCE_BLOB))
		pg_make_blob(run, fe, BLOB, BYTES, 3);
}

static int send_sized(struct pg_fe *fe, const struct specimen *specimen, size_t size,
		      uint32_t response_size, uint32_t *used)
{
	struct virtio_gpu_resp_edid response;
	int error = pg_fe_execute(fe, specimen->queue, specimen->request.bytes, size,
				  specimen->entries,
				  specimen->entry_count * sizeof(specimen->entries[0]), &response,
				  response_size, used);
	struct virtio_gpu_ctrl_hdr header;

	pg_fe_last_response(fe, &header);
	return error ? error : (int)pg_from_le32(header.type);
}

static int send_specimen(struct pg_fe *fe, const struct specimen *specimen)
{
	return send_sized(fe, specimen, specimen->size, specimen->response_size, NULL);
}

static void is_answered(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	WANT(run, send_specimen(fe, &specimen), specimen.success);
}

static void split_request(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	pg_fe_set_shape(fe, 1, 0);
	WANT(run, send_specimen(fe, &specimen), specimen.success);
}

static void split_response(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	pg_fe_set_shape(fe, 0, 7);
	WANT(run, send_specimen(fe, &specimen), specimen.success);
}

static void surplus_request(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;
	uint8_t padded[256] = {0};
	struct virtio_gpu_resp_edid response;
	struct virtio_gpu_ctrl_hdr header;
	size_t entries, total;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	entries = specimen.entry_count * sizeof(specimen.entries[0]);
	total = specimen.size + entries;
	memcpy(padded, specimen.request.bytes, specimen.size);
	memcpy(padded + specimen.size, specimen.entries, entries);
	memset(padded + total, 0xee, 64);
	MUST(run, pg_fe_execute(fe, specimen.queue, padded, total + 64, NULL, 0, &response,
				specimen.response_size, NULL));
	pg_fe_last_response(fe, &header);
	WANT(run, (int)pg_from_le32(header.type), specimen.success);
}

/* CVE-less but classic: OK for a command whose fields did not arrive. */
static void short_request(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	specimen.entry_count = 0;
	WANT_ERROR(run, send_sized(fe, &specimen, specimen.size - 4, specimen.response_size, NULL),
		   BAD_PARAMETER);
	WANT_ERROR(run, send_sized(fe, &specimen, 24, specimen.response_size, NULL), BAD_PARAMETER);
	if (type == VIRTIO_GPU_CMD_RESOURCE_CREATE_2D ||
	    type == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB)
		pg_want_absent(run, fe, NEW);
}

static void no_response_buffer(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;
	uint32_t used = 99;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	MUST(run, send_sized(fe, &specimen, specimen.size, 0, &used) < 0 ? -EIO : 0);
	CHECK(run, used == 0, "used length %u where nothing was writable", used);
}

/* Response buffers of every awkward size; the front end checks that no byte behind is written. */
static void short_response_buffer(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	static const uint32_t sizes[] = {1, 4, 8, 23};
	struct specimen specimen;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t request, response;
		struct pg_fe_segment chain[3];
		uint8_t *memory;
		uint64_t token;
		uint32_t used = 0;

		make_specimen(&specimen, fe, (uint32_t)type);
		request = pg_fe_alloc(fe, 256, 64);
		response = pg_fe_alloc(fe, 4096, 64);
		memory = pg_fe_memory(fe, response, 4096);
		memcpy(pg_fe_memory(fe, request, 256), specimen.request.bytes, specimen.size);
		memset(memory, 0x5a, 4096);
		chain[0] = (struct pg_fe_segment){request, (uint32_t)specimen.size, 0};
		chain[1] = (struct pg_fe_segment){response, sizes[i], 1};
		MUST(run, pg_fe_submit(fe, 0, chain, 2, &token));
		MUST(run, pg_fe_kick(fe, 0));
		MUST(run, pg_fe_wait(fe, 0, token, PG_FE_WAIT_DEFAULT, &used));
		CHECK(run, used <= sizes[i], "used length %u for %u writable bytes", used,
		      sizes[i]);
		for (uint32_t byte = sizes[i]; byte < 4096 && !pg_run_failed(run); byte++)
			CHECK(run, memory[byte] == 0x5a,
			      "byte %u behind a response buffer of %u was written", byte, sizes[i]);
	}
}

static void fence_on_success(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, 0x123456789abcdef0, 0);
	WANT(run, send_specimen(fe, &specimen), specimen.success);
}

/* The guest's fence never signals otherwise. The front end checks flag and id. */
static void fence_on_error(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;
	uint32_t id;
	size_t offset = resource_offset((uint32_t)type, &id);

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	if (type == VIRTIO_GPU_CMD_RESOURCE_CREATE_2D ||
	    type == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB)
		put32(&specimen, offset, 0);
	else if (offset)
		put32(&specimen, offset, ABSENT);
	else
		put32(&specimen, 24, 4096); /* GET_EDID: no such scanout */
	pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, 0xfedcba9876543210, 0);
	WANT_ERROR(run, send_specimen(fe, &specimen), offset ? BAD_RESOURCE : BAD_SCANOUT);
}

static void unknown_resource(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	static const uint32_t ids[] = {ABSENT, 0xffffffff, 0};
	struct specimen specimen;
	uint32_t id;
	size_t offset = resource_offset((uint32_t)type, &id);
	/* with resource 0 these two switch the scanout off */
	bool zero_is_valid = type == VIRTIO_GPU_CMD_SET_SCANOUT ||
			     type == VIRTIO_GPU_CMD_SET_SCANOUT_BLOB;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	for (size_t i = 0; i < (zero_is_valid ? 2 : 3); i++) {
		put32(&specimen, offset, ids[i]);
		WANT_ERROR(run, send_specimen(fe, &specimen), BAD_RESOURCE);
	}
}

static void straddling_setup(struct pg_fe_settings *settings, uint64_t type)
{
	(void)type;
	settings->regions[0].size = 64ull << 20;
	settings->regions[1].guest_address = 64ull << 20;
	settings->regions[1].size = 64ull << 20;
}

/* A descriptor may cross from one memory region into the next. */
static void straddling(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	uint64_t border = pg_fe_region_end(fe, 0);
	struct specimen specimen;
	struct pg_fe_segment chain[2];
	uint32_t total;
	uint64_t token;
	le32 answer = {0};

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	total = (uint32_t)(specimen.size + specimen.entry_count * sizeof(specimen.entries[0]));
	/* both regions are one memfd, mapped in one piece here */
	memcpy(pg_fe_memory(fe, border - 10, 10), specimen.request.bytes, 10);
	memcpy(pg_fe_memory(fe, border, 128), specimen.request.bytes + 10, specimen.size - 10);
	memcpy(pg_fe_memory(fe, border + specimen.size - 10, 64), specimen.entries,
	       sizeof(specimen.entries));
	chain[0] = (struct pg_fe_segment){border - 10, total, 0};
	chain[1] = (struct pg_fe_segment){pg_fe_alloc(fe, 2048, 8), specimen.response_size, 1};
	MUST(run, pg_fe_submit(fe, 0, chain, 2, &token));
	MUST(run, pg_fe_kick(fe, 0));
	MUST(run, pg_fe_wait(fe, 0, token, PG_FE_WAIT_DEFAULT, NULL));
	memcpy(&answer, pg_fe_memory(fe, chain[1].address, 4), 4);
	WANT(run, (int)pg_from_le32(answer), specimen.success);
}

static void wrong_queue(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	specimen.queue = VIRTIO_GPU_QUEUE_CURSOR;
	/* any answer, or none: what counts is that it completes and does nothing */
	MUST(run, send_sized(fe, &specimen, specimen.size, specimen.response_size, NULL) < 0
			  ? pg_fe_dead(fe)
			  : 0);
	if (type == VIRTIO_GPU_CMD_RESOURCE_UNREF)
		pg_want_present(run, fe, PICTURE);
	if (type == VIRTIO_GPU_CMD_RESOURCE_CREATE_2D)
		pg_want_absent(run, fe, NEW);
}

/* Linux maps nothing and survives the answer; a panic in the host is the known bug. */
static void without_feature_setup(struct pg_fe_settings *settings, uint64_t type)
{
	uint64_t without = gate((uint32_t)type);

	if (without == BIT(VIRTIO_GPU_F_VIRGL))
		without |= BIT(VIRTIO_GPU_F_CONTEXT_INIT);
	if (without == BIT(VIRTIO_GPU_F_RESOURCE_BLOB))
		without |= BIT(VIRTIO_GPU_F_BLOB_ALIGNMENT);
	settings->features &= ~without;
}

static void without_feature(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;

	make_scene(run, fe);
	make_specimen(&specimen, fe, (uint32_t)type);
	specimen.request.hdr.ctx_id = pg_to_le32(1);
	WANT_ERROR(run, send_specimen(fe, &specimen), UNSPEC);
}

/* The request changes while the device looks at it: copied once, or chaos (F10). */
static void repeated(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct specimen specimen;

	make_scene(run, fe);
	for (uint32_t i = 0; i < 300 && !pg_run_failed(run); i++) {
		make_specimen(&specimen, fe, (uint32_t)type);
		if (type == VIRTIO_GPU_CMD_RESOURCE_CREATE_2D ||
		    type == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB)
			put32(&specimen, 24, 100 + i);
		WANT(run, send_specimen(fe, &specimen), specimen.success);
	}
}

/* Strings are joined by standing side by side, without parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define C(family, command, bits, text, from)                                           \
	{                                                                              \
		.id = family "/" #command, .name = #command " " text, .section = from, \
		.features = bits, .argument = VIRTIO_GPU_CMD_##command
#define BLOBS BIT(VIRTIO_GPU_F_RESOURCE_BLOB)
#define EDIDS BIT(VIRTIO_GPU_F_EDID)
#define UUIDS BIT(VIRTIO_GPU_F_RESOURCE_UUID)

/* Every command of 2D, display and guest blobs with what it needs. */
#define EACH_2D(X)                     \
	X(GET_DISPLAY_INFO, 0)         \
	X(RESOURCE_CREATE_2D, 0)       \
	X(RESOURCE_UNREF, 0)           \
	X(SET_SCANOUT, 0)              \
	X(RESOURCE_FLUSH, 0)           \
	X(TRANSFER_TO_HOST_2D, 0)      \
	X(RESOURCE_ATTACH_BACKING, 0)  \
	X(RESOURCE_DETACH_BACKING, 0)  \
	X(GET_EDID, EDIDS)             \
	X(RESOURCE_ASSIGN_UUID, UUIDS) \
	X(RESOURCE_CREATE_BLOB, BLOBS) \
	X(SET_SCANOUT_BLOB, BLOBS)

/* Those that can fail: all but GET_DISPLAY_INFO. */
#define EACH_FALLIBLE(X)               \
	X(RESOURCE_CREATE_2D, 0)       \
	X(RESOURCE_UNREF, 0)           \
	X(SET_SCANOUT, 0)              \
	X(RESOURCE_FLUSH, 0)           \
	X(TRANSFER_TO_HOST_2D, 0)      \
	X(RESOURCE_ATTACH_BACKING, 0)  \
	X(RESOURCE_DETACH_BACKING, 0)  \
	X(GET_EDID, EDIDS)             \
	X(RESOURCE_ASSIGN_UUID, UUIDS) \
	X(RESOURCE_CREATE_BLOB, BLOBS) \
	X(SET_SCANOUT_BLOB, BLOBS)

/* Those that name a resource. */
#define EACH_NAMING(X)                 \
	X(RESOURCE_UNREF, 0)           \
	X(SET_SCANOUT, 0)              \
	X(RESOURCE_FLUSH, 0)           \
	X(TRANSFER_TO_HOST_2D, 0)      \
	X(RESOURCE_ATTACH_BACKING, 0)  \
	X(RESOURCE_DETACH_BACKING, 0)  \
	X(RESOURCE_ASSIGN_UUID, UUIDS) \
	X(SET_SCANOUT_BLOB, BLOBS)

/* Those that may be executed again and again in the same scene. */
#define EACH_REPEATABLE(X)             \
	X(GET_DISPLAY_INFO, 0)         \
	X(RESOURCE_CREATE_2D, 0)       \
	X(SET_SCANOUT, 0)              \
	X(RESOURCE_FLUSH, 0)           \
	X(TRANSFER_TO_HOST_2D, 0)      \
	X(GET_EDID, EDIDS)             \
	X(RESOURCE_ASSIGN_UUID, UUIDS) \
	X(RESOURCE_CREATE_BLOB, BLOBS) \
	X(SET_SCANOUT_BLOB, BLOBS)

/* Those of features. */
#define EACH_GATED(X)               \
	X(GET_EDID, 0)              \
	X(RESOURCE_ASSIGN_UUID, 0)  \
	X(RESOURCE_CREATE_BLOB, 0)  \
	X(SET_SCANOUT_BLOB, 0)      \
	X(RESOURCE_MAP_BLOB, 0)     \
	X(RESOURCE_UNMAP_BLOB, 0)   \
	X(GET_CAPSET_INFO, 0)       \
	X(GET_CAPSET, 0)            \
	X(CTX_CREATE, 0)            \
	X(CTX_DESTROY, 0)           \
	X(CTX_ATTACH_RESOURCE, 0)   \
	X(CTX_DETACH_RESOURCE, 0)   \
	X(RESOURCE_CREATE_3D, 0)    \
	X(TRANSFER_TO_HOST_3D, 0)   \
	X(TRANSFER_FROM_HOST_3D, 0) \
	X(SUBMIT_3D, 0)

#define IS_ANSWERED(command, bits)                                                        \
	C("answer", command, bits, "is carried out and answered", "controlq: " #command), \
		.run = is_answered                                                        \
	}                                                                                 \
	,
#define SPLIT_REQUEST(command, bits)                                                        \
	C("split-request", command, bits, "cut into descriptors of one byte is understood", \
	  "Message Framing; F3"),                                                           \
		.run = split_request                                                        \
	}                                                                                   \
	,
#define SPLIT_RESPONSE(command, bits)                                                 \
	C("split-response", command, bits, "answers into descriptors of seven bytes", \
	  "Message Framing; F4"),                                                     \
		.run = split_response                                                 \
	}                                                                             \
	,
#define SURPLUS(command, bits)                                                           \
	C("surplus-request", command, bits, "followed by bytes that mean nothing works", \
	  "Message Framing; F5"),                                                        \
		.run = surplus_request                                                   \
	}                                                                                \
	,
#define SHORT(command, bits)                                                \
	C("short-request", command, bits, "with missing fields is refused", \
	  "Message Framing; F2"),                                           \
		.run = short_request                                        \
	}                                                                   \
	,
#define NO_RESPONSE(command, bits)                                                          \
	C("no-response-buffer", command, bits,                                              \
	  "without room for an answer completes with length 0", "Message Framing; F4, F7"), \
		.run = no_response_buffer                                                   \
	}                                                                                   \
	,
#define SHORT_RESPONSE(command, bits)                                                        \
	C("short-response-buffer", command, bits, "never writes past a short answer buffer", \
	  "Message Framing; F4"),                                                            \
		.run = short_response_buffer                                                 \
	}                                                                                    \
	,
#define FENCE_SUCCESS(command, bits)                                    \
	C("fence", command, bits, "gives FLAG_FENCE and fence_id back", \
	  "Request header: VIRTIO_GPU_FLAG_FENCE"),                     \
		.run = fence_on_success                                 \
	}                                                               \
	,
#define FENCE_ERROR(command, bits)                                                             \
	C("fence-on-error", command, bits, "gives FLAG_FENCE and fence_id back when it fails", \
	  "Request header: VIRTIO_GPU_FLAG_FENCE; F9"),                                        \
		.run = fence_on_error                                                          \
	}                                                                                      \
	,
#define UNKNOWN(command, bits)                                                               \
	C("unknown-resource", command, bits, "on a resource that does not exist is refused", \
	  "controlq: " #command "; R9"),                                                     \
		.run = unknown_resource                                                      \
	}                                                                                    \
	,
#define STRADDLING(command, bits)                                      \
	C("straddling", command, bits,                                 \
	  "lying over the border of two memory regions is understood", \
	  "vhost-user: memory regions"),                               \
		.run = straddling, .setup = straddling_setup           \
	}                                                              \
	,
#define WRONG_QUEUE(command, bits)                                                           \
	C("wrong-queue", command, bits, "on the cursor queue completes and changes nothing", \
	  "Virtqueues; C6"),                                                                 \
		.run = wrong_queue                                                           \
	}                                                                                    \
	,
#define WITHOUT_FEATURE(command, bits)                                                        \
	C("without-feature", command, bits, "is refused when its feature was not negotiated", \
	  "Feature bits; F15"),                                                               \
		.run = without_feature, .setup = without_feature_setup                        \
	}                                                                                     \
	,
#define REPEATED(command, bits)                                                       \
	C("repeated", command, bits, "three hundred times is carried out every time", \
	  "Virtqueues; F14"),                                                         \
		.run = repeated                                                       \
	}                                                                             \
	,

static const struct pg_rule rules[] = {
	EACH_2D(IS_ANSWERED) EACH_2D(SPLIT_REQUEST) EACH_2D(SPLIT_RESPONSE) EACH_2D(SURPLUS)
		EACH_FALLIBLE(SHORT) EACH_2D(NO_RESPONSE) EACH_2D(SHORT_RESPONSE)
			EACH_2D(FENCE_SUCCESS) EACH_FALLIBLE(FENCE_ERROR) EACH_NAMING(UNKNOWN)
				EACH_2D(STRADDLING) EACH_2D(WRONG_QUEUE) EACH_GATED(WITHOUT_FEATURE)
					EACH_REPEATABLE(REPEATED)};
/* NOLINTEND(bugprone-macro-parentheses) */

const struct pg_rule_set pg_rules_command = PG_RULE_SET(rules);
