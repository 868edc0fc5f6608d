/* SPDX-License-Identifier: MIT */
/* Where the VNC server's program is; see vnc.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "display/vnc.h"

bool pg_vnc_find(const char *paragpud, char path[PATH_MAX])
{
	char self[PATH_MAX] = "";
	char *slash;

	if (strchr(paragpud, '/') && !realpath(paragpud, self)) {
		/* it may be ours and have been replaced: "/usr/bin/paragpud (deleted)" */
		ssize_t length = readlink(paragpud, self, sizeof(self) - 1);

		self[length < 0 ? 0 : length] = '\0';
	}
	slash = strrchr(self, '/');
	if (slash) {
		*slash = '\0';
		if (snprintf(path, PATH_MAX, "%s/" PG_VNC_PROGRAM, self) < PATH_MAX &&
		    !access(path, X_OK))
			return true;
	}
	snprintf(path, PATH_MAX, "%s", PG_LIBEXECDIR "/" PG_VNC_PROGRAM);
	return !access(path, X_OK);
}
