/* SPDX-License-Identifier: MIT */
/*
 * Rules of questions: GET_DISPLAY_INFO, GET_EDID, RESOURCE_ASSIGN_UUID,
 * capsets, and the configuration space.
 */
#include <string.h>

#include "cli/conform/conform.h"

#define SIDE 64u

static void info_shape(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resp_display_info info;
	struct virtio_gpu_config config = {0};
	uint32_t heads = 16, enabled = 0;

	(void)argument;
	WANT(run, pg_fe_get_display_info(fe, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	if (!pg_fe_get_head(fe, 0)) {
		MUST(run, pg_fe_get_config(fe, 0, 16, &config));
		heads = pg_from_le32(config.num_scanouts);
	}
	for (uint32_t i = 0; i < 16; i++) {
		const struct virtio_gpu_display_one *mode = &info.pmodes[i];
		bool used = mode->r.width.wire || mode->r.height.wire || mode->enabled.wire;

		enabled += mode->enabled.wire != 0;
		CHECK(run, i < heads || !used, "entry %u of %u heads is not zero", i, heads);
		CHECK(run, !mode->flags.wire, "entry %u has flags", i);
	}
	CHECK(run, enabled > 0, "no head is enabled");
}

static void info_follows(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resp_display_info info;

	(void)argument;
	for (uint32_t width = 640; width < 650; width++) {
		pg_fe_set_display(fe, 0, width, 2 * width, true);
		WANT(run, pg_fe_get_display_info(fe, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		CHECK(run,
		      pg_from_le32(info.pmodes[0].r.width) == width &&
			      pg_from_le32(info.pmodes[0].r.height) == 2 * width,
		      "GET_DISPLAY_INFO says %ux%u where the display says %ux%u",
		      pg_from_le32(info.pmodes[0].r.width), pg_from_le32(info.pmodes[0].r.height),
		      width, 2 * width);
	}
}

static void check_edid(struct pg_run *run, const struct virtio_gpu_resp_edid *edid)
{
	static const uint8_t magic[8] = {0, 255, 255, 255, 255, 255, 255, 0};
	uint32_t size = pg_from_le32(edid->size);

	CHECK(run, size >= 128 && size <= 1024 && size % 128 == 0, "the EDID has %u bytes", size);
	CHECK(run, !memcmp(edid->edid, magic, 8), "the EDID lacks its magic number");
	for (uint32_t block = 0; block <= edid->edid[126] && block < 8; block++) {
		uint8_t sum = 0;

		for (uint32_t i = 0; i < 128; i++)
			sum = (uint8_t)(sum + edid->edid[block * 128 + i]);
		CHECK(run, !sum, "the check sum of EDID block %u is wrong", block);
	}
}

static void edid_valid(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resp_edid edid;

	(void)argument;
	WANT(run, pg_fe_get_edid(fe, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
	if (!pg_run_failed(run))
		check_edid(run, &edid);
}

/* Linux asks for each before it asks which are connected. */
static void edid_of_each(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resp_edid edid;
	struct virtio_gpu_config config = {0};

	(void)argument;
	MUST(run, pg_fe_get_config(fe, 0, 16, &config));
	for (uint32_t i = 0; i < pg_from_le32(config.num_scanouts); i++) {
		WANT(run, pg_fe_get_edid(fe, i, &edid), VIRTIO_GPU_RESP_OK_EDID);
		if (!pg_run_failed(run))
			check_edid(run, &edid);
	}
}

static void edid_bad_scanout(struct pg_run *run, struct pg_fe *fe, uint64_t scanout)
{
	struct virtio_gpu_resp_edid edid;

	WANT_ERROR(run, pg_fe_get_edid(fe, (uint32_t)scanout, &edid), BAD_SCANOUT);
}

/* The front end's EDID says a size that cannot be. */
static void edid_odd_size(struct pg_run *run, struct pg_fe *fe, uint64_t size)
{
	struct virtio_gpu_resp_edid edid;
	int type;

	pg_fe_set_edid(fe, (uint32_t)size);
	type = pg_fe_get_edid(fe, 0, &edid);
	CHECK(run, type >= 0, "%s", pg_fe_error(fe));
	if (type == VIRTIO_GPU_RESP_OK_EDID && pg_run_strict(run))
		CHECK(run, pg_from_le32(edid.size) <= 1024, "an EDID of %u bytes was handed on",
		      pg_from_le32(edid.size));
	pg_fe_set_edid(fe, 128);
}

static void uuid_stable(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint8_t first[16], again[16], other[16];

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	pg_make_picture(run, fe, 6, SIDE, SIDE, 2);
	WANT(run, pg_fe_assign_uuid(fe, 5, first), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	WANT(run, pg_fe_assign_uuid(fe, 6, other), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	for (int i = 0; i < 10; i++) {
		WANT(run, pg_fe_assign_uuid(fe, 5, again), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
		CHECK(run, !memcmp(first, again, 16), "the UUID of a resource changed");
	}
	CHECK(run, memcmp(first, other, 16), "two resources have the same UUID");
}

static void uuid_fresh(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint8_t first[16], second[16];

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT(run, pg_fe_assign_uuid(fe, 5, first), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	WANT(run, pg_fe_unref(fe, 5), OK);
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT(run, pg_fe_assign_uuid(fe, 5, second), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	CHECK(run, memcmp(first, second, 16), "a new resource inherited an old UUID");
}

static void uuid_format(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	uint8_t uuid[16];

	(void)argument;
	pg_make_picture(run, fe, 5, SIDE, SIDE, 1);
	WANT(run, pg_fe_assign_uuid(fe, 5, uuid), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	CHECK(run, uuid[6] >> 4 == 4 && uuid[8] >> 6 == 2, "not a random UUID of RFC 4122");
}

static void uuid_of_blob(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_mem_entry entry = pg_fe_entry(pg_fe_alloc(fe, 4096, 4096), 4096);
	uint8_t first[16], again[16];

	(void)argument;
	WANT(run,
	     pg_fe_create_blob_entries(fe, 5, VIRTIO_GPU_BLOB_MEM_GUEST, 7, 0, 4096, 1, &entry, 1),
	     OK);
	WANT(run, pg_fe_assign_uuid(fe, 5, first), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	WANT(run, pg_fe_assign_uuid(fe, 5, again), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	CHECK(run, !memcmp(first, again, 16), "the UUID of a blob changed");
}

/* No stack of the host in an answer to a wrong index. */
static void capset_index(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_resp_capset_info info;
	struct virtio_gpu_config config = {0};
	uint32_t count;

	(void)argument;
	MUST(run, pg_fe_get_config(fe, 0, 16, &config));
	count = pg_from_le32(config.num_capsets);
	for (uint32_t i = 0; i < count; i++) {
		WANT(run, pg_fe_get_capset_info(fe, i, &info), VIRTIO_GPU_RESP_OK_CAPSET_INFO);
		CHECK(run, pg_from_le32(info.capset_id) >= 1 && pg_from_le32(info.capset_id) <= 63,
		      "capset index %u has id %u", i, pg_from_le32(info.capset_id));
	}
	WANT_ERROR(run, pg_fe_get_capset_info(fe, count, &info), BAD_PARAMETER);
	WANT_ERROR(run, pg_fe_get_capset_info(fe, 0xffffffff, &info), BAD_PARAMETER);
}

static void capset_unknown(struct pg_run *run, struct pg_fe *fe, uint64_t id)
{
	struct virtio_gpu_ctrl_hdr response;

	WANT_ERROR(run, pg_fe_get_capset(fe, (uint32_t)id, 0, &response, sizeof(response)),
		   BAD_PARAMETER);
}

static void unknown_command(struct pg_run *run, struct pg_fe *fe, uint64_t type)
{
	struct virtio_gpu_update_cursor request = {0};
	struct virtio_gpu_ctrl_hdr response;

	pg_fe_fill_header(&request.hdr, (uint32_t)type);
	pg_fe_fence_next(fe, VIRTIO_GPU_FLAG_FENCE, 42, 0);
	MUST(run, pg_fe_execute(fe, 0, &request, sizeof(request), NULL, 0, &response,
				sizeof(response), NULL));
	WANT_ERROR(run, (int)pg_from_le32(response.type), UNSPEC);
}

/* A request that has no header is completed, and what follows it is served. */
static void no_header(struct pg_run *run, struct pg_fe *fe, uint64_t size)
{
	struct virtio_gpu_ctrl_hdr request, response;
	uint32_t used = 0;

	pg_fe_fill_header(&request, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	MUST(run,
	     pg_fe_execute(fe, 0, &request, size, NULL, 0, &response, sizeof(response), &used));
	if (used >= sizeof(response))
		WANT_ERROR(run, (int)pg_from_le32(response.type), UNSPEC);
	pg_want_alive(run, fe);
}

static void config_sane(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_config config = {0};
	uint32_t scanouts;

	(void)argument;
	MUST(run, pg_fe_get_config(fe, 0, 16, &config));
	scanouts = pg_from_le32(config.num_scanouts);
	/* QEMU's vhost-user-gpu has its own number */
	if (!pg_fe_get_head(fe, 0))
		CHECK(run, scanouts >= 1 && scanouts <= 16, "num_scanouts is %u", scanouts);
	CHECK(run, pg_from_le32(config.events_clear) == 0, "events_clear reads as %u",
	      pg_from_le32(config.events_clear));
}

static void config_alignment(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_config config = {0};
	uint32_t alignment;

	(void)argument;
	MUST(run, pg_fe_get_config(fe, 0, 20, &config));
	alignment = pg_from_le32(config.blob_alignment);
	CHECK(run, alignment && !(alignment & (alignment - 1)), "blob_alignment is %u", alignment);
}

/* QEMU forwards the guest's write to events_clear as the whole block. */
static void config_write(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_config before = {0}, written, after = {0};

	(void)argument;
	MUST(run, pg_fe_get_config(fe, 0, 16, &before));
	memset(&written, 0xff, sizeof(written));
	MUST(run, pg_fe_set_config(fe, 0, 16, &written));
	MUST(run, pg_fe_get_config(fe, 0, 16, &after));
	CHECK(run, before.num_scanouts.wire == after.num_scanouts.wire, "num_scanouts was written");
	CHECK(run, before.num_capsets.wire == after.num_capsets.wire, "num_capsets was written");
	CHECK(run, after.events_read.wire == 0, "events_read was not cleared by events_clear");
	CHECK(run, after.events_clear.wire == 0, "events_clear does not read as 0");
}

/* crosvm reads at any offset and length. */
static void config_partial(struct pg_run *run, struct pg_fe *fe, uint64_t argument)
{
	struct virtio_gpu_config whole = {0};
	uint8_t part[16];

	(void)argument;
	MUST(run, pg_fe_get_config(fe, 0, 16, &whole));
	for (uint32_t offset = 0; offset < 16; offset += 4) {
		MUST(run, pg_fe_get_config(fe, offset, 4, part));
		CHECK(run, !memcmp(part, (uint8_t *)&whole + offset, 4),
		      "four bytes from %u differ from the whole", offset);
	}
}

#define DISPLAY "controlq: GET_DISPLAY_INFO"
#define EDID "controlq: GET_EDID"
#define UUID "controlq: RESOURCE_ASSIGN_UUID"
#define CAPSET "controlq: GET_CAPSET_INFO"
#define CONFIG "Device configuration layout"
#define EDIDS BIT(VIRTIO_GPU_F_EDID)
#define UUIDS BIT(VIRTIO_GPU_F_RESOURCE_UUID)
#define VIRGLS BIT(VIRTIO_GPU_F_VIRGL)
#define CONFIGS BIT(VHOST_USER_PROTOCOL_F_CONFIG)

static const struct pg_rule rules[] = {
	{"display-info/shape", "entries behind num_scanouts are zero, one head is enabled",
	 DISPLAY "; F8", .run = info_shape},
	{"display-info/follows", "what the display says is what the guest is told", DISPLAY,
	 .needs = PG_NEEDS_GPU, .run = info_follows},
	{"edid/valid", "EDID has magic number, check sums and a size", EDID "; P8",
	 .features = EDIDS, .run = edid_valid},
	{"edid/each", "every scanout has an EDID, connected or not", EDID "; Q13",
	 .features = EDIDS, .needs = PG_NEEDS_GENERIC, .run = edid_of_each},
	{"edid/scanout-16", "scanout 16 is refused", EDID "; P9", .features = EDIDS,
	 .run = edid_bad_scanout, .argument = 16},
	{"edid/scanout-largest", "scanout 0xffffffff is refused", EDID "; P9", .features = EDIDS,
	 .run = edid_bad_scanout, .argument = 0xffffffff},
	{"edid/front-end-0", "an EDID of 0 bytes from the display does no harm", EDID "; P6",
	 .features = EDIDS, .needs = PG_NEEDS_GPU, .run = edid_odd_size, .argument = 0},
	{"edid/front-end-1025", "an EDID of 1025 bytes from the display does no harm", EDID "; P6",
	 .features = EDIDS, .needs = PG_NEEDS_GPU, .run = edid_odd_size, .argument = 1025},
	{"edid/front-end-largest", "an EDID of 2^32 - 1 bytes from the display does no harm",
	 EDID "; P6", .features = EDIDS, .needs = PG_NEEDS_GPU, .run = edid_odd_size,
	 .argument = 0xffffffff},
	{"uuid/stable", "a resource keeps its UUID and shares it with no other", UUID,
	 .features = UUIDS, .run = uuid_stable},
	{"uuid/fresh", "a new resource with an old id has a new UUID", UUID, .features = UUIDS,
	 .needs = PG_STRICT_ONLY, .run = uuid_fresh},
	{"uuid/random", "UUIDs are random ones of RFC 4122", UUID, .features = UUIDS,
	 .needs = PG_STRICT_ONLY, .run = uuid_format},
	{"uuid/blob", "blobs have UUIDs too", UUID,
	 .features = UUIDS | BIT(VIRTIO_GPU_F_RESOURCE_BLOB), .run = uuid_of_blob},
	{"capset/index", "every index below num_capsets is answered, others are refused",
	 CAPSET "; P1 CVE-2016-9845, P4, P5", .features = VIRGLS, .run = capset_index},
	{"capset/id-0", "capset id 0 is refused", "controlq: GET_CAPSET; P3 CVE-2016-10028",
	 .features = VIRGLS, .run = capset_unknown, .argument = 0},
	{"capset/id-unknown", "an unknown capset id is refused",
	 "controlq: GET_CAPSET; P3 CVE-2021-3546", .features = VIRGLS, .run = capset_unknown,
	 .argument = 4711},
	{"command/unknown", "an unknown command is refused and keeps its fence", "controlq; F9",
	 .run = unknown_command, .argument = 0x2ff},
	{"command/zero", "command 0 is refused and keeps its fence", "controlq; F9",
	 .run = unknown_command, .argument = 0},
	{"command/response", "a response sent as a command is refused", "controlq; F9",
	 .run = unknown_command, .argument = 0x1100},
	{"command/largest", "command 0xffffffff is refused and keeps its fence", "controlq; F9",
	 .run = unknown_command, .argument = 0xffffffff},
	{"command/8-bytes", "a request shorter than a header is completed", "controlq; F1",
	 .run = no_header, .argument = 8},
	{"command/23-bytes", "a header that lacks a byte is completed", "controlq; F1",
	 .run = no_header, .argument = 23},
	{"command/1-byte", "a request of one byte is completed", "controlq; F1, F3",
	 .run = no_header, .argument = 1},
	{"config/sane", "num_scanouts is 1 to 16 and events_clear reads as 0", CONFIG,
	 .protocol = CONFIGS, .run = config_sane},
	{"config/blob-alignment", "blob_alignment is a power of two", CONFIG,
	 .features = BIT(VIRTIO_GPU_F_BLOB_ALIGNMENT), .protocol = CONFIGS,
	 .run = config_alignment},
	{"config/write", "a write clears events and nothing else", CONFIG, .protocol = CONFIGS,
	 .run = config_write},
	{"config/partial", "parts read the same as the whole", CONFIG, .protocol = CONFIGS,
	 .needs = PG_STRICT_ONLY, .run = config_partial},
};

const struct pg_rule_set pg_rules_query = PG_RULE_SET(rules);
