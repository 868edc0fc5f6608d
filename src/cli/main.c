/* SPDX-License-Identifier: MIT */
/* paragpu: finds the subcommand and hands over. */
#include <stdio.h>
#include <string.h>

#include <paragpu/device.h>

#include "cli/commands.h"

struct subcommand {
	const char *name;
	const char *help; /* one line */
	int (*run)(int argc, char **argv);
};

static int run_help(int argc, char **argv);
static int run_version(int argc, char **argv);

static const struct subcommand subcommands[] = {
	{"run", "run QEMU with this GPU", pg_cli_run},
	{"inspect", "look inside a running device", pg_cli_inspect},
	{"screenshot", "write what a head shows to a PNG file", pg_cli_screenshot},
	{"resize", "give a head another size", pg_cli_resize},
	{"connect", "plug a head in", pg_cli_connect},
	{"disconnect", "pull a head out", pg_cli_disconnect},
	{"trace", "print each command that a running device executes", pg_cli_trace},
	{"conform", "check any vhost-user GPU back end against the rules", pg_cli_conform},
	{"bench", "measure vhost-user GPU back ends side by side", pg_cli_bench},
	{"help", "print this text", run_help},
	{"version", "print the version", run_version},
};

static int run_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("usage: paragpu COMMAND [ARGUMENT…]\n");
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		printf("  %-12s%s\n", subcommands[i].name, subcommands[i].help);
	puts("\n\"paragpu COMMAND --help\" says more, paragpu(1) everything.\n"
	     "Exit status: 0 done; 1 could not be done; 2 wrong command line; of run: QEMU's.");
	return ferror(stdout) ? PG_EXIT_FAILED : PG_EXIT_OK;
}

static int run_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("paragpu %s\n", paragpu_version());
	return PG_EXIT_OK;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		fputs("paragpu: say what to do; \"paragpu help\" lists the commands\n", stderr);
		return PG_EXIT_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	else if (!strcmp(name, "--version"))
		name = "version";
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (!strcmp(subcommands[i].name, name))
			return subcommands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "paragpu: there is no command \"%s\"; \"paragpu help\" lists them\n", name);
	return PG_EXIT_USAGE;
}
