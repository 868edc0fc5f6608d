/* SPDX-License-Identifier: MIT */
/* What of the list of mappings the handler of SIGBUS understands; the rest is tests/programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/memory_fault.h"

static const char maps[] =
	"00400000-00500000 r-xp 00000000 08:01 12   /usr/bin/paragpud\n"
	"00500000-00600000 rw-p 00000000 08:01 12   /usr/bin/paragpud\n"
	"7f0000000000-7f0000200000 rw-s 00000000 00:01 7  /memfd:guest (deleted)\n"
	"7f0000200000-7f0000300000 r--s 00000000 08:01 9  /usr/share/locale\n"
	"7f00003";

static uintptr_t find(uintptr_t address)
{
	uintptr_t end;

	pg_memory_fault_parse(maps, sizeof(maps) - 1, address, &end);
	return end;
}

static void only_shared_writable_mappings_are_replaced(void **state)
{
	(void)state;
	assert_int_equal(find(0x400000), 0);
	assert_int_equal(find(0x500000), 0);
	assert_int_equal(find(0x7effffffffff), 0);
	assert_int_equal(find(0x7f0000000000), 0x7f0000200000);
	assert_int_equal(find(0x7f00001fffff), 0x7f0000200000);
	assert_int_equal(find(0x7f0000200000), 0);
}

static void an_incomplete_line_waits_for_its_rest(void **state)
{
	uintptr_t end;
	size_t done;

	(void)state;
	done = pg_memory_fault_parse(maps, sizeof(maps) - 1, 0x7f0000300000, &end);
	assert_int_equal(end, 0);
	assert_string_equal(maps + done, "7f00003");
	/* Nothing, and garbage, are no mapping. */
	assert_int_equal(pg_memory_fault_parse("", 0, 1, &end), 0);
	assert_int_equal(pg_memory_fault_parse("-\n\n0-\n", 6, 0, &end), 6);
	assert_int_equal(end, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_shared_writable_mappings_are_replaced),
		cmocka_unit_test(an_incomplete_line_waits_for_its_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
