/* SPDX-License-Identifier: MIT */
/* Messages to people; see log.h. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};

const char *pg_log_level_name(enum pg_log_level level)
{
	return level_names[level];
}

void pg_logger_init(struct pg_logger *logger, pg_log_sink sink, void *sink_data)
{
	*logger = (struct pg_logger){
		.sink = sink,
		.sink_data = sink_data,
		.level = PG_LOG_INFO,
	};
}

static bool parse_level(const char *word, size_t length, enum pg_log_level *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strlen(level_names[i]) == length && !memcmp(level_names[i], word, length)) {
			*level = (enum pg_log_level)i;
			return true;
		}
	}
	return false;
}

/* Applies one "LEVEL" or "LEVEL:MODULE" of `length` characters. */
static bool apply_rule(struct pg_logger *logger, const char *word, size_t length)
{
	const char *colon = memchr(word, ':', length);
	size_t level_length = colon ? (size_t)(colon - word) : length;
	size_t module_length = colon ? length - level_length - 1 : 0;
	enum pg_log_level level;

	if (!parse_level(word, level_length, &level))
		return false;
	if (!colon) {
		logger->level = level;
		return true;
	}
	if (!module_length || module_length >= sizeof(logger->rules[0].module) ||
	    logger->rule_count == PG_LOG_MAX_RULES)
		return false;
	memcpy(logger->rules[logger->rule_count].module, colon + 1, module_length);
	logger->rules[logger->rule_count].module[module_length] = '\0';
	logger->rules[logger->rule_count].level = level;
	logger->rule_count++;
	return true;
}

int pg_logger_configure(struct pg_logger *logger, const char *specification, const char **bad)
{
	const char *word = specification;

	for (;;) {
		size_t length = strcspn(word, ",");

		if (!apply_rule(logger, word, length)) {
			if (bad)
				*bad = word;
			return -EINVAL;
		}
		if (!word[length])
			return 0;
		word += length + 1;
	}
}

bool pg_log_enabled(const struct pg_logger *logger, enum pg_log_level level, const char *module)
{
	enum pg_log_level limit;

	if (!logger || !logger->sink)
		return false;
	limit = logger->level;
	for (unsigned int i = 0; i < logger->rule_count; i++)
		if (!strcmp(logger->rules[i].module, module))
			limit = logger->rules[i].level;
	return level <= limit;
}

void pg_log(const struct pg_logger *logger, enum pg_log_level level, const char *module,
	    const char *format, ...)
{
	char message[1024];
	va_list arguments;

	if (!pg_log_enabled(logger, level, module))
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	logger->sink(logger->sink_data, level, module, message);
}

void pg_log_to_stderr(void *data, enum pg_log_level level, const char *module, const char *message)
{
	(void)level;
	fprintf(stderr, "%s: %s: %s\n", (const char *)data, module, message);
}
