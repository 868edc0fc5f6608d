/* SPDX-License-Identifier: MIT */
/* --renderer=, taken apart; see renderers.h. Starts nothing, so that `paragpu run` can check it. */
#include "daemon/renderers.h"

#include <stdio.h>
#include <string.h>

#include "daemon/option_table.h"

static const char kinds[] =
	"the renderers are virgl (OpenGL and Vulkan by virglrenderer) and memory (for tests)";
static const char parts[] =
	"behind virgl stand gl=off, venus=off, drm=off, gles=on, render-node=PATH, "
	"render-server=PATH, library=PATH; behind any kind hang-timeout=SECONDS";

static bool is(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(text, word, length);
}

static bool add_argument(struct pg_renderer_choice *choice, const char *name, const char *value,
			 size_t length)
{
	char *text = choice->texts[choice->count];
	int size = snprintf(text, sizeof(choice->texts[0]), "--%s%s%.*s", name, value ? "=" : "",
			    (int)length, value ? value : "");

	if (size < 0 || (size_t)size >= sizeof(choice->texts[0]))
		return false;
	choice->count++;
	return true;
}

static bool set_part(struct pg_renderer_choice *choice, const char *part, size_t length)
{
	static const char *const paths[] = {"render-node", "render-server", "library"};
	static const char *const offs[][2] = {
		{"gl=off", "no-virgl"},
		{"venus=off", "no-venus"},
		{"drm=off", "no-drm"},
		{"gles=on", "gles"},
	};
	bool is_virgl = !strcmp(choice->kind, "virgl");
	char seconds[8] = "";
	uint32_t number;

	if (choice->count == PG_RENDERER_ARGUMENTS)
		return false;
	if (length > 13 && length < 13 + sizeof(seconds) && !memcmp(part, "hang-timeout=", 13)) {
		memcpy(seconds, part + 13, length - 13);
		if (!pg_value_u32(seconds, 1, 86400, &number))
			return false;
		choice->hang_timeout_ms = number * 1000;
		return true;
	}
	for (size_t i = 0; is_virgl && i < sizeof(offs) / sizeof(offs[0]); i++)
		if (is(part, length, offs[i][0]))
			return add_argument(choice, offs[i][1], NULL, 0);
	for (size_t i = 0; is_virgl && i < sizeof(paths) / sizeof(paths[0]); i++) {
		size_t name = strlen(paths[i]);

		if (length < name + 2 || memcmp(part, paths[i], name) || part[name] != '=')
			continue;
		choice->has_render_node |= !i;
		return add_argument(choice, paths[i], part + name + 1, length - name - 1);
	}
	return false;
}

const char *pg_renderer_choose(const char *text, struct pg_renderer_choice *choice)
{
	struct pg_renderer_choice unused;
	size_t length = strcspn(text, ",");

	if (!choice)
		choice = &unused;
	*choice = (struct pg_renderer_choice){.count = 0};
	if (!is(text, length, "virgl") && !is(text, length, "memory"))
		return kinds;
	memcpy(choice->kind, text, length);
	while (text[length]) {
		text += length + 1;
		length = strcspn(text, ",");
		if (!set_part(choice, text, length))
			return parts;
	}
	return NULL;
}
