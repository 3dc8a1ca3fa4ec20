/* SPDX-License-Identifier: MIT */
/* Where a thread goes that may use the CPUs of several host PMUs. */
#include <sched.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "pmu/affinity.h"

static struct cpuset before;
static int moved_to; /* -1: sched_getcpu() tells the truth */

int __real_sched_getcpu(void);
int __wrap_sched_getcpu(void);

int __wrap_sched_getcpu(void)
{
	return moved_to < 0 ? __real_sched_getcpu() : moved_to;
}

static int setup(void **state)
{
	(void)state;
	moved_to = -1;
	return cpuset_of_thread(0, &before);
}

static int teardown(void **state)
{
	(void)state;
	return cpuset_pin(0, &before);
}

/* This machine's first two CPUs, each with a host PMU of its own; false if it has but one. */
static bool two_pmus(struct host *host)
{
	int first = cpuset_first(&before), second = cpuset_next(&before, first);

	fake_host(host, "");
	host->npmus = 2;
	if (second < 0)
		return false;
	cpuset_add(&host->pmus[0].cpus, first);
	cpuset_add(&host->pmus[1].cpus, second);
	return true;
}

static void it_stays_within_one_pmu(void **state)
{
	struct cpuset both, now;
	struct host host;
	int cpu;

	(void)state;
	if (!two_pmus(&host))
		skip();
	cpuset_or(&both, &host.pmus[0].cpus, &host.pmus[1].cpus);
	cpu = affinity_within_one_pmu(&host, &both);
	assert_int_equal(cpuset_of_thread(0, &now), 0);
	assert_int_equal(cpu, sched_getcpu());
	assert_int_equal(cpuset_count(&now), 1);
	assert_true(cpuset_has(&now, cpu));
}

static void all_of_a_pmu_may_be_used(void **state)
{
	struct cpuset now, *one;
	struct host host;

	(void)state;
	if (!two_pmus(&host))
		skip();
	host.npmus = 1;
	one = &host.pmus[0].cpus;
	cpuset_or(one, one, &host.pmus[1].cpus);
	assert_true(cpuset_has(one, affinity_within_one_pmu(&host, one)));
	assert_int_equal(cpuset_of_thread(0, &now), 0);
	assert_true(cpuset_equal(&now, one));
}

/* As the main thread does in a timed plan: that is where it is to be, and KVM says whether it may.
 */
static void who_was_moved_meanwhile_is_left_there(void **state)
{
	struct cpuset now;
	struct host host;

	(void)state;
	if (!two_pmus(&host))
		skip();
	moved_to = cpuset_first(&host.pmus[1].cpus);
	assert_int_equal(affinity_within_one_pmu(&host, &host.pmus[0].cpus), moved_to);
	assert_int_equal(cpuset_of_thread(0, &now), 0);
	assert_true(cpuset_equal(&now, &host.pmus[0].cpus));
}

static void without_a_pmu_there_is_no_place(void **state)
{
	struct cpuset none;
	struct host host;

	(void)state;
	fake_host(&host, "");
	assert_int_equal(affinity_within_one_pmu(&host, &before), -1);
	cpuset_clear(&none);
	assert_int_equal(affinity_within_one_pmu(&host, &none), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_stays_within_one_pmu),
		TEST(all_of_a_pmu_may_be_used),
		TEST(who_was_moved_meanwhile_is_left_there),
		TEST(without_a_pmu_there_is_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
