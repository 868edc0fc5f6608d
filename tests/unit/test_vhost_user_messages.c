/* SPDX-License-Identifier: MIT */
/*
 * The main channel: framing, replies, refusals, memory, features, connections.
 * Descriptors are counted in each test: none may be left, whatever came.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "protocol/virtio_gpu.h"
#include "protocol/virtio_ring.h"
#include "scripted_front_end.h"

#define BIT(number) (UINT64_C(1) << (number))

static int setup(void **state)
{
	*state = malloc(sizeof(struct scripted));
	scripted_init(*state, NULL);
	return 0;
}

static int teardown(void **state)
{
	scripted_finish(*state);
	free(*state);
	return 0;
}

/* --- framing ------------------------------------------------------------------------------------- */

static void a_message_may_arrive_byte_by_byte(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_header header = {VHOST_USER_SET_PROTOCOL_FEATURES, 1, 8};
	uint64_t features = BIT(VHOST_USER_PROTOCOL_F_CONFIG);
	struct pg_vhost_user_info info;
	uint8_t bytes[20];

	memcpy(bytes, &header, 12);
	memcpy(bytes + 12, &features, 8);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(send(s->socket, bytes + i, 1, 0), 1);
		scripted_run(s);
	}
	pg_vhost_user_get_info(s->server, &info);
	assert_int_equal(info.protocol_features, features);
	assert_int_equal(info.messages, 1);
}

static void many_messages_may_arrive_at_once(void **state)
{
	struct scripted *s = *state;
	uint64_t value;

	for (int i = 0; i < 100; i++)
		scripted_send(s, VHOST_USER_GET_FEATURES, 0, NULL, 0, NULL, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(
			scripted_reply(s, VHOST_USER_GET_FEATURES, &value, sizeof(value), NULL), 8);
}

static void a_message_that_is_too_long_ends_the_connection(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_header header = {VHOST_USER_SET_FEATURES, 1, UINT32_MAX};

	assert_int_equal(send(s->socket, &header, sizeof(header), 0), sizeof(header));
	assert_true(scripted_gone(s));
	assert_int_equal(s->closed, 1);
}

static void a_message_of_another_version_ends_the_connection(void **state)
{
	static const uint32_t flags[] = {0, 2, 3, 1 | VHOST_USER_REPLY_MASK};
	struct scripted *s = *state;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct vhost_user_header header = {VHOST_USER_GET_FEATURES, flags[i], 0};

		assert_int_equal(send(s->socket, &header, sizeof(header), 0), sizeof(header));
		assert_true(scripted_gone(s));
		scripted_disconnect(s);
		scripted_connect(s);
	}
}

static void a_connection_that_ends_inside_a_message_leaves_nothing(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_header header = {VHOST_USER_SET_MEM_TABLE, 1, 264};
	struct iovec vector = {&header, sizeof(header)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.align = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr message = {NULL, 0, &vector, 1, control.bytes, sizeof(control.bytes), 0};

	memcpy(CMSG_DATA(&control.align), &s->ram_fd, sizeof(int));
	assert_int_equal(sendmsg(s->socket, &message, 0), sizeof(header));
	scripted_run(s);
	scripted_disconnect(s);
	assert_int_equal(s->closed, 1);
}

static void a_flood_of_descriptors_ends_the_connection(void **state)
{
	struct scripted *s = *state;
	int fds[40];

	for (int i = 0; i < 40; i++)
		fds[i] = s->ram_fd;
	scripted_send(s, VHOST_USER_GET_FEATURES, 0, NULL, 0, fds, 40);
	assert_true(scripted_gone(s));
}

static void a_front_end_that_does_not_read_replies_is_not_served_further(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_header header = {VHOST_USER_GET_SHMEM_CONFIG, 1, 0};
	struct pg_vhost_user_info info;
	uint64_t sent = 0;

	while (send(s->socket, &header, sizeof(header), MSG_DONTWAIT) == sizeof(header)) {
		scripted_run(s);
		assert_true(++sent < 100000);
	}
	pg_vhost_user_get_info(s->server, &info);
	assert_true(info.connected);
	assert_true(info.messages < sent);
}

/* --- the form of each request ---------------------------------------------------------------------- */

/* Every number, with every size from 0 to 300 and up to 3 descriptors: nothing breaks, nothing is left. */
static void any_request_in_any_form_is_survived(void **state)
{
	static const uint32_t sizes[] = {0,  1,  4,  7,  8,   9,   12,  16,  20,
					 24, 39, 40, 41, 264, 268, 300, 2056};
	struct scripted *s = *state;
	unsigned int open;

	for (uint32_t request = 0; request < 50; request++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			uint8_t payload[2056];
			int fds[] = {s->ram_fd, s->kick[0], s->socket};

			memset(payload, (int)(request + i), sizeof(payload));
			scripted_send(s, request, i % 2 ? VHOST_USER_NEED_REPLY_MASK : 0, payload,
				      sizes[i], fds, (request + i) % 4);
			scripted_run(s);
			scripted_disconnect(s);
			if (!request && !i)
				open = count_fds();
			assert_int_equal(count_fds(), open);
			scripted_connect(s);
		}
	}
}

static void wrong_sizes_are_refused_where_the_front_end_asks(void **state)
{
	static const struct {
		uint32_t request, size;
	} wrong[] = {
		{VHOST_USER_SET_FEATURES, 4},      {VHOST_USER_SET_FEATURES, 16},
		{VHOST_USER_SET_MEM_TABLE, 4},     {VHOST_USER_SET_MEM_TABLE, 300},
		{VHOST_USER_SET_VRING_NUM, 4},     {VHOST_USER_SET_VRING_ADDR, 36},
		{VHOST_USER_SET_VRING_KICK, 0},    {VHOST_USER_SET_CONFIG, 8},
		{VHOST_USER_SET_CONFIG, 300},      {VHOST_USER_ADD_MEM_REG, 32},
		{VHOST_USER_SET_VRING_ENABLE, 12}, {VHOST_USER_SET_OWNER, 8},
	};
	struct scripted *s = *state;
	uint8_t payload[512] = {0};

	scripted_negotiate(s, UINT64_MAX);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_not_equal(
			scripted_ack(s, wrong[i].request, payload, wrong[i].size, NULL, 0), 0);
	assert_int_equal(s->closed, 0);
}

static void a_wrong_number_of_descriptors_is_refused(void **state)
{
	struct scripted *s = *state;
	uint64_t value = 0;
	int fds[] = {s->ram_fd, s->ram_fd};

	scripted_negotiate(s, UINT64_MAX);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_FEATURES, &value, 8, fds, 1), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_CALL, &value, 8, fds, 2), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_CALL, &value, 8, NULL, 0), 0);
	value = VHOST_USER_VRING_NOFD_MASK;
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_CALL, &value, 8, fds, 1), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, NULL, 0), 0);
}

static void an_unknown_request_is_refused_by_its_acknowledgement(void **state)
{
	struct scripted *s = *state;

	scripted_negotiate(s, UINT64_MAX);
	assert_int_not_equal(scripted_ack(s, 999, NULL, 0, NULL, 0), 0);
	assert_int_not_equal(scripted_ack(s, 7, "12345678", 8, NULL, 0), 0);
	assert_non_null(strstr(s->log, "unknown request"));
	/* and without one it is passed over */
	scripted_send(s, 999, 0, "abc", 3, NULL, 0);
	scripted_get(s, VHOST_USER_GET_FEATURES);
}

static void a_request_whose_answer_cannot_be_given_ends_the_connection(void **state)
{
	static const uint32_t requests[] = {VHOST_USER_SET_LOG_BASE, VHOST_USER_GET_SHARED_OBJECT,
					    VHOST_USER_CHECK_DEVICE_STATE};
	struct scripted *s = *state;

	for (size_t i = 0; i < 3; i++) {
		scripted_negotiate(s, UINT64_MAX);
		scripted_send(s, requests[i], 0, NULL, 0, NULL, 0);
		assert_true(scripted_gone(s));
		assert_non_null(strstr(s->log, "cannot be answered"));
		scripted_disconnect(s);
		scripted_connect(s);
	}
}

static void without_reply_ack_nothing_is_acknowledged(void **state)
{
	struct scripted *s = *state;
	uint64_t value = 0;

	scripted_negotiate(s, BIT(VHOST_USER_PROTOCOL_F_CONFIG));
	scripted_send(s, VHOST_USER_SET_FEATURES, VHOST_USER_NEED_REPLY_MASK, &value, 8, NULL, 0);
	assert_int_equal(scripted_reply(s, VHOST_USER_SET_FEATURES, &value, 8, NULL), -1);
}

static void queues_that_do_not_exist_are_refused(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_vring_state queue = {2, 16};
	struct vhost_user_vring_addr addr = {.index = UINT32_MAX};
	uint64_t value = 0xff;

	scripted_negotiate(s, UINT64_MAX);
	assert_int_equal(scripted_get(s, VHOST_USER_GET_QUEUE_NUM), 2);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_NUM, &queue, 8, NULL, 0), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_BASE, &queue, 8, NULL, 0), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_ENABLE, &queue, 8, NULL, 0), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_ADDR, &addr, 40, NULL, 0), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_KICK, &value, 8, &s->kick[0], 1),
			     0);
}

/* --- features --------------------------------------------------------------------------------------- */

static void ring_features_are_offered_as_configured(void **state)
{
	struct scripted *s = *state;
	uint64_t features = scripted_get(s, VHOST_USER_GET_FEATURES);

	assert_true(features & BIT(VIRTIO_F_INDIRECT_DESC));
	assert_true(features & BIT(VIRTIO_F_EVENT_IDX));
	assert_true(features & BIT(VIRTIO_F_VERSION_1));
	assert_true(features & BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	assert_false(features & BIT(VIRTIO_F_RING_PACKED));
	assert_false(features & BIT(VIRTIO_F_IN_ORDER));
	assert_false(features & BIT(VHOST_F_LOG_ALL));
	assert_true(features & BIT(VIRTIO_GPU_F_EDID));
}

static void packed_and_in_order_are_settings(void **state)
{
	struct pg_vhost_user_settings settings;
	struct scripted other;
	uint64_t features;

	(void)state;
	pg_vhost_user_settings_init(&settings);
	settings.packed = true;
	settings.in_order = true;
	scripted_init(&other, &settings);
	features = scripted_get(&other, VHOST_USER_GET_FEATURES);
	assert_true(features & BIT(VIRTIO_F_RING_PACKED));
	assert_true(features & BIT(VIRTIO_F_IN_ORDER));
	scripted_finish(&other);
}

/* QEMU's vhost-user-gpu devices accept ring features that nobody offered. */
static void features_that_were_not_offered_are_taken_where_possible(void **state)
{
	struct scripted *s = *state;
	uint64_t features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED) |
			    BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_F_RING_RESET) |
			    BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	struct pg_vhost_user_info info;

	scripted_negotiate(s, UINT64_MAX);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_FEATURES, &features, 8, NULL, 0), 0);
	pg_vhost_user_get_info(s->server, &info);
	assert_int_equal(info.features, features);
	features |= BIT(VIRTIO_F_ACCESS_PLATFORM);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_FEATURES, &features, 8, NULL, 0), 0);
	assert_non_null(strstr(s->log, "iommu_platform"));
}

static void protocol_features_that_were_not_offered_are_refused(void **state)
{
	struct scripted *s = *state;
	uint64_t features = UINT64_MAX;

	scripted_negotiate(s, UINT64_MAX);
	assert_int_not_equal(
		scripted_ack(s, VHOST_USER_SET_PROTOCOL_FEATURES, &features, 8, NULL, 0), 0);
}

/* QEMU 11.1.3 crashes at a reset with both (reference, 7.4). */
static void memory_slots_and_a_window_are_never_offered_together(void **state)
{
	struct pg_vhost_user_settings settings;
	struct scripted other;
	struct scripted *s = *state;
	uint64_t features = scripted_get(s, VHOST_USER_GET_PROTOCOL_FEATURES);

	assert_true(features & BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS));
	assert_false(features & BIT(VHOST_USER_PROTOCOL_F_SHMEM));
	pg_vhost_user_settings_init(&settings);
	settings.window_size = 1 << 28;
	scripted_init(&other, &settings);
	features = scripted_get(&other, VHOST_USER_GET_PROTOCOL_FEATURES);
	assert_false(features & BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS));
	assert_true(features & BIT(VHOST_USER_PROTOCOL_F_SHMEM));
	scripted_finish(&other);
}

static void the_number_of_the_shmem_bit_is_a_setting(void **state)
{
	struct pg_vhost_user_settings settings;
	struct scripted other;
	uint64_t features;

	(void)state;
	pg_vhost_user_settings_init(&settings);
	settings.window_size = 1 << 28;
	settings.shmem_bit = 21;
	scripted_init(&other, &settings);
	features = scripted_get(&other, VHOST_USER_GET_PROTOCOL_FEATURES);
	assert_true(features & BIT(21));
	assert_false(features & BIT(22));
	scripted_finish(&other);
}

/* QEMU aborts with any other (reference, 7.1). */
static void a_window_is_a_power_of_two(void **state)
{
	static const uint64_t wrong[] = {1, 100, 2048, 4097, 3u << 20, (1u << 28) + 4096};
	struct scripted *s = *state;
	struct pg_vhost_user_settings settings;
	struct pg_vhost_user *server;
	const char *problem;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		pg_vhost_user_settings_init(&settings);
		settings.loop = s->loop;
		settings.logger = &s->logger;
		settings.window_size = wrong[i];
		problem = NULL;
		assert_int_equal(pg_vhost_user_create(&settings, &server, &problem), -EINVAL);
		assert_non_null(strstr(problem, "power of two"));
	}
}

static void the_window_is_region_1_of_256(void **state)
{
	struct vhost_user_shmem_config config;
	struct pg_vhost_user_settings settings;
	struct scripted other;

	(void)state;
	pg_vhost_user_settings_init(&settings);
	settings.window_size = UINT64_C(1) << 33;
	scripted_init(&other, &settings);
	scripted_negotiate(&other, UINT64_MAX);
	scripted_send(&other, VHOST_USER_GET_SHMEM_CONFIG, 0, NULL, 0, NULL, 0);
	assert_int_equal(
		scripted_reply(&other, VHOST_USER_GET_SHMEM_CONFIG, &config, sizeof(config), NULL),
		2056);
	assert_int_equal(config.nregions, 1);
	for (int i = 0; i < 256; i++)
		assert_int_equal(config.memory_sizes[i], i == 1 ? UINT64_C(1) << 33 : 0);
	scripted_finish(&other);
}

/* --- configuration space ------------------------------------------------------------------------------ */

static int get_config(struct scripted *s, uint32_t offset, uint32_t size, uint32_t sent,
		      uint8_t *data, uint32_t *answered)
{
	struct {
		struct vhost_user_config_header header;
		uint8_t data[300];
	} config = {.header = {offset, size, 0}};
	int count;

	scripted_send(s, VHOST_USER_GET_CONFIG, 0, &config, 12 + sent, NULL, 0);
	count = scripted_reply(s, VHOST_USER_GET_CONFIG, &config, sizeof(config), NULL);
	*answered = config.header.size;
	memcpy(data, config.data, sizeof(config.data));
	return count;
}

static void config_space_is_read_in_any_part(void **state)
{
	struct scripted *s = *state;
	struct virtio_gpu_config config;
	uint8_t data[300];
	uint32_t size;

	scripted_negotiate(s, UINT64_MAX);
	assert_int_equal(get_config(s, 0, 20, 20, data, &size), 12 + 20);
	assert_int_equal(size, 20);
	memcpy(&config, data, sizeof(config));
	assert_int_equal(pg_from_le32(config.num_scanouts), 1);
	assert_int_equal(get_config(s, 8, 4, 4, data, &size), 12 + 4);
	assert_int_equal(data[0], 1);
	assert_int_equal(get_config(s, 0, 256, 256, data, &size), 12 + 256);
	assert_int_equal(get_config(s, 255, 1, 1, data, &size), 12 + 1);
	assert_int_equal(data[0], 0);
}

static void a_bad_read_of_config_space_is_answered_by_nothing(void **state)
{
	struct scripted *s = *state;
	uint8_t data[300];
	uint32_t size = 1;

	scripted_negotiate(s, UINT64_MAX);
	assert_int_equal(get_config(s, 256, 1, 1, data, &size), 12);
	assert_int_equal(size, 0);
	assert_int_equal(get_config(s, UINT32_MAX, UINT32_MAX, 4, data, &size), 12);
	assert_int_equal(get_config(s, 0, 20, 4, data, &size), 12);
	assert_int_equal(get_config(s, 4, 256, 256, data, &size), 12);
}

/* --- memory ------------------------------------------------------------------------------------------- */

static uint64_t set_table(struct scripted *s, struct vhost_user_memory *memory, const int *fds,
			  size_t fd_count)
{
	return scripted_ack(s, VHOST_USER_SET_MEM_TABLE, memory, 8 + 32 * memory->nregions, fds,
			    fd_count);
}

static void bad_memory_tables_are_refused_and_change_nothing(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_memory table = {.nregions = 1,
					  .regions[0] = {RAM_GUEST, RAM_SIZE, RAM_USER, 0}};
	struct vhost_user_memory bad;
	struct pg_vhost_user_region_info info;
	int fds[8] = {s->ram_fd, s->ram_fd, s->ram_fd, s->ram_fd};

	scripted_negotiate(s, UINT64_MAX);
	assert_int_equal(set_table(s, &table, fds, 1), 0);
	assert_int_not_equal(set_table(s, &table, fds, 0), 0);
	assert_int_not_equal(set_table(s, &table, fds, 2), 0);
	bad = table;
	bad.nregions = 9;
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_MEM_TABLE, &bad, sizeof(bad), fds, 8),
			     0);
	bad.nregions = UINT32_MAX;
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_MEM_TABLE, &bad, 40, fds, 1), 0);
	bad = table;
	bad.regions[0].memory_size = 0;
	assert_int_not_equal(set_table(s, &bad, fds, 1), 0);
	bad.regions[0].memory_size = RAM_SIZE + 1; /* longer than the file */
	assert_int_not_equal(set_table(s, &bad, fds, 1), 0);
	bad = table;
	bad.regions[0].guest_phys_addr = UINT64_MAX - 5;
	assert_int_not_equal(set_table(s, &bad, fds, 1), 0);
	bad = table;
	bad.regions[0].mmap_offset = UINT64_MAX - 5;
	assert_int_not_equal(set_table(s, &bad, fds, 1), 0);
	bad = table;
	bad.nregions = 2;
	bad.regions[1] = bad.regions[0]; /* overlap */
	assert_int_not_equal(set_table(s, &bad, fds, 2), 0);
	fds[0] = s->kick[0]; /* cannot be mapped */
	bad = table;
	bad.regions[0].guest_phys_addr = 0;
	assert_int_not_equal(set_table(s, &bad, fds, 1), 0);
	assert_true(pg_vhost_user_get_region(s->server, 0, &info));
	assert_int_equal(info.guest_addr, RAM_GUEST);
	assert_false(pg_vhost_user_get_region(s->server, 1, &info));
}

static void regions_are_added_and_removed_one_by_one(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_single_mem_region region = {.region = {RAM_GUEST, RAM_SIZE, RAM_USER, 0}};
	struct pg_vhost_user_info info;

	scripted_negotiate(s, UINT64_MAX);
	assert_true(scripted_get(s, VHOST_USER_GET_MAX_MEM_SLOTS) >= 32);
	assert_int_equal(scripted_ack(s, VHOST_USER_ADD_MEM_REG, &region, 40, &s->ram_fd, 1), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_ADD_MEM_REG, &region, 40, &s->ram_fd, 1),
			     0);
	region.region.memory_size--;
	assert_int_not_equal(scripted_ack(s, VHOST_USER_REM_MEM_REG, &region, 40, NULL, 0), 0);
	region.region.memory_size++;
	assert_int_equal(scripted_ack(s, VHOST_USER_REM_MEM_REG, &region, 40, &s->ram_fd, 1), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_REM_MEM_REG, &region, 40, NULL, 0), 0);
	pg_vhost_user_get_info(s->server, &info);
	assert_int_equal(info.region_count, 0);
}

static unsigned int count_mappings(const char *name)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned int count = 0;

	if (!file)
		fail_msg("no /proc/self/maps");
	while (file && fgets(line, sizeof(line), file))
		count += strstr(line, name) != NULL;
	fclose(file);
	return count;
}

static void the_same_region_again_is_not_mapped_again(void **state)
{
	struct scripted *s = *state;
	int other = memfd_create("second", MFD_CLOEXEC);
	struct vhost_user_memory table = {
		.nregions = 2,
		.regions = {{RAM_GUEST, RAM_SIZE, RAM_USER, 0},
			    {RAM_GUEST + RAM_SIZE, 4096, RAM_USER + RAM_SIZE, 0}},
	};
	int fds[] = {s->ram_fd, other};
	unsigned int before;

	assert_int_equal(ftruncate(other, 4096), 0);
	scripted_start(s);
	before = count_mappings("memfd:guest");
	assert_int_equal(set_table(s, &table, fds, 2), 0);
	assert_int_equal(count_mappings("memfd:guest"), before);
	assert_int_equal(count_mappings("memfd:second"), 1);
	/* The ring goes on in it. */
	scripted_request(s, 0, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 1);
	table.nregions = 1;
	assert_int_equal(set_table(s, &table, fds, 1), 0);
	assert_int_equal(count_mappings("memfd:second"), 0);
	pg_close(&other);
}

static void disconnecting_unmaps_guest_memory(void **state)
{
	struct scripted *s = *state;
	unsigned int before = count_mappings("memfd:guest");

	scripted_start(s);
	assert_int_equal(count_mappings("memfd:guest"), before + 1);
	scripted_disconnect(s);
	assert_int_equal(count_mappings("memfd:guest"), before);
}

/* --- connections --------------------------------------------------------------------------------------- */

static void each_connection_starts_clean(void **state)
{
	struct scripted *s = *state;
	unsigned int open;

	for (int i = 0; i < 50; i++) {
		struct pg_vhost_user_info info;

		scripted_start(s);
		scripted_open_channel(s);
		scripted_request(s, 0, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
		scripted_kick(s, 0);
		assert_int_equal(scripted_used(s, 0), 1);
		scripted_disconnect(s);
		if (!i)
			open = count_fds();
		assert_int_equal(count_fds(), open);
		pg_vhost_user_get_info(s->server, &info);
		assert_false(info.connected);
		assert_int_equal(info.region_count, 0);
		scripted_connect(s);
	}
	assert_int_equal(s->closed, 50);
	assert_int_equal(s->opened, 51);
}

static void the_program_may_end_a_connection(void **state)
{
	struct scripted *s = *state;

	scripted_start(s);
	pg_vhost_user_disconnect(s->server, "for a test");
	assert_true(scripted_gone(s));
	assert_int_equal(s->closed, 1);
	pg_vhost_user_disconnect(s->server, "again");
}

static void the_display_socket_is_handed_over(void **state)
{
	struct scripted *s = *state;
	int pair[2];

	scripted_negotiate(s, UINT64_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	/* one that nobody takes is closed */
	scripted_send(s, VHOST_USER_GPU_SET_SOCKET, 0, NULL, 0, &pair[1], 1);
	scripted_run(s);
	assert_int_equal(s->displays, 1);
	s->keep_display = true;
	scripted_send(s, VHOST_USER_GPU_SET_SOCKET, 0, NULL, 0, &pair[1], 1);
	pg_close(&pair[1]);
	scripted_run(s);
	assert_int_equal(s->displays, 2);
	assert_int_equal(send(s->display_fd, "x", 1, 0), 1);
	assert_int_equal(recv(pair[0], &(char){0}, 1, 0), 1);
	pg_close(&pair[0]);
}

static void a_listening_server_takes_one_front_end_after_the_other(void **state)
{
	struct scripted *s = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char folder[] = "/tmp/pg-test-XXXXXX";
	struct pg_vhost_user_info info;
	int clients[2];

	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/gpu.sock", folder);
	scripted_disconnect(s);
	assert_int_equal(pg_vhost_user_listen(s->server, address.sun_path), 0);
	for (int i = 0; i < 2; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (clients[i] < 0)
			fail_msg("no socket");
		assert_int_equal(connect(clients[i], (struct sockaddr *)&address, sizeof(address)),
				 0);
	}
	scripted_run(s);
	pg_vhost_user_get_info(s->server, &info);
	assert_int_equal(info.connections, 2); /* the test's own, and the first of these */
	pg_close(&clients[0]);
	scripted_run(s);
	pg_vhost_user_get_info(s->server, &info);
	assert_int_equal(info.connections, 3);
	s->socket = clients[1];
	scripted_get(s, VHOST_USER_GET_FEATURES);
	pg_vhost_user_destroy(&s->server);
	assert_int_not_equal(access(address.sun_path, F_OK), 0); /* removed */
	assert_int_equal(rmdir(folder), 0);
}

static void a_socket_left_by_a_dead_process_is_replaced_and_a_living_one_is_not(void **state)
{
	struct scripted *s = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char folder[] = "/tmp/pg-test-XXXXXX";
	int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (other < 0)
		fail_msg("no socket");
	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/gpu.sock", folder);
	assert_int_equal(bind(other, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(pg_vhost_user_listen(s->server, address.sun_path), -EADDRINUSE);
	pg_close(&other);
	assert_int_equal(pg_vhost_user_listen(s->server, address.sun_path), 0);
	pg_vhost_user_destroy(&s->server);
	assert_int_equal(rmdir(folder), 0);
}

static void what_is_no_socket_is_not_served(void **state)
{
	struct scripted *s = *state;
	int fd = fcntl(s->ram_fd, F_DUPFD_CLOEXEC, 0);

	scripted_disconnect(s);
	assert_int_equal(pg_vhost_user_adopt(s->server, &fd), -ENOTSOCK);
	pg_close(&fd);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_may_arrive_byte_by_byte),
		TEST(many_messages_may_arrive_at_once),
		TEST(a_message_that_is_too_long_ends_the_connection),
		TEST(a_message_of_another_version_ends_the_connection),
		TEST(a_connection_that_ends_inside_a_message_leaves_nothing),
		TEST(a_flood_of_descriptors_ends_the_connection),
		TEST(a_front_end_that_does_not_read_replies_is_not_served_further),
		TEST(any_request_in_any_form_is_survived),
		TEST(wrong_sizes_are_refused_where_the_front_end_asks),
		TEST(a_wrong_number_of_descriptors_is_refused),
		TEST(an_unknown_request_is_refused_by_its_acknowledgement),
		TEST(a_request_whose_answer_cannot_be_given_ends_the_connection),
		TEST(without_reply_ack_nothing_is_acknowledged),
		TEST(queues_that_do_not_exist_are_refused),
		TEST(ring_features_are_offered_as_configured),
		TEST(packed_and_in_order_are_settings),
		TEST(features_that_were_not_offered_are_taken_where_possible),
		TEST(protocol_features_that_were_not_offered_are_refused),
		TEST(memory_slots_and_a_window_are_never_offered_together),
		TEST(the_number_of_the_shmem_bit_is_a_setting),
		TEST(a_window_is_a_power_of_two),
		TEST(the_window_is_region_1_of_256),
		TEST(config_space_is_read_in_any_part),
		TEST(a_bad_read_of_config_space_is_answered_by_nothing),
		TEST(bad_memory_tables_are_refused_and_change_nothing),
		TEST(regions_are_added_and_removed_one_by_one),
		TEST(the_same_region_again_is_not_mapped_again),
		TEST(disconnecting_unmaps_guest_memory),
		TEST(each_connection_starts_clean),
		TEST(the_program_may_end_a_connection),
		TEST(the_display_socket_is_handed_over),
		TEST(a_listening_server_takes_one_front_end_after_the_other),
		TEST(a_socket_left_by_a_dead_process_is_replaced_and_a_living_one_is_not),
		TEST(what_is_no_socket_is_not_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
