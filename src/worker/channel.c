/* SPDX-License-Identifier: MIT */
/* The connection to the other process; see channel.h. */
#include "worker/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "worker/wire.h"

#define TO_WORKER_SIZE (1u << 20)
#define TO_DEVICE_SIZE (1u << 18)
#define MAX_RING_SIZE (1u << 28)
#define MAX_FDS 3

#define RECORD_EXTERNAL 1u /* the payload is a file with one u64, its size, in the ring */

/* --- descriptors by socket --- */

/* Sends `size` bytes with descriptors. Returns 0, -EAGAIN, or another errno. */
static int send_fds(int socket, const void *bytes, size_t size, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	ssize_t length;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	length = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (length >= 0)
		return length == (ssize_t)size ? 0 : -EPROTO;
	/* too many in flight: the other side has to take some first */
	return errno == ETOOMANYREFS || errno == EINTR || errno == ENOBUFS ? -EAGAIN : -errno;
}

/* Receives exactly `size` bytes with exactly `count` descriptors, or fails and leaves none open. */
static int receive_fds(int socket, void *bytes, size_t size, int *fds, size_t count, int flags)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	int found[MAX_FDS];
	size_t number = 0;
	ssize_t length;

	do
		length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
	     header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(found, CMSG_DATA(header), number * sizeof(int));
	}
	if (length == (ssize_t)size && number == count &&
	    !(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) {
		memcpy(fds, found, count * sizeof(int));
		return 0;
	}
	for (size_t i = 0; i < number; i++)
		close(found[i]);
	return length ? -EPROTO : -EPIPE;
}

/* --- set-up --- */

void pg_channel_init(struct pg_channel *channel)
{
	*channel = (struct pg_channel){.socket = -1, .bell_in = -1, .bell_out = -1};
	channel->message.fd = -1;
}

void pg_channel_finish(struct pg_channel *channel)
{
	if (channel->memory)
		munmap(channel->memory, channel->memory_size);
	free(channel->message.payload);
	pg_close(&channel->message.fd);
	pg_close(&channel->socket);
	pg_close(&channel->bell_in);
	pg_close(&channel->bell_out);
	pg_channel_init(channel);
}

/* The ring to the worker lies first. */
static int map_rings(struct pg_channel *channel, int fd, const struct pg_wire_setup *setup,
		     struct pg_ring *to_worker, struct pg_ring *to_device)
{
	size_t first = pg_ring_bytes(setup->to_worker_size);

	channel->memory_size = first + pg_ring_bytes(setup->to_device_size);
	channel->memory =
		mmap(NULL, channel->memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (channel->memory == MAP_FAILED) {
		channel->memory = NULL;
		return -errno;
	}
	pg_ring_init(to_worker, channel->memory, setup->to_worker_size);
	pg_ring_init(to_device, (uint8_t *)channel->memory + first, setup->to_device_size);
	return 0;
}

static int make_memory(const struct pg_wire_setup *setup)
{
	off_t size = (off_t)(pg_ring_bytes(setup->to_worker_size) +
			     pg_ring_bytes(setup->to_device_size));
	int fd = memfd_create("paragpu-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, size) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int send_setup(struct pg_channel *channel, int memory, const struct pg_wire_setup *setup)
{
	const int fds[MAX_FDS] = {memory, channel->bell_out, channel->bell_in};

	return send_fds(channel->socket, setup, sizeof(*setup), fds, MAX_FDS);
}

int pg_channel_create(struct pg_channel *channel, int *peer)
{
	const struct pg_wire_setup setup = {
		.magic = PG_WIRE_MAGIC,
		.to_worker_size = TO_WORKER_SIZE,
		.to_device_size = TO_DEVICE_SIZE,
	};
	int ends[2] = {-1, -1};
	int memory;
	int error;

	pg_channel_init(channel);
	memory = make_memory(&setup);
	if (memory < 0)
		return memory;
	channel->bell_in = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	channel->bell_out = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = channel->bell_in < 0 || channel->bell_out < 0 ? -EMFILE : 0;
	if (!error && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		error = -EMFILE;
	channel->socket = ends[0];
	if (!error)
		error = map_rings(channel, memory, &setup, &channel->out, &channel->in);
	if (!error)
		error = send_setup(channel, memory, &setup);
	pg_close(&memory);
	if (error) {
		pg_close(&ends[1]);
		pg_channel_finish(channel);
		return error;
	}
	*peer = ends[1];
	return 0;
}

static bool setup_is_sane(const struct pg_wire_setup *setup, int memory)
{
	struct stat status;

	return setup->magic == PG_WIRE_MAGIC && pg_is_power_of_two(setup->to_worker_size) &&
	       pg_is_power_of_two(setup->to_device_size) && setup->to_worker_size >= 4096 &&
	       setup->to_device_size >= 4096 && setup->to_worker_size <= MAX_RING_SIZE &&
	       setup->to_device_size <= MAX_RING_SIZE && !fstat(memory, &status) &&
	       (uint64_t)status.st_size >= pg_ring_bytes(setup->to_worker_size) +
						   pg_ring_bytes(setup->to_device_size) &&
	       (fcntl(memory, F_GET_SEALS) & F_SEAL_SHRINK);
}

int pg_channel_join(struct pg_channel *channel, int *socket)
{
	struct pg_wire_setup setup;
	int fds[MAX_FDS];
	int error;

	pg_channel_init(channel);
	error = receive_fds(*socket, &setup, sizeof(setup), fds, MAX_FDS, 0);
	if (error)
		return error;
	channel->bell_in = fds[1];
	channel->bell_out = fds[2];
	error = setup_is_sane(&setup, fds[0])
			? map_rings(channel, fds[0], &setup, &channel->in, &channel->out)
			: -EPROTO;
	pg_close(&fds[0]);
	if (error) {
		pg_channel_finish(channel);
		return error;
	}
	channel->socket = pg_take_fd(socket);
	return 0;
}

/* --- sending --- */

static void ring_bell(struct pg_channel *channel)
{
	uint64_t one = 1;

	/* fails if it is full, and then it rings already */
	if (write(channel->bell_out, &one, sizeof(one)) < 0)
		return;
}

void pg_channel_quiet(struct pg_channel *channel)
{
	uint64_t count;

	if (read(channel->bell_in, &count, sizeof(count)) < 0)
		return;
}

static int send_record(struct pg_channel *channel, const struct pg_record *record,
		       const struct iovec *pieces, size_t count, const int *fds)
{
	const struct pg_wire_descriptors head = {.sequence = channel->sent + 1,
						 .count = record->fds};
	int error = pg_ring_reserve(&channel->out, record->size);

	if (!error && record->fds) {
		error = send_fds(channel->socket, &head, sizeof(head), fds, record->fds);
		if (error == -EAGAIN)
			pg_ring_wait(&channel->out);
		if (!error)
			channel->sent++;
	}
	if (!error && pg_ring_write(&channel->out, record, pieces, count))
		ring_bell(channel);
	return error;
}

static int write_payload(int fd, const struct iovec *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const uint8_t *bytes = pieces[i].iov_base;
		size_t left = pieces[i].iov_len;

		while (left) {
			ssize_t written = write(fd, bytes, left);

			if (written <= 0)
				return -ENOMEM;
			bytes += written;
			left -= (size_t)written;
		}
	}
	return 0;
}

static int send_external(struct pg_channel *channel, struct pg_record *record,
			 const struct iovec *pieces, size_t count, int fd)
{
	uint64_t size = record->size;
	const struct iovec word = {.iov_base = &size, .iov_len = sizeof(size)};
	int fds[MAX_FDS] = {memfd_create("paragpu-payload", MFD_CLOEXEC), fd};
	int error = fds[0] < 0 ? -errno : write_payload(fds[0], pieces, count);

	record->flags = RECORD_EXTERNAL;
	record->size = sizeof(size);
	record->fds = fd < 0 ? 1 : 2;
	if (!error)
		error = send_record(channel, record, &word, 1, fds);
	pg_close(&fds[0]);
	return error;
}

int pg_channel_send(struct pg_channel *channel, uint32_t type, const struct iovec *pieces,
		    size_t count, int fd)
{
	struct pg_record record = {.type = type, .fds = fd >= 0};
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		if (pieces[i].iov_len > PG_CHANNEL_MAX_PAYLOAD - size)
			return -EMSGSIZE;
		size += pieces[i].iov_len;
	}
	record.size = (uint32_t)size;
	if (size > pg_ring_max_payload(channel->out.size) / 2)
		return send_external(channel, &record, pieces, count, fd);
	return send_record(channel, &record, pieces, count, &fd);
}

/* --- receiving --- */

static int make_room(struct pg_channel *channel, size_t size)
{
	void *payload;

	if (size <= channel->payload_room)
		return 0;
	payload = malloc(size);
	if (!payload)
		return -ENOMEM;
	free(channel->message.payload);
	channel->message.payload = payload;
	channel->payload_room = size;
	return 0;
}

static int receive_descriptors(struct pg_channel *channel, uint32_t count, int *fds)
{
	struct pg_wire_descriptors head;
	int error;

	if (count > 2)
		return -EPROTO;
	if (!count)
		return 0;
	/* they were sent before the record was written */
	error = receive_fds(channel->socket, &head, sizeof(head), fds, count, MSG_DONTWAIT);
	if (error)
		return error == -EAGAIN ? -EPROTO : error;
	channel->received++;
	if (head.sequence == channel->received && head.count == count)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		pg_close(&fds[i]);
	return -EPROTO;
}

static int read_payload(struct pg_channel *channel, int fd, size_t record_size)
{
	uint64_t size;
	int error;

	if (record_size != sizeof(size) || fd < 0)
		return -EPROTO;
	memcpy(&size, channel->message.payload, sizeof(size));
	if (size > PG_CHANNEL_MAX_PAYLOAD)
		return -EPROTO;
	error = make_room(channel, (size_t)size);
	if (error)
		return error;
	for (size_t at = 0; at < size;) {
		ssize_t length = pread(fd, (uint8_t *)channel->message.payload + at,
				       (size_t)size - at, (off_t)at);

		if (length <= 0)
			return -EPROTO;
		at += (size_t)length;
	}
	channel->message.size = (size_t)size;
	return 0;
}

int pg_channel_receive(struct pg_channel *channel)
{
	struct pg_message *message = &channel->message;
	struct pg_record record;
	int fds[2] = {-1, -1};
	int result = pg_ring_poll(&channel->in);

	pg_close(&message->fd);
	if (result <= 0)
		return result;
	result = pg_ring_peek(&channel->in, &record);
	if (!result)
		result = make_room(channel, record.size > 4096 ? record.size : 4096);
	if (!result)
		result = receive_descriptors(channel, record.fds, fds);
	if (result)
		return result;
	if (pg_ring_read(&channel->in, &record, message->payload))
		ring_bell(channel);
	message->type = record.type;
	message->size = record.size;
	message->fd = fds[0];
	if (record.flags & RECORD_EXTERNAL) {
		message->fd = fds[1];
		result = read_payload(channel, fds[0], record.size);
		pg_close(&fds[0]);
	} else if (record.fds > 1) {
		result = -EPROTO;
		pg_close(&fds[1]);
	}
	return result ? result : 1;
}
