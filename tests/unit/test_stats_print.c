/* SPDX-License-Identifier: MIT */
/* The summary: its table is aligned, and its sentence claims nothing that was not seen. */
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

/* A window that ended on @pmu, after @hops hops. */
static void any_window(int vcpu, int pmu, unsigned hops, uint64_t cycles, uint16_t flags)
{
	struct lab_record record = { .flags = flags,
				     .cycles_start = 1000,
				     .cycles_end = 1000 + cycles };
	struct window ended = { .vcpu = vcpu, .pmu = pmu, .hops = hops, .record = &record };

	assert_true(stats_window(&stats, &ended));
	stats.vcpu[vcpu].hops += hops;
}

static void window(int vcpu, int pmu, unsigned hops, uint64_t cycles)
{
	any_window(vcpu, pmu, hops, cycles, 0);
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

/* The text's last line. */
static void assert_sentence(const char *want)
{
	char *end, *start;

	print();
	end = printed + strlen(printed);
	assert_true(end > printed && end[-1] == '\n');
	end[-1] = '\0';
	start = strrchr(printed, '\n');
	assert_non_null(start);
	assert_string_equal(start + 1, want);
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
	window(0, A72, 1, 40007);
	window(0, A72, 0, 40010);
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
		"  10  -                                  0            -            -            -"
		"        -         -        0        7\n"
		"  11  CPUs without a PMU                 1 123456789012 123456789012 123456789012"
		"        0         0        0        0\n");
}

static void success_names_what_was_seen(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		window(0, A53, i > 0, 40006);
		window(0, A72, 1, 40007);
	}
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53 and "
			"armv8_cortex_a72: no window of 12 stood still over 11 hops (40006 to "
			"40007 cycles a window).");
}

static void one_pmu_proves_nothing_of_the_others(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	window(0, A53, 1, 40006);
	assert_sentence("default: the cycle counter counted on armv8_cortex_a53: no window of 1 "
			"stood still over 1 hop (40006 to 40006 cycles a window), and none ended "
			"on another host PMU.");
}

static void default_mode_shows_where_it_stopped(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	for (int i = 0; i < 6; i++) {
		window(0, A53, 0, 40006);
		window(0, A72, 0, 0);
	}
	window(0, A72, 1, 3);
	assert_sentence("default: the cycle counter did not count everywhere: 6 of 13 windows "
			"stood still, on armv8_cortex_a72; it counted on armv8_cortex_a53; "
			"--pmu=composite or --pmu=explicit is there to prevent this.");
}

/* With a hop in every window none can stand still, but the median gives it away. */
static void hops_do_not_hide_a_stop(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	for (int i = 0; i < 6; i++) {
		window(0, A53, 1, 40006);
		window(0, A72, 1, 3);
	}
	assert_sentence("default: the cycle counter did not count everywhere: windows that ended "
			"on armv8_cortex_a72 have a median of 3 cycles, where the largest is "
			"40006; it counted on armv8_cortex_a53; --pmu=composite or --pmu=explicit "
			"is there to prevent this.");
}

static void a_broken_promise_is_loud(void **state)
{
	(void)state;
	window(0, A53, 0, 40006);
	window(0, A72, 0, 0);
	assert_sentence("composite: THE CYCLE COUNTER FAILED, which this mode is there to "
			"prevent: 1 of 2 windows stood still, on armv8_cortex_a72; it counted on "
			"armv8_cortex_a53.");
	choice.mode = PMU_STRICT;
	window(0, A53, 0, 0);
	assert_sentence("strict: THE CYCLE COUNTER FAILED, which this mode is there to prevent: 2 "
			"of 3 windows stood still, on armv8_cortex_a53 and armv8_cortex_a72.");
}

static void a_counter_that_never_moved_did_not_count(void **state)
{
	(void)state;
	window(0, A53, 1, 0);
	assert_sentence("composite: THE CYCLE COUNTER FAILED, which this mode is there to "
			"prevent: windows that ended on armv8_cortex_a53 have a median of 0 "
			"cycles, where the largest is 0.");
}

static void a_few_short_windows_are_told(void **state)
{
	(void)state;
	for (int i = 0; i < 99; i++)
		window(0, i % 2, 1, 40006);
	window(0, A72, 1, 12);
	assert_sentence("composite: CYCLES MAY BE MISSING on armv8_cortex_a53 and "
			"armv8_cortex_a72: no window of 100 stood still over 100 hops (12 to "
			"40006 cycles a window).");
}

static void short_spans_of_time_miss_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		any_window(0, i % 2, 1, i ? 14000 : 12, LAB_TIMED);
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53 and "
			"armv8_cortex_a72: no window of 100 stood still over 100 hops (12 to "
			"14000 cycles a window).");
}

static void refusals_name_the_pmu(void **state)
{
	(void)state;
	choice.mode = PMU_EXPLICIT;
	choice.pmu = A53;
	stats.vcpu[0].refusals = 6;
	window(0, A53, 12, 40006);
	assert_sentence("explicit: KVM refused 6 times to run a vCPU off armv8_cortex_a53 (cpus "
			"0-1); the cycle counter counted on armv8_cortex_a53: no window of 1 stood "
			"still over 12 hops (40006 to 40006 cycles a window), and none ended on "
			"another host PMU.");
}

static void refusals_of_composite_name_all_pmus(void **state)
{
	(void)state;
	stats.vcpu[0].refusals = 1;
	assert_sentence("composite: KVM refused 1 time to run a vCPU off the host PMUs (cpus 0-3); "
			"the guest handed over no window, so nothing is known of its counters.");
}

static void without_windows_nothing_is_judged(void **state)
{
	(void)state;
	choice.mode = PMU_EXPLICIT;
	choice.pmu = A72;
	stats.vcpu[0].refusals = 1;
	assert_sentence("explicit: KVM refused 1 time to run a vCPU off armv8_cortex_a72 (cpus "
			"2-3); the guest handed over no window, so nothing is known of its "
			"counters.");
}

static void off_has_no_counters(void **state)
{
	(void)state;
	choice.mode = PMU_OFF;
	window(0, A53, 0, 0);
	window(0, A72, 0, 0);
	assert_sentence("off: the guest has no PMU, so its 2 windows counted no cycles.");
	window(0, A72, 0, 5);
	assert_sentence("off: the guest was given no PMU, yet reports up to 5 cycles a window.");
}

static void three_pmus_and_several_vcpus_are_summed(void **state)
{
	(void)state;
	stats.nvcpus = 3;
	fake_host_pmu(&host, "armv8_cortex_x1", "4");
	window(0, A53, 0, 10);
	window(1, A72, 4, 20);
	window(2, 2, 5, 30);
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53, "
			"armv8_cortex_a72 and armv8_cortex_x1: no window of 3 stood still over 9 "
			"hops (10 to 30 cycles a window).");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_to_tell_prints_nothing),
		TEST(the_table_is_aligned),
		TEST(success_names_what_was_seen),
		TEST(one_pmu_proves_nothing_of_the_others),
		TEST(default_mode_shows_where_it_stopped),
		TEST(hops_do_not_hide_a_stop),
		TEST(a_broken_promise_is_loud),
		TEST(a_counter_that_never_moved_did_not_count),
		TEST(a_few_short_windows_are_told),
		TEST(short_spans_of_time_miss_nothing),
		TEST(refusals_name_the_pmu),
		TEST(refusals_of_composite_name_all_pmus),
		TEST(without_windows_nothing_is_judged),
		TEST(off_has_no_counters),
		TEST(three_pmus_and_several_vcpus_are_summed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
