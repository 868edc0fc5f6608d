/* SPDX-License-Identifier: MIT */
/*
 * `paragpu bench`: measures back ends side by side with the physical limits of
 * the same machine in the same minutes, and prints medians and ratios.
 */
#include "cli/bench/bench.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"

#define STUCK_SECONDS 90

struct row {
	double medians[PG_BENCH_MAX_SUBJECTS];
	double spreads[PG_BENCH_MAX_SUBJECTS]; /* (max - min) / median */
	double cpus[PG_BENCH_MAX_SUBJECTS];
};

static void usage(FILE *file)
{
	fputs("usage: paragpu bench [OPTION]... NAME=COMMAND...\n"
	      "\n"
	      "Measures vhost-user GPU back ends beside each other and beside what the machine "
	      "can\n"
	      "do without any. COMMAND starts a back end; its words are separated by spaces and\n"
	      "{socket} stands for the path to listen on, as in\n"
	      "  paragpu bench \"ours=paragpud --socket-path={socket}\"\n"
	      "\n"
	      "  --rounds=N    how often each is measured, in turn (default 5)\n"
	      "  --seconds=S   how long one measurement takes (default 0.3)\n"
	      "  --live=N      most resources alive at once (default 100000)\n"
	      "  --only=TEXT   only measurements with TEXT in their name\n"
	      "  --json=FILE   write the results there too\n",
	      file);
}

static int bad_usage(const char *message, const char *what)
{
	fprintf(stderr, "paragpu bench: %s%s; see paragpu bench --help\n", message, what);
	return PG_EXIT_USAGE;
}

/* "NAME=WORD WORD...". The strings are the caller's argv, cut apart. */
static int add_subject(struct pg_bench_run *run, char *text)
{
	struct pg_bench_subject *subject = &run->subjects[run->subject_count];
	char *equals = strchr(text, '=');
	char *state = NULL, *word;
	size_t count = 0;

	if (!equals || equals == text || !strstr(equals, "{socket}"))
		return bad_usage("this is not NAME=COMMAND with {socket}: ", text);
	if (run->subject_count == PG_BENCH_MAX_SUBJECTS)
		return bad_usage("too many back ends: ", text);
	subject->command = calloc(strlen(equals), sizeof(char *));
	if (!subject->command)
		return bad_usage("out of memory", "");
	*equals = 0;
	subject->name = text;
	for (word = strtok_r(equals + 1, " ", &state); word; word = strtok_r(NULL, " ", &state))
		subject->command[count++] = word;
	run->subject_count++;
	return 0;
}

static double number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	return *end || value < least || value > most ? -1 : value;
}

enum {
	ROUNDS = 256,
	SECONDS,
	LIVE,
	ONLY,
	JSON,
	HELP
};

static const struct option long_options[] = {
	{"rounds", required_argument, NULL, ROUNDS},
	{"seconds", required_argument, NULL, SECONDS},
	{"live", required_argument, NULL, LIVE},
	{"only", required_argument, NULL, ONLY},
	{"json", required_argument, NULL, JSON},
	{"help", no_argument, NULL, HELP},
	{NULL, 0, NULL, 0},
};

/* Returns 0, an exit status, or -1 after --help. */
static int parse(struct pg_bench_run *run, int argc, char **argv)
{
	struct pg_bench_options *options = &run->options;
	int option, error = 0;
	double value = 0;

	optind = 1;
	while (!error && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == ROUNDS) {
			value = number(optarg, 1, PG_BENCH_MAX_ROUNDS);
			options->rounds = (uint32_t)value;
		} else if (option == SECONDS) {
			value = options->seconds = number(optarg, 0.001, 60);
		} else if (option == LIVE) {
			value = number(optarg, 0, 1e6);
			options->most_live = (uint32_t)value;
		} else if (option == ONLY) {
			options->only = optarg;
		} else if (option == JSON) {
			options->json = optarg;
		} else if (option == HELP) {
			usage(stdout);
			return -1;
		} else {
			return PG_EXIT_USAGE;
		}
		if (value < 0)
			error = bad_usage("this number cannot be: ", optarg);
	}
	for (; !error && optind < argc; optind++)
		error = add_subject(run, argv[optind]);
	if (!error && run->subject_count < 2)
		error = bad_usage("no back end given", "");
	return error;
}

/* Fills the row for one subject from its rounds. */
static void summarise(struct row *row, uint32_t subject, double *values, double *cpus,
		      uint32_t count)
{
	row->medians[subject] = count ? pg_bench_median(values, count) : PG_BENCH_ABSENT;
	row->cpus[subject] = count ? pg_bench_median(cpus, count) : PG_BENCH_ABSENT;
	row->spreads[subject] = count && row->medians[subject] > 0
					? (values[count - 1] - values[0]) / row->medians[subject]
					: 0;
}

static void measure(struct pg_bench_run *run, const struct pg_bench_measure *measure,
		    struct row *row)
{
	static double values[PG_BENCH_MAX_SUBJECTS][PG_BENCH_MAX_ROUNDS];
	static double cpus[PG_BENCH_MAX_SUBJECTS][PG_BENCH_MAX_ROUNDS];
	uint32_t counts[PG_BENCH_MAX_SUBJECTS] = {0};
	bool absent[PG_BENCH_MAX_SUBJECTS] = {false};

	for (uint32_t i = 0; i < run->subject_count; i++) {
		struct pg_bench_subject *subject = &run->subjects[i];

		absent[i] = subject->command ? subject->fe == NULL : !measure->limit;
		alarm(STUCK_SECONDS);
		if (!absent[i] && subject->command && measure->prepare)
			absent[i] = measure->prepare(run, subject, measure->argument) != 0;
	}
	for (uint32_t round = 0; round < run->options.rounds; round++) {
		for (uint32_t i = 0; i < run->subject_count; i++) {
			struct pg_bench_subject *subject = &run->subjects[i];
			uint64_t mark = subject->fe ? pg_fe_mark(subject->fe) : 0;
			double value;

			if (absent[i])
				continue;
			alarm(STUCK_SECONDS);
			run->cpu_us = PG_BENCH_ABSENT;
			value = measure->run(run, subject, measure->argument);
			if (subject->fe)
				pg_fe_release(subject->fe, mark);
			absent[i] = value < 0;
			cpus[i][counts[i]] = run->cpu_us;
			if (!absent[i])
				values[i][counts[i]++] = value;
		}
	}
	alarm(0);
	for (uint32_t i = 0; i < run->subject_count; i++)
		summarise(row, i, values[i], cpus[i], absent[i] ? 0 : counts[i]);
}

static void print_value(double value)
{
	if (value < 0)
		printf("%14s", "-");
	else if (value >= 1000)
		printf("%14.0f", value);
	else
		printf("%14.2f", value);
}

static void print_row(const struct pg_bench_run *run, const struct pg_bench_measure *measure,
		      const struct row *row)
{
	printf("%-34s%-5s", measure->name, measure->unit);
	for (uint32_t i = 0; i < run->subject_count; i++)
		print_value(row->medians[i]);
	for (uint32_t i = 0; i < run->subject_count; i++) {
		if (i == 1) /* the first back end is what the others are compared with */
			continue;
		if (row->medians[1] > 0 && row->medians[i] > 0)
			printf("%13.2fx", row->medians[1] / row->medians[i]);
		else
			printf("%14s", "-");
	}
	printf("\n");
	fflush(stdout);
}

static void print_head(const struct pg_bench_run *run)
{
	printf("%-39s", "");
	for (uint32_t i = 0; i < run->subject_count; i++)
		printf("%14s", run->subjects[i].name);
	for (uint32_t i = 0; i < run->subject_count; i++) {
		char title[64];

		if (i == 1)
			continue;
		snprintf(title, sizeof(title), "vs %.10s", run->subjects[i].name);
		printf("%14s", title);
	}
	printf("\n");
}

static void write_number(FILE *file, const char *key, double value, const char *end)
{
	if (value < 0)
		fprintf(file, "\"%s\": null%s", key, end);
	else
		fprintf(file, "\"%s\": %.6g%s", key, value, end);
}

static int write_json(const struct pg_bench_run *run, const struct row *rows, const bool *done)
{
	FILE *file = fopen(run->options.json, "we");
	const char *separator = "";

	if (!file) {
		fprintf(stderr, "paragpu bench: cannot write %s\n", run->options.json);
		return PG_EXIT_FAILED;
	}
	fprintf(file, "{\"rounds\": %u, \"seconds\": %g, \"measurements\": [", run->options.rounds,
		run->options.seconds);
	for (size_t m = 0; m < pg_bench_measure_count; m++) {
		const struct pg_bench_measure *measure = &pg_bench_measures[m];

		if (!done[m])
			continue;
		fprintf(file,
			"%s\n{\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", "
			"\"limit\": \"%s\", \"results\": {",
			separator, measure->name, measure->unit,
			measure->lower_is_better ? "lower" : "higher",
			measure->limit ? measure->limit : "");
		separator = ",";
		for (uint32_t i = 0; i < run->subject_count; i++) {
			fprintf(file, "%s\"%s\": {", i ? ", " : "", run->subjects[i].name);
			write_number(file, "median", rows[m].medians[i], ", ");
			write_number(file, "spread", rows[m].spreads[i], ", ");
			write_number(file, "cpu_us", rows[m].cpus[i], "}");
		}
		fprintf(file, "}}");
	}
	fprintf(file, "\n]}\n");
	return fclose(file) ? PG_EXIT_FAILED : PG_EXIT_OK;
}

static int start_all(struct pg_bench_run *run)
{
	for (uint32_t i = 1; i < run->subject_count; i++) {
		struct pg_bench_subject *subject = &run->subjects[i];

		if (!pg_bench_subject_start(run, subject))
			continue;
		fprintf(stderr, "paragpu bench: %s does not come up%s%s\n", subject->name,
			subject->fe ? ": " : "", subject->fe ? pg_fe_error(subject->fe) : "");
		return PG_EXIT_FAILED;
	}
	return 0;
}

int pg_cli_bench(int argc, char **argv)
{
	static struct pg_bench_run run = {
		.options = {.rounds = 5, .seconds = 0.3, .most_live = 100000},
		.subjects = {{.name = "limit"}},
		.subject_count = 1,
	};
	struct row *rows = calloc(pg_bench_measure_count, sizeof(*rows));
	bool *done = calloc(pg_bench_measure_count, sizeof(*done));
	int error = rows && done ? parse(&run, argc, argv) : PG_EXIT_FAILED;

	signal(SIGPIPE, SIG_IGN);
	if (!error)
		error = start_all(&run);
	if (!error)
		print_head(&run);
	for (size_t m = 0; !error && m < pg_bench_measure_count; m++) {
		if (run.options.only && !strstr(pg_bench_measures[m].name, run.options.only))
			continue;
		measure(&run, &pg_bench_measures[m], &rows[m]);
		print_row(&run, &pg_bench_measures[m], &rows[m]);
		done[m] = true;
	}
	for (uint32_t i = 1; i < run.subject_count; i++)
		pg_bench_subject_stop(&run.subjects[i]);
	if (!error && run.options.json)
		error = write_json(&run, rows, done);
	free(rows);
	free(done);
	return error < 0 ? 0 : error;
}
