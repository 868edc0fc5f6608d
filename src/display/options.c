/* SPDX-License-Identifier: MIT */
/* Displays as people ask for them; see options.h. */
#include "display/options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "display/viewer.h"
#include "display/vnc.h"
#include "display/y4m.h"

/* A whole number from `least` to `most` and nothing else. */
static bool parse_number(const char *text, unsigned long least, unsigned long most,
			 unsigned long *number)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return !errno && !*end && *number >= least && *number <= most;
}

/* What may follow the first comma. */
struct extras {
	int head;
	const char *password_file;
};

static int parse_extra(const char *option, char *word, struct extras *extras,
		       struct pg_problem *problem)
{
	unsigned long head;

	if (strncmp(word, "head=", 5) == 0) {
		if (!parse_number(word + 5, 0, PARAGPU_MAX_HEADS - 1, &head))
			return pg_problem_set(problem, -EINVAL,
					      "--display=%s: head is a number from 0 to %d, not "
					      "\"%s\"",
					      option, PARAGPU_MAX_HEADS - 1, word + 5);
		extras->head = (int)head;
		return 0;
	}
	if (strncmp(word, "password-file=", 14) == 0 && strncmp(option, "vnc:", 4) == 0) {
		extras->password_file = word + 14;
		return 0;
	}
	return pg_problem_set(problem, -EINVAL, "--display=%s: \"%s\" is none of %s", option, word,
			      strncmp(option, "vnc:", 4) == 0 ? "password-file=FILE, head=N"
							      : "head=N");
}

/* Cuts the words behind commas off `text`. */
static int parse_extras(const char *option, char *text, struct extras *extras,
			struct pg_problem *problem)
{
	char *rest = text;
	int error = 0;

	*extras = (struct extras){.head = -1};
	strsep(&rest, ",");
	while (rest && !error)
		error = parse_extra(option, strsep(&rest, ","), extras, problem);
	return error;
}

static int parse_vnc(const char *option, char *text, const struct extras *extras,
		     struct pg_vnc_options *options, struct pg_problem *problem)
{
	unsigned long number;
	char *colon;

	*options = (struct pg_vnc_options){
		.address = "127.0.0.1",
		.password_file = extras->password_file,
		.head = extras->head,
	};
	if (strncmp(text, "unix:", 5) == 0) {
		options->path = text + 5;
		return 0;
	}
	options->port = text;
	colon = strrchr(text, ':');
	if (colon) {
		*colon = 0;
		options->port = colon + 1;
		options->address = text;
		if (text[0] == '[' && colon[-1] == ']') {
			colon[-1] = 0;
			options->address = text + 1;
		}
	}
	if (!parse_number(options->port, 1, 65535, &number))
		return pg_problem_set(problem, -EINVAL,
				      "--display=%s: wanted vnc:PORT, vnc:ADDRESS:PORT or "
				      "vnc:unix:PATH; a port is a number from 1 to 65535 (5900 is "
				      "usual)",
				      option);
	return 0;
}

static int parse_y4m(const char *option, char *text, const struct extras *extras,
		     struct pg_y4m_options *options, struct pg_problem *problem)
{
	char *at = strrchr(text, '@');
	unsigned long fps = 30;

	if (at) {
		if (!parse_number(at + 1, 1, 1000, &fps))
			return pg_problem_set(problem, -EINVAL,
					      "--display=%s: wanted y4m:FILE@FPS with 1 to 1000 "
					      "frames a second, not \"%s\"",
					      option, at + 1);
		*at = 0;
	}
	if (!*text)
		return pg_problem_set(problem, -EINVAL, "--display=%s: y4m needs a file: y4m:FILE",
				      option);
	*options = (struct pg_y4m_options){
		.path = text,
		.head = extras->head < 0 ? 0 : (uint32_t)extras->head,
		.fps = (uint32_t)fps,
	};
	return 0;
}

int pg_y4m_create(struct pg_loop *loop, const struct pg_logger *logger,
		  const struct pg_y4m_options *options, struct pg_display **out,
		  struct pg_problem *problem)
{
	/* on the stack: the capture's process has its own copy */
	struct pg_y4m_settings settings = {
		.logger = logger,
		.head = options->head,
		.fps = options->fps,
	};
	struct pg_viewer_plan plan = {
		.name = "the Y4M capture",
		.main = pg_y4m_capture,
		.data = &settings,
	};
	/* non-blocking so that a pipe that nobody reads can't stop us here */
	/* NOLINTNEXTLINE(android-cloexec-open): it is there, the check overlooks it before a mode */
	int fd = open(options->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);
	int error;

	if (fd < 0 && errno == ENXIO)
		return pg_problem_set(problem, -ENXIO,
				      "nobody reads the pipe %s: start the reader first",
				      options->path);
	if (fd < 0)
		return pg_problem_set(problem, -errno, "the capture can't write %s: %s",
				      options->path, strerror(errno));
	if (fcntl(fd, F_SETFL, 0) < 0) {
		error = -errno;
		pg_close(&fd);
		return pg_problem_set(problem, error, "%s: %s", options->path, strerror(-error));
	}
	snprintf(settings.path, sizeof(settings.path), "%s", options->path);
	error = pg_viewer_create(loop, logger, &plan, &fd, out);
	if (error)
		return pg_problem_set(problem, error, "the capture can't start: %s",
				      strerror(-error));
	return 0;
}

const char *pg_display_kinds(void)
{
	char path[PATH_MAX];

	return pg_vnc_find(PG_VNC_SELF, path) ? "vnc, y4m"
					      : "y4m (no vnc: " PG_VNC_PROGRAM " is not installed)";
}

static int create(const char *option, char *text, struct pg_loop *loop,
		  const struct pg_logger *logger, struct pg_display **out,
		  struct pg_problem *problem)
{
	struct extras extras;
	struct pg_vnc_options vnc = {0};
	struct pg_y4m_options y4m = {.path = ""};
	int error;

	if (strncmp(text, "vnc:", 4) != 0 && strncmp(text, "y4m:", 4) != 0)
		return pg_problem_set(problem, -EINVAL,
				      "--display=%s: wanted vnc:PORT, vnc:unix:PATH or "
				      "y4m:FILE[@FPS]",
				      option);
	error = parse_extras(option, text, &extras, problem);
	if (error)
		return error;
	if (text[0] == 'v') {
		error = parse_vnc(option, text + 4, &extras, &vnc, problem);
		return error ? error : pg_vnc_create(loop, logger, &vnc, out, problem);
	}
	error = parse_y4m(option, text + 4, &extras, &y4m, problem);
	return error ? error : pg_y4m_create(loop, logger, &y4m, out, problem);
}

int pg_display_from_option(const char *option, struct pg_loop *loop, const struct pg_logger *logger,
			   struct pg_display **out, struct pg_problem *problem)
{
	char *text = strdup(option);
	int error;

	if (!text)
		return pg_problem_set(problem, -ENOMEM, "no memory");
	error = create(option, text, loop, logger, out, problem);
	free(text);
	return error;
}
