/* SPDX-License-Identifier: MIT */
/* The summary's table is aligned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "report/stats.h"

enum { A53, A72, NONE = -1 };

static struct stats stats;
static struct host host;
static struct choice choice;
static char *printed;

static int setup(void **state)
{
	(void)state;
	memset(&stats, 0, sizeof(stats));
	stats_open(&stats, 12, 2, test_calloc(1, stats_room(12, 2)));
	stats.nvcpus = 1;
	fake_host(&host, "0-3");
	fake_host_pmu(&host, "armv8_cortex_a53", "0-1");
	fake_host_pmu(&host, "armv8_cortex_a72", "2-3");
	choice = (struct choice){ .mode = PMU_COMPOSITE, .pmu = -1 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(printed);
	printed = NULL;
	test_free(stats.vcpu);
	return 0;
}

/* A window on @pmu, or if @hops is not 0 one that came there from another host PMU. */
static void window(int vcpu, int pmu, unsigned hops, uint64_t cycles)
{
	struct lab_record record = { .cycles_start = 1000, .cycles_end = 1000 + cycles };
	struct window ended = { .vcpu = vcpu, .pmu = pmu, .stayed = !hops, .record = &record };

	stats_window(&stats, &ended);
	stats.vcpu[vcpu].hops += hops;
}

static void print(void)
{
	size_t size;
	FILE *out;

	free(printed);
	out = open_memstream(&printed, &size);
	assert_non_null(out);
	stats_print(&stats, &host, &choice, out);
	fclose(out);
}

static void nothing_to_tell_prints_nothing(void **state)
{
	(void)state;
	print();
	assert_string_equal(printed, "");
}

static void the_table_is_aligned(void **state)
{
	(void)state;
	stats.nvcpus = 12;
	window(0, A53, 0, 40006);
	window(0, A72, 0, 40007);
	window(0, A72, 0, 40010);
	window(0, A72, 1, 33000);
	window(11, NONE, 0, 123456789012);
	stats.vcpu[10].refusals = 7;
	print();
	*(strstr(printed, "composite:")) = '\0';
	assert_string_equal(
		printed, "                                                      cycles per window\n"
			 "vCPU  host PMU           windows          min       median          "
			 "max stopped irqs "
			 "hops refusals\n"
			 "   0  armv8_cortex_a53         1        40006        40006        "
			 "40006       0    0 "
			 "   1        0\n"
			 "   0  armv8_cortex_a72         2        40007        40008        "
			 "40010       0    0\n"
			 "   0  several or unknown       1        33000        33000        "
			 "33000       0    0\n"
			 "  10  -                        0            -            -            "
			 "-       -    - "
			 "   0        7\n"
			 "  11  CPUs without a PMU       1 123456789012 123456789012 "
			 "123456789012       0    0 "
			 "   0        0\n");
}

/* With counts of six digits and names of common PMUs. */
static void the_table_fits_80_columns(void **state)
{
	(void)state;
	window(0, A53, 0, 999999);
	window(0, A72, 1, 999999);
	print();
	for (const char *line = printed; strncmp(line, "composite:", 10); line++) {
		assert_in_range(strcspn(line, "\n"), 1, 80);
		line += strcspn(line, "\n");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Of a guest that begins at EL2 the summary says so; of all others nothing. */
static void the_level_is_told(void **state)
{
	struct lab_record record = { .cycles_end = 40006, .flags = LAB_EL2 };
	struct window at_el2 = { .pmu = A53, .stayed = true, .record = &record };

	(void)state;
	stats_window(&stats, &at_el2);
	print();
	assert_non_null(strstr(printed, ". The windows ran at EL2.\n"));
	window(0, A53, 0, 40006);
	print();
	assert_non_null(strstr(printed, ". Some windows ran at EL2.\n"));
	memset(stats.vcpu, 0, sizeof(*stats.vcpu));
	window(0, A53, 0, 40006);
	print();
	assert_null(strstr(printed, "EL2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_to_tell_prints_nothing),
		TEST(the_table_is_aligned),
		TEST(the_table_fits_80_columns),
		TEST(the_level_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
