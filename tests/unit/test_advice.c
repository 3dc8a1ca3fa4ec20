/* SPDX-License-Identifier: MIT */
/* Advice for other VMMs: about the largest cluster, and none where none is needed. */
#include <stdlib.h>
#include <string.h>

#include "fail_capture.h"
#include "pmu/advice.h"

static struct host host;
static char *text;

static void add_pmu(const char *name, int first, int last)
{
	struct host_pmu *pmu = &host.pmus[host.npmus++];

	strcpy(pmu->name, name);
	for (int cpu = first; cpu <= last; cpu++)
		cpuset_add(&pmu->cpus, cpu);
}

static void allow(int first, int last)
{
	for (int cpu = first; cpu <= last; cpu++)
		cpuset_add(&host.allowed, cpu);
}

static void collect(void (*print)(const struct host *host, FILE *out))
{
	size_t size;
	FILE *out;

	free(text);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	print(&host, out);
	assert_int_equal(fclose(out), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

static void the_largest_cluster_is_advised(void **state)
{
	(void)state;
	add_pmu("little", 0, 1);
	add_pmu("big", 2, 4);
	allow(0, 4);
	collect(advice_print);
	assert_non_null(strstr(text, "taskset -c 2-4 qemu-system-aarch64"));
	assert_non_null(strstr(text, "--vcpu-affinity 2-4"));
	assert_non_null(strstr(text, "<vcpu placement='static' cpuset='2-4'>3</vcpu>"));
	assert_non_null(strstr(text, "<vcpupin vcpu='2' cpuset='4'/>"));
	assert_null(strstr(text, "vcpu='3'"));
	assert_non_null(strstr(text, "<emulatorpin cpuset='2-4'/>"));
}

static void only_allowed_cpus_count(void **state)
{
	(void)state;
	add_pmu("little", 0, 1);
	add_pmu("big", 2, 4);
	allow(0, 2);
	collect(advice_print);
	assert_non_null(strstr(text, "taskset -c 0-1 "));
}

static void no_advice_where_one_pmu_has_all(void **state)
{
	(void)state;
	add_pmu("little", 0, 1);
	add_pmu("big", 2, 4);
	allow(2, 3);
	collect(advice_print);
	assert_string_equal(text, "");
	collect(advice_print_json);
	assert_string_equal(text, "null");
}

static void no_advice_without_a_pmu(void **state)
{
	(void)state;
	allow(0, 3);
	collect(advice_print);
	assert_string_equal(text, "");
}

static void json_is_one_line(void **state)
{
	(void)state;
	add_pmu("little", 0, 0);
	add_pmu("big", 1, 1);
	allow(0, 1);
	collect(advice_print_json);
	assert_non_null(strstr(text, "{\"cpus\":\"0\",\"taskset\":\"taskset -c 0\","));
	assert_non_null(strstr(text, "<vcpupin vcpu='0' cpuset='0'/>\\n"));
	assert_null(strchr(text, '\n'));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_largest_cluster_is_advised),
		TEST(only_allowed_cpus_count),
		TEST(no_advice_where_one_pmu_has_all),
		TEST(no_advice_without_a_pmu),
		TEST(json_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
