/* SPDX-License-Identifier: MIT */
/*
 * `paragpu run`: starts paragpud and QEMU, and ends them together. Neither
 * outlives us: both get a signal if we die.
 */
#include "cli/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "cli/commands.h"
#include "cli/process.h"

/* A guest's last words to its disks may take a while. */
#define QEMU_GRACE_MS 10000
#define DAEMON_GRACE_MS 3000
#define START_MS 10000

struct run {
	const struct pg_run_plan *plan;
	struct pg_process daemon;
	struct pg_process qemu;
	int signals;
};

static bool listens(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected;

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path)) {
		pg_close(&fd);
		return false;
	}
	memcpy(address.sun_path, path, strlen(path));
	connected = !connect(fd, (const struct sockaddr *)&address, sizeof(address));
	pg_close(&fd);
	return connected;
}

/*
 * Starts paragpud and waits until it listens: its control socket comes last.
 * Returns 0 or an exit status; the reason was printed.
 */
static int start_daemon(struct run *run)
{
	char *const *argv = run->plan->daemon.words;
	uint64_t end = pg_now_ns() + START_MS * 1000000ull;
	int error = pg_process_start(&run->daemon, argv, true);

	if (error) {
		fprintf(stderr, "paragpu: cannot start %s: %s; say --paragpud=PATH\n", argv[0],
			strerror(-error));
		return PG_EXIT_FAILED;
	}
	while (!listens(run->plan->control)) {
		struct pollfd ended = {.fd = run->daemon.fd, .events = POLLIN};

		poll(&ended, 1, 5);
		if (pg_process_ended(&run->daemon)) {
			fprintf(stderr,
				"paragpu: paragpud ended at once with status %d; it says why "
				"above\n",
				pg_process_exit_code(&run->daemon));
			return PG_EXIT_FAILED;
		}
		if (pg_now_ns() > end) {
			fprintf(stderr, "paragpu: paragpud does not listen on %s after %d s\n",
				run->plan->control, START_MS / 1000);
			return PG_EXIT_FAILED;
		}
	}
	return 0;
}

/* Hands a signal that means "end" to QEMU, which may shut the guest down. */
static void forward_signal(struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signals, &info, sizeof(info)) != sizeof(info))
		return;
	/* The terminal's interrupt key reached QEMU by itself, which may not want to end by it. */
	if (info.ssi_signo == SIGINT && info.ssi_code == SI_KERNEL)
		return;
	kill(run->qemu.pid, SIGTERM);
}

/* Until QEMU has ended. Returns the exit status. */
static int wait_for_end(struct run *run)
{
	for (;;) {
		struct pollfd poll_fds[] = {
			{.fd = run->qemu.fd, .events = POLLIN},
			{.fd = run->daemon.fd, .events = POLLIN},
			{.fd = run->signals, .events = POLLIN},
		};

		if (poll(poll_fds, 3, -1) < 0 && errno != EINTR)
			return PG_EXIT_FAILED;
		if (poll_fds[2].revents)
			forward_signal(run);
		if (pg_process_ended(&run->qemu))
			return pg_process_exit_code(&run->qemu);
		if (pg_process_ended(&run->daemon)) {
			pg_process_end(&run->qemu, QEMU_GRACE_MS);
			fprintf(stderr,
				"paragpu: paragpud ended with status %d, so QEMU was ended too\n",
				pg_process_exit_code(&run->daemon));
			return PG_EXIT_FAILED;
		}
	}
}

static int start_both(struct run *run)
{
	char *const *argv = run->plan->qemu.words;
	int error, status = start_daemon(run);

	if (status)
		return status;
	error = pg_process_start(&run->qemu, argv, false);
	if (error) {
		fprintf(stderr, "paragpu: cannot start %s: %s\n", argv[0], strerror(-error));
		return PG_EXIT_FAILED;
	}
	return wait_for_end(run);
}

static int execute(const struct pg_run_plan *plan)
{
	struct run run = {
		.plan = plan,
		.daemon = {.pid = -1, .fd = -1},
		.qemu = {.pid = -1, .fd = -1},
	};
	sigset_t ends;
	int status;

	if (!plan->daemon.count) { /* QEMU is only asked something */
		execvp(plan->qemu.words[0], plan->qemu.words);
		fprintf(stderr, "paragpu: cannot start %s: %s\n", plan->qemu.words[0],
			strerror(errno));
		return PG_EXIT_FAILED;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	run.signals = signalfd(-1, &ends, SFD_CLOEXEC);
	status = start_both(&run);
	pg_process_end(&run.qemu, QEMU_GRACE_MS);
	pg_process_end(&run.daemon, DAEMON_GRACE_MS);
	pg_close(&run.signals);
	return status;
}

int pg_cli_run(int argc, char **argv)
{
	struct pg_run_options options;
	struct pg_run_plan plan = {0};
	char problem[512];
	int status = PG_EXIT_OK;

	if (pg_run_options_parse(&options, argc, argv, problem, sizeof(problem)) < 0) {
		fprintf(stderr, "paragpu run: %s\n", problem);
		status = PG_EXIT_USAGE;
	} else if (options.help) {
		pg_run_print_help(stdout);
	} else if (pg_run_plan_make(&plan, &options, problem, sizeof(problem)) < 0) {
		fprintf(stderr, "paragpu run: %s\n", problem);
		status = PG_EXIT_FAILED;
	} else {
		for (size_t i = 0; i < plan.note_count; i++)
			fprintf(stderr, "paragpu run: %s\n", plan.notes[i]);
		if (options.dry_run) {
			if (plan.daemon.count)
				pg_words_print(&plan.daemon, stdout);
			pg_words_print(&plan.qemu, stdout);
		} else {
			status = execute(&plan);
		}
	}
	pg_run_plan_finish(&plan);
	pg_run_options_finish(&options);
	return status;
}
