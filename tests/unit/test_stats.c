/* SPDX-License-Identifier: MIT */
/* What is counted for the summary. */
#include <string.h>

#include "fail_capture.h"
#include "report/stats.h"

enum { A53, A72, NONE = -1 };

static struct stats stats;

static int setup(void **state)
{
	(void)state;
	memset(&stats, 0, sizeof(stats));
	stats_open(&stats, 4, 2, test_calloc(1, stats_room(4, 2)));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_free(stats.vcpu);
	return 0;
}

/* A window on @pmu, or if it @hopped one that only ended there. */
static void window(int vcpu, int pmu, bool hopped, uint64_t cycles)
{
	struct lab_record record = { .cycles_end = cycles };
	struct window ended = { .vcpu = vcpu,
				.pmu = pmu,
				.stayed = !hopped,
				.pmus = 1u << stats_row(pmu) | (hopped ? 1u << A53 : 0),
				.record = &record };

	stats_window(&stats, &ended);
}

static void windows_are_counted(void **state)
{
	const struct vcpu_stats *vcpu = &stats.vcpu[3];
	struct lab_record record = {
		.cycles_start = UINT64_MAX, .cycles_end = 9, .interrupts = 4, .overflow = 1u << 31
	};
	struct window wraps = { .vcpu = 3, .pmu = A72, .stayed = true, .record = &record };

	(void)state;
	window(3, A72, false, 500);
	window(3, A72, false, 700);
	window(3, A72, false, 0);
	stats_window(&stats, &wraps);
	assert_int_equal(vcpu->pmu[A72].windows, 4);
	assert_int_equal(vcpu->pmu[A72].stopped, 1);
	assert_int_equal(vcpu->pmu[A72].min, 0);
	assert_int_equal(vcpu->pmu[A72].max, 700);
	assert_int_equal(vcpu->pmu[A72].overflows, 4);
	assert_int_equal(stats_median(&stats.vcpu[3].pmu[A72]), 255);
	assert_int_equal(vcpu->pmu[A53].windows, 0);
	window(3, NONE, false, 1);
	assert_int_equal(vcpu->pmu[STATS_NO_PMU].windows, 1);
}

/* It may have run on each of them: none is credited with its cycles, or blamed. */
static void a_window_that_moved_is_no_pmu_s(void **state)
{
	const struct vcpu_stats *vcpu = &stats.vcpu[0];

	(void)state;
	window(0, A72, true, 5);
	window(0, A72, true, 0);
	assert_int_equal(vcpu->pmu[A53].windows + vcpu->pmu[A72].windows, 0);
	assert_int_equal(vcpu->pmu[STATS_MOVED].windows, 2);
	assert_int_equal(vcpu->pmu[STATS_MOVED].stopped, 1);
	assert_int_equal(vcpu->moved, 1 << A53 | 1 << A72);
}

/* Its difference is no count. */
static void a_window_that_went_back_is_set_apart(void **state)
{
	struct lab_record record = { .cycles_start = 9, .cycles_end = 4 };
	struct window back = { .pmu = A53, .stayed = true, .record = &record };

	(void)state;
	stats_window(&stats, &back);
	assert_int_equal(stats.vcpu[0].back, 1);
	assert_int_equal(stats.vcpu[0].pmu[A53].windows, 0);
}

static void medians_are_exact(void **state)
{
	struct pmu_stats *pmu = &stats.vcpu[0].pmu[A53];

	(void)state;
	assert_int_equal(stats_median(pmu), 0);
	window(0, A53, false, 30);
	assert_int_equal(stats_median(pmu), 30);
	window(0, A53, false, 10);
	assert_int_equal(stats_median(pmu), 20);
	window(0, A53, false, 1000);
	assert_int_equal(stats_median(pmu), 30);
	/* No sum of two that wraps. */
	window(0, A72, false, UINT64_MAX);
	window(0, A72, false, UINT64_MAX - 2);
	assert_int_equal(stats_median(&stats.vcpu[0].pmu[A72]), UINT64_MAX - 1);
}

static void medians_are_exact_for_all_that_is_kept(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < STATS_KEPT - 1; i++)
		window(0, A53, false, 1 + i * 7919 % (STATS_KEPT - 1));
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
		window(0, A53, false, i & 1 ? i : windows + i);
	assert_int_equal(pmu->windows, windows);
	assert_int_equal(pmu->min, 1);
	assert_int_equal(pmu->max, 2 * windows - 2);
	/* Odd ones are below @windows, even ones above. */
	median = stats_median(pmu);
	assert_true(median >= windows - windows / 25 && median <= windows + windows / 25);
}

/* Each vCPU and each row has a place of its own in the room. */
static void all_windows_have_room(void **state)
{
	const int rows[] = { A53, A72, NONE };

	(void)state;
	for (int turn = 0; turn < STATS_KEPT; turn++)
		for (int vcpu = 0; vcpu < 4; vcpu++)
			for (int row = 0; row < 4; row++)
				window(vcpu, rows[row % 3], row == 3, (uint64_t)(vcpu * 4 + row));
	for (int vcpu = 0; vcpu < 4; vcpu++)
		for (int row = 0; row < 4; row++) {
			unsigned place = row == 3 ? STATS_MOVED : stats_row(rows[row]);

			assert_int_equal(stats_median(&stats.vcpu[vcpu].pmu[place]),
					 vcpu * 4 + row);
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(windows_are_counted),
		TEST(a_window_that_moved_is_no_pmu_s),
		TEST(a_window_that_went_back_is_set_apart),
		TEST(medians_are_exact),
		TEST(medians_are_exact_for_all_that_is_kept),
		TEST(medians_of_many_windows_are_of_a_sample),
		TEST(all_windows_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
