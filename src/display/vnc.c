/* SPDX-License-Identifier: MIT */
/* The VNC display, the device's side: opens the door and starts the server behind it. */
#include "display/vnc.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "display/options.h"
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

static int read_password(const char *path, char password[9], struct pg_problem *problem)
{
	struct stat status;
	char line[64] = "";
	size_t length;
	FILE *file = fopen(path, "re");

	if (!file)
		return pg_problem_set(problem, -errno, "the VNC password file %s: %s", path,
				      strerror(errno));
	if (fstat(fileno(file), &status) == 0 && status.st_mode & 077) {
		fclose(file);
		return pg_problem_set(
			problem, -EPERM,
			"the VNC password file %s is open to other users: chmod 600 it", path);
	}
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	length = strcspn(line, "\r\n");
	if (!length || length > 8)
		return pg_problem_set(problem, -EINVAL,
				      "the password in %s has %zu characters; VNC needs 1 to 8, in "
				      "the first line",
				      path, length);
	memcpy(password, line, length);
	password[length] = 0;
	return 0;
}

int pg_vnc_create(struct pg_loop *loop, const struct pg_logger *logger,
		  const struct pg_vnc_options *options, struct pg_display **out,
		  struct pg_problem *problem)
{
	/* on the stack: the server's process has its own copy */
	struct pg_vnc_settings settings = {.logger = logger, .head = options->head};
	int fd = -1, error = 0;

	if (options->password_file)
		error = read_password(options->password_file, settings.password, problem);
	if (!error)
		error = options->path ? listen_unix(options->path, &fd, problem)
				      : listen_tcp(options, &fd, problem);
	if (!error && fd >= 0 && listen(fd, 8) < 0)
		error = pg_problem_set(problem, -errno, "VNC can't listen: %s", strerror(errno));
	if (error) {
		pg_close(&fd);
		return error;
	}
	if (options->path)
		memcpy(settings.path, options->path, strlen(options->path) + 1);
	error = pg_viewer_create(loop, logger, "the VNC server", pg_vnc_server, &fd, &settings,
				 out);
	explicit_bzero(settings.password, sizeof(settings.password));
	if (error)
		return pg_problem_set(problem, error, "the VNC server can't start: %s",
				      strerror(-error));
	return 0;
}
