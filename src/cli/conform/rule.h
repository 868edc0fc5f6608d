/* SPDX-License-Identifier: MIT */
/*
 * What a conformance rule is and what it may use. A rule is one short function
 * over one fresh connection to a back end that is already brought up. It never
 * returns early: the first failure is kept, and calls on a dead front end
 * return at once.
 *
 * The specification prescribes which requests must fail but hardly ever with
 * which code. Without --strict any error answer satisfies WANT_ERROR, and
 * WANT_OURS, a choice that the specification leaves open, is satisfied by any
 * answer. With --strict (our own back end) all must be exact.
 */
#ifndef PG_CLI_CONFORM_RULE_H
#define PG_CLI_CONFORM_RULE_H

#include "frontend/frontend.h"

#define BIT(n) (1ull << (n))

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_CONTEXT VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

#define BGRA VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

struct pg_run;

/* What a rule needs; "not offered" if the back end or the profile lacks it. */
enum {
	PG_NEEDS_GPU = 1u << 0,     /* profile gpu: a display socket to look at */
	PG_NEEDS_GENERIC = 1u << 1, /* profile generic */
	/* How the rule runs. */
	PG_UNCONNECTED = 1u << 2, /* gets no front end: connects itself */
	PG_UNSTARTED = 1u << 3,   /* gets a front end that is connected, nothing more */
	PG_NO_WITNESS = 1u << 4,  /* leaves the device unusable, which is its point */
	PG_STRICT_ONLY = 1u << 5, /* a choice of ours; skipped without --strict */
};

struct pg_rule {
	const char *id;
	const char *name;
	const char *section; /* of the specification, or the known bug it stands for */
	uint64_t features;   /* virtio feature bits that it needs */
	uint64_t protocol;   /* vhost-user protocol feature bits that it needs */
	uint32_t needs;
	void (*run)(struct pg_run *run, struct pg_fe *fe, uint64_t argument);
	uint64_t argument;
	/* Changes the settings before the front end is made; may be NULL. */
	void (*setup)(struct pg_fe_settings *settings, uint64_t argument);
};

struct pg_rule_set {
	const struct pg_rule *rules;
	size_t count;
};

#define PG_RULE_SET(array) ((struct pg_rule_set){(array), sizeof(array) / sizeof((array)[0])})

/* --- verdicts (check.c) -------------------------------------------------------------------- */

bool pg_run_strict(const struct pg_run *run);
bool pg_run_failed(const struct pg_run *run);
__attribute__((format(printf, 2, 3))) void pg_run_fail(struct pg_run *run, const char *format, ...);
__attribute__((format(printf, 2, 3))) void pg_run_skip(struct pg_run *run, const char *format, ...);

void pg_want_type(struct pg_run *run, const char *what, int got, uint32_t wanted);
void pg_want_error(struct pg_run *run, const char *what, int got, uint32_t wanted);
void pg_want_ours(struct pg_run *run, const char *what, int got, uint32_t wanted);
void pg_want_success(struct pg_run *run, const char *what, int result);

/* The call answers exactly this type. */
#define WANT(run, call, type) pg_want_type(run, #call, call, type)
/* The call answers this error, or any other if not strict. */
#define WANT_ERROR(run, call, type) pg_want_error(run, #call, call, type)
/* The call answers this where the specification leaves it open. */
#define WANT_OURS(run, call, type) pg_want_ours(run, #call, call, type)
/* The call returns 0. */
#define MUST(run, call) pg_want_success(run, #call, call)
/* The condition holds; the rest says what is wrong otherwise. */
#define CHECK(run, condition, ...)                     \
	do {                                           \
		if (!(condition))                      \
			pg_run_fail(run, __VA_ARGS__); \
	} while (0)

/* --- scenery (scene.c) ---------------------------------------------------------------------- */

/* Guest memory filled with a pattern that depends on `seed`; 0 if there is none. */
uint64_t pg_pattern(struct pg_fe *fe, uint64_t size, uint32_t seed);

/* The pixel that pg_pattern() has at `index`, 0x00RRGGBB as format BGRX shows it. */
uint32_t pg_pattern_pixel(uint32_t seed, uint64_t index);

/* A 2D resource BGRX with pattern, attached, transferred. Returns the backing's address. */
uint64_t pg_make_picture(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t width,
			 uint32_t height, uint32_t seed);

/* A guest blob with pattern in one entry. */
uint64_t pg_make_blob(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint64_t size,
		      uint32_t seed);

/* SET_SCANOUT of the whole resource and a whole FLUSH, until the display has it. */
void pg_show(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t width, uint32_t height);
void pg_show_blob(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t width,
		  uint32_t height);

/* FLUSH of the rectangle, until the display has it. */
void pg_flush_shown(struct pg_run *run, struct pg_fe *fe, uint32_t id, uint32_t x, uint32_t y,
		    uint32_t width, uint32_t height);

/* One pixel of head 0, as the display shows it. */
void pg_want_pixel(struct pg_run *run, struct pg_fe *fe, uint32_t x, uint32_t y, uint32_t wanted);

/* Head 0 shows pattern `seed` row by row with `stride` pixels from one to the next. */
void pg_want_picture(struct pg_run *run, struct pg_fe *fe, uint32_t width, uint32_t height,
		     uint32_t seed, uint32_t stride);

/* Whether the device still serves commands; notes a failure if not. */
void pg_want_alive(struct pg_run *run, struct pg_fe *fe);

/* The resource exists, or does not. Unreferences it if it does. */
void pg_want_absent(struct pg_run *run, struct pg_fe *fe, uint32_t id);
void pg_want_present(struct pg_run *run, struct pg_fe *fe, uint32_t id);

/* --- more connections (target.c) ------------------------------------------------------------- */

/* Settings as the rule has them after setup. */
const struct pg_fe_settings *pg_run_settings(const struct pg_run *run);

/* A new connection to the back end; NULL and a failure noted if there is none. Not brought up. */
struct pg_fe *pg_run_connect(struct pg_run *run, const struct pg_fe_settings *settings);

/*
 * Closes the given front end (may be NULL) and brings up another: the back end
 * must have survived whatever happened. Returns it, or NULL with a failure noted.
 * The rule's first front end is replaced and stays the harness's to close.
 */
struct pg_fe *pg_run_reconnect(struct pg_run *run);

/* Who did what the back end has to survive. */
enum pg_culprit {
	PG_GUEST,
	PG_VMM
};

/*
 * Closes the rule's front end; the back end must take a new one and serve it.
 * Without --strict, one that takes a single connection may have ended itself
 * instead: with status 0, or with any after a mistake of the VMM. A signal is
 * a crash in any case.
 */
void pg_run_survives(struct pg_run *run, enum pg_culprit culprit);

#endif
