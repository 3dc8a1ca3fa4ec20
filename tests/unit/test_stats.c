/* SPDX-License-Identifier: MIT */
/* What is counted for the summary. */
#include <stdlib.h>
#include <string.h>

#include "fail_capture.h"
#include "stats.h"

enum { A53, A72, NONE = -1 };

static struct stats stats;

static int setup(void **state)
{
	(void)state;
	memset(&stats, 0, sizeof(stats));
	stats.nvcpus = 4;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stats_free(&stats);
	return 0;
}

/* A window that ended on @pmu, after @hops hops. */
static void window(int vcpu, int pmu, unsigned hops, uint64_t cycles)
{
	struct lab_record record = { .cycles_start = 1000, .cycles_end = 1000 + cycles };
	struct window ended = { .vcpu = vcpu, .pmu = pmu, .hops = hops, .record = &record };

	assert_true(stats_window(&stats, &ended));
}

static void windows_are_counted(void **state)
{
	const struct pmu_stats *pmu = &stats.vcpu[3].pmu[A72];
	struct lab_record record = { .cycles_start = UINT64_MAX, .cycles_end = 9, .interrupts = 4 };
	struct window wraps = { .vcpu = 3, .pmu = A72, .record = &record };

	(void)state;
	window(3, A72, 0, 500);
	window(3, A72, 1, 700);
	window(3, A72, 2, 0); /* it hopped: no proof of anything */
	window(3, A72, 0, 0);
	assert_true(stats_window(&stats, &wraps));
	assert_int_equal(pmu->windows, 5);
	assert_int_equal(pmu->stopped, 1);
	assert_int_equal(pmu->min, 0);
	assert_int_equal(pmu->max, 700);
	assert_int_equal(pmu->overflows, 4);
	assert_int_equal(stats_median(&stats.vcpu[3].pmu[A72]), 10);
	assert_int_equal(stats.vcpu[3].pmu[A53].windows, 0);
	window(3, NONE, 0, 1);
	assert_int_equal(stats.vcpu[3].pmu[HOST_MAX_PMUS].windows, 1);
}

static void medians_are_exact(void **state)
{
	struct pmu_stats *pmu = &stats.vcpu[0].pmu[A53];

	(void)state;
	assert_int_equal(stats_median(pmu), 0);
	window(0, A53, 0, 30);
	assert_int_equal(stats_median(pmu), 30);
	window(0, A53, 0, 10);
	assert_int_equal(stats_median(pmu), 20);
	window(0, A53, 0, 1000);
	assert_int_equal(stats_median(pmu), 30);
	/* No sum of two that wraps. */
	window(0, A72, 0, UINT64_MAX);
	window(0, A72, 0, UINT64_MAX - 2);
	assert_int_equal(stats_median(&stats.vcpu[0].pmu[A72]), UINT64_MAX - 1);
}

static void medians_are_exact_for_all_that_is_kept(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < STATS_KEPT - 1; i++)
		window(0, A53, 0, 1 + i * 7919 % (STATS_KEPT - 1));
	assert_int_equal(stats_median(&stats.vcpu[0].pmu[A53]), STATS_KEPT / 2);
}

/*
 * A guest that never ends takes no more memory, and neither the first windows nor a rhythm in
 * them decides. Of so many samples the median's rank is off by 0.4 % (standard deviation).
 */
static void medians_of_many_windows_are_of_a_sample(void **state)
{
	struct pmu_stats *pmu = &stats.vcpu[0].pmu[A53];
	uint64_t median, windows = 64 * STATS_KEPT;

	(void)state;
	for (uint64_t i = 0; i < windows; i++)
		window(0, A53, 0, i & 1 ? i : windows + i);
	assert_int_equal(pmu->windows, windows);
	assert_int_equal(pmu->min, 1);
	assert_int_equal(pmu->max, 2 * windows - 2);
	assert_int_equal(pmu->capacity, STATS_KEPT);
	/* Odd ones are below @windows, even ones above. */
	median = stats_median(pmu);
	assert_in_range(median, windows - windows / 25, windows + windows / 25);
}

/* Once a window was lost for the median, the later ones are, too: no hole is read. */
static void lost_memory_leaves_the_counts_right(void **state)
{
	struct pmu_stats *pmu = &stats.vcpu[0].pmu[A53];
	struct lab_record record = { .cycles_end = 5 };
	struct window ended = { .pmu = A53, .record = &record };

	(void)state;
	pmu->cycles = malloc(2 * sizeof(uint64_t));
	assert_non_null(pmu->cycles);
	pmu->cycles[0] = pmu->cycles[1] = 9;
	pmu->capacity = 2;
	pmu->windows = 3;
	pmu->min = pmu->max = 9;
	assert_false(stats_window(&stats, &ended));
	assert_int_equal(pmu->windows, 4);
	assert_int_equal(pmu->min, 5);
	assert_int_equal(stats_median(pmu), 9);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(windows_are_counted),
		TEST(medians_are_exact),
		TEST(medians_are_exact_for_all_that_is_kept),
		TEST(medians_of_many_windows_are_of_a_sample),
		TEST(lost_memory_leaves_the_counts_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
