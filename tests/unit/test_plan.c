/* SPDX-License-Identifier: MIT */
/* Migration plans: every form is read exactly, and a plan's walk is the promised one. */
#include <stdio.h>
#include <string.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "options/plan.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct plan parsed(const char *text)
{
	struct plan plan;

	memset(&plan, 0xff, sizeof(plan));
	assert_well(plan_parse(text, &plan));
	return plan;
}

static void assert_entries(const struct plan *plan, const int *entries, int count)
{
	assert_int_equal(plan->ncpus, count);
	for (int i = 0; i < count; i++)
		assert_int_equal(plan->cpus[i], entries[i]);
}

static void none_is_no_plan(void **state)
{
	struct plan plan = parsed("none");
	struct plan_place place;
	struct cpuset set;

	(void)state;
	assert_int_equal(plan.kind, PLAN_NONE);
	plan_cpus(&plan, &set);
	assert_cpus(&set, "");
	plan_start(&plan, 3, &place);
	assert_int_equal(place.index, -1);
	assert_int_equal(plan_cpu(&plan, &place), -1);
	assert_int_equal(plan_next(&plan, &place), -1);
}

static void lists_keep_order_and_repeats(void **state)
{
	struct plan plan = parsed("step:0,2,0-3,2");

	(void)state;
	assert_int_equal(plan.kind, PLAN_STEP);
	assert_entries(&plan, (const int[]){ 0, 2, 0, 1, 2, 3, 2 }, 7);

	plan = parsed("every:5ms:4,1");
	assert_int_equal(plan.kind, PLAN_EVERY);
	assert_entries(&plan, (const int[]){ 4, 1 }, 2);
}

static void times_are_exact(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} times[] = {
		{ "every:100us", 100000 },
		{ "every:5ms", 5000000 },
		{ "every:1s:0-1", 1000000000 },
		{ "random:250us", 250000 },
		{ "every:3600s", 3600000000000 },
		{ "every:3600000ms", 3600000000000 },
		{ "random:3600000000us:1", 3600000000000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct plan plan = parsed(times[i].text);

		assert_int_equal(plan.period_ns, times[i].ns);
	}
}

static void seeds_are_64_bits(void **state)
{
	(void)state;
	assert_int_equal(parsed("random:5ms").seed, 0);
	assert_int_equal(parsed("random:5ms").kind, PLAN_RANDOM);
	assert_int_equal(parsed("random:5ms:42").seed, 42);
	assert_int_equal(parsed("random:5ms:0xff").seed, 255);
	assert_true(parsed("random:5ms:18446744073709551615").seed == UINT64_MAX);
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *text, *part;
	} plans[] = {
		{ "", "not a plan; use none, step:LIST" },
		{ "None", "not a plan" },
		{ "none:", "not a plan" },
		{ "step", "not a plan" },
		{ "hop:0,1", "not a plan" },
		{ "step:", "the list of CPUs is malformed at ''" },
		{ "step:0,", "malformed at ''" },
		{ "step:0,x", "malformed at 'x'" },
		{ "step:0 1", "malformed at ' 1'" },
		{ "step:-1", "malformed at '-1'" },
		{ "step:3-1", "malformed" },
		{ "step:0-1-2", "malformed at '-2'" },
		{ "step:4096", "numbers below 4096" },
		{ "step:18446744073709551616", "malformed" },
		{ "step:0-4095,0", "more than 4096 entries" },
		{ "step:0-2047,0-2047,1-2", "more than 4096 entries" },
		{ "every:", "'' is not a time" },
		{ "every:5", "'5' is not a time" },
		{ "every:ms", "'ms' is not a time" },
		{ "every:-5ms", "'-5ms' is not a time" },
		{ "every:5.5ms", "'5.5ms' is not a time" },
		{ "every:5msec", "'5msec' is not a time" },
		{ "every:5m", "'5m' is not a time" },
		{ "every:5ms,0", "is not a time" },
		{ "every:0s", "out of range; use 100us to 3600s" },
		{ "every:99us", "out of range" },
		{ "every:3601s", "out of range" },
		{ "every:3600001ms", "out of range" },
		{ "every:99999999999999999999s", "out of range" },
		{ "every:18446744073709552us", "out of range" },
		{ "every:5ms:", "the list of CPUs is malformed" },
		{ "random:5ms:", "the seed is not a 64-bit number" },
		{ "random:5ms:x", "the seed is not" },
		{ "random:5ms:-1", "the seed is not" },
		{ "random:5ms:1,2", "the seed is not" },
		{ "random:5ms:18446744073709551616", "the seed is not" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
		char option[80];
		struct plan plan;

		snprintf(option, sizeof(option), "--migrate=%s: ", plans[i].text);
		assert_int_equal(plan_parse(plans[i].text, &plan), STATUS_USAGE);
		assert_memory_equal(fail_text, option, strlen(option));
		assert_failed(STATUS_USAGE, STATUS_USAGE, plans[i].part);
	}
}

static void the_longest_list_fits(void **state)
{
	struct plan plan = parsed("step:0-4094,7");

	(void)state;
	assert_int_equal(plan.ncpus, PLAN_MAX_CPUS);
	assert_int_equal(plan.cpus[4094], 4094);
	assert_int_equal(plan.cpus[4095], 7);
}

static void fills_timed_plans_only(void **state)
{
	struct plan plan = parsed("every:5ms");
	struct cpuset candidates = cpus("6,1,4");

	(void)state;
	plan_fill(&plan, &candidates);
	assert_entries(&plan, (const int[]){ 1, 4, 6 }, 3);

	plan = parsed("random:5ms:9");
	plan_fill(&plan, &candidates);
	assert_entries(&plan, (const int[]){ 1, 4, 6 }, 3);

	plan = parsed("every:5ms:3,2");
	plan_fill(&plan, &candidates);
	assert_entries(&plan, (const int[]){ 3, 2 }, 2);

	plan = parsed("none");
	plan_fill(&plan, &candidates);
	assert_int_equal(plan.ncpus, 0);

	plan = parsed("every:5ms");
	candidates = cpus("0-4095");
	plan_fill(&plan, &candidates);
	assert_int_equal(plan.ncpus, 4096);
	assert_int_equal(plan.cpus[4095], 4095);
}

/* On hosts of 128, 256 and 1152 CPUs each one has its turn. */
static void random_visits_every_cpu(void **state)
{
	static const char *const hosts[] = { "0-127", "0-255", "0-1151" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct plan plan = parsed("random:1ms:3"), copy;
		struct cpuset candidates = cpus(hosts[i]), seen = cpus("");
		struct plan_place place;

		plan_fill(&plan, &candidates);
		memset(&copy, 0xff, sizeof(copy));
		plan_copy(&copy, &plan);
		plan_start(&copy, 0, &place);
		for (int hop = 0; hop < 20 * plan.ncpus; hop++)
			cpuset_add(&seen, plan_next(&copy, &place));
		assert_cpus(&seen, hosts[i]);
	}
}

static void names_all_cpus(void **state)
{
	struct plan plan = parsed("step:5,0,5,2-3");
	struct cpuset set;

	(void)state;
	plan_cpus(&plan, &set);
	assert_cpus(&set, "0,2-3,5");
}

static void each_vcpu_has_its_own_start(void **state)
{
	struct plan plan = parsed("step:0,2,4");
	static const int starts[] = { 0, 2, 4, 0, 2 };

	(void)state;
	for (int vcpu = 0; vcpu < (int)ARRAY_SIZE(starts); vcpu++) {
		struct plan_place place;

		plan_start(&plan, vcpu, &place);
		assert_int_equal(plan_cpu(&plan, &place), starts[vcpu]);
	}
}

static void walks_round(void **state)
{
	static const char *const texts[] = { "step:0,2,0,1", "every:1ms:0,2,0,1" };
	static const int visits[] = { 2, 0, 1, 0, 2, 0, 1, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct plan plan = parsed(texts[i]);
		struct plan_place place;

		plan_start(&plan, 0, &place);
		for (size_t n = 0; n < ARRAY_SIZE(visits); n++) {
			assert_int_equal(plan_next(&plan, &place), visits[n]);
			assert_int_equal(plan_cpu(&plan, &place), visits[n]);
		}
	}
}

static void walk(const char *text, int vcpu, int *visits, int count)
{
	struct plan plan = parsed(text);
	struct cpuset candidates = cpus("0-3");
	struct plan_place place;

	plan_fill(&plan, &candidates);
	plan_start(&plan, vcpu, &place);
	for (int i = 0; i < count; i++)
		visits[i] = plan_next(&plan, &place);
}

#define WALK 4000

static void random_never_stays(void **state)
{
	int visits[WALK], seen[4] = { 0 };

	(void)state;
	walk("random:1ms:7", 0, visits, WALK);
	for (int i = 0; i < WALK; i++) {
		assert_true(visits[i] >= 0 && visits[i] <= 3);
		seen[visits[i]]++;
		if (i)
			assert_int_not_equal(visits[i], visits[i - 1]);
	}
	/* Far outside what a fair choice does: 1000 each, standard deviation below 30. */
	for (int cpu = 0; cpu < 4; cpu++)
		assert_true(seen[cpu] >= 800 && seen[cpu] <= 1200);
}

static void random_is_reproducible(void **state)
{
	int once[WALK], again[WALK], other[WALK], sibling[WALK];

	(void)state;
	walk("random:1ms:7", 0, once, WALK);
	walk("random:9ms:7", 0, again, WALK);
	walk("random:1ms:8", 0, other, WALK);
	walk("random:1ms:7", 4, sibling, WALK); /* the same start */
	assert_memory_equal(once, again, sizeof(once));
	assert_memory_not_equal(once, other, sizeof(once));
	assert_memory_not_equal(once, sibling, sizeof(once));
}

/* Neighbours must not follow each other a step behind: that would be a single walk. */
static void random_walks_are_unrelated(void **state)
{
	int visits[8][WALK];

	(void)state;
	for (int vcpu = 0; vcpu < 8; vcpu++)
		walk("random:1ms", vcpu, visits[vcpu], WALK);
	for (int a = 0; a < 8; a++)
		for (int b = 0; b < 8; b++)
			for (int lag = a == b; lag < 8; lag++) {
				int same = 0;

				for (int i = 0; i + lag < WALK; i++)
					same += visits[a][i + lag] == visits[b][i];
				if (a != b || lag > 3)
					assert_true(same >= WALK / 4 - 200 &&
						    same <= WALK / 4 + 200);
			}
}

static void random_over_one_cpu_stays(void **state)
{
	struct plan plan = parsed("random:1ms");
	struct cpuset candidates = cpus("5");
	struct plan_place place;

	(void)state;
	plan_fill(&plan, &candidates);
	plan_start(&plan, 2, &place);
	assert_int_equal(plan_next(&plan, &place), 5);
	assert_int_equal(plan_next(&plan, &place), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_no_plan),
		cmocka_unit_test(lists_keep_order_and_repeats),
		cmocka_unit_test(times_are_exact),
		cmocka_unit_test(seeds_are_64_bits),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(the_longest_list_fits),
		cmocka_unit_test(fills_timed_plans_only),
		cmocka_unit_test(random_visits_every_cpu),
		cmocka_unit_test(names_all_cpus),
		cmocka_unit_test(each_vcpu_has_its_own_start),
		cmocka_unit_test(walks_round),
		cmocka_unit_test(random_never_stays),
		cmocka_unit_test(random_is_reproducible),
		cmocka_unit_test(random_walks_are_unrelated),
		cmocka_unit_test(random_over_one_cpu_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
