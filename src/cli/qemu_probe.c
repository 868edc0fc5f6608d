/* SPDX-License-Identifier: MIT */
/* What the installed QEMU can do; see qemu.h. */
#include "cli/qemu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/process.h"

#define OUTPUT_SIZE ((size_t)256 << 10)

/* Runs "path first [second]" into `output`. */
static int ask(const char *path, const char *first, const char *second, char *output)
{
	char *argv[] = {(char *)path, (char *)first, (char *)second, NULL};

	*output = '\0';
	return pg_process_capture(argv, output, OUTPUT_SIZE);
}

static int fail(int error, const char *path, const char *question, char *problem, size_t size)
{
	if (error == -ENOENT)
		snprintf(problem, size,
			 "there is no %s; install QEMU (Debian: apt install qemu-system-x86), or "
			 "say "
			 "--qemu=PATH",
			 path);
	else if (error == -EIO)
		snprintf(problem, size, "\"%s %s\" fails; run it by hand to see why", path,
			 question);
	else
		snprintf(problem, size, "cannot run \"%s %s\": %s", path, question,
			 strerror(-error));
	return error;
}

/* Whether `list` has `word` as a word of its own. */
static bool has_word(const char *list, const char *word)
{
	static const char limits[] = " \t\r\n\"',";
	size_t length = strlen(word);

	for (const char *found = strstr(list, word); found; found = strstr(found + 1, word))
		if ((found == list || strchr(limits, found[-1])) && strchr(limits, found[length]))
			return true;
	return false;
}

static int probe(struct pg_qemu *qemu, char *output, char *problem, size_t size)
{
	static const char banner[] = "emulator version ";
	const char *version;
	int error = ask(qemu->path, "--version", NULL, output);

	if (error)
		return fail(error, qemu->path, "--version", problem, size);
	version = strstr(output, banner);
	if (!version || sscanf(version + strlen(banner), "%u.%u.%u", &qemu->major, &qemu->minor,
			       &qemu->micro) < 2) {
		snprintf(problem, size,
			 "%s does not say that it is QEMU: \"--version\" prints no \"%sN.N\"",
			 qemu->path, banner);
		return -EINVAL;
	}
	error = ask(qemu->path, "-device", "help", output);
	if (error)
		return fail(error, qemu->path, "-device help", problem, size);
	qemu->has_generic = has_word(output, "vhost-user-test-device-pci");
	qemu->has_gpu = has_word(output, "vhost-user-gpu-pci");
	qemu->has_vga = has_word(output, "vhost-user-vga");
	error = ask(qemu->path, "-display", "help", output);
	if (error)
		return fail(error, qemu->path, "-display help", problem, size);
	qemu->has_sdl = has_word(output, "sdl");
	qemu->has_gtk = has_word(output, "gtk");
	return 0;
}

int pg_qemu_probe(struct pg_qemu *qemu, const char *path, char *problem, size_t problem_size)
{
	char *output = malloc(OUTPUT_SIZE);
	int error = -ENOMEM;

	*qemu = (struct pg_qemu){.path = path};
	if (output)
		error = probe(qemu, output, problem, problem_size);
	else
		snprintf(problem, problem_size, "out of memory");
	free(output);
	return error;
}

const char *pg_qemu_architecture(const char *path)
{
	static const char prefix[] = "qemu-system-";
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return strncmp(name, prefix, strlen(prefix)) ? "" : name + strlen(prefix);
}
