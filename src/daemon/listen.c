/* SPDX-License-Identifier: MIT */
/* UNIX sockets to listen on; see listen.h. */
#include "daemon/listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

/* Whether `address` is the socket of a program that has gone. */
static int nobody_listens(const struct sockaddr_un *address)
{
	struct stat status;
	int fd, refused;

	if (lstat(address->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		  errno == ECONNREFUSED;
	pg_close(&fd);
	return refused;
}

static int bind_socket(int fd, const struct sockaddr_un *address)
{
	if (!bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (!nobody_listens(address))
		return -EADDRINUSE;
	unlink(address->sun_path);
	return bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
}

static int explain(int error, const char *path, char *problem, size_t size)
{
	if (error == -EADDRINUSE)
		snprintf(problem, size,
			 "cannot listen on %s: it is in use by another program, or is not a "
			 "socket; end "
			 "that program, remove the file, or give another path",
			 path);
	else if (error == -ENAMETOOLONG)
		snprintf(problem, size,
			 "cannot listen on %s: a socket's path has at most %zu characters; give a "
			 "shorter one",
			 path, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	else
		snprintf(problem, size, "cannot listen on %s: %s", path, strerror(-error));
	return error;
}

int pg_listen(struct pg_listener *listener, const char *path, mode_t mode, char *problem,
	      size_t problem_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	int error;

	*listener = (struct pg_listener){.fd = -1};
	if (strlen(path) >= sizeof(address.sun_path))
		return explain(-ENAMETOOLONG, path, problem, problem_size);
	memcpy(address.sun_path, path, strlen(path));
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The file is made with the mode of the socket: there is no moment with another one. */
	if (listener->fd < 0 || fchmod(listener->fd, mode) < 0)
		error = -errno;
	else
		error = bind_socket(listener->fd, &address);
	if (!error) {
		listener->path = path;
		if (lstat(path, &status) < 0 || listen(listener->fd, 8) < 0)
			error = -errno;
	}
	if (error) {
		pg_close(&listener->fd);
		return explain(error, path, problem, problem_size);
	}
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	return 0;
}

void pg_listener_finish(struct pg_listener *listener)
{
	struct stat status;

	if (listener->path && !lstat(listener->path, &status) &&
	    status.st_dev == listener->device && status.st_ino == listener->inode)
		unlink(listener->path);
	listener->path = NULL;
	pg_close(&listener->fd);
}
