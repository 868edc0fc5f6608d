/* SPDX-License-Identifier: MIT */
/*
 * One line asked, one line answered. The host side of the tests (tests/guest/guest.py) is the
 * only caller; words are checked because a typing error must be a failure, not a picture.
 */
#ifndef GUEST_COMMANDS_H
#define GUEST_COMMANDS_H

#include <stdio.h>

#include "drm.h"

#define MAX_SLOTS 32
#define MAX_WORDS 12

struct session {
	struct card card;
	struct buffer slots[MAX_SLOTS];
	struct buffer cursors[MAX_HEADS];
	int uevents; /* netlink socket */
	FILE *out;
};

/*
 * Runs one command; words[0] is its name. The handler prints "key=value" words to out. Returns 0,
 * a negative errno of the ioctl that failed, or -EINVAL for a command that makes no sense.
 */
int command_run(struct session *session, int nwords, char **words);
void session_finish(struct session *session);

#endif
