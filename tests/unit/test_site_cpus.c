/* SPDX-License-Identifier: MIT */
/* Which CPUs pmu-regress uses, on hosts that nobody here has. */
#include <string.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "tests/regress/site.h"

static struct site site;

static void start(const char *granted, const char *allowed)
{
	memset(&site, 0, sizeof(site));
	fake_host(&site.host, granted);
	site.host.allowed = cpus(allowed);
}

static void assert_list(const int *list, int count, const char *expected)
{
	struct cpuset set = cpus("");

	for (int i = 0; i < count; i++)
		cpuset_add(&set, list[i]);
	assert_int_equal(cpuset_count(&set), count);
	assert_cpus(&set, expected);
}

static void few_cpus_are_all_used(void **state)
{
	(void)state;
	start("0-8", "0-8");
	fake_host_pmu(&site.host, "little", "0-3");
	fake_host_pmu(&site.host, "middle", "4-6");
	fake_host_pmu(&site.host, "big", "7");
	assert_true(site_list_cpus(&site));
	assert_list(site.home, site.nhome, "0-3");
	assert_list(site.away, site.naway, "4-7");
	assert_list(site.uncovered, site.nuncovered, "8");
	for (int i = 0; i < 9; i++)
		assert_int_equal(site_cpu(&site, i), i);
}

/* Confined to one cluster, that one is home, and the tests of one host PMU run there. */
static void home_is_where_the_process_may_run(void **state)
{
	(void)state;
	start("5-6", "5-6");
	fake_host_pmu(&site.host, "little", "0-3");
	fake_host_pmu(&site.host, "big", "4-7");
	assert_true(site_list_cpus(&site));
	assert_string_equal(site.host.pmus[0].name, "big");
	assert_string_equal(site.host.pmus[1].name, "little");
	assert_list(site.home, site.nhome, "5-6");
	assert_int_equal(site.naway, 0);

	start("0-3", "3");
	fake_host_pmu(&site.host, "big", "4-7");
	assert_false(site_list_cpus(&site));
}

/* isolcpus= leaves CPUs out of every process's affinity, and the kernel grants them. */
static void isolated_cpus_are_used(void **state)
{
	(void)state;
	start("0-3", "0-1");
	fake_host_pmu(&site.host, "little", "0-1");
	fake_host_pmu(&site.host, "big", "2-3");
	assert_true(site_list_cpus(&site));
	assert_list(site.home, site.nhome, "0-1");
	assert_list(site.away, site.naway, "2-3");

	start("0-3", "2-3"); /* isolcpus=0-1, or taskset */
	fake_host_pmu(&site.host, "little", "0-1");
	fake_host_pmu(&site.host, "big", "2-3");
	assert_true(site_list_cpus(&site));
	assert_list(site.home, site.nhome, "2-3");
	assert_list(site.away, site.naway, "0-1");

	start("0-3", "0-1"); /* the others have no PMU */
	fake_host_pmu(&site.host, "big", "2-3");
	assert_true(site_list_cpus(&site));
	assert_list(site.home, site.nhome, "2-3");
	assert_list(site.uncovered, site.nuncovered, "0-1");
}

/* CPUs from 64 on are as good as others, and each host PMU has its share. */
static void many_cpus(void **state)
{
	static const struct {
		const char *all, *first, *second, *third, *uncovered;
	} hosts[] = {
		{ "0-127", "0-63", "64-111", "112-123", "124-127" },
		{ "0-255", "128-255", "0-63", "64-123", "124-127" },
		{ "0-1151", "0-99", "100-1023", "1024-1147", "1148-1151" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		int share[3] = { 0 };

		start(hosts[i].all, hosts[i].all);
		fake_host_pmu(&site.host, "first", hosts[i].first);
		fake_host_pmu(&site.host, "second", hosts[i].second);
		fake_host_pmu(&site.host, "third", hosts[i].third);
		assert_true(site_list_cpus(&site));
		assert_int_equal(site.nhome, SITE_MAX_CPUS);
		assert_list(site.uncovered, site.nuncovered, hosts[i].uncovered);
		for (int cpu = 0; cpu < site.nhome + site.naway; cpu++) {
			int pmu = host_pmu_of_cpu(&site.host, site_cpu(&site, cpu));

			assert_true(pmu >= 0 && pmu <= 2);
			share[pmu]++;
			/* one PMU after another, and ever further */
			if (cpu > 0 && cpu != site.nhome)
				assert_true(pmu > host_pmu_of_cpu(&site.host,
								  site_cpu(&site, cpu - 1)) ||
					    site_cpu(&site, cpu) > site_cpu(&site, cpu - 1));
		}
		assert_int_equal(share[0], SITE_MAX_CPUS);
		assert_true(share[1] >= 12 && share[1] <= SITE_MAX_CPUS / 2);
		assert_true(share[2] >= 12 && share[2] <= SITE_MAX_CPUS / 2);
	}
	assert_true(site.away[site.naway - 1] > 1100); /* not only the first ones */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_cpus_are_all_used),
		cmocka_unit_test(home_is_where_the_process_may_run),
		cmocka_unit_test(isolated_cpus_are_used),
		cmocka_unit_test(many_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
