/* SPDX-License-Identifier: MIT */
/*
 * What can be asked over the control socket (docs/control-protocol.md), one
 * function a command. Each runs between two requests of the guest and must be
 * short; none does I/O of its own. The asker is this user or root; what it
 * asks is checked like anything else.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "display/image.h"

/* Raised when an answer changes so that an old asker would misread it. */
#define CONTROL_PROTOCOL 1

/* Resources in one answer: about 300 bytes and 5 us each. */
#define MAX_RESOURCES 256

/* Larger pictures would hold the device up for too long. */
#define MAX_PICTURE_PIXELS (64u << 20)

__attribute__((format(printf, 2, 3))) static void refuse(struct pg_answer *answer,
							 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(answer->problem, sizeof(answer->problem), format, arguments);
	va_end(arguments);
}

/* Reads the request by json_unpack()'s `format`, which must name every key it may have. */
static bool unpack(json_t *request, struct pg_answer *answer, const char *format, ...)
{
	json_error_t error;
	va_list arguments;
	int result;

	va_start(arguments, format);
	result = json_vunpack_ex(request, &error, JSON_STRICT, format, arguments);
	va_end(arguments);
	if (result < 0)
		refuse(answer, "the request does not fit its command: %s", error.text);
	return !result;
}

static bool check_head(const struct pg_daemon *daemon, json_int_t head, struct pg_answer *answer)
{
	uint32_t count = daemon->options->settings.head_count;

	if (head >= 0 && head < count)
		return true;
	refuse(answer, "there is no head %lld; this device has %u, counted from 0", (long long)head,
	       count);
	return false;
}

static void run_version(void *data, json_t *request, struct pg_answer *answer)
{
	const char *command;
	json_t *id;

	(void)data;
	if (!unpack(request, answer, "{s:s,s?o}", "command", &command, "id", &id))
		return;
	answer->result = json_pack("{s:s,s:i,s:i}", "version", paragpu_version(), "protocol",
				   CONTROL_PROTOCOL, "pid", (int)getpid());
}

static void run_inspect(void *data, json_t *request, struct pg_answer *answer)
{
	const char *command;
	json_t *id;

	if (!unpack(request, answer, "{s:s,s?o}", "command", &command, "id", &id))
		return;
	answer->result = pg_daemon_facts(data);
}

static void run_resources(void *data, json_t *request, struct pg_answer *answer)
{
	json_int_t after = 0, limit = MAX_RESOURCES;
	const char *command;
	json_t *id, *resources;
	uint32_t next;

	if (!unpack(request, answer, "{s:s,s?o,s?I,s?I}", "command", &command, "id", &id, "after",
		    &after, "limit", &limit))
		return;
	if (after < 0 || after > UINT32_MAX || limit < 1 || limit > MAX_RESOURCES) {
		refuse(answer, "\"after\" is a resource id and \"limit\" a number from 1 to %d",
		       MAX_RESOURCES);
		return;
	}
	resources = pg_daemon_resource_facts(data, (uint32_t)after, (size_t)limit, &next);
	answer->result = json_pack("{s:o,s:I}", "resources", resources, "next", (json_int_t)next);
}

static void run_screenshot(void *data, json_t *request, struct pg_answer *answer)
{
	struct pg_daemon *daemon = data;
	struct paragpu_scanout_info scanout;
	struct pg_image image;
	json_int_t head = 0;
	const char *command;
	int error, cursor = 1;
	json_t *id;

	if (!unpack(request, answer, "{s:s,s?o,s?I,s?b}", "command", &command, "id", &id, "head",
		    &head, "cursor", &cursor) ||
	    !check_head(daemon, head, answer))
		return;
	if (!paragpu_device_get_scanout(daemon->device, (uint32_t)head, &scanout) ||
	    !scanout.enabled) {
		refuse(answer, "head %lld shows nothing: the guest has not switched it on",
		       (long long)head);
		return;
	}
	if ((uint64_t)scanout.rect.width * scanout.rect.height > MAX_PICTURE_PIXELS) {
		refuse(answer, "the picture of %ux%u pixels is too large to be copied",
		       scanout.rect.width, scanout.rect.height);
		return;
	}
	error = pg_observer_take(daemon->eye, (uint32_t)head, cursor, &image);
	if (error) {
		refuse(answer, "the picture cannot be copied: %s", strerror(-error));
		return;
	}
	answer->result = json_pack("{s:I,s:I,s:I,s:s}", "head", head, "width",
				   (json_int_t)image.width, "height", (json_int_t)image.height,
				   "format", "xrgb8888");
	answer->fd = pg_take_fd(&image.fd);
	pg_image_finish(&image);
}

/* Applies a changed head, unless it is not ours to change. */
static void set_head(struct pg_daemon *daemon, json_int_t index, const struct paragpu_head *head,
		     struct pg_answer *answer)
{
	int error;

	if (pg_vmm_connected(daemon->vmm)) {
		refuse(answer,
		       "the VMM shows this device in its own window and decides the heads: resize "
		       "that window");
		return;
	}
	error = paragpu_device_set_head(daemon->device, (uint32_t)index, head);
	if (error)
		refuse(answer, "the device refuses that mode: %s", strerror(-error));
	else
		answer->result = json_object();
}

static void run_resize(void *data, json_t *request, struct pg_answer *answer)
{
	json_int_t index, width, height, refresh_mhz = 0;
	struct pg_daemon *daemon = data;
	struct paragpu_head head;
	const char *command;
	json_t *id;

	if (!unpack(request, answer, "{s:s,s?o,s:I,s:I,s:I,s?I}", "command", &command, "id", &id,
		    "head", &index, "width", &width, "height", &height, "refresh_mhz",
		    &refresh_mhz) ||
	    !check_head(daemon, index, answer))
		return;
	if (width < 1 || width > 65535 || height < 1 || height > 65535 || refresh_mhz < 0 ||
	    refresh_mhz > 1000000) {
		refuse(answer, "a head has 1x1 to 65535x65535 pixels and at most 1000 Hz");
		return;
	}
	paragpu_device_get_head(daemon->device, (uint32_t)index, &head);
	head.connected = true;
	head.width = (uint32_t)width;
	head.height = (uint32_t)height;
	if (refresh_mhz)
		head.refresh_mhz = (uint32_t)refresh_mhz;
	/* the millimetres of the size before would say something wrong now */
	head.width_mm = head.height_mm = 0;
	set_head(daemon, index, &head, answer);
}

static void plug(struct pg_daemon *daemon, json_t *request, bool connected,
		 struct pg_answer *answer)
{
	struct paragpu_head head;
	const char *command;
	json_int_t index;
	json_t *id;

	if (!unpack(request, answer, "{s:s,s?o,s:I}", "command", &command, "id", &id, "head",
		    &index) ||
	    !check_head(daemon, index, answer))
		return;
	paragpu_device_get_head(daemon->device, (uint32_t)index, &head);
	head.connected = connected;
	set_head(daemon, index, &head, answer);
}

static void run_connect(void *data, json_t *request, struct pg_answer *answer)
{
	plug(data, request, true, answer);
}

static void run_disconnect(void *data, json_t *request, struct pg_answer *answer)
{
	plug(data, request, false, answer);
}

static void run_trace(void *data, json_t *request, struct pg_answer *answer)
{
	const char *command;
	json_t *id;

	(void)data;
	if (!unpack(request, answer, "{s:s,s?o}", "command", &command, "id", &id))
		return;
	answer->result = json_object();
	answer->follow = true;
}

const struct pg_control_command pg_daemon_commands[] = {
	{"version", run_version},       {"inspect", run_inspect}, {"resources", run_resources},
	{"screenshot", run_screenshot}, {"resize", run_resize},   {"connect", run_connect},
	{"disconnect", run_disconnect}, {"trace", run_trace},     {NULL, NULL},
};
