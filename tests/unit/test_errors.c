/* SPDX-License-Identifier: MIT */
/*
 * Each command with each thing that can be wrong with it: the error that the
 * specification names comes back with the fence of the request, and nothing
 * that can be seen from outside has changed.
 */
#include <stdlib.h>

#include "harness.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define GONE 999 /* no resource has this number */

/* 1: image 64x64 with backing on head 0; 2: image without; 3: blob on head 1; 4: blob without. */
static int setup(void **state)
{
	const struct virtio_gpu_mem_entry image = entry(0, 64 * 64 * 4);
	const struct virtio_gpu_mem_entry blob = entry(0x10000, 0x10000);
	struct harness *harness;

	if (harness_setup(state))
		return -1;
	harness = *state;
	memset(harness->ram, 0x55, 0x20000);
	assert_int_equal(create_2d(harness, 1, BGRX, 64, 64), OK);
	assert_int_equal(attach(harness, 1, &image, 1), OK);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 64, 64), 0), OK);
	assert_int_equal(set_scanout(harness, 0, 1, rect(0, 0, 64, 64)), OK);
	assert_int_equal(create_2d(harness, 2, BGRX, 64, 64), OK);
	assert_int_equal(create_blob(harness, 3, 0x10000, &blob, 1), OK);
	assert_int_equal(set_scanout_blob(harness, 1, 3, 64, 64, BGRX, 256, 0, rect(0, 0, 64, 64)),
			 OK);
	assert_int_equal(create_blob(harness, 4, 0x10000, NULL, 0), OK);
	harness->fence = 77;
	return 0;
}

/* The guest changes its memory: what an error must not copy anywhere. */
#define REFUSED(harness, expected, call)                                                      \
	do {                                                                                  \
		uint64_t before_ = harness_state(harness);                                    \
		uint32_t type_ = (call);                                                      \
		assert_string_equal(pg_response_name(type_), pg_response_name(expected));     \
		assert_int_equal((harness)->ask.written, sizeof(struct virtio_gpu_ctrl_hdr)); \
		assert_int_equal(pg_from_le32((harness)->ask.response.hdr.flags),             \
				 VIRTIO_GPU_FLAG_FENCE);                                      \
		assert_int_equal(pg_from_le64((harness)->ask.response.hdr.fence_id), 77);     \
		assert_true(harness_state(harness) == before_);                               \
	} while (0)

static void create_2d_refuses(void **state)
{
	struct harness *h = *state;

	REFUSED(h, BAD_RESOURCE, create_2d(h, 0, BGRX, 5, 5));
	REFUSED(h, BAD_RESOURCE, create_2d(h, 1, BGRX, 5, 5));
	REFUSED(h, BAD_RESOURCE, create_2d(h, 3, BGRX, 5, 5));
	REFUSED(h, BAD_PARAMETER, create_2d(h, 9, 0, 5, 5));
	REFUSED(h, BAD_PARAMETER, create_2d(h, 9, 5, 5, 5));
	REFUSED(h, BAD_PARAMETER, create_2d(h, 9, 0xffffffff, 5, 5));
	REFUSED(h, BAD_PARAMETER, create_2d(h, 9, BGRX, 0, 5));
	REFUSED(h, BAD_PARAMETER, create_2d(h, 9, BGRX, 5, 0));
	REFUSED(h, NO_MEMORY, create_2d(h, 9, BGRX, 0x40000001, 1));
	REFUSED(h, NO_MEMORY, create_2d(h, 9, BGRX, 0x10000, 0x10000));
	REFUSED(h, NO_MEMORY, create_2d(h, 9, BGRX, 0x7fffffff, 2));
	REFUSED(h, NO_MEMORY, create_2d(h, 9, BGRX, 0xffffffff, 0xffffffff));
	assert_int_equal(create_2d(h, 0xffffffff, BGRX, 5, 5), OK);
}

static void unref_refuses(void **state)
{
	struct harness *h = *state;

	REFUSED(h, BAD_RESOURCE, unref(h, 0));
	REFUSED(h, BAD_RESOURCE, unref(h, GONE));
	REFUSED(h, BAD_RESOURCE, unref(h, 0xffffffff));
}

static void set_scanout_refuses(void **state)
{
	struct harness *h = *state;

	REFUSED(h, BAD_SCANOUT, set_scanout(h, 2, 1, rect(0, 0, 5, 5)));
	REFUSED(h, BAD_SCANOUT, set_scanout(h, 16, 1, rect(0, 0, 5, 5)));
	REFUSED(h, BAD_SCANOUT, set_scanout(h, 0xffffffff, 0, rect(0, 0, 5, 5)));
	REFUSED(h, BAD_RESOURCE, set_scanout(h, 0, GONE, rect(0, 0, 5, 5)));
	REFUSED(h, BAD_RESOURCE, set_scanout(h, 0, 3, rect(0, 0, 5, 5))); /* a blob */
	REFUSED(h, BAD_PARAMETER, set_scanout(h, 0, 1, rect(0, 0, 65, 5)));
	REFUSED(h, BAD_PARAMETER, set_scanout(h, 0, 1, rect(0, 60, 5, 5)));
	REFUSED(h, BAD_PARAMETER, set_scanout(h, 0, 1, rect(0, 0, 0, 5)));
	REFUSED(h, BAD_PARAMETER, set_scanout(h, 0, 1, rect(0, 0, 5, 0)));
	REFUSED(h, BAD_PARAMETER, set_scanout(h, 0, 1, rect(0xffffffff, 0, 2, 5)));
	REFUSED(h, BAD_PARAMETER, set_scanout(h, 0, 1, rect(0, 1, 5, 0xffffffff)));
}

static void set_scanout_blob_refuses(void **state)
{
	const struct paragpu_rect all = rect(0, 0, 64, 64);
	struct harness *h = *state;

	REFUSED(h, BAD_SCANOUT, set_scanout_blob(h, 2, 3, 64, 64, BGRX, 256, 0, all));
	REFUSED(h, BAD_RESOURCE, set_scanout_blob(h, 1, GONE, 64, 64, BGRX, 256, 0, all));
	REFUSED(h, BAD_RESOURCE, set_scanout_blob(h, 1, 1, 64, 64, BGRX, 256, 0, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 4, 64, 64, BGRX, 256, 0, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 64, 64, 99, 256, 0, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 64, 64, BGRX, 255, 0, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 4096, 64, BGRX, 4, 0, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 0, 64, BGRX, 256, 0, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 64, 0, BGRX, 256, 0, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 64, 257, BGRX, 256, 0, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 64, 256, BGRX, 256, 4, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 64, 64, BGRX, 256, 0xfffff000, all));
	REFUSED(h, BAD_PARAMETER, set_scanout_blob(h, 1, 3, 64, 64, BGRX, 0xffffffff, 0, all));
	REFUSED(h, BAD_PARAMETER,
		set_scanout_blob(h, 1, 3, 0x80000000, 0xffffffff, BGRX, 0, 0, all));
	REFUSED(h, BAD_PARAMETER,
		set_scanout_blob(h, 1, 3, 64, 64, BGRX, 256, 0, rect(0, 0, 65, 1)));
	REFUSED(h, BAD_PARAMETER,
		set_scanout_blob(h, 1, 3, 64, 64, BGRX, 256, 0, rect(0xffffffff, 0, 2, 1)));
	REFUSED(h, BAD_PARAMETER,
		set_scanout_blob(h, 1, 3, 64, 64, BGRX, 256, 0, rect(0, 0, 0, 0)));
	/* to the last byte is inside */
	assert_int_equal(set_scanout_blob(h, 1, 3, 64, 256, BGRX, 256, 0, all), OK);
	assert_int_equal(set_scanout_blob(h, 1, 3, 63, 256, BGRX, 256, 4, rect(0, 0, 63, 9)), OK);
}

static void flush_refuses(void **state)
{
	struct harness *h = *state;

	REFUSED(h, BAD_RESOURCE, flush(h, GONE, rect(0, 0, 5, 5)));
	REFUSED(h, BAD_RESOURCE, flush(h, 0, rect(0, 0, 5, 5)));
	REFUSED(h, BAD_PARAMETER, flush(h, 1, rect(0, 0, 65, 5)));
	REFUSED(h, BAD_PARAMETER, flush(h, 1, rect(0xffffffff, 0, 2, 5)));
	REFUSED(h, BAD_PARAMETER, flush(h, 1, rect(1, 0, 0xffffffff, 5)));
	REFUSED(h, BAD_PARAMETER, flush(h, 2, rect(0, 1, 5, 0xffffffff)));
	/* blobs have no size of their own: damage is clipped to what is shown */
	h->display.flushes = 0;
	assert_int_equal(flush(h, 3, rect(0xffffffff, 0, 0xffffffff, 1)), OK);
	assert_int_equal(h->display.flushes, 0);
	assert_int_equal(flush(h, 3, rect(1, 1, 0xffffffff, 0xffffffff)), OK);
	assert_rect(&h->display.damage, 1, 1, 63, 63);
}

static void transfer_refuses(void **state)
{
	struct harness *h = *state;

	memset(h->ram, 0xaa, 0x10000);
	REFUSED(h, BAD_RESOURCE, transfer(h, GONE, rect(0, 0, 5, 5), 0));
	REFUSED(h, BAD_PARAMETER, transfer(h, 2, rect(0, 0, 5, 5), 0)); /* no backing */
	REFUSED(h, BAD_PARAMETER, transfer(h, 1, rect(0, 0, 65, 5), 0));
	REFUSED(h, BAD_PARAMETER, transfer(h, 1, rect(0xffffffff, 0, 2, 5), 0));
	REFUSED(h, BAD_PARAMETER, transfer(h, 1, rect(1, 0, 0xffffffff, 5), 0));
	REFUSED(h, BAD_PARAMETER, transfer(h, 1, rect(0, 64, 5, 1), 0));
	assert_int_equal(transfer(h, 1, rect(0, 64, 5, 0), 0), OK);
	/* nothing to copy on blobs, whatever it says */
	assert_int_equal(transfer(h, 3, rect(0xffffffff, 0, 2, 5), 9), OK);
	assert_int_equal(transfer(h, 4, rect(0, 0, 2, 5), 9), OK);
}

static uint32_t attach_counted(struct harness *h, uint32_t id, uint32_t claimed,
			       const struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	struct virtio_gpu_resource_attach_backing command = {
		.resource_id = pg_to_le32(id),
		.nr_entries = pg_to_le32(claimed),
	};

	return harness_command(h, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, &command, sizeof(command),
			       entries, count * sizeof(*entries));
}

static void attach_refuses(void **state)
{
	struct virtio_gpu_mem_entry good[2] = {entry(0, 4096), entry(4096, 4096)};
	struct virtio_gpu_mem_entry wraps = {.addr = pg_to_le64(UINT64_C(0xfffffffffffff000)),
					     .length = pg_to_le32(0x2000)};
	struct virtio_gpu_mem_entry hole = {.addr = pg_to_le64(0x1000), .length = pg_to_le32(1)};
	struct virtio_gpu_mem_entry last[2] = {entry(0, 4096), entry(GUEST_SIZE - 4095, 4096)};
	struct virtio_gpu_mem_entry huge = entry(0, 0xffffffff);
	struct harness *h = *state;

	REFUSED(h, BAD_RESOURCE, attach(h, GONE, good, 2));
	REFUSED(h, BAD_PARAMETER, attach(h, 1, good, 2)); /* has one */
	REFUSED(h, BAD_PARAMETER, attach_counted(h, 2, 3, good, 2));
	REFUSED(h, BAD_PARAMETER, attach_counted(h, 2, 0xffffffff, good, 1));
	REFUSED(h, BAD_PARAMETER, attach_counted(h, 2, 0x10000001, good, 1));
	REFUSED(h, BAD_PARAMETER, attach(h, 2, &wraps, 1));
	REFUSED(h, BAD_PARAMETER, attach(h, 2, &hole, 1));
	REFUSED(h, BAD_PARAMETER, attach(h, 2, &huge, 1));
	REFUSED(h, BAD_PARAMETER, attach(h, 2, last, 2));
	REFUSED(h, BAD_PARAMETER, attach(h, 4, good, 2)); /* less than the blob */
	/* no entries are no backing; the next one counts, the one after does not */
	assert_int_equal(attach(h, 2, NULL, 0), OK);
	/* more bytes than entries are no harm */
	assert_int_equal(attach_counted(h, 2, 1, good, 2), OK);
	REFUSED(h, BAD_PARAMETER, attach(h, 2, good, 2));
}

static void detach_refuses(void **state)
{
	REFUSED((struct harness *)*state, BAD_RESOURCE, detach(*state, GONE));
	assert_int_equal(detach(*state, 4), OK);
}

static uint32_t blob(struct harness *h, uint32_t id, uint32_t mem, uint32_t flags, uint64_t blob_id,
		     uint64_t size, uint32_t claimed, const struct virtio_gpu_mem_entry *entries,
		     uint32_t count)
{
	struct virtio_gpu_resource_create_blob command = {
		.resource_id = pg_to_le32(id),
		.blob_mem = pg_to_le32(mem),
		.blob_flags = pg_to_le32(flags),
		.nr_entries = pg_to_le32(claimed),
		.blob_id = pg_to_le64(blob_id),
		.size = pg_to_le64(size),
	};

	return harness_command(h, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, &command, sizeof(command),
			       entries, count * sizeof(*entries));
}

static void create_blob_refuses(void **state)
{
	const struct virtio_gpu_mem_entry page = entry(0, 4096), outside = entry(GUEST_SIZE, 1);
	struct harness *h = *state;

	REFUSED(h, BAD_RESOURCE, blob(h, 0, 1, 0, 0, 4096, 1, &page, 1));
	REFUSED(h, BAD_RESOURCE, blob(h, 1, 1, 0, 0, 4096, 1, &page, 1));
	REFUSED(h, BAD_RESOURCE, blob(h, 3, 1, 0, 0, 4096, 1, &page, 1));
	for (uint32_t mem = 0; mem < 6; mem++)
		if (mem != VIRTIO_GPU_BLOB_MEM_GUEST)
			REFUSED(h, BAD_PARAMETER, blob(h, 9, mem, 2, 0, 4096, 0, NULL, 0));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 0xffffffff, 2, 0, 4096, 1, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 8, 0, 4096, 1, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 0x80000001, 0, 4096, 1, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 1, 4096, 1, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 0, 0, 1, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 0, UINT64_C(1) << 63, 0, NULL, 0));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 0, UINT64_MAX, 1, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 0, 4097, 1, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 0, 64 << 20, 1, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 0, 4096, 4, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 0, 4096, 0xffffffff, &page, 1));
	REFUSED(h, BAD_PARAMETER, blob(h, 9, 1, 2, 0, 1, 1, &outside, 1));
	/* every subset of the three flags; unaligned sizes */
	for (uint32_t flags = 0; flags < 8; flags++)
		assert_int_equal(blob(h, 10 + flags, 1, flags, 0, 1 + flags, 1, &page, 1), OK);
}

static void uuid_and_edid_refuse(void **state)
{
	struct virtio_gpu_resource_assign_uuid uuid = {.resource_id = pg_to_le32(GONE)};
	struct virtio_gpu_cmd_get_edid edid = {.scanout = pg_to_le32(2)};
	struct harness *h = *state;

	REFUSED(h, BAD_RESOURCE,
		harness_command(h, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, &uuid, sizeof(uuid), NULL,
				0));
	REFUSED(h, BAD_SCANOUT,
		harness_command(h, VIRTIO_GPU_CMD_GET_EDID, &edid, sizeof(edid), NULL, 0));
	edid.scanout = pg_to_le32(0xffffffff);
	REFUSED(h, BAD_SCANOUT,
		harness_command(h, VIRTIO_GPU_CMD_GET_EDID, &edid, sizeof(edid), NULL, 0));
}

static void cursor_refuses(void **state)
{
	struct harness *h = *state;

	REFUSED(h, BAD_SCANOUT, update_cursor(h, 2, 1, 5, 5, 0, 0));
	REFUSED(h, BAD_SCANOUT, move_cursor(h, 15, 5, 5));
	REFUSED(h, BAD_RESOURCE, update_cursor(h, 0, GONE, 5, 5, 0, 0));
}

static void commands_of_features_not_accepted_are_unknown(void **state)
{
	uint8_t command[PG_REQUEST_FIXED_MAX] = {0};
	struct harness *h = *state;

	for (unsigned int i = 0; i < PG_COMMAND_COUNT; i++) {
		const struct pg_command *known = pg_command_at(i);

		if (!known->features || known->queue != VIRTIO_GPU_QUEUE_CONTROL)
			continue;
		paragpu_device_accept_features(h->device, ALL_FEATURES & ~known->features);
		REFUSED(h, UNSPEC,
			harness_command(h, known->code, command, known->request_size, NULL, 0));
	}
}

static void unknown_codes_and_what_needs_a_renderer_are_unspecified(void **state)
{
	static const uint32_t codes[] = {0,     0xff,   0x10e,  0x1ff,      0x20a,     0x2ff,
					 0x302, 0x1100, 0x1200, 0x200,      0x207,     0x208,
					 0x209, 0x108,  0x109,  0x10000100, 0xffffffff};
	uint8_t command[PG_REQUEST_FIXED_MAX] = {0};
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		REFUSED(h, UNSPEC, harness_command(h, codes[i], command, sizeof(command), NULL, 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(create_2d_refuses),
		TEST(unref_refuses),
		TEST(set_scanout_refuses),
		TEST(set_scanout_blob_refuses),
		TEST(flush_refuses),
		TEST(transfer_refuses),
		TEST(attach_refuses),
		TEST(detach_refuses),
		TEST(create_blob_refuses),
		TEST(uuid_and_edid_refuse),
		TEST(cursor_refuses),
		TEST(commands_of_features_not_accepted_are_unknown),
		TEST(unknown_codes_and_what_needs_a_renderer_are_unspecified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
