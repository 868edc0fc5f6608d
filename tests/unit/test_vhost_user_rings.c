/* SPDX-License-Identifier: MIT */
/*
 * Rings behind the vhost-user server: kicks, interrupts, broken queues, and
 * what pause, reset and reconnection do to requests in flight.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "protocol/virtio_gpu.h"
#include "protocol/virtio_ring.h"
#include "scripted_front_end.h"

#define BIT(number) (UINT64_C(1) << (number))
#define DISPLAY_INFO VIRTIO_GPU_CMD_GET_DISPLAY_INFO
#define OK_DISPLAY_INFO VIRTIO_GPU_RESP_OK_DISPLAY_INFO

/* A display that answers GET_DISPLAY_INFO when the test says so: the request is held until then. */
struct slow_display {
	struct paragpu_display base;
	struct paragpu_query *query;
};

static void keep_query(struct paragpu_display *display, struct paragpu_query *query)
{
	((struct slow_display *)display)->query = query;
}

static const struct paragpu_display_ops slow_ops = {
	.name = "slow",
	.get_display_info = keep_query,
};

static int setup(void **state)
{
	struct slow_display *slow;

	*state = malloc(sizeof(struct scripted));
	scripted_init(*state, NULL);
	slow = calloc(1, sizeof(*slow));
	slow->base.ops = &slow_ops;
	((struct scripted *)*state)->extra = slow;
	return 0;
}

static struct slow_display *slow_of(struct scripted *s)
{
	return s->extra;
}

static int teardown(void **state)
{
	struct slow_display *slow = ((struct scripted *)*state)->extra;

	scripted_finish(*state);
	free(slow);
	free(*state);
	return 0;
}

static void answer(struct scripted *s)
{
	struct paragpu_query *query = slow_of(s)->query;

	assert_non_null(query);
	slow_of(s)->query = NULL;
	paragpu_query_decline(query);
	scripted_run(s);
}

/* Makes the device hold one request of the control queue. */
static void hold_request(struct scripted *s)
{
	paragpu_device_remove_display(s->device, &slow_of(s)->base);
	assert_int_equal(paragpu_device_add_display(s->device, &slow_of(s)->base), 0);
	scripted_used(s, 0);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_non_null(slow_of(s)->query);
	assert_int_equal(scripted_used(s, 0), 0);
}

static void stop_all(struct scripted *s, uint32_t bases[2])
{
	for (uint32_t i = 0; i < 2; i++)
		scripted_enable(s, i, false);
	for (uint32_t i = 0; i < 2; i++)
		bases[i] = scripted_stop_queue(s, i);
}

static void start_all(struct scripted *s, const uint32_t bases[2])
{
	for (uint32_t i = 0; i < 2; i++)
		scripted_start_queue(s, i, bases[i]);
	for (uint32_t i = 0; i < 2; i++)
		scripted_enable(s, i, true);
	scripted_run(s);
}

static uint64_t resources(struct scripted *s)
{
	struct paragpu_stats stats;

	paragpu_device_get_stats(s->device, &stats);
	return stats.resources;
}

static void create_resource(struct scripted *s, uint32_t id)
{
	struct virtio_gpu_resource_create_2d create = {
		.hdr.type = pg_to_le32(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = pg_to_le32(id),
		.format = pg_to_le32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.width = pg_to_le32(8),
		.height = pg_to_le32(8),
	};

	scripted_offer(s, 0, &create, sizeof(create));
	scripted_kick(s, 0);
	assert_int_equal(scripted_response(s, 0), VIRTIO_GPU_RESP_OK_NODATA);
}

/* --- running ---------------------------------------------------------------------------------------- */

static void a_kick_is_answered_and_interrupts(void **state)
{
	struct scripted *s = *state;

	scripted_start(s);
	scripted_event(s->call[0]);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 1);
	assert_int_equal(scripted_response(s, 0), OK_DISPLAY_INFO);
	assert_true(scripted_event(s->call[0]));
	assert_false(scripted_event(s->call[1]));
}

static void requests_from_before_the_start_need_no_kick(void **state)
{
	struct scripted *s = *state;

	scripted_clear_rings(s);
	for (int i = 0; i < 5; i++)
		scripted_request(s, 0, DISPLAY_INFO);
	scripted_start(s);
	assert_int_equal(scripted_used(s, 0), 5);
}

static void each_kick_counts_though_its_counter_is_never_read(void **state)
{
	struct scripted *s = *state;
	struct pg_vhost_user_info info;

	scripted_start(s);
	for (int i = 0; i < 300; i++) {
		scripted_request(s, 0, DISPLAY_INFO);
		scripted_kick(s, 0);
		assert_int_equal(scripted_used(s, 0), 1);
	}
	pg_vhost_user_get_info(s->server, &info);
	assert_int_equal(info.queues[0].requests, 300);
	assert_int_equal(info.queues[0].kicks, 300);
	assert_int_equal(info.queues[0].interrupts, 300);
	assert_int_equal(info.queues[0].in_flight, 0);
}

static void a_disabled_ring_executes_nothing(void **state)
{
	struct scripted *s = *state;

	scripted_start(s);
	scripted_enable(s, 0, false);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 0);
	scripted_enable(s, 0, true);
	scripted_run(s);
	assert_int_equal(scripted_used(s, 0), 1);
}

static void without_protocol_features_rings_run_at_once(void **state)
{
	struct scripted *s = *state;

	scripted_negotiate(s, BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	scripted_set_features(s, BIT(VIRTIO_F_VERSION_1));
	scripted_share_ram(s);
	scripted_start_queue(s, 0, 0);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 1);
}

static void a_ring_without_kick_descriptor_is_polled(void **state)
{
	struct scripted *s = *state;
	uint64_t none = VHOST_USER_VRING_NOFD_MASK;
	unsigned int used = 0;

	scripted_start(s);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_VRING_KICK, &none, 8, NULL, 0), 0);
	scripted_request(s, 0, DISPLAY_INFO);
	for (int i = 0; i < 100 && !used; i++) {
		usleep(1000);
		scripted_run(s);
		used = scripted_used(s, 0);
	}
	assert_int_equal(used, 1);
}

static void a_kick_descriptor_that_cannot_be_waited_for_is_refused(void **state)
{
	struct scripted *s = *state;
	uint64_t index = 0;

	scripted_start(s);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_KICK, &index, 8, &s->ram_fd, 1),
			     0);
}

static void an_interrupt_without_descriptor_is_made_up_for(void **state)
{
	struct scripted *s = *state;
	uint64_t none = VHOST_USER_VRING_NOFD_MASK;
	uint64_t index = 0;

	scripted_start(s);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_VRING_CALL, &none, 8, NULL, 0), 0);
	scripted_event(s->call[0]);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 1);
	assert_false(scripted_event(s->call[0]));
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_VRING_CALL, &index, 8, &s->call[0], 1), 0);
	assert_true(scripted_event(s->call[0]));
}

/* A pipe that nobody reads, in the place of an eventfd. */
static void an_interrupt_never_blocks(void **state)
{
	struct scripted *s = *state;
	uint64_t index = 0;
	int pipe_fds[2];

	scripted_start(s);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_VRING_CALL, &index, 8, &pipe_fds[1], 1), 0);
	for (int i = 0; i < 20000; i++) {
		scripted_request(s, 0, DISPLAY_INFO);
		assert_int_equal(write(s->kick[0], &(uint64_t){1}, 8), 8);
		assert_int_equal(pg_loop_dispatch(s->loop, 0), 0);
	}
	scripted_run(s);
	pg_close(&pipe_fds[0]);
	pg_close(&pipe_fds[1]);
}

static void a_ring_that_runs_is_not_described_anew(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_vring_state queue = {0, 32};

	scripted_start(s);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_NUM, &queue, 8, NULL, 0), 0);
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_VRING_BASE, &queue, 8, NULL, 0), 0);
}

/* --- broken ----------------------------------------------------------------------------------------- */

static void a_broken_queue_is_signalled_once_and_mended_by_a_reset(void **state)
{
	struct scripted *s = *state;
	struct pg_vhost_user_info info;

	scripted_start(s);
	/* Descriptor 0 points nowhere: the ring's memory is all zeroes. */
	((struct virtq_avail *)(void *)(s->ram + 0x1000))->idx = pg_to_le16(1);
	((struct virtq_desc *)(void *)s->ram)->len = pg_to_le32(8);
	scripted_kick(s, 0);
	assert_true(scripted_event(s->err[0]));
	scripted_kick(s, 0);
	assert_false(scripted_event(s->err[0]));
	pg_vhost_user_get_info(s->server, &info);
	assert_true(info.queues[0].broken);
	assert_non_null(strstr(info.queues[0].reason, "not guest memory"));
	/* The other queue lives. */
	scripted_request(s, 1, DISPLAY_INFO);
	scripted_kick(s, 1);
	assert_int_equal(scripted_used(s, 1), 1);
	scripted_stop_queue(s, 0);
	scripted_stop_queue(s, 1);
	scripted_clear_rings(s);
	start_all(s, (uint32_t[]){0, 0});
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 1);
}

static void memory_that_is_not_shared_is_said_plainly(void **state)
{
	struct scripted *s = *state;

	scripted_negotiate(s, UINT64_MAX);
	scripted_set_features(s, BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	scripted_start_queue(s, 0, 0);
	scripted_enable(s, 0, true);
	assert_non_null(strstr(s->log, "guest memory is not shared"));
	assert_non_null(strstr(s->log, "memory-backend-memfd"));
	assert_true(scripted_event(s->err[0]));
}

static void memory_taken_from_under_a_ring_breaks_it(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_memory none = {0};

	scripted_start(s);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_MEM_TABLE, &none, 8, NULL, 0), 0);
	assert_true(scripted_event(s->err[0]));
	assert_true(scripted_event(s->err[1]));
	scripted_kick(s, 0);
}

/* --- pause and reset ----------------------------------------------------------------------------------- */

static void a_resumed_guest_finds_what_it_left(void **state)
{
	struct scripted *s = *state;
	struct pg_vhost_user_info info;
	uint32_t bases[2];

	scripted_start(s);
	create_resource(s, 1);
	stop_all(s, bases);
	assert_int_equal(bases[0], 1);
	assert_int_equal(bases[1], 0);
	pg_vhost_user_get_info(s->server, &info);
	assert_true(info.paused);
	assert_int_equal(resources(s), 1);
	start_all(s, bases);
	assert_int_equal(resources(s), 1);
	assert_int_equal(s->resumes, 1);
	assert_int_equal(s->resets, 0);
	create_resource(s, 2);
	assert_int_equal(resources(s), 2);
}

static void a_guest_that_begins_anew_finds_nothing(void **state)
{
	struct scripted *s = *state;
	uint32_t bases[2];

	scripted_start(s);
	create_resource(s, 1);
	stop_all(s, bases);
	scripted_clear_rings(s);
	start_all(s, (uint32_t[]){0, 0});
	assert_int_equal(resources(s), 0);
	assert_int_equal(s->resets, 1);
	assert_int_equal(s->resumes, 0);
	create_resource(s, 1);
}

/* The accepted features belong to the new life: commands of optional features work. */
static void after_an_inferred_reset_the_new_features_hold(void **state)
{
	struct virtio_gpu_cmd_get_edid edid = {.hdr.type = pg_to_le32(VIRTIO_GPU_CMD_GET_EDID)};
	struct scripted *s = *state;
	uint32_t bases[2];

	scripted_start(s);
	create_resource(s, 1);
	stop_all(s, bases);
	scripted_clear_rings(s);
	scripted_set_features(s, BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	start_all(s, (uint32_t[]){0, 0});
	assert_int_equal(resources(s), 0);
	scripted_offer(s, 0, &edid, sizeof(edid));
	scripted_kick(s, 0);
	assert_int_equal(scripted_response(s, 0), VIRTIO_GPU_RESP_ERR_UNSPEC);
}

/* After 65536 requests the index is where it began. */
static void a_wrapped_index_is_a_reset_if_the_driver_read_the_configuration(void **state)
{
	for (int read_config = 0; read_config < 2; read_config++) {
		struct scripted *s = *state;
		struct vhost_user_config_header config = {0, 0, 0};
		uint32_t bases[2];

		scripted_start(s);
		create_resource(s, 1);
		for (int i = 1; i < 65536; i++) {
			scripted_request(s, 0, DISPLAY_INFO);
			assert_int_equal(write(s->kick[0], &(uint64_t){1}, 8), 8);
			assert_int_equal(pg_loop_dispatch(s->loop, 0), 0);
		}
		scripted_run(s);
		stop_all(s, bases);
		assert_int_equal(bases[0], 0);
		if (read_config) {
			scripted_send(s, VHOST_USER_GET_CONFIG, 0, &config, 12, NULL, 0);
			scripted_reply(s, VHOST_USER_GET_CONFIG, &config, 12, NULL);
		}
		start_all(s, bases);
		assert_int_equal(resources(s), read_config ? 0 : 1);
		scripted_disconnect(s);
		scripted_connect(s);
	}
}

static void nothing_is_executed_while_it_is_undecided(void **state)
{
	struct scripted *s = *state;
	uint32_t bases[2];

	scripted_start(s);
	create_resource(s, 1);
	scripted_used(s, 0);
	stop_all(s, bases);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	scripted_start_queue(s, 0, bases[0]);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 0);
	scripted_enable(s, 0, true);
	scripted_run(s);
	assert_int_equal(scripted_used(s, 0), 1);
}

static void reset_device_forgets_all_at_once(void **state)
{
	struct scripted *s = *state;
	uint32_t bases[2];

	scripted_start(s);
	create_resource(s, 1);
	hold_request(s);
	stop_all(s, bases);
	assert_int_equal(scripted_ack(s, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	assert_int_equal(resources(s), 0);
	assert_int_equal(s->resets, 1);
	/* also while rings run, and twice */
	scripted_clear_rings(s);
	slow_of(s)->query = NULL;
	start_all(s, (uint32_t[]){0, 0});
	assert_int_equal(scripted_ack(s, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	assert_int_equal(scripted_ack(s, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 0);
}

/* --- requests in flight ---------------------------------------------------------------------------------- */

static void stopping_never_waits_for_a_held_request(void **state)
{
	struct scripted *s = *state;
	uint32_t bases[2];

	scripted_start(s);
	hold_request(s);
	stop_all(s, bases);
	assert_int_equal(bases[0], 1);
	/* It completes while the guest is paused, and is delivered when it goes on. */
	answer(s);
	assert_int_equal(scripted_used(s, 0), 0);
	assert_int_equal(((struct virtq_desc *)(void *)s->ram)[1].len.wire, 512);
	assert_int_equal(s->ram[0x5000], 0);
	start_all(s, bases);
	assert_int_equal(scripted_used(s, 0), 1);
	assert_int_equal(scripted_response(s, 0), OK_DISPLAY_INFO);
}

static void a_held_request_goes_on_after_the_resume(void **state)
{
	struct scripted *s = *state;
	uint32_t bases[2];

	scripted_start(s);
	hold_request(s);
	stop_all(s, bases);
	start_all(s, bases);
	assert_int_equal(scripted_used(s, 0), 0);
	answer(s);
	assert_int_equal(scripted_used(s, 0), 1);
	assert_int_equal(scripted_response(s, 0), OK_DISPLAY_INFO);
}

/* The memory may belong to the next kernel by then. */
static void a_request_from_before_a_reset_never_writes_to_the_guest(void **state)
{
	struct scripted *s = *state;
	uint8_t before[0x1000];
	uint32_t bases[2];

	scripted_start(s);
	hold_request(s);
	stop_all(s, bases);
	memset(s->ram + 0x5000, 0xa5, sizeof(before));
	memcpy(before, s->ram + 0x5000, sizeof(before));
	answer(s);
	assert_memory_equal(s->ram + 0x5000, before, sizeof(before));
	scripted_clear_rings(s);
	start_all(s, (uint32_t[]){0, 0});
	assert_int_equal(scripted_used(s, 0), 0);
	assert_int_equal(s->ram[0x5000], 0);
}

static void a_front_end_that_goes_leaves_no_request_behind(void **state)
{
	struct scripted *s = *state;
	struct paragpu_stats stats;

	scripted_start(s);
	hold_request(s);
	scripted_disconnect(s);
	paragpu_device_get_stats(s->device, &stats);
	assert_int_equal(stats.pending, 0);
	assert_int_equal(stats.resources, 0);
	slow_of(s)->query = NULL;
	scripted_connect(s);
	scripted_start(s);
	hold_request(s);
	answer(s);
	assert_int_equal(scripted_used(s, 0), 1);
}

/* VIRTIO_F_RING_RESET: one ring begins anew, the other and the device go on. */
static void one_ring_may_be_reset_alone(void **state)
{
	struct scripted *s = *state;

	scripted_start(s);
	create_resource(s, 1);
	hold_request(s);
	assert_int_equal(scripted_stop_queue(s, 0), 2);
	scripted_clear_rings(s);
	scripted_start_queue(s, 0, 0);
	scripted_run(s);
	assert_int_equal(resources(s), 1);
	assert_int_equal(s->resets, 0);
	answer(s); /* of the ring that was */
	assert_int_equal(scripted_used(s, 0), 0);
	paragpu_device_remove_display(s->device, &slow_of(s)->base);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 1);
}

static int make_inflight(struct scripted *s, struct vhost_user_inflight *wire)
{
	int fd;

	*wire = (struct vhost_user_inflight){.num_queues = 2, .queue_size = QUEUE_SIZE};
	scripted_send(s, VHOST_USER_GET_INFLIGHT_FD, 0, wire, 20, NULL, 0);
	assert_int_equal(scripted_reply(s, VHOST_USER_GET_INFLIGHT_FD, wire, sizeof(*wire), &fd),
			 20);
	assert_true(fd >= 0);
	assert_true(wire->mmap_size >= UINT64_C(2) * (16 + 16 * QUEUE_SIZE));
	return fd;
}

static void a_front_end_that_comes_back_gets_what_was_in_flight(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_inflight wire;
	int inflight;

	scripted_negotiate(s, UINT64_MAX);
	scripted_set_features(s, BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	scripted_share_ram(s);
	inflight = make_inflight(s, &wire);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_INFLIGHT_FD, &wire, 20, &inflight, 1), 0);
	start_all(s, (uint32_t[]){0, 0});
	hold_request(s);
	/* The connection breaks; rings and region stay as they are. */
	pg_close(&s->socket);
	scripted_run(s);
	paragpu_device_remove_display(s->device, &slow_of(s)->base);
	{
		uint8_t rings[0x10000];
		uint16_t avail = s->avail[0];

		memcpy(rings, s->ram, sizeof(rings));
		scripted_connect(s);
		memcpy(s->ram, rings, sizeof(rings));
		s->avail[0] = avail;
	}
	scripted_negotiate(s, UINT64_MAX);
	scripted_set_features(s, BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	scripted_share_ram(s);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_INFLIGHT_FD, &wire, 20, &inflight, 1), 0);
	start_all(s, (uint32_t[]){0, 0});
	assert_int_equal(scripted_used(s, 0), 1);
	assert_int_equal(scripted_response(s, 0), OK_DISPLAY_INFO);
	scripted_request(s, 0, DISPLAY_INFO);
	scripted_kick(s, 0);
	assert_int_equal(scripted_used(s, 0), 1);
	pg_close(&inflight);
}

static void a_bad_inflight_region_is_refused(void **state)
{
	struct scripted *s = *state;
	struct vhost_user_inflight wire, bad;
	int fd;

	scripted_negotiate(s, UINT64_MAX);
	fd = make_inflight(s, &wire);
	bad = wire;
	bad.mmap_size += 4096; /* beyond the file */
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_INFLIGHT_FD, &bad, 20, &fd, 1), 0);
	bad = wire;
	bad.mmap_offset = UINT64_MAX - 7;
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_INFLIGHT_FD, &bad, 20, &fd, 1), 0);
	bad = wire;
	bad.queue_size *= 2; /* too small for that */
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_INFLIGHT_FD, &bad, 20, &fd, 1), 0);
	bad = wire;
	bad.num_queues = 3;
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_INFLIGHT_FD, &bad, 20, &fd, 1), 0);
	bad.num_queues = 0;
	assert_int_not_equal(scripted_ack(s, VHOST_USER_SET_INFLIGHT_FD, &bad, 20, &fd, 1), 0);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_INFLIGHT_FD, &wire, 20, &fd, 1), 0);
	pg_close(&fd);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_kick_is_answered_and_interrupts),
		TEST(requests_from_before_the_start_need_no_kick),
		TEST(each_kick_counts_though_its_counter_is_never_read),
		TEST(a_disabled_ring_executes_nothing),
		TEST(without_protocol_features_rings_run_at_once),
		TEST(a_ring_without_kick_descriptor_is_polled),
		TEST(a_kick_descriptor_that_cannot_be_waited_for_is_refused),
		TEST(an_interrupt_without_descriptor_is_made_up_for),
		TEST(an_interrupt_never_blocks),
		TEST(a_ring_that_runs_is_not_described_anew),
		TEST(a_broken_queue_is_signalled_once_and_mended_by_a_reset),
		TEST(memory_that_is_not_shared_is_said_plainly),
		TEST(memory_taken_from_under_a_ring_breaks_it),
		TEST(a_resumed_guest_finds_what_it_left),
		TEST(a_guest_that_begins_anew_finds_nothing),
		TEST(after_an_inferred_reset_the_new_features_hold),
		TEST(a_wrapped_index_is_a_reset_if_the_driver_read_the_configuration),
		TEST(nothing_is_executed_while_it_is_undecided),
		TEST(reset_device_forgets_all_at_once),
		TEST(stopping_never_waits_for_a_held_request),
		TEST(a_held_request_goes_on_after_the_resume),
		TEST(a_request_from_before_a_reset_never_writes_to_the_guest),
		TEST(a_front_end_that_goes_leaves_no_request_behind),
		TEST(one_ring_may_be_reset_alone),
		TEST(a_front_end_that_comes_back_gets_what_was_in_flight),
		TEST(a_bad_inflight_region_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
