/* SPDX-License-Identifier: MIT */
/*
 * The life of a device as QEMU 11.1.3 tells it to a back end: creation, start,
 * pause, reset, and the order of messages in each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "frontend/internal.h"

#define BIT(n) (1ull << (n))

void pg_fe_settings_init(struct pg_fe_settings *settings)
{
	*settings = (struct pg_fe_settings){
		.profile = PG_FE_PROFILE_GPU,
		.timeout_ms = 5000,
		.connect_timeout_ms = 5000,
		.features = ~(BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) |
			      BIT(VHOST_F_LOG_ALL) | BIT(VIRTIO_F_ACCESS_PLATFORM)),
		.protocol_features =
			BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
			BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
			BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
			BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
			BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
			BIT(VHOST_USER_PROTOCOL_F_SHMEM),
		.display_features = BIT(VHOST_USER_GPU_PROTOCOL_F_EDID) |
				    BIT(VHOST_USER_GPU_PROTOCOL_F_DMABUF2),
		.queue_size = {256, 16},
		.indirect = 1,
		.head_count = 1,
		.region_count = 2,
		.regions = {{0, 256ull << 20}, {4ull << 30, 256ull << 20}},
	};
}

static bool has_protocol(const struct pg_fe *fe, uint32_t bit)
{
	return fe->protocol_features & BIT(bit);
}

static bool is_gpu(const struct pg_fe *fe)
{
	return fe->settings.profile == PG_FE_PROFILE_GPU;
}

int pg_fe_adopt(const struct pg_fe_settings *settings, int *fd, struct pg_fe **out)
{
	struct pg_fe *fe = calloc(1, sizeof(*fe));
	int error;

	*out = NULL;
	if (!fe)
		return -ENOMEM;
	fe->settings = *settings;
	fe->socket = pg_take_fd(fd);
	fe->memfd = fe->display.fd = fe->backend.fd = -1;
	for (uint32_t i = 0; i < PG_FE_QUEUES; i++)
		fe->queues[i].kick = fe->queues[i].call = fe->queues[i].err = -1;
	pg_fe_display_reset(fe);
	error = pg_fe_ram_create(fe);
	for (uint32_t i = 0; !error && i < PG_FE_QUEUES; i++) {
		error = pg_fe_queue_create(fe, i);
		if (!error)
			pg_fe_queue_reset(&fe->queues[i]);
	}
	if (error) {
		pg_fe_destroy(fe);
		return error;
	}
	*out = fe;
	return 0;
}

int pg_fe_connect(const struct pg_fe_settings *settings, const char *path, struct pg_fe **out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint64_t deadline = pg_now_ns() + (uint64_t)settings->connect_timeout_ms * 1000000;
	int fd;

	*out = NULL;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		struct timespec pause = {.tv_nsec = 2000000};
		int error = -errno;

		if ((error != -ENOENT && error != -ECONNREFUSED) || pg_now_ns() > deadline) {
			pg_close(&fd);
			return error;
		}
		nanosleep(&pause, NULL);
	}
	return pg_fe_adopt(settings, &fd, out);
}

void pg_fe_destroy(struct pg_fe *fe)
{
	if (!fe)
		return;
	pg_close(&fe->socket);
	pg_fe_close_display(fe);
	pg_fe_display_reset(fe);
	pg_fe_backend_close(fe);
	for (uint32_t i = 0; i < PG_FE_QUEUES; i++)
		pg_fe_queue_destroy(&fe->queues[i]);
	pg_fe_ram_destroy(fe);
	free(fe->commands);
	free(fe->segments);
	free(fe);
}

static int get_u64(struct pg_fe *fe, uint32_t request, uint64_t *value)
{
	return pg_fe_message(fe, request, NULL, 0, NULL, 0, false, value, sizeof(*value));
}

static int set_u64(struct pg_fe *fe, uint32_t request, uint64_t value)
{
	return pg_fe_message(fe, request, &value, sizeof(value), NULL, 0, false, NULL, 0);
}

/* SET_VRING_KICK, CALL, ERR. QEMU asks for an acknowledgement of each. */
static int set_vring_fd(struct pg_fe *fe, uint32_t request, uint32_t index, int fd)
{
	uint64_t payload = index;

	return pg_fe_message(fe, request, &payload, sizeof(payload), &fd, 1, true, NULL, 0);
}

static int send_backend_channel(struct pg_fe *fe)
{
	int pair[2];
	int error;

	if (!has_protocol(fe, VHOST_USER_PROTOCOL_F_BACKEND_REQ) || fe->backend.fd >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return pg_fe_fail(fe, -errno, "cannot make a socket pair");
	fe->backend.fd = pair[0];
	error = pg_fe_message(fe, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1, true, NULL,
			      0);
	pg_close(&pair[1]);
	return error;
}

static int ask_window(struct pg_fe *fe)
{
	struct vhost_user_shmem_config config = {0};
	int error;

	if (is_gpu(fe) || !has_protocol(fe, VHOST_USER_PROTOCOL_F_SHMEM))
		return 0;
	error = pg_fe_message(fe, VHOST_USER_GET_SHMEM_CONFIG, NULL, 0, NULL, 0, false, &config,
			      sizeof(config));
	if (error || !config.nregions)
		return error;
	return pg_fe_backend_open_window(fe, config.memory_sizes[VIRTIO_GPU_SHM_ID_HOST_VISIBLE]);
}

static int negotiate_protocol(struct pg_fe *fe)
{
	uint64_t ignored;
	int error = get_u64(fe, VHOST_USER_GET_PROTOCOL_FEATURES, &fe->protocol_offered);

	if (error)
		return error;
	/* Slots and window together crash QEMU; whoever offers both gets the table from us. */
	fe->protocol_features = fe->protocol_offered & fe->settings.protocol_features;
	error = set_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, fe->protocol_features);
	if (!error && has_protocol(fe, VHOST_USER_PROTOCOL_F_MQ))
		error = get_u64(fe, VHOST_USER_GET_QUEUE_NUM, &ignored);
	if (!error && has_protocol(fe, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS))
		error = get_u64(fe, VHOST_USER_GET_MAX_MEM_SLOTS, &ignored);
	return error ? error : send_backend_channel(fe);
}

int pg_fe_negotiate(struct pg_fe *fe)
{
	int error = get_u64(fe, VHOST_USER_GET_FEATURES, &fe->offered);

	if (!error && (fe->offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		error = negotiate_protocol(fe);
	if (!error)
		error = pg_fe_message(fe, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0, false, NULL, 0);
	if (!error)
		error = get_u64(fe, VHOST_USER_GET_FEATURES, &fe->offered);
	for (uint32_t i = 0; !error && i < PG_FE_QUEUES; i++) {
		error = set_vring_fd(fe, VHOST_USER_SET_VRING_CALL, i, fe->queues[i].call);
		if (!error)
			error = set_vring_fd(fe, VHOST_USER_SET_VRING_ERR, i, fe->queues[i].err);
	}
	if (!error)
		error = ask_window(fe);
	if (error)
		return error;
	fe->features = ((fe->offered & fe->settings.features) | fe->settings.forced_features) &
		       ~BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	fe->negotiated = true;
	return 0;
}

static struct vhost_user_memory_region wire_region(const struct pg_fe *fe, uint32_t index)
{
	const struct pg_fe_region *region = &fe->regions[index];

	return (struct vhost_user_memory_region){
		.guest_phys_addr = region->guest_address,
		.memory_size = region->size,
		.userspace_addr = pg_fe_user_address(fe, region->guest_address),
		.mmap_offset = region->offset,
	};
}

int pg_fe_set_mem_table(struct pg_fe *fe)
{
	struct vhost_user_memory table = {.nregions = fe->region_count};
	int fds[PG_FE_MAX_REGIONS];

	for (uint32_t i = 0; i < fe->region_count; i++) {
		table.regions[i] = wire_region(fe, i);
		fds[i] = fe->memfd;
	}
	return pg_fe_message(fe, VHOST_USER_SET_MEM_TABLE, &table, 8 + 32 * fe->region_count, fds,
			     fe->region_count, true, NULL, 0);
}

int pg_fe_change_slot(struct pg_fe *fe, uint32_t index, bool add)
{
	struct vhost_user_single_mem_region message = {.region = wire_region(fe, index)};

	return pg_fe_message(fe, add ? VHOST_USER_ADD_MEM_REG : VHOST_USER_REM_MEM_REG, &message,
			     sizeof(message), &fe->memfd, add ? 1 : 0, true, NULL, 0);
}

/* Slots stay known to the back end over stop and start; a table comes with every start. */
static int send_memory(struct pg_fe *fe)
{
	int error = 0;

	if (!has_protocol(fe, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS))
		return pg_fe_set_mem_table(fe);
	for (uint32_t i = 0; !error && !fe->slots_added && i < fe->region_count; i++)
		error = pg_fe_change_slot(fe, i, true);
	fe->slots_added = !error;
	return error;
}

static int start_queue(struct pg_fe *fe, struct pg_fe_queue *queue)
{
	struct vhost_user_vring_state state = {queue->index, queue->size};
	struct vhost_user_vring_addr address = {.index = queue->index};
	int error = queue->made ? 0 : pg_fe_queue_prepare(fe, queue);

	if (error)
		return error;
	address.desc_user_addr = pg_fe_user_address(fe, queue->desc_address);
	address.avail_user_addr = pg_fe_user_address(fe, queue->avail_address);
	address.used_user_addr = pg_fe_user_address(fe, queue->used_address);
	error = pg_fe_message(fe, VHOST_USER_SET_VRING_NUM, &state, sizeof(state), NULL, 0, false,
			      NULL, 0);
	state.num = queue->base;
	if (!error)
		error = pg_fe_message(fe, VHOST_USER_SET_VRING_BASE, &state, sizeof(state), NULL, 0,
				      false, NULL, 0);
	if (!error)
		error = pg_fe_message(fe, VHOST_USER_SET_VRING_ADDR, &address, sizeof(address),
				      NULL, 0, false, NULL, 0);
	if (!error)
		error = set_vring_fd(fe, VHOST_USER_SET_VRING_KICK, queue->index, queue->kick);
	if (!error)
		error = set_vring_fd(fe, VHOST_USER_SET_VRING_CALL, queue->index, queue->call);
	return error;
}

static int enable_queues(struct pg_fe *fe, uint32_t enable)
{
	int error = 0;

	if (!(fe->offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		return 0;
	for (uint32_t i = 0; !error && i < PG_FE_QUEUES; i++) {
		struct vhost_user_vring_state state = {i, enable};

		error = pg_fe_message(fe, VHOST_USER_SET_VRING_ENABLE, &state, sizeof(state), NULL,
				      0, true, NULL, 0);
	}
	return error;
}

int pg_fe_start(struct pg_fe *fe)
{
	int error = is_gpu(fe) ? pg_fe_display_open(fe) : 0;

	if (!error)
		error = set_u64(fe, VHOST_USER_SET_FEATURES,
				fe->features | (fe->offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES)));
	if (!error)
		error = send_memory(fe);
	for (uint32_t i = 0; !error && i < PG_FE_QUEUES; i++)
		error = start_queue(fe, &fe->queues[i]);
	if (!error)
		error = enable_queues(fe, 1);
	for (uint32_t i = 0; !error && i < PG_FE_QUEUES; i++)
		error = set_vring_fd(fe, VHOST_USER_SET_VRING_CALL, i, fe->queues[i].call);
	/* QEMU writes the kick descriptors once itself. */
	for (uint32_t i = 0; !error && i < PG_FE_QUEUES; i++)
		error = pg_fe_kick_always(fe, i);
	fe->started = !error;
	return error;
}

int pg_fe_stop(struct pg_fe *fe)
{
	int error;

	/* First, so that a back end that waits for the display goes on. */
	if (is_gpu(fe))
		pg_fe_close_display(fe);
	error = enable_queues(fe, 0);
	for (uint32_t i = 0; !error && i < PG_FE_QUEUES; i++) {
		struct vhost_user_vring_state state = {i, 0};

		error = pg_fe_message(fe, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), NULL, 0,
				      false, &state, sizeof(state));
		fe->queues[i].base = state.num;
		if (!error && state.index != i)
			error = pg_fe_die(fe, -EPROTO, "GET_VRING_BASE of ring %u answered for %u",
					  i, state.index);
	}
	/* What was completed before the stop counts. */
	for (uint32_t i = 0; !error && i < PG_FE_QUEUES; i++)
		error = pg_fe_collect(fe, &fe->queues[i]);
	fe->started = false;
	return error;
}

int pg_fe_reset(struct pg_fe *fe)
{
	int error = fe->started ? pg_fe_stop(fe) : 0;

	if (!error && is_gpu(fe) && has_protocol(fe, VHOST_USER_PROTOCOL_F_RESET_DEVICE))
		error = pg_fe_message(fe, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0, false, NULL,
				      0);
	for (uint32_t i = 0; i < PG_FE_QUEUES; i++)
		pg_fe_queue_reset(&fe->queues[i]);
	free(fe->commands);
	fe->commands = NULL;
	fe->command_count = 0;
	pg_fe_ram_forget(fe);
	pg_fe_backend_reset(fe);
	return error;
}

int pg_fe_bring_up(struct pg_fe *fe)
{
	struct virtio_gpu_config config;
	int error = pg_fe_negotiate(fe);

	/* The guest's driver probes: as much as the features promise. */
	if (!error && has_protocol(fe, VHOST_USER_PROTOCOL_F_CONFIG))
		error = pg_fe_get_config(
			fe, 0,
			fe->features & BIT(VIRTIO_GPU_F_BLOB_ALIGNMENT)
				? sizeof(config)
				: offsetof(struct virtio_gpu_config, blob_alignment),
			&config);
	if (!error)
		error = pg_fe_reset(fe);
	return error ? error : pg_fe_start(fe);
}

uint64_t pg_fe_offered(const struct pg_fe *fe)
{
	return fe->offered;
}

uint64_t pg_fe_features(const struct pg_fe *fe)
{
	return fe->features;
}

uint64_t pg_fe_protocol_offered(const struct pg_fe *fe)
{
	return fe->protocol_offered;
}

uint64_t pg_fe_protocol_features(const struct pg_fe *fe)
{
	return fe->protocol_features;
}

const char *pg_fe_error(const struct pg_fe *fe)
{
	return fe->error;
}

int pg_fe_dead(const struct pg_fe *fe)
{
	return fe->dead;
}
