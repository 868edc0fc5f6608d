/* SPDX-License-Identifier: MIT */
/*
 * `paragpu conform`: runs the conformance rules against any vhost-user GPU
 * back end and reports pass, fail or not offered for each. Options and
 * reporting are here; what a rule may do is in rule.h.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "cli/commands.h"
#include "cli/conform/conform.h"

static const char *const verdict_names[] = {
	[PG_PASS] = "pass",
	[PG_FAIL] = "fail",
	[PG_NOT_OFFERED] = "not offered",
};

struct tally {
	uint32_t counts[3];
	bool first; /* of a JSON list */
};

static bool selected(const struct pg_conform_options *options, const struct pg_rule *rule)
{
	size_t length;

	if (!options->rule)
		return true;
	length = strlen(options->rule);
	if (length && options->rule[length - 1] == '*')
		return !strncmp(rule->id, options->rule, length - 1);
	return !strcmp(rule->id, options->rule);
}

static void print_json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void report(const struct pg_run *run, struct tally *tally, double milliseconds)
{
	const struct pg_rule *rule = run->rule;

	tally->counts[run->verdict]++;
	if (run->options->json) {
		printf("%s\n{\"id\": \"%s\", \"name\": ", tally->first ? "" : ",", rule->id);
		print_json_string(rule->name);
		printf(", \"section\": ");
		print_json_string(rule->section);
		printf(", \"result\": \"%s\", \"milliseconds\": %.1f, \"message\": ",
		       verdict_names[run->verdict], milliseconds);
		print_json_string(run->message);
		putchar('}');
		tally->first = false;
	} else {
		printf("%-11s  %s\n", verdict_names[run->verdict], rule->id);
		if (run->verdict == PG_FAIL)
			printf("             %s\n             (%s)\n", run->message, rule->name);
		else if (run->options->verbose)
			printf("             %s%s%s\n", rule->name, run->message[0] ? ": " : "",
			       run->message);
	}
	fflush(stdout);
}

/* Whether profile and back end have what the rule needs; notes it if not. */
static bool offered(struct pg_run *run)
{
	const struct pg_rule *rule = run->rule;
	uint64_t missing = rule->features & ~pg_fe_features(run->fe);
	uint64_t protocol = rule->protocol & ~pg_fe_protocol_features(run->fe);

	if (missing)
		pg_run_skip(run, "needs feature bit %d", __builtin_ctzll(missing));
	else if (protocol)
		pg_run_skip(run, "needs protocol feature bit %d", __builtin_ctzll(protocol));
	return !missing && !protocol;
}

static bool suits(struct pg_run *run)
{
	uint32_t needs = run->rule->needs;

	if ((needs & PG_NEEDS_GPU) && run->options->profile != PG_FE_PROFILE_GPU)
		pg_run_skip(run, "needs --profile=gpu");
	else if ((needs & PG_NEEDS_GENERIC) && run->options->profile != PG_FE_PROFILE_GENERIC)
		pg_run_skip(run, "needs --profile=generic");
	else if ((needs & PG_STRICT_ONLY) && !run->options->strict)
		pg_run_skip(run, "open in the specification (see --strict)");
	return run->verdict == PG_PASS;
}

static void run_connected(struct pg_run *run)
{
	const struct pg_rule *rule = run->rule;
	bool plain = !(rule->needs & (PG_UNCONNECTED | PG_UNSTARTED));
	bool witness = plain && !(rule->needs & PG_NO_WITNESS);

	if (plain && pg_fe_bring_up(run->fe)) {
		pg_run_fail(run, "the device does not come up: %s", pg_fe_error(run->fe));
		return;
	}
	if (plain && !offered(run))
		return;
	if (witness)
		pg_witness_make(run, run->fe);
	if (run->verdict == PG_PASS)
		rule->run(run, run->fe, rule->argument);
	if (witness && run->fe)
		pg_witness_check(run, run->fe);
	if (run->fe)
		pg_check_ends(run, run->fe);
}

/* The front end knows that the connection ended; the reason may be a death. */
static void explain(struct pg_run *run)
{
	char how[320];

	if (run->verdict == PG_FAIL && run->fe && pg_fe_dead(run->fe) == -ECONNRESET &&
	    pg_target_died(run->target, how, sizeof(how)))
		snprintf(run->message, sizeof(run->message), "the back end died: %s", how);
}

static void run_rule(const struct pg_conform_options *options, struct pg_target *target,
		     const struct pg_rule *rule, struct tally *tally)
{
	struct pg_run run = {.options = options, .rule = rule, .target = target};
	uint64_t start = pg_now_ns();
	char why[400];
	int error;

	pg_fe_settings_init(&run.settings);
	run.settings.profile = options->profile;
	run.settings.timeout_ms = options->timeout_ms;
	if (rule->setup)
		rule->setup(&run.settings, rule->argument);
	if (suits(&run)) {
		error = pg_target_start(target);
		if (error)
			pg_run_fail(&run, "cannot start the back end: %s", strerror(-error));
		else if (rule->needs & PG_UNCONNECTED)
			rule->run(&run, NULL, rule->argument);
		else
			run.fe = pg_run_connect(&run, &run.settings);
		if (run.fe)
			run_connected(&run);
		explain(&run);
		pg_fe_destroy(run.fe);
		if (pg_target_stop(target, options->strict, why, sizeof(why)))
			pg_run_fail(&run, "%s", why);
	}
	report(&run, tally, (double)(pg_now_ns() - start) / 1e6);
}

static int for_each(const struct pg_conform_options *options, struct pg_target *target,
		    struct tally *tally)
{
	uint32_t found = 0;

	for (size_t set = 0; set < pg_rule_set_count; set++) {
		for (size_t i = 0; i < pg_rule_sets[set]->count; i++) {
			const struct pg_rule *rule = &pg_rule_sets[set]->rules[i];

			if (!selected(options, rule))
				continue;
			found++;
			if (options->list)
				printf("%s\t%s\t%s\n", rule->id, rule->section, rule->name);
			else
				run_rule(options, target, rule, tally);
		}
	}
	return (int)found;
}

static void usage(FILE *file)
{
	fputs("usage: paragpu conform [OPTION]... SOCKET\n"
	      "       paragpu conform [OPTION]... -- COMMAND... {socket}\n"
	      "\n"
	      "Checks a vhost-user GPU back end against the rules of virtio-gpu and vhost-user:\n"
	      "one that listens on SOCKET and takes a new connection after each, or one that\n"
	      "COMMAND starts, anew for each rule, with {socket} replaced by a path to listen on.\n"
	      "\n"
	      "  --profile=gpu|generic  talk as QEMU's vhost-user-gpu-pci (default) or as\n"
	      "                         QEMU's vhost-user-test-device-pci\n"
	      "  --strict               demand paragpu's own answers where the specification\n"
	      "                         leaves a choice\n"
	      "  --rule=ID              only this rule; ID may end in *\n"
	      "  --list                 print all rules: id, section, name\n"
	      "  --json                 report as JSON\n"
	      "  --timeout=MS           how long a back end may take to answer (default 2000)\n"
	      "  --verbose              print the names of passed rules too\n"
	      "\n"
	      "Exit status: 0 all rules hold, 1 some fail, 2 the check could not be made.\n",
	      file);
}

static int bad_usage(const char *message, const char *what)
{
	fprintf(stderr, "paragpu conform: %s%s; see paragpu conform --help\n", message, what);
	return 2;
}

enum {
	PROFILE = 256,
	STRICT,
	RULE,
	LIST,
	JSON,
	TIMEOUT,
	VERBOSE,
	HELP
};

static const struct option long_options[] = {
	{"profile", required_argument, NULL, PROFILE},
	{"strict", no_argument, NULL, STRICT},
	{"rule", required_argument, NULL, RULE},
	{"list", no_argument, NULL, LIST},
	{"json", no_argument, NULL, JSON},
	{"timeout", required_argument, NULL, TIMEOUT},
	{"verbose", no_argument, NULL, VERBOSE},
	{"help", no_argument, NULL, HELP},
	{NULL, 0, NULL, 0},
};

static int take_timeout(struct pg_conform_options *options, const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!value || value > 600000 || *end)
		return bad_usage("--timeout wants milliseconds from 1 to 600000, not ", text);
	options->timeout_ms = (uint32_t)value;
	return 0;
}

/* Returns 0, an exit status + 1 to end with, or -1 after --help. */
static int parse(struct pg_conform_options *options, int argc, char **argv)
{
	int option, error = 0;

	optind = 1;
	while (!error && (option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		switch (option) {
		case PROFILE:
			if (!strcmp(optarg, "generic"))
				options->profile = PG_FE_PROFILE_GENERIC;
			else if (strcmp(optarg, "gpu"))
				error = bad_usage("there is no profile ", optarg);
			break;
		case STRICT:
			options->strict = true;
			break;
		case RULE:
			options->rule = optarg;
			break;
		case LIST:
			options->list = true;
			break;
		case JSON:
			options->json = true;
			break;
		case TIMEOUT:
			error = take_timeout(options, optarg);
			break;
		case VERBOSE:
			options->verbose = true;
			break;
		case HELP:
			usage(stdout);
			return -1;
		default:
			return 2;
		}
	}
	return error;
}

static int take_target(struct pg_conform_options *options, int argc, char **argv)
{
	bool marked = false;

	if (options->list)
		return 0;
	if (optind >= argc)
		return bad_usage("no back end given: a SOCKET, or -- COMMAND", "");
	if (strcmp(argv[optind - 1], "--")) {
		if (argc - optind > 1)
			return bad_usage("what shall I do with ", argv[optind + 1]);
		options->socket = argv[optind];
		return 0;
	}
	options->command = argv + optind;
	for (int i = optind; i < argc; i++)
		marked = marked || strstr(argv[i], "{socket}");
	return marked ? 0 : bad_usage("the command lacks {socket}, the place of the path", "");
}

static void print_summary(const struct pg_conform_options *options, const struct tally *tally)
{
	if (options->json)
		printf("\n], \"passed\": %u, \"failed\": %u, \"not_offered\": %u}\n",
		       tally->counts[PG_PASS], tally->counts[PG_FAIL],
		       tally->counts[PG_NOT_OFFERED]);
	else
		printf("\n%u passed, %u failed, %u not offered\n", tally->counts[PG_PASS],
		       tally->counts[PG_FAIL], tally->counts[PG_NOT_OFFERED]);
}

int pg_cli_conform(int argc, char **argv)
{
	struct pg_conform_options options = {.timeout_ms = 2000};
	struct tally tally = {.first = true};
	struct pg_target target;
	int found;
	int error = parse(&options, argc, argv);

	if (!error)
		error = take_target(&options, argc, argv);
	if (error)
		return error < 0 ? 0 : error;
	signal(SIGPIPE, SIG_IGN);
	if (!options.list && pg_target_init(&target, &options))
		return bad_usage("cannot make a folder in /tmp", "");
	if (options.json && !options.list)
		printf("{\"profile\": \"%s\", \"strict\": %s, \"rules\": [",
		       options.profile == PG_FE_PROFILE_GPU ? "gpu" : "generic",
		       options.strict ? "true" : "false");
	found = for_each(&options, &target, &tally);
	if (!options.list) {
		print_summary(&options, &tally);
		pg_target_finish(&target);
	}
	if (!found)
		return bad_usage("there is no rule ", options.rule);
	return tally.counts[PG_FAIL] ? 1 : 0;
}
