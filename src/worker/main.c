/* SPDX-License-Identifier: MIT */
/*
 * paragpu-worker: one renderer in a process of its own. Started by the device
 * process, never by hand; a GPU driver that crashes takes down only this.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "renderer/memory/memory.h"
#include "worker/server.h"
#include "worker/spawn.h"
#ifdef PARAGPU_HAVE_VIRGL
#include "renderer/virgl/virgl.h"
#endif

struct arguments {
	const char *renderer;
	const char *render_node, *render_server, *library;
	int no_virgl, no_venus, no_drm, gles;
	int probe;
	int fd;
};

static int usage(const char *problem, const char *word)
{
	fprintf(stderr,
		"paragpu-worker: %s '%s'\n"
		"This program is started by paragpud. usage: paragpu-worker "
		"--renderer=virgl|memory "
		"--fd=%d\n"
		"  [--render-node=FILE] [--render-server=FILE] [--library=FILE]\n"
		"  [--no-virgl] [--no-venus] [--no-drm] [--gles] [--probe]\n",
		problem, word, PG_WORKER_FD);
	return 2;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
	const struct option options[] = {
		{"renderer", required_argument, NULL, 'r'},
		{"fd", required_argument, NULL, 'f'},
		{"render-node", required_argument, NULL, 'n'},
		{"render-server", required_argument, NULL, 's'},
		{"library", required_argument, NULL, 'l'},
		{"no-virgl", no_argument, &arguments->no_virgl, 1},
		{"no-venus", no_argument, &arguments->no_venus, 1},
		{"no-drm", no_argument, &arguments->no_drm, 1},
		{"gles", no_argument, &arguments->gles, 1},
		{"probe", no_argument, &arguments->probe, 1},
		{NULL, 0, NULL, 0},
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			arguments->renderer = optarg;
			break;
		case 'f':
			errno = 0;
			arguments->fd = (int)strtol(optarg, &end, 10);
			if (errno || *end || arguments->fd < 0)
				return usage("not a descriptor:", optarg);
			break;
		case 'n':
			arguments->render_node = optarg;
			break;
		case 's':
			arguments->render_server = optarg;
			break;
		case 'l':
			arguments->library = optarg;
			break;
		case 0:
			break;
		default:
			return usage("cannot understand", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return usage("cannot understand", argv[optind]);
	return arguments->fd < 0 && !arguments->probe ? usage("missing", "--fd") : 0;
}

static int create(const struct arguments *arguments, const struct pg_logger *log,
		  struct paragpu_renderer **renderer)
{
	const struct pg_memory_settings memory = pg_memory_defaults();
#ifdef PARAGPU_HAVE_VIRGL
	const struct pg_virgl_options options = {
		.log = log,
		.library = arguments->library,
		.render_server = arguments->render_server,
		.render_node = arguments->render_node,
		.no_virgl = arguments->no_virgl,
		.no_venus = arguments->no_venus,
		.no_drm = arguments->no_drm,
		.gles = arguments->gles,
	};

	if (!strcmp(arguments->renderer, "virgl"))
		return pg_virgl_create(&options, renderer);
#endif
	(void)log;
	if (!strcmp(arguments->renderer, "memory"))
		return pg_memory_renderer_create(&memory, renderer);
	return -EINVAL;
}

static void destroy(const struct arguments *arguments, struct paragpu_renderer *renderer)
{
	if (!strcmp(arguments->renderer, "memory"))
		pg_memory_renderer_destroy(&renderer);
#ifdef PARAGPU_HAVE_VIRGL
	else
		pg_virgl_destroy(renderer);
#endif
}

/* Whether a renderer has the library that it needs; starts no driver. */
static int probe(const struct arguments *arguments, const struct pg_logger *log)
{
#ifdef PARAGPU_HAVE_VIRGL
	if (!strcmp(arguments->renderer, "virgl"))
		return pg_virgl_probe(arguments->library, log) ? 1 : 0;
#endif
	(void)log;
	return strcmp(arguments->renderer, "memory") ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.renderer = "", .fd = -1};
	struct paragpu_renderer *renderer;
	struct pg_logger log;
	const char *specification = getenv("PARAGPU_LOG");
	int error = parse(argc, argv, &arguments);

	if (error)
		return error;
	pg_logger_init(&log, pg_log_to_stderr, (void *)(uintptr_t)"paragpu-worker");
	if (specification)
		pg_logger_configure(&log, specification, NULL);
	if (arguments.probe)
		return probe(&arguments, &log);
	error = create(&arguments, &log, &renderer);
	if (error == -EINVAL)
		return usage("this build has no renderer", arguments.renderer);
	if (error)
		return 1;
	error = pg_server_run(renderer, &arguments.fd, &log);
	destroy(&arguments, renderer);
	return error ? 1 : 0;
}
