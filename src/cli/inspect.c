/* SPDX-License-Identifier: MIT */
/* `paragpu inspect`: a look inside a running device, as a table or as JSON. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/watch_options.h"

static const char usage[] = "usage: paragpu inspect [OPTION…]\n";

/* Resources in the table; --json has them all. */
#define TABLE_RESOURCES 32

static long long number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *string(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)) ?: "";
}

static bool flag(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

/* "EDID RESOURCE_UUID", or "none" */
static void print_list(const char *title, const json_t *list)
{
	const json_t *item;

	printf("  %-14s", title);
	for (size_t i = 0; (item = json_array_get(list, i)); i++)
		printf("%s%s", i ? " " : "", json_string_value(item) ?: "?");
	puts(json_array_size(list) ? "" : "none");
}

static void print_size(long long bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
	double value = (double)bytes;
	int unit = 0;

	while (value >= 1024 && unit < 3) {
		value /= 1024;
		unit++;
	}
	printf("%.*f %s", unit ? 1 : 0, value, units[unit]);
}

static void print_connection(const json_t *connection)
{
	const json_t *regions = json_object_get(connection, "memory");
	const json_t *queues = json_object_get(connection, "queues");
	const json_t *item;
	long long memory = 0;

	puts("\nconnection");
	printf("  %-14s%s, front end %s%s, %lld connections, %lld resets\n", "state",
	       flag(connection, "connected") ? "connected" : "no VMM",
	       string(connection, "front_end"), flag(connection, "paused") ? ", rings stopped" : "",
	       number(connection, "connections"), number(connection, "resets"));
	print_list("offered", json_object_get(connection, "offered_features"));
	print_list("accepted", json_object_get(connection, "features"));
	print_list("protocol", json_object_get(connection, "protocol_features"));
	for (size_t i = 0; (item = json_array_get(regions, i)); i++)
		memory += flag(item, "window") ? 0 : number(item, "size");
	printf("  %-14s", "guest memory");
	print_size(memory);
	printf(" in %zu regions\n", json_array_size(regions));
	puts("\nqueue     state     layout  size  in flight     requests   interrupts");
	for (size_t i = 0; (item = json_array_get(queues, i)); i++) {
		const char *broken = json_string_value(json_object_get(item, "broken"));

		printf("%-10s%-10s%-8s%4lld %10lld %12lld %12lld\n", string(item, "name"),
		       broken                   ? "BROKEN"
		       : !flag(item, "started") ? "stopped"
		       : !flag(item, "enabled") ? "disabled"
						: "running",
		       string(item, "layout"), number(item, "size"), number(item, "in_flight"),
		       number(item, "requests"), number(item, "interrupts"));
		if (broken)
			printf("          %s\n", broken);
	}
}

static void print_format(const json_t *object)
{
	const json_t *format = json_object_get(object, "format");

	if (json_is_string(format))
		printf(" %s", json_string_value(format));
	else if (format)
		printf(" format %lld", (long long)json_integer_value(format));
}

static void print_heads(const json_t *heads)
{
	const json_t *item;

	puts("\nhead  connected  mode               shows");
	for (size_t i = 0; (item = json_array_get(heads, i)); i++) {
		const json_t *cursor = json_object_get(item, "cursor");
		const json_t *rect = json_object_get(item, "rect");
		char mode[40];

		snprintf(mode, sizeof(mode), "%lldx%lld@%.4g", number(item, "width"),
			 number(item, "height"), (double)number(item, "refresh_mhz") / 1000);
		printf("%4lld  %-9s  %-17s  ", number(item, "head"),
		       flag(item, "connected") ? "yes" : "no", mode);
		if (flag(item, "enabled")) {
			printf("resource %lld, %lldx%lld", number(item, "resource"),
			       (long long)json_integer_value(json_array_get(rect, 2)),
			       (long long)json_integer_value(json_array_get(rect, 3)));
			print_format(item);
		} else {
			fputs("nothing", stdout);
		}
		if (cursor)
			printf(", pointer at %lld,%lld", number(cursor, "x"), number(cursor, "y"));
		fputc('\n', stdout);
	}
}

static void print_resources(const json_t *resources, long long total)
{
	const json_t *item;

	if (!total)
		return;
	puts("\nresource  kind  what                          size    entries  heads");
	for (size_t i = 0; (item = json_array_get(resources, i)); i++) {
		const json_t *head;
		char what[40];

		if (i == TABLE_RESOURCES)
			break;
		if (!strcmp(string(item, "kind"), "blob"))
			snprintf(what, sizeof(what), "mem %lld, flags %lld",
				 number(item, "blob_mem"), number(item, "blob_flags"));
		else
			snprintf(what, sizeof(what), "%lldx%lld %s", number(item, "width"),
				 number(item, "height"), string(item, "format"));
		printf("%8lld  %-4s  %-22s  %10lld %10lld ", number(item, "id"),
		       string(item, "kind"), what, number(item, "size"),
		       number(item, "backing_entries"));
		for (size_t j = 0; (head = json_array_get(json_object_get(item, "heads"), j)); j++)
			printf(" %lld", (long long)json_integer_value(head));
		if (*string(item, "uuid"))
			printf("  %s", string(item, "uuid"));
		fputc('\n', stdout);
	}
	if (total > TABLE_RESOURCES)
		printf("… and %lld more; --json prints all\n", total - TABLE_RESOURCES);
}

/* A capset has a name or a number. */
static void print_capset(const json_t *capset)
{
	if (json_is_string(capset))
		fputs(json_string_value(capset), stdout);
	else
		printf("%lld", (long long)json_integer_value(capset));
}

static void print_contexts(const json_t *contexts)
{
	const json_t *item;

	if (json_array_size(contexts))
		puts("\ncontext   resources   fences  name, capset, renderer");
	for (size_t i = 0; (item = json_array_get(contexts, i)); i++) {
		printf("%7lld  %10lld %8lld  \"%s\", ", number(item, "id"),
		       number(item, "resources"), number(item, "fences"), string(item, "name"));
		print_capset(json_object_get(item, "capset"));
		printf(", %s\n", flag(item, "lost") ? "LOST" : string(item, "renderer"));
	}
}

static void print_renderers(const json_t *facts)
{
	const json_t *renderers = json_object_get(facts, "renderers");
	const json_t *capsets = json_object_get(facts, "capsets");
	const json_t *mappings = json_object_get(facts, "mappings");
	const json_t *item;

	if (json_array_size(renderers))
		puts("\nrenderer    worker  starts  losses  contexts   fences  capsets");
	for (size_t i = 0; (item = json_array_get(renderers, i)); i++) {
		const json_t *capset;

		printf("%-10s%8lld%8lld%8lld%10lld%9lld ", string(item, "name"),
		       number(item, "pid"), number(item, "starts"), number(item, "losses"),
		       number(item, "contexts"), number(item, "fences"));
		for (size_t j = 0; (capset = json_array_get(capsets, j)); j++) {
			if (strcmp(string(capset, "renderer"), string(item, "name")) != 0)
				continue;
			putchar(' ');
			print_capset(json_object_get(capset, "name"));
		}
		putchar('\n');
	}
	print_contexts(json_object_get(facts, "contexts"));
	if (json_array_size(mappings))
		puts("\nwindow at         length  resource");
	for (size_t i = 0; (item = json_array_get(mappings, i)); i++)
		printf("%-12s%12lld  %8lld%s\n", string(item, "offset"), number(item, "length"),
		       number(item, "resource"), flag(item, "settled") ? "" : ", changing");
}

static void print_table(const json_t *facts)
{
	const json_t *stats = json_object_get(facts, "stats");
	const json_t *limits = json_object_get(facts, "limits");

	printf("paragpu %s, running for %lld s\n", string(facts, "version"),
	       number(facts, "uptime_ms") / 1000);
	print_list("displays", json_object_get(facts, "displays"));
	printf("  %-14s%lld, %lld of them answered by an error, %lld malformed\n", "commands",
	       number(stats, "commands"), number(stats, "errors"), number(stats, "malformed"));
	printf("  %-14s%lld, ", "flushes", number(stats, "flushes"));
	print_size(number(stats, "bytes_transferred"));
	puts(" transferred");
	printf("  %-14s%lld of %lld held\n", "fences", number(stats, "pending"),
	       number(limits, "pending"));
	printf("  %-14s%lld of %lld\n", "resources", number(stats, "resources"),
	       number(limits, "resources"));
	printf("  %-14s", "host memory");
	print_size(number(stats, "host_bytes"));
	fputs(" of ", stdout);
	print_size(number(limits, "host_bytes"));
	printf(" in images\n  %-14s%lld of %lld\n", "entries", number(stats, "backing_entries"),
	       number(limits, "total_entries"));
	print_connection(json_object_get(facts, "connection"));
	print_heads(json_object_get(facts, "heads"));
	print_renderers(facts);
	print_resources(json_object_get(facts, "resources"), number(stats, "resources"));
}

/* All resources, or as many as the table shows. They may change between two answers. */
static json_t *ask_resources(struct pg_control_client *client, bool all)
{
	json_t *resources = json_array();
	json_int_t next = 0;

	do {
		json_t *page = pg_client_ask(
			client, json_pack("{s:s,s:I}", "command", "resources", "after", next));
		if (!page) {
			json_decref(resources);
			return NULL;
		}
		json_array_extend(resources, json_object_get(page, "resources"));
		next = json_integer_value(json_object_get(page, "next"));
		json_decref(page);
	} while (next && all);
	return resources;
}

static int show(struct pg_control_client *client, bool json)
{
	json_t *facts = pg_client_ask(client, json_pack("{s:s}", "command", "inspect"));
	json_t *resources = facts ? ask_resources(client, json) : NULL;

	if (!resources) {
		json_decref(facts);
		return PG_EXIT_FAILED;
	}
	json_object_set_new(facts, "resources", resources);
	if (json) {
		json_dumpf(facts, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	} else {
		print_table(facts);
	}
	json_decref(facts);
	return fflush(stdout) || ferror(stdout) ? PG_EXIT_FAILED : PG_EXIT_OK;
}

int pg_cli_inspect(int argc, char **argv)
{
	const struct pg_option table[] = {
		pg_option_json,
		pg_option_device,
		pg_option_help,
		{NULL, NULL, NULL, NULL, NULL},
	};
	struct pg_watch_options options;
	struct pg_control_client client;
	int status = pg_watch_parse(&options, table, usage, argc, argv, NULL, 0);

	if (status >= 0)
		return status;
	status = pg_client_open(&client, options.device);
	if (!status)
		status = show(&client, options.json);
	pg_client_close(&client);
	return status;
}
