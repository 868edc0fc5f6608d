/* SPDX-License-Identifier: MIT */
/* What the tests of the proxy and their worker agree on. */
#ifndef TESTS_SCRIPTED_WORKER_H
#define TESTS_SCRIPTED_WORKER_H

#define SCRIPTED_CAPSET 9
#define SCRIPTED_BAD_RING 63

/* The first word of a stream. */
enum script {
	SCRIPT_NOTHING,
	SCRIPT_CHECK_PATTERN, /* byte i, from the fifth on, is 7 i */
	SCRIPT_CRASH,
	SCRIPT_HANG,
	SCRIPT_LOSE_CONTEXT,
	SCRIPT_LOSE_ALL,
	SCRIPT_HAS_FD, /* the second word: -EEXIST if the worker has this descriptor */
	SCRIPT_HAS_VARIABLES,
	SCRIPT_KEEP_OPEN,
};

#endif
