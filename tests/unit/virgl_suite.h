/* SPDX-License-Identifier: MIT */
/*
 * What holds for the virglrenderer renderer wherever it runs: in this process,
 * or in a worker. Each program that includes the suite says how to make one.
 */
#ifndef TESTS_VIRGL_SUITE_H
#define TESTS_VIRGL_SUITE_H

#include <stdbool.h>

#include <paragpu/renderer.h>

/* Provided by the program. Returns 0 or a negative errno. */
int suite_create_renderer(struct paragpu_renderer **renderer);
void suite_destroy_renderer(struct paragpu_renderer *renderer);

/* Runs everything; the result is main()'s. */
int suite_run(void);

#endif
