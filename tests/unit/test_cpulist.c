/* SPDX-License-Identifier: MIT */
/* Lists of CPUs: what the kernel writes is read exactly, and nothing else is. */
#include <stdio.h>
#include <string.h>

#include "base/cpulist.h"
#include "fail_capture.h"
#include "fake_host.h"

static void reads_what_the_kernel_writes(void **state)
{
	static const struct {
		const char *text;
		const char *shortest;
		int count;
	} lists[] = {
		{ "", "", 0 },
		{ "\n", "", 0 },
		{ "0", "0", 1 },
		{ "0-3\n", "0-3", 4 },
		{ "0-3,6", "0-3,6", 5 },
		{ "0,2,4\n", "0,2,4", 3 },
		{ "6,0-3", "0-3,6", 5 },
		{ "0,1,2,3", "0-3", 4 },
		{ "0-5,3-7", "0-7", 8 },
		{ "1,1", "1", 1 },
		{ "5-5", "5", 1 },
		{ "007", "7", 1 },
		{ "1023", "1023", 1 },
		{ "0-4095", "0-4095", 4096 },
		{ "0-1151", "0-1151", 1152 },
		{ "63-64,128,1024,4095", "63-64,128,1024,4095", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		char text[CPULIST_TEXT];
		struct cpuset set;

		memset(&set, 0xff, sizeof(set));
		assert_int_equal(cpulist_parse(lists[i].text, &set), 0);
		assert_int_equal(cpuset_count(&set), lists[i].count);
		assert_string_equal(cpulist_format(&set, text, sizeof(text)), lists[i].shortest);
	}
}

static void refuses_everything_else(void **state)
{
	static const char *const lists[] = {
		"x",          "-",
		"-1",         "1-",
		",",          "0,",
		",0",         "0,,1",
		"3-1",        "0-1-2",
		" 0",         "0 ",
		"0-3 ",       "+1",
		"0x1",        "4096",
		"0-4096",     "0\n\n",
		"0\n1",       "0;1",
		"1 - 2",      "0-3/2",
		"1.5",        "99999999999999999999",
		"4294967296", "0-4294967297",
		"\n0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct cpuset set;

		if (!cpulist_parse(lists[i], &set))
			print_error("taken: '%s'\n", lists[i]);
		assert_int_equal(cpulist_parse(lists[i], &set), -1);
	}
}

/* "10" cut to "1" would be another CPU: only whole entries are written, and that there are more. */
static void never_cuts_a_number(void **state)
{
	struct cpuset set = cpus("0-1,10,20-21");
	static const char *const by_size[] = {
		[1] = "",
		[2] = ".",
		[4] = "...",
		[7] = "...",
		[8] = "0-1,...",
		[10] = "0-1,...",
		[11] = "0-1,10,...",
		[12] = "0-1,10,...",
		[13] = "0-1,10,20-21",
	};

	(void)state;
	for (size_t size = 1; size < sizeof(by_size) / sizeof(by_size[0]); size++) {
		char text[32];

		if (!by_size[size])
			continue;
		memset(text, '#', sizeof(text));
		assert_string_equal(cpulist_format(&set, text, size), by_size[size]);
		assert_int_equal(text[size], '#');
	}
}

static void writes_nothing_into_no_room(void **state)
{
	struct cpuset set = cpus("0");
	char text[1] = { '#' };

	(void)state;
	cpulist_format(&set, text, 0);
	assert_int_equal(text[0], '#');
}

/* What programs read is whole, even the longest of all lists. */
static void whole_lists_fit(void **state)
{
	static const int pattern[] = { 1, 2, 3, 4 }; /* so many CPUs of so many and one more */
	static char text[CPULIST_WHOLE];

	(void)state;
	for (size_t i = 0; i < sizeof(pattern) / sizeof(pattern[0]); i++) {
		struct cpuset set = cpus(""), again;

		for (int cpu = 0; cpu < CPUSET_CPUS; cpu++)
			if (cpu % (pattern[i] + 1) < pattern[i])
				cpuset_add(&set, cpu);
		cpulist_format(&set, text, sizeof(text));
		assert_null(strstr(text, "..."));
		assert_int_equal(cpulist_parse(text, &again), 0);
		assert_true(cpuset_equal(&set, &again));
	}
}

/* 128, 256 and 1152 CPUs, of which each other one is there. */
static void says_that_a_list_goes_on(void **state)
{
	static const int counts[] = { 128, 256, 1152 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		char text[CPULIST_TEXT];
		struct cpuset set = cpus("");

		for (int cpu = 0; cpu < counts[i]; cpu++)
			cpuset_add(&set, 2 * cpu);
		cpulist_format(&set, text, sizeof(text));
		assert_string_equal(text + strlen(text) - 4, ",...");
		assert_memory_equal(text, "0,2,4,6,", 8);
	}
}

static void finds_the_lowest(void **state)
{
	struct cpuset set = cpus("");

	(void)state;
	assert_int_equal(cpuset_first(&set), -1);
	set = cpus("5,3,9");
	assert_int_equal(cpuset_first(&set), 3);
	set = cpus("0-1");
	assert_int_equal(cpuset_first(&set), 0);
	set = cpus("4095");
	assert_int_equal(cpuset_first(&set), 4095);
	assert_int_equal(cpuset_next(&set, 4095), -1);
}

static void contains_means_all_of_them(void **state)
{
	struct cpuset outer = cpus("0-3,8"), inner = cpus("1,8");

	(void)state;
	assert_true(cpuset_contains(&outer, &inner));
	assert_false(cpuset_contains(&inner, &outer));
	assert_true(cpuset_contains(&outer, &outer));
	inner = cpus("3-4");
	assert_false(cpuset_contains(&outer, &inner));
	inner = cpus("");
	assert_true(cpuset_contains(&outer, &inner));
	assert_false(cpuset_contains(&inner, &outer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_the_kernel_writes),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(never_cuts_a_number),
		cmocka_unit_test(writes_nothing_into_no_room),
		cmocka_unit_test(whole_lists_fit),
		cmocka_unit_test(says_that_a_list_goes_on),
		cmocka_unit_test(finds_the_lowest),
		cmocka_unit_test(contains_means_all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
