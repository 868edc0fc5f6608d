/* SPDX-License-Identifier: MIT */
/*
 * What the installed QEMU can do for us, asked of the program itself, and what
 * the user's QEMU options say already. Neither judges: run.c does.
 */
#ifndef PG_CLI_QEMU_H
#define PG_CLI_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_qemu {
	const char *path; /* as given */
	unsigned int major, minor, micro;
	bool has_generic; /* vhost-user-test-device-pci */
	bool has_gpu;     /* vhost-user-gpu-pci */
	bool has_vga;     /* vhost-user-vga */
	bool has_sdl, has_gtk;
};

/* Asks the QEMU at `path`. Returns 0, or a negative errno and a message for people. */
int pg_qemu_probe(struct pg_qemu *qemu, const char *path, char *problem, size_t problem_size);

static inline bool pg_qemu_at_least(const struct pg_qemu *qemu, unsigned int major,
				    unsigned int minor)
{
	return qemu->major > major || (qemu->major == major && qemu->minor >= minor);
}

/* Which machine a QEMU program emulates, "x86_64", by its name; "" if that does not say. */
const char *pg_qemu_architecture(const char *path);

/* What the user's options settle. */
struct pg_qemu_arguments {
	bool memory;           /* -m was given */
	uint64_t memory_bytes; /* then how much it says */
	bool machine;          /* a machine type was chosen */
	char backend[64];      /* -machine memory-backend=; "": none */
	bool backend_defined;  /* an -object of that id was seen */
	bool backend_shared;   /* and it is shared */
	bool numa_memory;      /* -numa node,memdev= */
	bool accelerator;
	bool cpu;
	bool display;
	bool vga;
	bool daemonize;
	bool only_asks; /* -help, -version: no machine will start */
};

/* Reads them. Returns 0, or -EINVAL and a message for people. */
int pg_qemu_read_arguments(struct pg_qemu_arguments *arguments, int argc, char *const *argv,
			   char *problem, size_t problem_size);

#endif
