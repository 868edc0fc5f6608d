/* SPDX-License-Identifier: MIT */
/* Where running devices are found; see runtime.h. */
#include "cli/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

__attribute__((format(printf, 3, 4))) static int format_path(char *path, size_t size,
							     const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(path, size, format, arguments);
	va_end(arguments);
	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

int pg_runtime_folder(char *path, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	unsigned int user = geteuid();
	struct stat status;
	char parent[64];

	if (runtime && *runtime == '/')
		return format_path(path, size, "%s/paragpu", runtime);
	snprintf(parent, sizeof(parent), "/run/user/%u", user);
	if (!stat(parent, &status) && status.st_uid == user)
		return format_path(path, size, "%s/paragpu", parent);
	return format_path(path, size, "/tmp/paragpu-%u", user);
}

int pg_runtime_make(char *path, size_t size, char *problem, size_t problem_size)
{
	struct stat status;
	int error = pg_runtime_folder(path, size);

	if (!error && mkdir(path, 0700) < 0 && errno != EEXIST)
		error = -errno;
	if (!error && lstat(path, &status) < 0)
		error = -errno;
	if (error) {
		snprintf(problem, problem_size, "cannot make the folder %s: %s", path,
			 strerror(-error));
		return error;
	}
	if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 077) {
		snprintf(problem, problem_size,
			 "%s is not a folder that only you may enter; remove it, or set "
			 "XDG_RUNTIME_DIR",
			 path);
		return -EPERM;
	}
	return 0;
}

static int answers(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, connected;

	if (strlen(path) >= sizeof(address.sun_path))
		return 0;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	connected = !connect(fd, (const struct sockaddr *)&address, sizeof(address)) ||
		    errno == EAGAIN;
	pg_close(&fd);
	return connected;
}

/* Looks for sockets on which a device listens: how many, the last one's path, all names. */
static int list(const char *folder, char *path, size_t size, char *names, size_t names_size)
{
	const size_t suffix = strlen(PG_CONTROL_SUFFIX);
	size_t used = 0;
	int count = 0;
	struct dirent *entry;
	DIR *directory = opendir(folder);

	*names = '\0';
	while (directory && (entry = readdir(directory))) {
		size_t length = strlen(entry->d_name);
		char candidate[512];

		if (length <= suffix ||
		    strcmp(entry->d_name + length - suffix, PG_CONTROL_SUFFIX) ||
		    format_path(candidate, sizeof(candidate), "%s/%s", folder, entry->d_name) ||
		    !answers(candidate))
			continue;
		count++;
		snprintf(path, size, "%s", candidate);
		if (used < names_size)
			used += (size_t)snprintf(names + used, names_size - used, " %.*s",
						 (int)(length - suffix), entry->d_name);
	}
	if (directory)
		closedir(directory);
	return count;
}

int pg_runtime_find_control(const char *name, char *path, size_t size, char *problem,
			    size_t problem_size)
{
	char folder[256], names[384];
	int count, error;

	if (name && strchr(name, '/'))
		error = format_path(path, size, "%s", name);
	else
		error = pg_runtime_folder(folder, sizeof(folder));
	if (!error && name && !strchr(name, '/'))
		error = format_path(path, size, "%s/%s" PG_CONTROL_SUFFIX, folder, name);
	if (error || name) {
		if (error)
			snprintf(problem, problem_size,
				 "the path of the control socket is too long");
		return error;
	}
	count = list(folder, path, size, names, sizeof(names));
	if (count == 1)
		return 0;
	if (!count)
		snprintf(problem, problem_size,
			 "no device of yours is running in %s; start one with \"paragpu run\", or "
			 "name "
			 "the control socket of a paragpud: --device=PATH",
			 folder);
	else
		snprintf(problem, problem_size,
			 "several devices are running, say which by "
			 "--device=NAME:%s",
			 names);
	return count ? -E2BIG : -ENOENT;
}
