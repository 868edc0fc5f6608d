/* SPDX-License-Identifier: MIT */
/* The renderer over virglrenderer in this process, and what only can be seen from within. */
#include <stdlib.h>

#include "renderer/virgl/virgl.h"
#include "virgl_suite.h"

int suite_create_renderer(struct paragpu_renderer **renderer)
{
	static struct pg_logger log;
	const struct pg_virgl_options options = {.log = &log};

	pg_logger_init(&log, pg_log_to_stderr, (void *)(uintptr_t)"test-virgl");
	if (getenv("PARAGPU_LOG"))
		pg_logger_configure(&log, getenv("PARAGPU_LOG"), NULL);
	return pg_virgl_create(&options, renderer);
}

void suite_destroy_renderer(struct paragpu_renderer *renderer)
{
	pg_virgl_destroy(renderer);
}

int main(void)
{
	return suite_run();
}
