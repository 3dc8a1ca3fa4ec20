/* SPDX-License-Identifier: MIT */
/* The summary's table is aligned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "stats.h"

enum { A53, A72, NONE = -1 };

static struct stats stats;
static struct host host;
static struct choice choice;
static char *printed;

static int setup(void **state)
{
	(void)state;
	memset(&stats, 0, sizeof(stats));
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
	stats_free(&stats);
	return 0;
}

/* A window on @pmu, or if @hops is not 0 one that came there from another host PMU. */
static void window(int vcpu, int pmu, unsigned hops, uint64_t cycles)
{
	struct lab_record record = { .cycles_start = 1000, .cycles_end = 1000 + cycles };
	struct window ended = { .vcpu = vcpu, .pmu = pmu, .stayed = !hops, .record = &record };

	assert_true(stats_window(&stats, &ended));
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
		printed,
		"vCPU  host PMU                     windows  cycles: min       median          max"
		"  stopped overflows     hops refusals\n"
		"   0  armv8_cortex_a53 (cpus 0-1)        1        40006        40006        40006"
		"        0         0        1        0\n"
		"   0  armv8_cortex_a72 (cpus 2-3)        2        40007        40008        40010"
		"        0         0\n"
		"   0  several or unknown                 1        33000        33000        33000"
		"        0         0\n"
		"  10  -                                  0            -            -            -"
		"        -         -        0        7\n"
		"  11  CPUs without a PMU                 1 123456789012 123456789012 123456789012"
		"        0         0        0        0\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_to_tell_prints_nothing),
		TEST(the_table_is_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
