/* SPDX-License-Identifier: MIT */
/* Guest memory that goes away under us; see memory_fault.h. */
#include "daemon/memory_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

/* A signal has no data of ours. */
/* NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables) */
static struct {
	int event_fd;
	size_t page;
	struct pg_watch watch;
	pg_loop_callback lost; /* NULL: not initialised */
	void *data;
} state;
/* NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables) */

/* --- in the handler: only what is safe there (signal-safety(7)) ---------------------------------- */

static bool parse_hex(const char **text, const char *end, uintptr_t *value)
{
	const char *from = *text;

	for (*value = 0; *text < end; ++*text) {
		char c = **text;

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (uintptr_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (uintptr_t)(c - 'a' + 10);
		else
			break;
	}
	return *text > from;
}

/* "START-END rw-s …": whether the line is about `address`, and where a mapping of guests ends. */
static bool parse_line(const char *line, const char *end, uintptr_t address, uintptr_t *mapping_end)
{
	uintptr_t start, stop;

	if (!parse_hex(&line, end, &start) || line == end || *line != '-')
		return false;
	line++;
	if (!parse_hex(&line, end, &stop) || address < start || address >= stop)
		return false;
	if (end - line >= 5 && line[1] == 'r' && line[2] == 'w' && line[4] == 's')
		*mapping_end = stop;
	return true;
}

size_t pg_memory_fault_parse(const char *text, size_t size, uintptr_t address, uintptr_t *end)
{
	const char *line = text, *stop;

	*end = 0;
	while ((stop = memchr(line, '\n', size - (size_t)(line - text)))) {
		if (parse_line(line, stop, address, end))
			break;
		line = stop + 1;
	}
	return (size_t)(line - text);
}

/* Where the mapping of `address` ends; 0 if it is none that a front end gave us. */
static uintptr_t mapping_end(uintptr_t address)
{
	char text[4096];
	size_t have = 0;
	uintptr_t end = 0;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t count;

	if (fd < 0)
		return 0;
	while (!end && have < sizeof(text) &&
	       (count = read(fd, text + have, sizeof(text) - have)) > 0) {
		size_t done;

		have += (size_t)count;
		done = pg_memory_fault_parse(text, have, address, &end);
		have -= done;
		memmove(text, text + done, have);
	}
	close(fd);
	return end;
}

static bool replace(uintptr_t address)
{
	uintptr_t start = address & ~(uintptr_t)(state.page - 1);
	uintptr_t end = mapping_end(address);
	void *place = (void *)start; /* NOLINT(performance-no-int-to-ptr): the kernel's word */

	/* What lies behind the end of a file is gone to the end of the mapping. */
	return end > start &&
	       mmap(place, end - start, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == place;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR || !replace((uintptr_t)info->si_addr)) {
		/* Not ours to mend: the access is repeated and ends the process. */
		signal(number, SIG_DFL);
	} else if (write(state.event_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0) {
		/* It is full: the loop knows. */
	}
	errno = saved;
}

/* --- in the loop --------------------------------------------------------------------------------- */

static void on_event(void *data, uint32_t events)
{
	uint64_t count;

	(void)data;
	(void)events;
	if (read(state.event_fd, &count, sizeof(count)) == sizeof(count))
		state.lost(state.data);
}

int pg_memory_fault_init(struct pg_loop *loop, pg_loop_callback lost, void *data)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART};
	int error;

	state.page = (size_t)sysconf(_SC_PAGESIZE);
	state.lost = lost;
	state.data = data;
	state.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = state.event_fd < 0 ? -errno : 0;
	if (!error)
		error = pg_watch_add(loop, &state.watch, state.event_fd, EPOLLIN, on_event, NULL);
	if (!error && sigaction(SIGBUS, &action, NULL) < 0)
		error = -errno;
	if (error)
		pg_memory_fault_finish();
	return error;
}

void pg_memory_fault_finish(void)
{
	if (!state.lost)
		return;
	signal(SIGBUS, SIG_DFL);
	pg_watch_remove(&state.watch);
	pg_close(&state.event_fd);
	state.lost = NULL;
}
