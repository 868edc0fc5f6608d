/* SPDX-License-Identifier: MIT */
/* Sentences about what is wrong with a display; see options.h. */
#include <stdarg.h>
#include <stdio.h>

#include "display/options.h"

int pg_problem_set(struct pg_problem *problem, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	return error;
}
