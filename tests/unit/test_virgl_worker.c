/* SPDX-License-Identifier: MIT */
/* The same renderer behind a worker process: whoever uses it must see no difference. */
#include <stdlib.h>

#include "virgl_suite.h"
#include "worker/proxy.h"

int suite_create_renderer(struct paragpu_renderer **renderer)
{
	static struct pg_logger log;
	const struct pg_proxy_options options = {
		.name = "virgl",
		.program = getenv("PARAGPU_WORKER"),
		.log = &log,
		.start_timeout_ms = 60000,
		.hang_timeout_ms = 30000,
	};

	pg_logger_init(&log, pg_log_to_stderr, (void *)(uintptr_t)"test-virgl-worker");
	if (getenv("PARAGPU_LOG"))
		pg_logger_configure(&log, getenv("PARAGPU_LOG"), NULL);
	return options.program ? pg_proxy_create(&options, renderer) : -1;
}

void suite_destroy_renderer(struct paragpu_renderer *renderer)
{
	pg_proxy_destroy(renderer);
}

int main(void)
{
	return suite_run();
}
