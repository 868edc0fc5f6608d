/* SPDX-License-Identifier: MIT */
/* Starting and ending the back ends that are measured, and what the kernel says of them. */
#include "cli/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"

static _Noreturn void become(const struct pg_bench_subject *subject)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0)
		execvp(subject->command[0], subject->command);
	_exit(127);
}

/* The command's words with {socket} replaced, in place. */
static int fill_socket(struct pg_bench_subject *subject)
{
	snprintf(subject->directory, sizeof(subject->directory), "/tmp/paragpu-bench-XXXXXX");
	if (!mkdtemp(subject->directory))
		return -errno;
	snprintf(subject->socket, sizeof(subject->socket), "%s/socket", subject->directory);
	for (char **word = subject->command; *word; word++) {
		char *mark = strstr(*word, "{socket}");
		char *filled;

		if (!mark)
			continue;
		if (asprintf(&filled, "%.*s%s%s", (int)(mark - *word), *word, subject->socket,
			     mark + strlen("{socket}")) < 0)
			return -ENOMEM;
		*word = filled;
	}
	return 0;
}

int pg_bench_subject_start(struct pg_bench_run *run, struct pg_bench_subject *subject)
{
	struct virtio_gpu_resp_display_info info;
	struct pg_fe_settings settings;
	uint64_t start = pg_now_ns();
	int error = subject->directory[0] ? 0 : fill_socket(subject);

	(void)run;
	if (error)
		return error;
	pg_fe_settings_init(&settings);
	settings.timeout_ms = 60000;
	settings.display_features = 1ull << VHOST_USER_GPU_PROTOCOL_F_EDID;
	settings.regions[0].size = 1ull << 30;
	settings.regions[1].size = 1ull << 30;
	unlink(subject->socket);
	subject->pid = fork();
	if (subject->pid < 0)
		return -errno;
	if (!subject->pid)
		become(subject);
	error = pg_fe_connect(&settings, subject->socket, &subject->fe);
	subject->startup_ms = (double)(pg_now_ns() - start) / 1e6;
	if (!error)
		error = pg_fe_bring_up(subject->fe);
	if (!error && pg_fe_get_display_info(subject->fe, &info) < 0)
		error = -EPROTO;
	subject->first_answer_ms = (double)(pg_now_ns() - start) / 1e6;
	if (!error && clock_getcpuclockid(subject->pid, &subject->cpu_clock))
		error = -ESRCH;
	if (!error) /* blocking, so that a wait is one system call; see request.c */
		error = fcntl(subject->fe->queues[0].call, F_SETFL, 0) ? -errno : 0;
	return error;
}

void pg_bench_subject_stop(struct pg_bench_subject *subject)
{
	pg_fe_destroy(subject->fe);
	subject->fe = NULL;
	if (subject->pid > 0) {
		kill(subject->pid, SIGTERM);
		waitpid(subject->pid, NULL, 0);
	}
	subject->pid = 0;
	unlink(subject->socket);
	if (subject->directory[0])
		rmdir(subject->directory);
	subject->directory[0] = 0;
}

uint64_t pg_bench_cpu_ns(const struct pg_bench_subject *subject)
{
	struct timespec used = {0};

	if (subject->pid > 0)
		clock_gettime(subject->cpu_clock, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

double pg_bench_status_kib(const struct pg_bench_subject *subject, const char *key)
{
	char path[64], line[256];
	double value = PG_BENCH_ABSENT;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)subject->pid);
	file = fopen(path, "re");
	if (!file)
		return value;
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, key, strlen(key)))
			value = strtod(line + strlen(key), NULL);
	}
	fclose(file);
	return value;
}
