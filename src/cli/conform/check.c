/* SPDX-License-Identifier: MIT */
/*
 * Verdicts, and what holds around every rule: the responses are well formed,
 * the display messages are in order, the device lives on, and a resource that
 * the rule had nothing to do with is what it was.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/conform/conform.h"
#include "protocol/commands.h"

#define WITNESS_ID 0x7e57
#define WITNESS_SIZE 32
#define WITNESS_SEED 77

bool pg_run_strict(const struct pg_run *run)
{
	return run->options->strict;
}

bool pg_run_failed(const struct pg_run *run)
{
	return run->verdict != PG_PASS;
}

static void decide(struct pg_run *run, enum pg_verdict verdict, const char *format,
		   va_list arguments) __attribute__((format(printf, 3, 0)));

static void decide(struct pg_run *run, enum pg_verdict verdict, const char *format,
		   va_list arguments)
{
	if (run->verdict != PG_PASS)
		return;
	run->verdict = verdict;
	vsnprintf(run->message, sizeof(run->message), format, arguments);
}

void pg_run_fail(struct pg_run *run, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	decide(run, PG_FAIL, format, arguments);
	va_end(arguments);
}

void pg_run_skip(struct pg_run *run, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	decide(run, PG_NOT_OFFERED, format, arguments);
	va_end(arguments);
}

static const char *response_name(uint32_t type)
{
	const char *name = pg_response_name(type);

	return name ? name : "no response";
}

static bool is_error(int type)
{
	return type >= VIRTIO_GPU_RESP_ERR_UNSPEC && type <= VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
}

/* Code names without the library's prefix and the front end's first argument. */
static const char *shorten(const char *what)
{
	return strncmp(what, "pg_fe_", 6) ? what : what + 6;
}

static void wrong_answer(struct pg_run *run, const char *what, int got, const char *wanted)
{
	if (got < 0)
		pg_run_fail(run, "%s: %s", shorten(what), run->fe ? pg_fe_error(run->fe) : "?");
	else
		pg_run_fail(run, "%s answered %s (0x%x), wanted %s", shorten(what),
			    response_name((uint32_t)got), (uint32_t)got, wanted);
}

void pg_want_type(struct pg_run *run, const char *what, int got, uint32_t wanted)
{
	if (got != (int)wanted)
		wrong_answer(run, what, got, response_name(wanted));
}

void pg_want_error(struct pg_run *run, const char *what, int got, uint32_t wanted)
{
	if (run->options->strict)
		pg_want_type(run, what, got, wanted);
	else if (!is_error(got))
		wrong_answer(run, what, got, "an error");
}

void pg_want_ours(struct pg_run *run, const char *what, int got, uint32_t wanted)
{
	if (run->options->strict || got < 0)
		pg_want_type(run, what, got, wanted);
}

void pg_want_success(struct pg_run *run, const char *what, int result)
{
	if (result)
		pg_run_fail(run, "%s: %s", shorten(what),
			    run->fe && pg_fe_error(run->fe)[0] ? pg_fe_error(run->fe)
							       : strerror(-result));
}

void pg_want_alive(struct pg_run *run, struct pg_fe *fe)
{
	struct virtio_gpu_resp_display_info info;

	if (pg_fe_get_display_info(fe, &info) != VIRTIO_GPU_RESP_OK_DISPLAY_INFO)
		pg_run_fail(run, "the device does not serve commands any more: %s",
			    pg_fe_error(fe));
}

void pg_want_absent(struct pg_run *run, struct pg_fe *fe, uint32_t id)
{
	int type = pg_fe_unref(fe, id);

	if (type >= 0 && !is_error(type))
		pg_run_fail(run, "resource %u exists although the command that made it failed", id);
	else if (type < 0)
		pg_run_fail(run, "%s", pg_fe_error(fe));
}

void pg_want_present(struct pg_run *run, struct pg_fe *fe, uint32_t id)
{
	int type = pg_fe_unref(fe, id);

	if (type != OK)
		pg_run_fail(run, "resource %u is gone: RESOURCE_UNREF answered %s", id,
			    type < 0 ? pg_fe_error(fe) : response_name((uint32_t)type));
}

void pg_witness_make(struct pg_run *run, struct pg_fe *fe)
{
	run->witness =
		pg_make_picture(run, fe, WITNESS_ID, WITNESS_SIZE, WITNESS_SIZE, WITNESS_SEED);
}

void pg_witness_check(struct pg_run *run, struct pg_fe *fe)
{
	bool was_fine = run->verdict == PG_PASS;
	char message[sizeof(run->message)];

	if (!was_fine)
		return;
	pg_fe_set_shape(fe, 0, 0);
	pg_want_alive(run, fe);
	if (run->settings.profile == PG_FE_PROFILE_GPU && run->verdict == PG_PASS) {
		pg_show(run, fe, WITNESS_ID, WITNESS_SIZE, WITNESS_SIZE);
		pg_want_picture(run, fe, WITNESS_SIZE, WITNESS_SIZE, WITNESS_SEED, WITNESS_SIZE);
	}
	pg_want_present(run, fe, WITNESS_ID);
	if (run->verdict == PG_PASS)
		return;
	memcpy(message, run->message, sizeof(message));
	snprintf(run->message, sizeof(run->message), "afterwards, with another resource: %.440s",
		 message);
}

void pg_check_ends(struct pg_run *run, struct pg_fe *fe)
{
	const char *fault = "";

	if (pg_fe_framing_fault(fe)[0])
		pg_run_fail(run, "%s", pg_fe_framing_fault(fe));
	if (pg_fe_display_faults(fe, &fault))
		pg_run_fail(run, "on the display socket: %s", fault);
}
