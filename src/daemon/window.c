/* SPDX-License-Identifier: MIT */
/*
 * The device's window is the VMM's: passes mappings on to the front end. What
 * the front end dropped by itself (the device was reset, it went) needs no
 * undoing: the transport does not know it any more, and the device is told
 * that it is out.
 */
#include "daemon/daemon.h"

#include <errno.h>

static void mapped(void *data, int result)
{
	paragpu_window_done(data, result);
}

static void unmapped(void *data, int result)
{
	paragpu_window_done(data, result == -ECANCELED ? 0 : result);
}

void pg_daemon_map_blob(void *data, const struct paragpu_mapping *mapping,
			struct paragpu_window_operation *operation)
{
	const struct pg_daemon *daemon = data;
	int error = pg_vhost_user_map(daemon->server, mapping->offset, mapping->fd,
				      mapping->fd_offset, mapping->length, mapped, operation);

	if (error)
		paragpu_window_done(operation, error);
}

void pg_daemon_unmap_blob(void *data, const struct paragpu_mapping *mapping,
			  struct paragpu_window_operation *operation)
{
	const struct pg_daemon *daemon = data;
	int error = pg_vhost_user_unmap(daemon->server, mapping->offset, mapping->length, unmapped,
					operation);

	if (error)
		paragpu_window_done(operation, error == -ENOENT ? 0 : error);
}
