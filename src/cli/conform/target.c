/* SPDX-License-Identifier: MIT */
/*
 * The back end under test: one that listens already, or one that we start
 * anew for each rule, with its output kept so that a report can quote its end.
 * Its command line is the user's and trusted; its behaviour is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "cli/conform/conform.h"

#define END_WAIT_MS 3000
#define DEATH_WAIT_MS 300

int pg_target_init(struct pg_target *target, const struct pg_conform_options *options)
{
	memset(target, 0, sizeof(*target));
	target->options = options;
	if (!options->command) {
		snprintf(target->socket, sizeof(target->socket), "%s", options->socket);
		return 0;
	}
	snprintf(target->directory, sizeof(target->directory), "/tmp/paragpu-conform-XXXXXX");
	if (!mkdtemp(target->directory)) {
		target->directory[0] = 0;
		return -errno;
	}
	snprintf(target->socket, sizeof(target->socket), "%s/socket", target->directory);
	return 0;
}

static void output_path(const struct pg_target *target, char *path, size_t size)
{
	snprintf(path, size, "%s/output", target->directory);
}

void pg_target_finish(struct pg_target *target)
{
	char path[128];

	if (!target->directory[0])
		return;
	output_path(target, path, sizeof(path));
	unlink(path);
	unlink(target->socket);
	rmdir(target->directory);
}

/* `argument` with "{socket}" replaced; the caller frees it. */
static char *expand(const struct pg_target *target, const char *argument)
{
	const char *mark = strstr(argument, "{socket}");
	char *expanded = NULL;

	if (!mark)
		return strdup(argument);
	if (asprintf(&expanded, "%.*s%s%s", (int)(mark - argument), argument, target->socket,
		     mark + strlen("{socket}")) < 0)
		return NULL;
	return expanded;
}

/* In the child: never returns. */
static _Noreturn void become(const struct pg_target *target)
{
	char *const *command = target->options->command;
	char path[128];
	size_t count = 0;
	char **arguments;
	int fd;

	while (command[count])
		count++;
	arguments = calloc(count + 1, sizeof(*arguments));
	for (size_t i = 0; arguments && i < count; i++)
		arguments[i] = expand(target, command[i]);
	output_path(target, path, sizeof(path));
	fd = openat(AT_FDCWD, path, O_CLOEXEC | O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0 && arguments &&
	    arguments[0])
		execvp(arguments[0], arguments);
	fprintf(stderr, "cannot run %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

int pg_target_start(struct pg_target *target)
{
	if (!target->options->command)
		return 0;
	unlink(target->socket);
	target->ended = false;
	target->pid = fork();
	if (target->pid < 0) {
		target->pid = 0;
		return -errno;
	}
	if (!target->pid)
		become(target);
	return 0;
}

static bool reap(struct pg_target *target, uint32_t wait_ms)
{
	uint64_t deadline = pg_now_ns() + (uint64_t)wait_ms * 1000000;

	while (target->pid && !target->ended) {
		struct timespec pause = {.tv_nsec = 2000000};

		if (waitpid(target->pid, &target->status, WNOHANG) == target->pid) {
			target->ended = true;
			break;
		}
		if (pg_now_ns() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return target->ended;
}

/* The line of the output that says most: a sanitizer's or an assertion's, else the last one. */
static void quote_output(const struct pg_target *target, char *text, size_t size)
{
	char path[128], line[240];
	FILE *file;

	text[0] = 0;
	output_path(target, path, sizeof(path));
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0])
			snprintf(text, size, ": %.180s", line);
		if (strstr(line, "ERROR: ") || strstr(line, "runtime error") ||
		    strstr(line, "assertion") || strstr(line, "Assertion"))
			break;
	}
	fclose(file);
}

static void describe_end(const struct pg_target *target, char *how, size_t size)
{
	char quote[200];

	quote_output(target, quote, sizeof(quote));
	if (WIFSIGNALED(target->status))
		snprintf(how, size, "signal %d (%s)%s", WTERMSIG(target->status),
			 strsignal(WTERMSIG(target->status)), quote);
	else
		snprintf(how, size, "exit status %d%s", WEXITSTATUS(target->status), quote);
}

bool pg_target_died(struct pg_target *target, char *how, size_t size)
{
	how[0] = 0;
	if (!target->pid || !reap(target, DEATH_WAIT_MS))
		return false;
	describe_end(target, how, size);
	return true;
}

int pg_target_stop(struct pg_target *target, bool strict, char *why, size_t size)
{
	bool by_itself;
	int code = 0;

	if (!target->pid)
		return 0;
	by_itself = reap(target, 0);
	if (!by_itself)
		kill(target->pid, SIGTERM);
	if (!reap(target, END_WAIT_MS)) {
		kill(target->pid, SIGKILL);
		waitpid(target->pid, &target->status, 0);
		snprintf(why, size, "the back end did not end within %d ms after SIGTERM",
			 END_WAIT_MS);
		code = strict ? -1 : 0;
	} else if ((WIFSIGNALED(target->status) && WTERMSIG(target->status) != SIGTERM) ||
		   (strict && (!WIFEXITED(target->status) || WEXITSTATUS(target->status)))) {
		char how[320];

		describe_end(target, how, sizeof(how));
		snprintf(why, size, "the back end ended with %s", how);
		code = -1;
	}
	target->pid = 0;
	return code;
}

const struct pg_fe_settings *pg_run_settings(const struct pg_run *run)
{
	return &run->settings;
}

struct pg_fe *pg_run_connect(struct pg_run *run, const struct pg_fe_settings *settings)
{
	struct pg_fe *fe;
	char how[320];
	int error;

	error = pg_fe_connect(settings, run->target->socket, &fe);
	if (!error)
		return fe;
	if (pg_target_died(run->target, how, sizeof(how)))
		pg_run_fail(run, "the back end died: %s", how);
	else
		pg_run_fail(run, "cannot connect to %s: %s", run->target->socket, strerror(-error));
	return NULL;
}

/* Whether it has ended in good order because its only connection is gone. */
static bool has_left(const struct pg_run *run)
{
	return !run->options->strict && run->target->ended && WIFEXITED(run->target->status) &&
	       !WEXITSTATUS(run->target->status);
}

/* A second connection, brought up: 0 and run->fe; or the back end has ended, or a failure is noted. */
static void connect_again(struct pg_run *run)
{
	struct pg_fe_settings settings = run->settings;
	uint64_t deadline = pg_now_ns() + (uint64_t)run->settings.timeout_ms * 1000000;
	int error;

	pg_fe_destroy(run->fe);
	run->fe = NULL;
	settings.connect_timeout_ms = 0;
	do {
		if (reap(run->target, 5))
			return;
		error = pg_fe_connect(&settings, run->target->socket, &run->fe);
	} while (error && pg_now_ns() < deadline);
	if (error)
		pg_run_fail(run, "no second connection to %s: %s", run->target->socket,
			    strerror(-error));
	else if (pg_fe_bring_up(run->fe) && !reap(run->target, DEATH_WAIT_MS))
		pg_run_fail(run, "the second connection does not come up: %s",
			    pg_fe_error(run->fe));
}

static void note_end(struct pg_run *run)
{
	char how[320];

	if (!run->target->ended)
		return;
	describe_end(run->target, how, sizeof(how));
	pg_run_fail(run, "the back end died: %s", how);
}

struct pg_fe *pg_run_reconnect(struct pg_run *run)
{
	connect_again(run);
	if (has_left(run))
		pg_run_skip(run, "takes one connection only");
	note_end(run);
	return pg_run_failed(run) ? NULL : run->fe;
}

void pg_run_survives(struct pg_run *run, enum pg_culprit culprit)
{
	connect_again(run);
	if (has_left(run))
		return;
	if (culprit == PG_VMM && !run->options->strict && run->target->ended &&
	    WIFEXITED(run->target->status))
		return;
	note_end(run);
	if (!pg_run_failed(run))
		pg_want_alive(run, run->fe);
}
