/* SPDX-License-Identifier: MIT */
/*
 * Messages to people. A logger is an object, not a global: each device and
 * each program owns one and says where its lines go and which modules speak.
 *
 * Faults of a guest are answered in the protocol and counted; they appear here
 * at level debug only, so that a hostile guest cannot fill a disk.
 */
#ifndef PG_BASE_LOG_H
#define PG_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum pg_log_level {
	PG_LOG_ERROR,
	PG_LOG_WARN,
	PG_LOG_INFO,
	PG_LOG_DEBUG,
	PG_LOG_TRACE,
};

#define PG_LOG_MAX_RULES 16

/* Called with one complete line without its newline. */
typedef void (*pg_log_sink)(void *data, enum pg_log_level level, const char *module,
			    const char *message);

struct pg_logger {
	pg_log_sink sink; /* NULL: silent */
	void *sink_data;
	enum pg_log_level level; /* of modules without a rule of their own */
	unsigned int rule_count;
	struct {
		char module[24];
		enum pg_log_level level;
	} rules[PG_LOG_MAX_RULES];
};

/* A logger that writes level info and above to `sink`. */
void pg_logger_init(struct pg_logger *logger, pg_log_sink sink, void *sink_data);

/*
 * Applies a specification "LEVEL[:MODULE][,...]" as in PARAGPU_LOG, for example
 * "warn,debug:transport". Returns 0, or -EINVAL and the offending word's
 * position in *bad (may be NULL); the rules before it are kept.
 */
int pg_logger_configure(struct pg_logger *logger, const char *specification, const char **bad);

/* No logger (NULL) is a silent one. */
bool pg_log_enabled(const struct pg_logger *logger, enum pg_log_level level, const char *module);

__attribute__((format(printf, 4, 5))) void pg_log(const struct pg_logger *logger,
						  enum pg_log_level level, const char *module,
						  const char *format, ...);

/* "error", "warn", ... */
const char *pg_log_level_name(enum pg_log_level level);

/* A sink that prints "program: module: message" to standard error; `data` is the program's name. */
void pg_log_to_stderr(void *data, enum pg_log_level level, const char *module, const char *message);

#endif
