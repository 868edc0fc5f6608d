/* SPDX-License-Identifier: MIT */
/* A front end for tests of the vhost-user server; see scripted_front_end.h. */
#include "scripted_front_end.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "protocol/virtio_gpu.h"
#include "protocol/virtio_ring.h"

/* Offsets in RAM, per queue. */
#define QUEUE_AREA(index) ((index) * 0x8000u)
#define DESC(index) (QUEUE_AREA(index) + 0x0000u)
#define AVAIL(index) (QUEUE_AREA(index) + 0x1000u)
#define USED(index) (QUEUE_AREA(index) + 0x2000u)
#define REQUESTS(index) (QUEUE_AREA(index) + 0x3000u)
#define RESPONSES(index) (QUEUE_AREA(index) + 0x5000u)

static void note_log(void *data, enum pg_log_level level, const char *module, const char *message)
{
	struct scripted *s = data;
	size_t length = strlen(s->log);

	(void)module;
	if (level <= PG_LOG_INFO)
		snprintf(s->log + length, sizeof(s->log) - length, "%s\n", message);
}

static void on_opened(void *data)
{
	((struct scripted *)data)->opened++;
}

static void on_closed(void *data)
{
	((struct scripted *)data)->closed++;
}

static void on_reset(void *data)
{
	((struct scripted *)data)->resets++;
}

static void on_resumed(void *data)
{
	((struct scripted *)data)->resumes++;
}

static void on_display(void *data, int *fd)
{
	struct scripted *s = data;

	s->displays++;
	if (s->keep_display)
		s->display_fd = pg_take_fd(fd);
}

static void on_config_changed(void *data)
{
	pg_vhost_user_config_changed(((struct scripted *)data)->server);
}

static void make_device(struct scripted *s)
{
	struct paragpu_settings settings;

	paragpu_settings_init(&settings);
	settings.host = (struct paragpu_host){
		.complete = pg_vhost_user_complete,
		.config_changed = on_config_changed,
		.data = s,
	};
	assert_int_equal(paragpu_device_create(&settings, &s->device, NULL), 0);
	pg_vhost_user_set_device(s->server, s->device);
}

void scripted_init(struct scripted *s, struct pg_vhost_user_settings *settings)
{
	struct pg_vhost_user_settings defaults;
	const char *problem = NULL;

	memset(s, 0, sizeof(*s));
	s->fds_before = count_fds();
	s->blob = -1;
	s->socket = s->channel = s->display_fd = -1;
	if (!settings) {
		pg_vhost_user_settings_init(&defaults);
		settings = &defaults;
	}
	assert_int_equal(pg_loop_create(&s->loop), 0);
	pg_logger_init(&s->logger, note_log, s);
	settings->loop = s->loop;
	settings->logger = &s->logger;
	settings->callbacks = (struct pg_vhost_user_callbacks){
		.opened = on_opened,
		.closed = on_closed,
		.display_socket = on_display,
		.reset = on_reset,
		.resumed = on_resumed,
		.data = s,
	};
	if (pg_vhost_user_create(settings, &s->server, &problem))
		fail_msg("%s", problem);
	make_device(s);
	s->ram_fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(s->ram_fd, (off_t)RAM_SIZE), 0);
	s->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->ram_fd, 0);
	assert_true(s->ram != MAP_FAILED);
	for (int i = 0; i < 2; i++) {
		s->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		s->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		s->err[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	scripted_connect(s);
}

void scripted_finish(struct scripted *s)
{
	pg_vhost_user_destroy(&s->server);
	paragpu_device_destroy(&s->device);
	pg_loop_destroy(s->loop);
	munmap(s->ram, RAM_SIZE);
	pg_close(&s->ram_fd);
	for (int i = 0; i < 2; i++) {
		pg_close(&s->kick[i]);
		pg_close(&s->call[i]);
		pg_close(&s->err[i]);
	}
	pg_close(&s->socket);
	pg_close(&s->channel);
	pg_close(&s->display_fd);
	pg_close(&s->blob);
	assert_int_equal(count_fds(), s->fds_before);
}

void scripted_connect(struct scripted *s)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s->socket = pair[0];
	assert_int_equal(pg_set_nonblocking(s->socket), 0);
	assert_int_equal(pg_vhost_user_adopt(s->server, &pair[1]), 0);
	assert_int_equal(pair[1], -1);
	scripted_clear_rings(s);
}

void scripted_disconnect(struct scripted *s)
{
	pg_close(&s->socket);
	pg_close(&s->channel);
	scripted_run(s);
}

void scripted_run(struct scripted *s)
{
	for (int i = 0; i < 12; i++)
		assert_int_equal(pg_loop_dispatch(s->loop, 0), 0);
}

/* --- messages ------------------------------------------------------------------------------------ */

void scripted_send(struct scripted *s, uint32_t request, uint32_t flags, const void *payload,
		   uint32_t size, const int *fds, size_t fd_count)
{
	struct vhost_user_header header = {request, VHOST_USER_VERSION | flags, size};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 64)];
	} control = {0};
	struct iovec vectors[] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)payload, .iov_len = size},
	};
	struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};

	if (fd_count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * fd_count);
	}
	assert_int_equal(sendmsg(s->socket, &message, MSG_NOSIGNAL),
			 (ssize_t)(sizeof(header) + size));
}

static ssize_t receive(int socket, struct vhost_user_header *header, void *payload, size_t capacity,
		       int *fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec vector = {.iov_base = header, .iov_len = sizeof(*header)};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t count = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	if (fd)
		*fd = -1;
	if (count <= 0)
		return -1;
	assert_int_equal(count, sizeof(*header));
	if (c && !fd)
		fail_msg("a descriptor that nobody expects");
	if (c && fd) {
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	}
	assert_true(header->size <= capacity);
	if (header->size)
		assert_int_equal(recv(socket, payload, header->size, MSG_DONTWAIT), header->size);
	return (ssize_t)header->size;
}

int scripted_reply(struct scripted *s, uint32_t request, void *payload, size_t capacity, int *fd)
{
	struct vhost_user_header header;
	ssize_t size;

	scripted_run(s);
	size = receive(s->socket, &header, payload, capacity, fd);
	if (size < 0)
		return -1;
	assert_int_equal(header.request, request);
	assert_int_equal(header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK);
	return (int)size;
}

uint64_t scripted_get(struct scripted *s, uint32_t request)
{
	uint64_t value = 0;

	scripted_send(s, request, 0, NULL, 0, NULL, 0);
	assert_int_equal(scripted_reply(s, request, &value, sizeof(value), NULL), 8);
	return value;
}

uint64_t scripted_ack(struct scripted *s, uint32_t request, const void *payload, uint32_t size,
		      const int *fds, size_t fd_count)
{
	uint64_t value = 0;

	scripted_send(s, request, VHOST_USER_NEED_REPLY_MASK, payload, size, fds, fd_count);
	assert_int_equal(scripted_reply(s, request, &value, sizeof(value), NULL), 8);
	return value;
}

bool scripted_gone(struct scripted *s)
{
	char byte;

	scripted_run(s);
	return recv(s->socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0 || errno == ECONNRESET;
}

/* --- the steps of QEMU ---------------------------------------------------------------------------- */

void scripted_negotiate(struct scripted *s, uint64_t protocol_features)
{
	uint64_t offered;

	scripted_get(s, VHOST_USER_GET_FEATURES);
	offered = scripted_get(s, VHOST_USER_GET_PROTOCOL_FEATURES) & protocol_features;
	scripted_send(s, VHOST_USER_SET_PROTOCOL_FEATURES, 0, &offered, 8, NULL, 0);
	scripted_send(s, VHOST_USER_SET_OWNER, 0, NULL, 0, NULL, 0);
	scripted_run(s);
}

void scripted_set_features(struct scripted *s, uint64_t features)
{
	scripted_send(s, VHOST_USER_SET_FEATURES, 0, &features, 8, NULL, 0);
	scripted_run(s);
}

void scripted_share_ram(struct scripted *s)
{
	struct vhost_user_memory memory = {
		.nregions = 1,
		.regions[0] = {RAM_GUEST, RAM_SIZE, RAM_USER, 0},
	};

	assert_int_equal(scripted_ack(s, VHOST_USER_SET_MEM_TABLE, &memory, 8 + 32, &s->ram_fd, 1),
			 0);
}

void scripted_open_channel(struct scripted *s)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pg_close(&s->channel);
	s->channel = pair[0];
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1), 0);
	pg_close(&pair[1]);
}

void scripted_start_queue(struct scripted *s, uint32_t index, uint32_t base)
{
	struct vhost_user_vring_state size = {index, QUEUE_SIZE};
	struct vhost_user_vring_state start = {index, base};
	struct vhost_user_vring_addr addr = {
		.index = index,
		.desc_user_addr = RAM_USER + DESC(index),
		.avail_user_addr = RAM_USER + AVAIL(index),
		.used_user_addr = RAM_USER + USED(index),
	};
	uint64_t value = index;

	scripted_send(s, VHOST_USER_SET_VRING_NUM, 0, &size, 8, NULL, 0);
	scripted_send(s, VHOST_USER_SET_VRING_BASE, 0, &start, 8, NULL, 0);
	scripted_send(s, VHOST_USER_SET_VRING_ADDR, 0, &addr, 40, NULL, 0);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_VRING_ERR, &value, 8, &s->err[index], 1),
			 0);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_VRING_KICK, &value, 8, &s->kick[index], 1),
			 0);
	assert_int_equal(scripted_ack(s, VHOST_USER_SET_VRING_CALL, &value, 8, &s->call[index], 1),
			 0);
}

void scripted_enable(struct scripted *s, uint32_t index, bool on)
{
	struct vhost_user_vring_state state = {index, on};

	assert_int_equal(scripted_ack(s, VHOST_USER_SET_VRING_ENABLE, &state, 8, NULL, 0), 0);
}

uint32_t scripted_stop_queue(struct scripted *s, uint32_t index)
{
	struct vhost_user_vring_state state = {index, 0};

	scripted_send(s, VHOST_USER_GET_VRING_BASE, 0, &state, 8, NULL, 0);
	assert_int_equal(scripted_reply(s, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), NULL),
			 8);
	assert_int_equal(state.index, index);
	return state.num;
}

void scripted_start(struct scripted *s)
{
	scripted_negotiate(s, UINT64_MAX);
	scripted_set_features(s, scripted_get(s, VHOST_USER_GET_FEATURES) &
					 ~(UINT64_C(1) << VIRTIO_F_EVENT_IDX));
	scripted_share_ram(s);
	for (uint32_t i = 0; i < 2; i++)
		scripted_start_queue(s, i, 0);
	for (uint32_t i = 0; i < 2; i++)
		scripted_enable(s, i, true);
	scripted_run(s);
}

void scripted_clear_rings(struct scripted *s)
{
	memset(s->ram, 0, 0x10000);
	memset(s->avail, 0, sizeof(s->avail));
	memset(s->used_seen, 0, sizeof(s->used_seen));
}

/* --- the guest's driver --------------------------------------------------------------------------- */

void scripted_offer(struct scripted *s, uint32_t index, const void *request, uint32_t size)
{
	uint16_t slot = s->avail[index] % (QUEUE_SIZE / 2);
	uint16_t head = (uint16_t)(slot * 2);
	struct virtq_desc *desc = (struct virtq_desc *)(void *)(s->ram + DESC(index));
	struct virtq_avail *avail = (struct virtq_avail *)(void *)(s->ram + AVAIL(index));
	uint32_t at = REQUESTS(index) + slot * 256u;
	uint32_t answer = RESPONSES(index) + slot * 512u;

	assert_true(size <= 256);
	memcpy(s->ram + at, request, size);
	memset(s->ram + answer, 0, 512);
	desc[head] = (struct virtq_desc){pg_to_le64(RAM_GUEST + at), pg_to_le32(size),
					 pg_to_le16(VIRTQ_DESC_F_NEXT),
					 pg_to_le16((uint16_t)(head + 1))};
	desc[head + 1] = (struct virtq_desc){pg_to_le64(RAM_GUEST + answer), pg_to_le32(512),
					     pg_to_le16(VIRTQ_DESC_F_WRITE), pg_to_le16(0)};
	avail->ring[s->avail[index] % QUEUE_SIZE] = pg_to_le16(head);
	avail->idx = pg_to_le16(++s->avail[index]);
}

void scripted_request(struct scripted *s, uint32_t index, uint32_t type)
{
	struct virtio_gpu_ctrl_hdr header = {.type = pg_to_le32(type)};

	scripted_offer(s, index, &header, sizeof(header));
}

void scripted_kick(struct scripted *s, uint32_t index)
{
	assert_int_equal(write(s->kick[index], &(uint64_t){1}, 8), 8);
	scripted_run(s);
}

unsigned int scripted_used(struct scripted *s, uint32_t index)
{
	const struct virtq_used *used = (const struct virtq_used *)(void *)(s->ram + USED(index));
	uint16_t now = pg_from_le16(used->idx);
	uint16_t count = (uint16_t)(now - s->used_seen[index]);

	s->used_seen[index] = now;
	return count;
}

uint32_t scripted_response(struct scripted *s, uint32_t index)
{
	const struct virtq_used *used = (const struct virtq_used *)(void *)(s->ram + USED(index));
	uint16_t last = (uint16_t)(pg_from_le16(used->idx) - 1);
	uint32_t head = pg_from_le32(used->ring[last % QUEUE_SIZE].id);
	size_t answer = RESPONSES(index) + head / 2 * 512;
	const struct virtio_gpu_ctrl_hdr *header =
		(const struct virtio_gpu_ctrl_hdr *)(void *)(s->ram + answer);

	return pg_from_le32(header->type);
}

bool scripted_event(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* --- the back-end channel -------------------------------------------------------------------------- */

uint32_t scripted_channel_request(struct scripted *s, void *payload, size_t capacity, int *fd)
{
	struct vhost_user_header header;

	scripted_run(s);
	if (receive(s->channel, &header, payload, capacity, fd) < 0)
		return 0;
	assert_int_equal(header.flags & VHOST_USER_VERSION_MASK, VHOST_USER_VERSION);
	return header.request;
}

void scripted_channel_reply(struct scripted *s, uint32_t request, uint64_t value)
{
	struct vhost_user_header header = {request, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK, 8};
	uint8_t bytes[sizeof(header) + 8];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &value, 8);
	assert_int_equal(send(s->channel, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	scripted_run(s);
}

void scripted_done(void *data, int result)
{
	struct scripted *s = data;

	s->done++;
	s->result = result;
}

unsigned int count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int count = 0;

	if (!folder)
		fail_msg("no /proc/self/fd");
	while (folder && readdir(folder))
		count++;
	closedir(folder);
	return count;
}
