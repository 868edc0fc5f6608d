/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of paragpu, each in a file of its own: argv[0] is the
 * subcommand's name, the result the exit status.
 */
#ifndef PG_CLI_COMMANDS_H
#define PG_CLI_COMMANDS_H

/* Exit statuses, beside QEMU's for `run`. */
#define PG_EXIT_OK 0
#define PG_EXIT_FAILED 1 /* what was asked could not be done */
#define PG_EXIT_USAGE 2  /* the command line is wrong */

int pg_cli_run(int argc, char **argv);
int pg_cli_inspect(int argc, char **argv);
int pg_cli_screenshot(int argc, char **argv);
int pg_cli_resize(int argc, char **argv);
int pg_cli_connect(int argc, char **argv);
int pg_cli_disconnect(int argc, char **argv);
int pg_cli_trace(int argc, char **argv);
int pg_cli_conform(int argc, char **argv);
int pg_cli_bench(int argc, char **argv);

#endif
