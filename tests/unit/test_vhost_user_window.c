/* SPDX-License-Identifier: MIT */
/*
 * The back-end channel: mappings in the window are complete only when the guest
 * can see them, configuration changes go where they are taken, and nothing is
 * waited for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "protocol/virtio_gpu.h"
#include "protocol/virtio_ring.h"
#include "scripted_front_end.h"

#define BIT(number) (UINT64_C(1) << (number))
#define WINDOW (UINT64_C(1) << 28)
#define MAP VHOST_USER_BACKEND_SHMEM_MAP
#define UNMAP VHOST_USER_BACKEND_SHMEM_UNMAP
#define BARRIER VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE
#define CONFIG_CHANGE VHOST_USER_BACKEND_CONFIG_CHANGE_MSG

static int setup(void **state)
{
	struct pg_vhost_user_settings settings;

	*state = malloc(sizeof(struct scripted));
	pg_vhost_user_settings_init(&settings);
	settings.window_size = WINDOW;
	scripted_init(*state, &settings);
	((struct scripted *)*state)->blob = memfd_create("blob", MFD_CLOEXEC);
	return ftruncate(((struct scripted *)*state)->blob, 1 << 20);
}

static int teardown(void **state)
{
	scripted_finish(*state);
	free(*state);
	return 0;
}

static void begin(struct scripted *s)
{
	scripted_start(s);
	scripted_open_channel(s);
	assert_true(pg_vhost_user_has_window(s->server));
}

static size_t mappings(struct scripted *s)
{
	struct pg_vhost_user_info info;

	pg_vhost_user_get_info(s->server, &info);
	return info.mappings;
}

static void expect(struct scripted *s, uint32_t request)
{
	uint8_t payload[64];
	int fd;

	assert_int_equal(scripted_channel_request(s, payload, sizeof(payload), &fd), request);
	pg_close(&fd);
}

/* Maps a page at `offset` and answers as QEMU does. */
static void map_page(struct scripted *s, uint64_t offset)
{
	unsigned int done = s->done;

	assert_int_equal(pg_vhost_user_map(s->server, offset, s->blob, 0, 4096, scripted_done, s),
			 0);
	expect(s, MAP);
	expect(s, BARRIER);
	scripted_channel_reply(s, MAP, 0);
	scripted_channel_reply(s, BARRIER, 1);
	assert_int_equal(s->done, done + 1);
	assert_int_equal(s->result, 0);
}

static void a_mapping_says_what_and_where(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_shmem_map wire;
	int fd;

	begin(s);
	assert_int_equal(
		pg_vhost_user_map(s->server, 0x10000, s->blob, 8192, 4096, scripted_done, s), 0);
	assert_int_equal(scripted_channel_request(s, &wire, sizeof(wire), &fd), MAP);
	assert_int_equal(wire.shmid, 1);
	assert_int_equal(wire.shm_offset, 0x10000);
	assert_int_equal(wire.fd_offset, 8192);
	assert_int_equal(wire.len, 4096);
	assert_int_equal(wire.flags, VHOST_USER_SHMEM_F_READ_WRITE);
	assert_true(fd >= 0);
	pg_close(&fd);
}

/* QEMU replies before its guest sees the mapping (reference, 7.3). */
static void a_mapping_is_done_when_the_barrier_is_answered(void **state)
{
	struct scripted *s = *state;

	begin(s);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s), 0);
	expect(s, MAP);
	expect(s, BARRIER);
	scripted_channel_reply(s, MAP, 0);
	assert_int_equal(s->done, 0);
	scripted_channel_reply(s, BARRIER, 1);
	assert_int_equal(s->done, 1);
	assert_int_equal(s->result, 0);
	assert_int_equal(mappings(s), 1);
}

static void a_refused_mapping_is_an_error_and_is_gone(void **state)
{
	struct scripted *s = *state;

	begin(s);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s), 0);
	expect(s, MAP);
	expect(s, BARRIER);
	scripted_channel_reply(s, MAP, 1);
	scripted_channel_reply(s, BARRIER, 1);
	assert_int_equal(s->done, 1);
	assert_int_equal(s->result, -EIO);
	assert_int_equal(mappings(s), 0);
	map_page(s, 0);
}

static void what_cannot_be_mapped_is_not_asked_for(void **state)
{
	struct scripted *s = *state;

	begin(s);
	assert_int_equal(pg_vhost_user_map(s->server, 100, s->blob, 0, 4096, scripted_done, s),
			 -EINVAL);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 100, 4096, scripted_done, s),
			 -EINVAL);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 100, scripted_done, s),
			 -EINVAL);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 0, scripted_done, s), -EINVAL);
	assert_int_equal(pg_vhost_user_map(s->server, WINDOW, s->blob, 0, 4096, scripted_done, s),
			 -EINVAL);
	assert_int_equal(
		pg_vhost_user_map(s->server, UINT64_MAX - 4095, s->blob, 0, 8192, scripted_done, s),
		-EINVAL);
	map_page(s, 4096);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 8192, scripted_done, s),
			 -EEXIST);
	assert_int_equal(s->done, 1);
}

static void an_unmapping_is_done_on_its_own_reply(void **state)
{
	struct scripted *s = *state;

	begin(s);
	map_page(s, 0);
	assert_int_equal(pg_vhost_user_unmap(s->server, 0, 4096, scripted_done, s), 0);
	expect(s, UNMAP);
	assert_int_equal(mappings(s), 1);
	scripted_channel_reply(s, UNMAP, 0);
	assert_int_equal(s->done, 2);
	assert_int_equal(mappings(s), 0);
}

static void without_a_window_nothing_is_mapped(void **state)
{
	struct scripted *s = *state;

	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s),
			 -ENOTSUP);
	scripted_negotiate(s, UINT64_MAX & ~BIT(VHOST_USER_PROTOCOL_F_SHMEM));
	scripted_open_channel(s);
	assert_false(pg_vhost_user_has_window(s->server));
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s),
			 -ENOTSUP);
}

static void a_front_end_that_goes_cancels_what_is_open(void **state)
{
	struct scripted *s = *state;

	begin(s);
	map_page(s, 0);
	assert_int_equal(pg_vhost_user_map(s->server, 4096, s->blob, 0, 4096, scripted_done, s), 0);
	assert_int_equal(pg_vhost_user_unmap(s->server, 0, 4096, scripted_done, s), 0);
	scripted_disconnect(s);
	assert_int_equal(s->done, 3);
	assert_int_equal(s->result, -ECANCELED);
	assert_int_equal(mappings(s), 0);
}

static void a_channel_that_closes_cancels_what_is_open_and_the_rest_goes_on(void **state)
{
	struct scripted *s = *state;

	begin(s);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s), 0);
	pg_close(&s->channel);
	scripted_run(s);
	assert_int_equal(s->done, 1);
	assert_int_equal(s->result, -ECANCELED);
	assert_int_equal(s->closed, 0);
	scripted_request(s, 0, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 1);
}

static void replies_out_of_place_close_the_channel(void **state)
{
	static const uint32_t wrong[] = {UNMAP, BARRIER, 99};
	struct scripted *s = *state;

	begin(s);
	scripted_channel_reply(s, MAP, 0); /* to nothing */
	assert_false(pg_vhost_user_has_window(s->server));
	for (size_t i = 0; i < 3; i++) {
		s->done = 0;
		scripted_open_channel(s);
		assert_int_equal(
			pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s), 0);
		scripted_run(s);
		scripted_channel_reply(s, wrong[i], 0);
		assert_int_equal(s->done, 1);
		assert_int_equal(s->result, -ECANCELED);
	}
}

/* The front end holds its replies back while it waits for us on the main channel. */
static void the_main_channel_is_served_while_a_mapping_is_open(void **state)
{
	struct scripted *s = *state;

	begin(s);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s), 0);
	scripted_share_ram(s);
	scripted_stop_queue(s, 0);
	assert_int_equal(s->done, 0);
	expect(s, MAP);
	expect(s, BARRIER);
	scripted_channel_reply(s, MAP, 0);
	scripted_channel_reply(s, BARRIER, 0);
	assert_int_equal(s->done, 1);
}

/* QEMU sends each mapping back as a region of guest memory (reference, 7.3). */
static void the_echo_of_a_mapping_is_recognised_and_not_mapped(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_memory table = {
		.nregions = 2,
		.regions = {{RAM_GUEST, RAM_SIZE, RAM_USER, 0},
			    {UINT64_C(0xe00000000), 4096, RAM_USER + (1u << 30), 0}},
	};
	int fds[] = {s->ram_fd, s->blob};
	struct pg_vhost_user_region_info info;

	begin(s);
	/* The echo may come before the reply. */
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s), 0);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_MEM_TABLE, &table, 72, fds, 2), 0);
	assert_true(pg_vhost_user_get_region(s->server, 0, &info));
	assert_false(info.window);
	assert_true(pg_vhost_user_get_region(s->server, 1, &info));
	assert_true(info.window);
	/* and goes with the next table */
	table.nregions = 1;
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_MEM_TABLE, &table, 40, fds, 1), 0);
	assert_false(pg_vhost_user_get_region(s->server, 1, &info));
}

static void a_reset_drops_all_mappings_without_asking(void **state)
{
	struct scripted *s = *state;

	begin(s);
	map_page(s, 0);
	scripted_send(s, VHOST_USER_RESET_DEVICE, 0, NULL, 0, NULL, 0);
	scripted_run(s);
	assert_int_equal(mappings(s), 0);
	assert_int_equal(pg_vhost_user_unmap(s->server, 0, 4096, scripted_done, s), -ENOENT);
	assert_int_equal(scripted_channel_request(s, NULL, 0, NULL), 0);
}

/* Its answer comes when the front end has dropped all mappings: it would be in the next guest's way. */
static void a_mapping_that_survives_a_reset_is_undone(void **state)
{
	struct scripted *s = *state;

	begin(s);
	assert_int_equal(pg_vhost_user_map(s->server, 0, s->blob, 0, 4096, scripted_done, s), 0);
	expect(s, MAP);
	expect(s, BARRIER);
	scripted_send(s, VHOST_USER_RESET_DEVICE, 0, NULL, 0, NULL, 0);
	scripted_run(s);
	scripted_channel_reply(s, MAP, 0);
	scripted_channel_reply(s, BARRIER, 1);
	assert_int_equal(s->result, -ECANCELED);
	expect(s, UNMAP);
}

static void many_requests_at_once_are_bounded(void **state)
{
	struct scripted *s = *state;
	uint64_t offset = 0;
	int error = 0;

	begin(s);
	for (; !error && offset < WINDOW; offset += 4096)
		error = pg_vhost_user_map(s->server, offset, s->blob, 0, 4096, scripted_done, s);
	assert_int_equal(error, -ENOBUFS);
	assert_true(offset > UINT64_C(64) * 4096);
	/* what is there can always be undone */
	assert_int_equal(pg_vhost_user_unmap(s->server, 0, 4096, scripted_done, s), 0);
	scripted_disconnect(s);
	assert_int_equal(s->done, offset / 4096);
}

/* --- configuration changes ----------------------------------------------------------------------------- */

static void resize(struct scripted *s, uint32_t width)
{
	struct paragpu_head head;

	assert_int_equal(paragpu_device_get_head(s->device, 0, &head), 0);
	head.connected = true;
	head.width = width;
	assert_int_equal(paragpu_device_set_head(s->device, 0, &head), 0);
}

static void a_configuration_change_is_told_to_the_generic_front_end(void **state)
{
	struct scripted *s = *state;

	begin(s);
	resize(s, 800);
	expect(s, CONFIG_CHANGE);
	scripted_channel_reply(s, CONFIG_CHANGE, 0);
	resize(s, 900);
	expect(s, CONFIG_CHANGE);
}

static void a_configuration_change_waits_for_the_start(void **state)
{
	struct scripted *s = *state;

	scripted_negotiate(s, UINT64_MAX);
	scripted_open_channel(s);
	resize(s, 800);
	assert_int_equal(scripted_channel_request(s, NULL, 0, NULL), 0);
	scripted_start(s);
	expect(s, CONFIG_CHANGE);
}

/* It answers with an error line each time (reference, 2.3). */
static void a_configuration_change_is_not_told_to_a_gpu_front_end(void **state)
{
	struct scripted *s = *state;
	int pair[2];

	scripted_negotiate(s, UINT64_MAX);
	scripted_open_channel(s);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	scripted_send(s, VHOST_USER_GPU_SET_SOCKET, 0, NULL, 0, &pair[1], 1);
	scripted_start(s);
	resize(s, 800);
	assert_int_equal(scripted_channel_request(s, NULL, 0, NULL), 0);
	pg_close(&pair[0]);
	pg_close(&pair[1]);
}

static void a_front_end_that_refuses_configuration_changes_is_asked_once(void **state)
{
	struct scripted *s = *state;

	begin(s);
	resize(s, 800);
	expect(s, CONFIG_CHANGE);
	scripted_channel_reply(s, CONFIG_CHANGE, 1);
	resize(s, 900);
	assert_int_equal(scripted_channel_request(s, NULL, 0, NULL), 0);
}

static void without_reply_ack_a_configuration_change_wants_no_reply(void **state)
{
	struct scripted *s = *state;
	int pair[2];

	scripted_start(s);
	scripted_negotiate(s, BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
				      BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s->channel = pair[0];
	scripted_send(s, VHOST_USER_SET_BACKEND_REQ_FD, 0, NULL, 0, &pair[1], 1);
	pg_close(&pair[1]);
	scripted_run(s);
	for (uint32_t i = 0; i < 3; i++) {
		resize(s, 800 + i);
		expect(s, CONFIG_CHANGE);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_mapping_says_what_and_where),
		TEST(a_mapping_is_done_when_the_barrier_is_answered),
		TEST(a_refused_mapping_is_an_error_and_is_gone),
		TEST(what_cannot_be_mapped_is_not_asked_for),
		TEST(an_unmapping_is_done_on_its_own_reply),
		TEST(without_a_window_nothing_is_mapped),
		TEST(a_front_end_that_goes_cancels_what_is_open),
		TEST(a_channel_that_closes_cancels_what_is_open_and_the_rest_goes_on),
		TEST(replies_out_of_place_close_the_channel),
		TEST(the_main_channel_is_served_while_a_mapping_is_open),
		TEST(the_echo_of_a_mapping_is_recognised_and_not_mapped),
		TEST(a_reset_drops_all_mappings_without_asking),
		TEST(a_mapping_that_survives_a_reset_is_undone),
		TEST(many_requests_at_once_are_bounded),
		TEST(a_configuration_change_is_told_to_the_generic_front_end),
		TEST(a_configuration_change_waits_for_the_start),
		TEST(a_configuration_change_is_not_told_to_a_gpu_front_end),
		TEST(a_front_end_that_refuses_configuration_changes_is_asked_once),
		TEST(without_reply_ack_a_configuration_change_wants_no_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
