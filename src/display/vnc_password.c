/* SPDX-License-Identifier: MIT */
/*
 * The VNC password. The device's process looks at it for its mistakes, so that
 * they are said at the start; the server's reads it to use it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "display/vnc.h"

static int open_password(const char *path, int *fd, struct pg_problem *problem)
{
	struct stat status;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, &status) < 0)
		return pg_problem_set(problem, -errno, "the VNC password file %s: %s", path,
				      strerror(errno));
	if (!S_ISREG(status.st_mode)) /* it is read more than once */
		return pg_problem_set(problem, -EINVAL,
				      "the VNC password file %s is no ordinary file: write the "
				      "password into one",
				      path);
	if (status.st_mode & 077)
		return pg_problem_set(
			problem, -EPERM,
			"the VNC password file %s is open to other users: chmod 600 it", path);
	return 0;
}

int pg_vnc_read_password(const char *path, char password[PG_VNC_PASSWORD_SIZE],
			 struct pg_problem *problem)
{
	char line[64];
	size_t length;
	ssize_t got = 0;
	int fd, error = open_password(path, &fd, problem);

	if (!error) {
		got = read(fd, line, sizeof(line) - 1);
		if (got < 0)
			error = pg_problem_set(problem, -errno, "the VNC password file %s: %s",
					       path, strerror(errno));
	}
	pg_close(&fd);
	if (error)
		return error;
	line[got] = '\0';
	length = strcspn(line, "\r\n");
	if (length && length < PG_VNC_PASSWORD_SIZE) {
		memcpy(password, line, length);
		password[length] = '\0';
	} else {
		error = pg_problem_set(problem, -EINVAL,
				       "the password in %s has %zu characters; VNC needs 1 to 8, "
				       "in the first line",
				       path, length);
	}
	explicit_bzero(line, sizeof(line));
	return error;
}
