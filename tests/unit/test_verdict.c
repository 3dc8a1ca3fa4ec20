/* SPDX-License-Identifier: MIT */
/* The summary's sentence claims nothing that was not seen. */
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
	stats_open(&stats, 3, 3, test_calloc(1, stats_room(3, 3)));
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
static void any_window(int vcpu, int pmu, unsigned hops, uint64_t cycles, uint16_t flags)
{
	struct lab_record record = { .flags = flags,
				     .cycles_start = 1000,
				     .cycles_end = 1000 + cycles };
	struct window ended = { .vcpu = vcpu,
				.pmu = pmu,
				.stayed = !hops,
				.pmus = 1u << stats_row(pmu) | 1u << (pmu == A53 ? A72 : A53),
				.record = &record };

	stats_window(&stats, &ended);
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

static void success_names_what_was_seen(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		window(0, A53, 0, 40006);
		window(0, A72, 0, 40007);
		window(0, A72, 1, 40005);
	}
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53 and "
			"armv8_cortex_a72: all 18 windows counted 40005 to 40007 cycles, "
			"across 6 hops.");
}

static void one_pmu_proves_nothing_of_the_others(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	window(0, A53, 0, 40006);
	assert_sentence("default: the cycle counter counted on armv8_cortex_a53: the "
			"only window counted 40006 cycles, on this PMU.");
	window(0, A53, 0, 40006);
	assert_sentence("default: the cycle counter counted on armv8_cortex_a53: all 2 "
			"windows counted 40006 cycles, all on this PMU.");
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
	assert_sentence("default: the cycle counter stopped on armv8_cortex_a72 (6 of 13 "
			"windows) and counted on armv8_cortex_a53. --pmu=composite and "
			"--pmu=explicit avoid this.");
}

/* Not even by their cycles: in wall time a stop has lasted as long as any. */
static void with_hops_in_all_windows_nothing_can_be_told(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	for (int i = 0; i < 6; i++) {
		window(0, A53, 1, 40006);
		window(0, A72, 1, 3);
	}
	assert_sentence("default: whether the cycle counter counted on armv8_cortex_a53 "
			"and armv8_cortex_a72 cannot be told, because no window is known "
			"to have stayed there: --migrate=step:0,0,2,2 would tell.");
}

static void a_pmu_that_was_only_passed_is_named(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	window(0, A53, 0, 40006);
	window(0, A72, 1, 30000);
	any_window(0, A53, 1, 40006, LAB_TIMED);
	assert_sentence("default: the cycle counter counted on armv8_cortex_a53: all 3 "
			"windows counted 30000 to 40006 cycles, across 2 hops; whether "
			"the cycle counter counted on armv8_cortex_a72 cannot be told, "
			"because no window is known to have stayed there: "
			"--migrate=step:0,0,2,2 would tell.");
}

/* The thread was there for a moment, and its window ended meanwhile. */
static void where_a_mode_cannot_run_nothing_counted(void **state)
{
	(void)state;
	choice = (struct choice){ .mode = PMU_EXPLICIT, .pmu = A53 };
	stats.vcpu[0].refusals = 2;
	window(0, A72, 1, 40006);
	assert_sentence("explicit: KVM refused 2 times to run a vCPU outside "
			"armv8_cortex_a53's CPUs; whether the cycle counter counted on "
			"armv8_cortex_a53 cannot be told, because no window is known to "
			"have stayed there: --migrate=step:0,0,2,2 would tell.");
	any_window(0, A53, 0, 40006, LAB_TIMED);
	assert_sentence("explicit: KVM refused 2 times to run a vCPU outside "
			"armv8_cortex_a53's CPUs; the cycle counter counted on "
			"armv8_cortex_a53: all 2 windows counted 40006 cycles, across 1 "
			"hop.");
}

static void a_vcpu_where_it_must_not_run_is_loud(void **state)
{
	(void)state;
	choice = (struct choice){ .mode = PMU_EXPLICIT, .pmu = A53 };
	window(0, A53, 0, 40006);
	window(0, A72, 0, 40006);
	assert_sentence("explicit: KVM RAN A vCPU on armv8_cortex_a72, where this mode "
			"must be refused; the cycle counter counted on armv8_cortex_a53: "
			"all 2 windows counted 40006 cycles.");
}

static void a_broken_promise_is_loud(void **state)
{
	(void)state;
	window(0, A53, 0, 40006);
	window(0, A72, 0, 0);
	assert_sentence("composite: THE CYCLE COUNTER STOPPED on armv8_cortex_a72 (1 of "
			"2 windows), where this mode should count; it counted on "
			"armv8_cortex_a53.");
	choice.mode = PMU_STRICT;
	window(0, A53, 0, 0);
	assert_sentence("strict: THE CYCLE COUNTER STOPPED on armv8_cortex_a53 and "
			"armv8_cortex_a72 (2 of 3 windows), where this mode should "
			"count.");
}

/* Other modes would not help: the host had the counter, maybe. */
static void a_stop_for_a_while_is_no_mode_s(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	window(0, A53, 0, 40006);
	window(0, A53, 0, 0);
	assert_sentence("default: the cycle counter stopped on armv8_cortex_a53 (1 of 2 "
			"windows).");
}

static void a_stop_between_pmus_is_told(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	window(0, A72, 1, 0);
	window(0, A72, 1, 5);
	assert_sentence("default: the cycle counter stopped between host PMUs (1 of 2 windows); "
			"whether the cycle counter counted on armv8_cortex_a53 and "
			"armv8_cortex_a72 cannot be told, because no window is known to have "
			"stayed there: --migrate=step:0,0,2,2 would tell.");
	window(0, A53, 0, 40006);
	window(0, A72, 0, 40006);
	assert_sentence("default: the cycle counter stopped between host PMUs (1 of 4 windows) "
			"and counted on armv8_cortex_a53 and armv8_cortex_a72.");
}

/* Protected KVM keeps the counters from all guests. */
static void nothing_counts_anywhere(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	window(0, A72, 0, 0);
	assert_sentence("default: the cycle counter counted nothing in 1 window on "
			"armv8_cortex_a72; --migrate=step:0,0,2,2 would tell whether it "
			"counts elsewhere.");
	window(0, A53, 0, 0);
	window(0, A53, 1, 0);
	assert_sentence("default: the cycle counter counted nothing in 3 windows on "
			"armv8_cortex_a53 and armv8_cortex_a72. It counts nowhere, and "
			"no --pmu mode prevents that.");
	choice.mode = PMU_COMPOSITE;
	assert_sentence("composite: the cycle counter counted nothing in 3 windows on "
			"armv8_cortex_a53 and armv8_cortex_a72. It counts nowhere, and "
			"no --pmu mode prevents that.");
}

static void nothing_counts_where_a_mode_can_run(void **state)
{
	(void)state;
	choice = (struct choice){ .mode = PMU_EXPLICIT, .pmu = A53 };
	window(0, A53, 0, 0);
	assert_sentence("explicit: the cycle counter counted nothing in 1 window on "
			"armv8_cortex_a53, where this mode should count.");
	host.npmus = 1;
	host.allowed = host.granted = cpus("0-1");
	assert_sentence("explicit: the cycle counter counted nothing in 1 window on "
			"armv8_cortex_a53. It counts nowhere, and no --pmu mode prevents "
			"that.");
}

/* A host PMU of which no CPU may be used; taskset alone forbids none, as --migrate may name them.
 */
static void what_is_granted_can_be_used(void **state)
{
	(void)state;
	choice.mode = PMU_DEFAULT;
	window(0, A53, 0, 0);
	host.allowed = cpus("0-1");
	assert_sentence("default: the cycle counter counted nothing in 1 window on "
			"armv8_cortex_a53; --migrate=step:0,0,2,2 would tell whether it "
			"counts elsewhere.");
	host.granted = cpus("0-1");
	assert_sentence("default: the cycle counter counted nothing in 1 window on "
			"armv8_cortex_a53. It counts nowhere, and no --pmu mode prevents "
			"that.");
}

static void short_windows_after_hops_are_told(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++) {
		window(0, i % 2, 0, 40006);
		window(0, i % 2, 1, 39000);
	}
	window(0, A72, 1, 12);
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53 and "
			"armv8_cortex_a72: all 19 windows counted 12 to 40006 cycles, "
			"across 10 hops; CYCLES ARE MISSING: a window that hopped "
			"counted 12, one that stayed at least 40006.");
}

/* A busy machine: the work takes what it takes. */
static void noise_is_no_fault(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++) {
		window(0, i % 2, 0, i < 4 ? 900000 + (uint64_t)i : 9000000);
		window(0, i % 2, 1, 39000);
	}
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53 and "
			"armv8_cortex_a72: all 18 windows counted 39000 to 9000000 "
			"cycles, across 9 hops; too noisy to judge whether hops lose "
			"cycles: use --icount or more windows.");
}

static void few_windows_are_no_reference(void **state)
{
	(void)state;
	window(0, A53, 0, 900000);
	window(0, A72, 0, 900000);
	window(0, A72, 1, 39000);
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53 and "
			"armv8_cortex_a72: all 3 windows counted 39000 to 900000 cycles, "
			"across 1 hop; too noisy to judge whether hops lose cycles: use "
			"--icount or more windows.");
}

static void spans_of_time_are_not_compared(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		any_window(0, i % 2, i % 4 == 0, i ? 14000 : 12, LAB_TIMED);
	}
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53 and "
			"armv8_cortex_a72: all 100 windows counted 12 to 14000 cycles, "
			"across 25 hops.");
}

static void a_counter_that_went_back_is_loud(void **state)
{
	(void)state;
	stats.vcpu[0].back = 2;
	assert_sentence("composite: THE CYCLE COUNTER WENT BACK in 2 of 2 windows; no "
			"other window was reported.");
	window(0, A53, 0, 40006);
	assert_sentence("composite: THE CYCLE COUNTER WENT BACK in 2 of 3 windows; the "
			"cycle counter counted on armv8_cortex_a53: the only window "
			"counted 40006 cycles, on this PMU.");
}

static void refusals_name_the_pmu(void **state)
{
	(void)state;
	choice = (struct choice){ .mode = PMU_EXPLICIT, .pmu = A53 };
	stats.vcpu[0].refusals = 6;
	stats.vcpu[0].hops = 12;
	window(0, A53, 0, 40006);
	window(0, A53, 0, 40006);
	assert_sentence("explicit: KVM refused 6 times to run a vCPU outside "
			"armv8_cortex_a53's CPUs; the cycle counter counted on "
			"armv8_cortex_a53: all 2 windows counted 40006 cycles, across 12 "
			"hops, all on this PMU.");
}

static void refusals_of_composite_name_all_pmus(void **state)
{
	(void)state;
	stats.vcpu[0].refusals = 1;
	assert_sentence("composite: KVM refused 1 time to run a vCPU outside the host "
			"PMUs' CPUs; the guest reported no windows, so its counters are "
			"unknown.");
}

static void off_has_no_counters(void **state)
{
	(void)state;
	choice.mode = PMU_OFF;
	window(0, A53, 0, 0);
	window(0, A72, 0, 0);
	assert_sentence("off: the guest has no PMU, so its 2 windows counted no cycles.");
	window(0, A72, 0, 5);
	assert_sentence("off: the guest was given no PMU, yet reports up to 5 cycles per "
			"window.");
}

static void three_pmus_and_several_vcpus_are_summed(void **state)
{
	(void)state;
	stats.nvcpus = 3;
	fake_host_pmu(&host, "armv8_cortex_x1", "4");
	window(0, A53, 0, 10);
	window(1, A72, 0, 20);
	window(2, 2, 0, 30);
	stats.vcpu[1].hops = 9;
	assert_sentence("composite: the cycle counter counted on armv8_cortex_a53, "
			"armv8_cortex_a72 and armv8_cortex_x1: all 3 windows counted 10 "
			"to 30 cycles, across 9 hops.");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(success_names_what_was_seen),
		TEST(one_pmu_proves_nothing_of_the_others),
		TEST(default_mode_shows_where_it_stopped),
		TEST(with_hops_in_all_windows_nothing_can_be_told),
		TEST(a_pmu_that_was_only_passed_is_named),
		TEST(where_a_mode_cannot_run_nothing_counted),
		TEST(a_vcpu_where_it_must_not_run_is_loud),
		TEST(a_broken_promise_is_loud),
		TEST(a_stop_for_a_while_is_no_mode_s),
		TEST(a_stop_between_pmus_is_told),
		TEST(nothing_counts_anywhere),
		TEST(nothing_counts_where_a_mode_can_run),
		TEST(what_is_granted_can_be_used),
		TEST(short_windows_after_hops_are_told),
		TEST(noise_is_no_fault),
		TEST(few_windows_are_no_reference),
		TEST(spans_of_time_are_not_compared),
		TEST(a_counter_that_went_back_is_loud),
		TEST(refusals_name_the_pmu),
		TEST(refusals_of_composite_name_all_pmus),
		TEST(off_has_no_counters),
		TEST(three_pmus_and_several_vcpus_are_summed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
