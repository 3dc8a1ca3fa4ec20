/* SPDX-License-Identifier: MIT */
/* Whether a window stayed on one host PMU: in doubt it did not. */
#include "fail_capture.h"
#include "report/stay.h"

enum { A53 = 1, A72 = 2 };

static struct stays stays;
static unsigned pmus;

static int setup(void **state)
{
	(void)state;
	stays = (struct stays){ 0 };
	return 0;
}

static bool window(unsigned pmu, unsigned moves, uint64_t switches)
{
	struct spot end = { pmu, moves, switches };

	return stays_window(&stays, &end, false, &pmus);
}

static bool window_after_hop(unsigned pmu, unsigned moves)
{
	struct spot end = { pmu, moves, 0 };

	return stays_window(&stays, &end, true, &pmus);
}

static void hop(unsigned from, unsigned to)
{
	const struct spot before = { from, 0, 0 }, after = { to, 0, 0 };

	stays_hop(&stays, &before, &after);
}

static void who_is_pinned_stays(void **state)
{
	(void)state;
	assert_true(window(A53, 0, 0));
	assert_true(window(A53, 0, 0));
	assert_int_equal(pmus, A53);
}

/* It begins before the hop. The next one begins on the new CPU, before the last one's exit. */
static void a_window_with_a_hop_does_not(void **state)
{
	(void)state;
	assert_true(window(A53, 0, 0));
	hop(A53, A72);
	assert_false(window(A72, 0, 0));
	assert_int_equal(pmus, A53 | A72);
	assert_true(window(A72, 0, 0));
	hop(A72, A72);
	assert_true(window(A72, 0, 0));
}

/* There and back before the record: the end alone would not show it. */
static void two_hops_in_a_window_are_seen(void **state)
{
	(void)state;
	assert_true(window(A53, 0, 0));
	hop(A53, A72);
	hop(A72, A53);
	assert_false(window(A53, 0, 0));
	assert_true(window(A53, 0, 0));
}

static void a_window_that_begins_after_the_hop_stays(void **state)
{
	(void)state;
	assert_true(window(A53, 0, 0));
	hop(A53, A72);
	assert_true(window_after_hop(A72, 0));
	assert_int_equal(pmus, A72);
	hop(A72, A53);
	assert_true(window_after_hop(A53, 0));
	assert_false(window_after_hop(A53, 2));
}

/* KVM refused to run it on the other CPU, and the VMM took it back: it never ran there. */
static void a_hop_that_is_refused_changes_nothing(void **state)
{
	(void)state;
	assert_true(window(A53, 0, 0));
	hop(A53, A72);
	assert_true(window(A53, 0, 0));
	hop(A53, A72);
	assert_true(window_after_hop(A53, 0));
}

/* Where it was while the other thread was at it cannot be known, nor where the next one began. */
static void moves_by_another_thread_make_two_windows_unknown(void **state)
{
	(void)state;
	assert_true(window(A53, 0, 0));
	assert_false(window(A53, 1, 0)); /* under way */
	assert_false(window(A72, 2, 0));
	assert_false(window(A72, 2, 0));
	assert_true(window(A72, 2, 0));
	assert_false(window(A53, 4, 0));
	assert_false(window(A53, 4, 0));
	assert_true(window(A53, 4, 0));
	/* A move that goes on all the time. */
	for (int i = 0; i < 3; i++)
		assert_false(window(A53, 5, 0));
}

static void a_context_switch_may_have_moved_it(void **state)
{
	(void)state;
	assert_false(window(A53, 0, 7)); /* nothing is known of its start */
	assert_false(window(A53, 0, 7));
	assert_true(window(A53, 0, 7));
	assert_false(window(A53, 0, 8)); /* it is on the same CPU, but was it all the time? */
	assert_false(window(A53, 0, 8));
	assert_true(window(A53, 0, 8));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_pinned_stays),
		TEST(a_window_with_a_hop_does_not),
		TEST(two_hops_in_a_window_are_seen),
		TEST(a_window_that_begins_after_the_hop_stays),
		TEST(a_hop_that_is_refused_changes_nothing),
		TEST(moves_by_another_thread_make_two_windows_unknown),
		TEST(a_context_switch_may_have_moved_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
