/* SPDX-License-Identifier: MIT */
/* paragpud from its command line to its exit status; see daemon.h. */
#include "daemon/daemon.h"

#include <stdio.h>
#include <string.h>

#include "display/options.h"

static void print_help(void)
{
	fputs("usage: paragpud --socket-path=PATH | --fd=N [OPTION…]\n\n"
	      "A virtio-gpu device in a process of its own, for VMMs that speak vhost-user.\n"
	      "It stays in the foreground; SIGTERM ends it.\n\n",
	      stdout);
	pg_options_print(pg_daemon_option_table, stdout);
	fputs("\nPARAGPU_LOG=LEVEL[:MODULE][,…] in the environment chooses the messages: error, "
	      "warn,\n"
	      "info (default), debug, trace.\n"
	      "Exit status: 0 ended as asked; 1 could not start, or what was demanded cannot be "
	      "had;\n"
	      "2 wrong command line. See paragpud(1).\n",
	      stdout);
}

static void print_displays(void)
{
	printf("There are the displays %s:\n\n"
	       "  vnc:PORT, vnc:ADDRESS:PORT, vnc:unix:PATH\n"
	       "      VNC, on 127.0.0.1 if no address is given\n"
	       "      ,password-file=FILE  asks for the password in the first line of FILE\n"
	       "      ,head=N              shows head N alone\n"
	       "  y4m:FILE[@FPS]\n"
	       "      video of head 0 into FILE, which may be a pipe\n"
	       "      ,head=N              of head N\n",
	       pg_display_kinds());
}

static bool asks_for_displays(const struct pg_daemon_options *options)
{
	for (size_t i = 0; i < options->display_count; i++)
		if (!strcmp(options->displays[i], "help"))
			return true;
	return false;
}

int pg_daemon_main(int argc, char **argv)
{
	struct pg_daemon_options options;
	struct pg_daemon *daemon;
	char problem[512];
	int status;

	pg_daemon_options_init(&options);
	if (pg_daemon_options_parse(&options, argc, argv, problem, sizeof(problem)) < 0) {
		fprintf(stderr, "paragpud: %s\n", problem);
		return PG_DAEMON_USAGE;
	}
	if (options.print_capabilities)
		pg_daemon_print_capabilities(stdout);
	else if (options.help)
		print_help();
	else if (options.version)
		printf("paragpud %s\n", paragpu_version());
	else if (asks_for_displays(&options))
		print_displays();
	if (options.print_capabilities || options.help || options.version ||
	    asks_for_displays(&options))
		return fflush(stdout) || ferror(stdout) ? PG_DAEMON_FAILED : PG_DAEMON_OK;
	if (pg_daemon_create(&options, &daemon) < 0)
		return PG_DAEMON_FAILED;
	if (options.render_node && !options.renderer_count)
		pg_log(&daemon->logger, PG_LOG_WARN, "daemon",
		       "--render-node=%s is not used: no 3D renderer was asked for "
		       "(--renderer=virgl)",
		       options.render_node);
	pg_daemon_summarize(daemon);
	status = pg_daemon_run(daemon);
	pg_daemon_destroy(&daemon);
	return status;
}
