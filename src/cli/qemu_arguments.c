/* SPDX-License-Identifier: MIT */
/*
 * What the user's QEMU options settle; see qemu.h. QEMU's own parser decides
 * what they mean: this one looks only for what run.c would otherwise add, and
 * lets everything else pass unread.
 */
#include "cli/qemu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "daemon/option_table.h"

/* The options that take no value; all others take one, the next word. */
static const char *const bare[] = {
	"h",
	"help",
	"version",
	"enable-kvm",
	"snapshot",
	"nographic",
	"no-reboot",
	"no-shutdown",
	"nodefaults",
	"S",
	"s",
	"daemonize",
	"full-screen",
	"usb",
	"portrait",
	"no-acpi",
	"no-hpet",
	"no-fd-bootchk",
	"preconfig",
	"mem-prealloc",
	"nouserconfig",
	"no-user-config",
	"only-migratable",
	"xen-attach",
	"win2k-hack",
	"singlestep",
	"one-insn-per-tb",
	"sdl",
	"gtk",
	"curses",
	"enable-fips",
	"no-quit",
	"alt-grab",
	"ctrl-grab",
	"semihosting",
	"old-param",
	"xen-domid-restrict",
};

/*
 * Finds `key` in "first,key=value,…", where ",," is a comma of a value. An empty
 * `key` finds a first part without "=". Copies the value, cut at `size`, if
 * `value` is not NULL.
 */
static bool find_key(const char *text, const char *key, char *value, size_t size)
{
	bool first = true;

	while (*text) {
		const char *end = text;
		size_t name = strcspn(text, "=,");
		size_t skip;

		while (*end && (*end != ',' || end[1] == ','))
			end += *end == ',' ? 2 : 1;
		skip = text[name] == '=' ? name + 1 : 0;
		if (skip ? strlen(key) == name && !memcmp(text, key, name) : first && !*key) {
			if (value)
				snprintf(value, size, "%.*s", (int)(end - text - (long)skip),
					 text + skip);
			return true;
		}
		first = false;
		text = *end ? end + 1 : end;
	}
	return false;
}

/* A size as QEMU reads it, in MiB unless it says otherwise; fractions like 1.5G included. */
static bool read_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "BKMGTPE";
	const char *unit;
	double number;
	char *end;
	int shift = 20;

	if (*text < '0' || *text > '9')
		return false;
	number = strtod(text, &end);
	if (*end) {
		unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
		if (!unit || end[1])
			return false;
		shift = 10 * (int)(unit - units); /* E: 60 */
	}
	number *= (double)(1ull << shift);
	if (!(number >= 1) || number >= (double)(1ull << 60))
		return false;
	*bytes = (uint64_t)number;
	/* as QEMU does */
	*bytes = (*bytes + 8191) & ~(uint64_t)8191;
	return true;
}

static int read_memory(struct pg_qemu_arguments *arguments, const char *value, char *problem,
		       size_t problem_size)
{
	char size[64];

	if (!find_key(value, "size", size, sizeof(size)) &&
	    !find_key(value, "", size, sizeof(size)))
		return 0; /* only slots= or maxmem= */
	if (!read_size(size, &arguments->memory_bytes)) {
		snprintf(problem, problem_size,
			 "-m %s: \"%s\" is not an amount of memory; give a number with M or G, "
			 "such as "
			 "2G",
			 value, size);
		return -EINVAL;
	}
	arguments->memory = true;
	return 0;
}

static void read_machine(struct pg_qemu_arguments *arguments, const char *value)
{
	if (find_key(value, "", NULL, 0) || find_key(value, "type", NULL, 0))
		arguments->machine = true;
	if (find_key(value, "accel", NULL, 0))
		arguments->accelerator = true;
	find_key(value, "memory-backend", arguments->backend, sizeof(arguments->backend));
}

/* Is this -object the memory backend that the machine uses, and is it shared? */
static void read_object(struct pg_qemu_arguments *arguments, const char *value)
{
	json_t *object = *value == '{' ? json_loads(value, 0, NULL) : NULL;
	const char *name = json_string_value(json_object_get(object, "id"));
	char id[64] = "", share[8] = "", type[64] = "";

	if (object) {
		snprintf(id, sizeof(id), "%s", name ? name : "");
		snprintf(share, sizeof(share), "%s",
			 json_is_true(json_object_get(object, "share")) ? "on" : "");
		name = json_string_value(json_object_get(object, "qom-type"));
		snprintf(type, sizeof(type), "%s", name ? name : "");
	} else {
		find_key(value, "id", id, sizeof(id));
		find_key(value, "share", share, sizeof(share));
		find_key(value, "", type, sizeof(type));
	}
	json_decref(object);
	if (!*id || strcmp(id, arguments->backend))
		return;
	arguments->backend_defined = true;
	/* memory-backend-shm is shared by its nature, memfd's default is on */
	arguments->backend_shared = !strcmp(share, "on") || !strcmp(share, "yes") ||
				    !strcmp(share, "true") ||
				    (!*share && (!strcmp(type, "memory-backend-shm") ||
						 !strcmp(type, "memory-backend-memfd")));
}

static bool takes_value(const char *name)
{
	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
		if (!strcmp(bare[i], name))
			return false;
	return true;
}

static bool is_one_of(const char *name, const char *a, const char *b, const char *c)
{
	return !strcmp(name, a) || !strcmp(name, b) || !strcmp(name, c);
}

static int read_one(struct pg_qemu_arguments *arguments, const char *name, const char *value,
		    char *problem, size_t problem_size)
{
	if (is_one_of(name, "m", "m", "m"))
		return read_memory(arguments, value, problem, problem_size);
	if (is_one_of(name, "machine", "M", "M"))
		read_machine(arguments, value);
	else if (is_one_of(name, "accel", "enable-kvm", "enable-kvm"))
		arguments->accelerator = true;
	else if (!strcmp(name, "cpu"))
		arguments->cpu = true;
	else if (is_one_of(name, "display", "nographic", "vnc") ||
		 is_one_of(name, "spice", "sdl", "gtk") || !strcmp(name, "curses"))
		arguments->display = true;
	else if (!strcmp(name, "vga"))
		arguments->vga = true;
	else if (!strcmp(name, "daemonize"))
		arguments->daemonize = true;
	else if (is_one_of(name, "h", "help", "version"))
		arguments->only_asks = true;
	else if (!strcmp(name, "numa") && strstr(value, "memdev="))
		arguments->numa_memory = true;
	/* "-device help", "-machine help", … */
	if (!strcmp(value, "help") || !strcmp(value, "?"))
		arguments->only_asks = true;
	return 0;
}

/* Calls for each option. `objects` selects -object, which needs the machine's to be known, or the others. */
static int read_pass(struct pg_qemu_arguments *arguments, int argc, char *const *argv, bool objects,
		     char *problem, size_t problem_size)
{
	for (int i = 0; i < argc; i++) {
		const char *name = argv[i], *value = "";
		int error = 0;

		if (*name != '-' || !name[1])
			continue; /* a disk image */
		name += name[1] == '-' ? 2 : 1;
		if (takes_value(name) && i + 1 < argc)
			value = argv[++i];
		if (objects && !strcmp(name, "object"))
			read_object(arguments, value);
		else if (!objects)
			error = read_one(arguments, name, value, problem, problem_size);
		if (error)
			return error;
	}
	return 0;
}

int pg_qemu_read_arguments(struct pg_qemu_arguments *arguments, int argc, char *const *argv,
			   char *problem, size_t problem_size)
{
	int error;

	*arguments = (struct pg_qemu_arguments){0};
	error = read_pass(arguments, argc, argv, false, problem, problem_size);
	if (!error && *arguments->backend)
		error = read_pass(arguments, argc, argv, true, problem, problem_size);
	return error;
}
