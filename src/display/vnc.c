/* SPDX-License-Identifier: MIT */
/* The VNC display, the device's side: opens the door and starts the program behind it. */
#include "display/vnc.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "display/viewer.h"

/* Whether somebody answers there; a socket file alone may be left over from a crash. */
static bool answers(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool connected = fd >= 0 &&
			 (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
			  errno != ECONNREFUSED);

	pg_close(&fd);
	return connected;
}

static int listen_unix(const char *path, int *fd, struct pg_problem *problem)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat file;

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return pg_problem_set(problem, -EINVAL,
				      "the VNC socket's path has %zu bytes; it needs 1 to %zu",
				      strlen(path), sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return pg_problem_set(problem, -errno, "no socket for VNC: %s", strerror(errno));
	fchmod(*fd, 0600); /* on Linux the mode of the file that bind() makes */
	if (lstat(path, &file) == 0) {
		if (!S_ISSOCK(file.st_mode))
			return pg_problem_set(
				problem, -EEXIST,
				"VNC can't listen at %s: there is a file of that name", path);
		if (answers(&address))
			return pg_problem_set(problem, -EADDRINUSE,
					      "VNC can't listen at %s: another process does", path);
		unlink(path);
	}
	if (bind(*fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return pg_problem_set(problem, -errno, "VNC can't listen at %s: %s", path,
				      strerror(errno));
	return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static int bind_tcp(const struct addrinfo *info, const struct pg_vnc_options *options, int *fd,
		    struct pg_problem *problem)
{
	if (!is_loopback(info->ai_addr) && !options->password_file)
		return pg_problem_set(problem, -EPERM,
				      "VNC at %s would let everybody on the network look: add "
				      "password-file=FILE, or use 127.0.0.1 or unix:PATH",
				      options->address);
	*fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return pg_problem_set(problem, -errno, "no socket for VNC: %s", strerror(errno));
	setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(*fd, info->ai_addr, info->ai_addrlen) == 0)
		return 0;
	if (errno == EADDRINUSE)
		return pg_problem_set(
			problem, -EADDRINUSE,
			"VNC can't listen at %s port %s: another process does; choose "
			"another port",
			options->address, options->port);
	return pg_problem_set(problem, -errno, "VNC can't listen at %s port %s: %s",
			      options->address, options->port, strerror(errno));
}

static int listen_tcp(const struct pg_vnc_options *options, int *fd, struct pg_problem *problem)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *info;
	int error = getaddrinfo(options->address, options->port, &hints, &info);

	if (error)
		return pg_problem_set(problem, -EINVAL,
				      "VNC can't listen at address %s, port %s: %s",
				      options->address, options->port, gai_strerror(error));
	error = bind_tcp(info, options, fd, problem);
	freeaddrinfo(info);
	return error;
}

/* Makes the listening socket, once it is sure that somebody can serve it. */
static int open_door(const struct pg_vnc_options *options, int *fd, struct pg_problem *problem)
{
	char password[PG_VNC_PASSWORD_SIZE];
	int error = 0;

	if (options->password_file) {
		error = pg_vnc_read_password(options->password_file, password, problem);
		explicit_bzero(password, sizeof(password));
	}
	if (!error)
		error = options->path ? listen_unix(options->path, fd, problem)
				      : listen_tcp(options, fd, problem);
	if (!error && *fd >= 0 && listen(*fd, 8) < 0)
		error = pg_problem_set(problem, -errno, "VNC can't listen: %s", strerror(errno));
	if (error)
		pg_close(fd);
	return error;
}

int pg_vnc_create(struct pg_loop *loop, const struct pg_logger *logger,
		  const struct pg_vnc_options *options, struct pg_display **out,
		  struct pg_problem *problem)
{
	char program[PATH_MAX], head[32], password_file[PATH_MAX + 16];
	const char *words[4] = {program};
	struct pg_viewer_plan plan = {.name = "the VNC server", .words = words};
	size_t count = 1;
	int fd = -1, error;

	if (!pg_vnc_find(PG_VNC_SELF, program))
		return pg_problem_set(problem, -ENOENT,
				      "VNC is a program of its own and not installed: there is no "
				      "%s",
				      program);
	error = open_door(options, &fd, problem);
	if (error)
		return error;
	if (options->head >= 0) {
		snprintf(head, sizeof(head), "--head=%d", options->head);
		words[count++] = head;
	}
	if (options->password_file) {
		snprintf(password_file, sizeof(password_file), "--password-file=%s",
			 options->password_file);
		words[count++] = password_file;
	}
	error = pg_viewer_create(loop, logger, &plan, &fd, out);
	if (error && options->path)
		unlink(options->path);
	if (error)
		return pg_problem_set(problem, error, "the VNC server %s can't start: %s", program,
				      strerror(-error));
	return 0;
}
