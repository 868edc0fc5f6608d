/* SPDX-License-Identifier: MIT */
/* What the user asked of `paragpu run`; see run.h. */
#include "cli/run.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"

static const char *set_frontend(void *target, const char *value)
{
	static const char *const names[] = {"auto", "generic", "gpu", "vga"};
	struct pg_run_options *options = target;

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i], value)) {
			options->frontend = (enum pg_run_frontend)i;
			return NULL;
		}
	}
	return "the front ends are auto, generic, gpu and vga";
}

static const char *set_qemu(void *target, const char *value)
{
	struct pg_run_options *options = target;

	options->qemu = value;
	return *value ? NULL : "the path is empty";
}

static const char *set_paragpud(void *target, const char *value)
{
	struct pg_run_options *options = target;

	options->paragpud = value;
	return *value ? NULL : "the path is empty";
}

static const char *set_name(void *target, const char *value)
{
	struct pg_run_options *options = target;

	options->name = value;
	if (!*value || strchr(value, '/') || *value == '.' || strlen(value) > 32)
		return "a name has 1 to 32 characters, no slash, and no dot in front";
	return NULL;
}

static const char *set_dry_run(void *target, const char *value)
{
	struct pg_run_options *options = target;

	(void)value;
	options->dry_run = true;
	return NULL;
}

static const char *set_help(void *target, const char *value)
{
	struct pg_run_options *options = target;

	(void)value;
	options->help = true;
	return NULL;
}

static const struct pg_option table[] = {
	{"frontend", "KIND", "auto",
	 "how QEMU attaches the device: generic (all features, our\n"
	 "display), gpu or vga (2D, QEMU's own display)",
	 set_frontend},
	{"qemu", "PATH", NULL, "the QEMU to run; default: this machine's qemu-system-ARCH",
	 set_qemu},
	{"paragpud", "PATH", NULL, "the paragpud to run; default: the one beside paragpu",
	 set_paragpud},
	{"name", "NAME", NULL, "what the other commands call this device; default: vm-PID",
	 set_name},
	{"dry-run", NULL, NULL, "print the two command lines and start nothing", set_dry_run},
	{"help", NULL, NULL, "print this text and end", set_help},
	{NULL, NULL, NULL, NULL, NULL},
};

/* Options of paragpud that `run` gives itself, or that make no sense here. */
static const char *const kept[] = {
	"socket-path", "fd", "control", "once", "print-capabilities", "help", "version",
};

static bool passes_through(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strlen(kept[i]) == length && !memcmp(kept[i], name, length))
			return false;
	return pg_options_find(pg_daemon_option_table, name, length);
}

/* Reads argv[*index] and moves behind it. */
static int parse_one(struct pg_run_options *options, int argc, char **argv, int *index,
		     char *problem, size_t problem_size)
{
	const char *name = argv[*index] + 2;
	int first = *index;
	int error;

	if (!passes_through(name, strcspn(name, "=")))
		return pg_options_parse_one(table, options, argc, argv, index, problem,
					    problem_size);
	error = pg_options_parse_one(pg_daemon_option_table, &options->daemon, argc, argv, index,
				     problem, problem_size);
	if (!error)
		pg_words_append(&options->daemon_words, argv + first, (size_t)(*index - first));
	return error;
}

int pg_run_options_parse(struct pg_run_options *options, int argc, char **argv, char *problem,
			 size_t problem_size)
{
	int index = 1;

	*options = (struct pg_run_options){0};
	pg_options_init(table, options);
	pg_daemon_options_init(&options->daemon);
	for (; index < argc;) {
		if (!strcmp(argv[index], "--")) {
			index++;
			break;
		}
		if (strncmp(argv[index], "--", 2)) {
			snprintf(problem, problem_size,
				 "\"%s\": QEMU's options stand behind --, such as paragpu run -- "
				 "-m 2G "
				 "-drive file=disk.qcow2",
				 argv[index]);
			return -EINVAL;
		}
		if (parse_one(options, argc, argv, &index, problem, problem_size) < 0)
			return -EINVAL;
	}
	options->qemu_words = argv + index;
	options->qemu_count = argc - index;
	return 0;
}

void pg_run_options_finish(struct pg_run_options *options)
{
	pg_words_finish(&options->daemon_words);
}

void pg_run_print_help(FILE *stream)
{
	fputs("usage: paragpu run [OPTION…] [-- QEMU-OPTION…]\n\n"
	      "Starts paragpud and QEMU with it as GPU, and ends both together. The exit status\n"
	      "is QEMU's. What QEMU-OPTIONs say about memory, machine, accelerator, CPU and\n"
	      "display holds; what they leave open is filled in.\n\n",
	      stream);
	pg_options_print(table, stream);
	fputs("\nOptions of paragpud, handed to it:\n\n", stream);
	for (const struct pg_option *option = pg_daemon_option_table; option->name; option++) {
		struct pg_option one[2] = {*option};

		if (passes_through(option->name, strlen(option->name)))
			pg_options_print(one, stream);
	}
}
