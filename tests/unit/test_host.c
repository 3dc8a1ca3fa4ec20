/* SPDX-License-Identifier: MIT */
/* Discovery: what a sysfs tree says is found, no more and no less; what cannot be read is named. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_capture.h"
#include "fake_host.h"

static char root[FAKE_ROOT];

static int make_tree(void **state)
{
	(void)state;
	fail_reset();
	fake_tree(root);
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	fake_tree_remove(root);
	return 0;
}

static void put_cpus(const char *present, const char *online)
{
	fake_file(root, "devices/system/cpu/present", present);
	fake_file(root, "devices/system/cpu/online", online);
}

static void put_pmu(const char *name, const char *file, const char *list, const char *type)
{
	char path[256];

	snprintf(path, sizeof(path), "bus/event_source/devices/%s/type", name);
	fake_file(root, path, type);
	if (!file)
		return;
	snprintf(path, sizeof(path), "bus/event_source/devices/%s/%s", name, file);
	fake_file(root, path, list);
}

static void put_topology(int cpu, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "devices/system/cpu/cpu%d/topology/%s", cpu, file);
	fake_file(root, path, text);
}

static enum status discover(struct host *host)
{
	struct cpuset all = cpus("0-3");

	enum status status;

	memset(host, 0xff, sizeof(*host));
	status = host_discover(root, &all, host);
	for (int i = 0; !status && i < host->npmus; i++)
		status = host_read_type(host, &host->pmus[i]);
	return status;
}

/* The discovery fails and names the file. */
static void assert_refused(const char *file, const char *reason)
{
	char part[FAKE_ROOT + 128];
	struct host host;
	enum status status = discover(&host);

	snprintf(part, sizeof(part), "%s/%s", root, file);
	assert_non_null(strstr(fail_text, part));
	assert_failed(status, STATUS_HOST, reason);
}

static void assert_clusters(const struct host *host, const char *within, const char *expected)
{
	struct cpuset set = cpus(within), out;

	memset(&out, 0xff, sizeof(out));
	host_cluster_cpus(root, host, &set, &out);
	assert_cpus(&out, expected);
}

static void no_pmu_is_no_error(void **state)
{
	struct host host;
	char text[256];

	(void)state;
	put_cpus("0-3\n", "0-3\n");
	assert_well(discover(&host)); /* not even the folder */
	assert_int_equal(host.npmus, 0);
	assert_string_equal(host_pmu_list(&host, text, sizeof(text)), "none");
	assert_int_equal(host_pmu_of_cpu(&host, 0), -1);

	put_pmu("software", NULL, NULL, "1\n");
	assert_well(discover(&host));
	assert_int_equal(host.npmus, 0);
}

static void one_pmu(void **state)
{
	struct host host;
	char text[256];

	(void)state;
	put_cpus("0-3\n", "0-3\n");
	put_pmu("armv8_pmuv3_0", "cpus", "0-3\n", "8\n");
	assert_well(discover(&host));
	assert_int_equal(host.npmus, 1);
	assert_string_equal(host.pmus[0].name, "armv8_pmuv3_0");
	assert_int_equal(host.pmus[0].type, 8);
	assert_cpus(&host.pmus[0].cpus, "0-3");
	assert_cpus(&host.allowed, "0-3");
	assert_cpus(&host.granted, "0-3");
	assert_string_equal(host_pmu_list(&host, text, sizeof(text)), "armv8_pmuv3_0 (cpus 0-3)");
}

static void two_pmus_by_lowest_cpu(void **state)
{
	struct host host;
	char text[256];

	(void)state;
	put_cpus("0-3\n", "0-3\n");
	put_pmu("armv8_cortex_a53", "cpus", "2-3\n", "9\n");
	put_pmu("armv8_cortex_a72", "cpus", "0-1\n", "10\n");
	assert_well(discover(&host));
	assert_int_equal(host.npmus, 2);
	assert_string_equal(host.pmus[0].name, "armv8_cortex_a72");
	assert_int_equal(host.pmus[0].type, 10);
	assert_string_equal(host.pmus[1].name, "armv8_cortex_a53");
	assert_int_equal(host.pmus[1].type, 9);
	assert_int_equal(host_pmu_of_cpu(&host, 1), 0);
	assert_int_equal(host_pmu_of_cpu(&host, 2), 1);
	assert_string_equal(host_pmu_list(&host, text, sizeof(text)),
			    "armv8_cortex_a72 (cpus 0-1), armv8_cortex_a53 (cpus 2-3)");
}

static void three_pmus_and_holes(void **state)
{
	struct cpuset covered;
	struct host host;

	(void)state;
	put_cpus("0-1,4-5,8\n", "0-1,4-5,8\n");
	put_pmu("big", "cpus", "8\n", "12\n");
	put_pmu("little", "cpus", "0-1\n", "10\n");
	put_pmu("middle", "cpus", "4-5\n", "11\n");
	assert_well(discover(&host));
	assert_int_equal(host.npmus, 3);
	assert_string_equal(host.pmus[0].name, "little");
	assert_string_equal(host.pmus[1].name, "middle");
	assert_string_equal(host.pmus[2].name, "big");
	assert_int_equal(host_pmu_of_cpu(&host, 2), -1);
	host_covered_cpus(&host, &covered);
	assert_cpus(&covered, "0-1,4-5,8");
	assert_int_equal(host_pmu_of_cpu(&host, 5), 1);
	assert_int_equal(host_pmu_of_cpu(&host, 8), 2);
	assert_int_equal(host_pmu_of_cpu(&host, -1), -1);
	assert_int_equal(host_pmu_of_cpu(&host, CPUSET_CPUS), -1);
}

static void equal_cpus_go_by_name(void **state)
{
	struct host host;

	(void)state;
	put_cpus("0\n", "0\n");
	put_pmu("c", "cpus", "0\n", "3\n");
	put_pmu("a", "cpus", "0\n", "1\n");
	put_pmu("b", "cpus", "0\n", "2\n");
	assert_well(discover(&host));
	assert_string_equal(host.pmus[0].name, "a");
	assert_string_equal(host.pmus[1].name, "b");
	assert_string_equal(host.pmus[2].name, "c");
}

/* A container's sysfs shows two CPUs by other numbers than the kernel has for them (lxcfs). */
static void the_kernel_knows_better_than_sysfs(void **state)
{
	struct cpuset affinity = cpus("2-3"), set;
	struct host host;

	(void)state;
	put_cpus("0-3\n", "0-1\n");
	put_pmu("pmu", "cpus", "0-3\n", "8\n");
	assert_well(host_discover(root, &affinity, &host));
	assert_cpus(&host.allowed, "2-3");
	assert_cpus(&host.granted, "2-3");
	assert_cpus(&host.pmus[0].cpus, "0-3"); /* the PMU's own list is kept */
	assert_true(host_online_cpus(&host, &set));
	assert_cpus(&set, "0-3");
	assert_true(host_sysfs_cpus(&host, "online", &set));
	assert_cpus(&set, "0-1");
}

static void sysfs_may_lack_lists_of_cpus(void **state)
{
	struct host host;
	struct cpuset set;

	(void)state;
	assert_well(discover(&host));
	assert_false(host_sysfs_cpus(&host, "online", &set));
	assert_false(host_online_cpus(&host, &set));
	assert_int_equal(errno, ENOENT);
	assert_cpus(&set, "0-3");
	put_cpus("all\n", "0-\n");
	assert_false(host_sysfs_cpus(&host, "present", &set));
	assert_false(host_online_cpus(&host, &set));
	assert_int_equal(errno, EINVAL);
	assert_cpus(&set, "0-3");
}

static void no_allowed_cpu_is_an_error(void **state)
{
	struct cpuset affinity = cpus("");
	struct host host;

	(void)state;
	assert_failed(host_discover(root, &affinity, &host), STATUS_HOST, "run on no CPU");
}

/* Servers: one PMU of all CPUs, or several kinds with CPUs from 64 and from 1024 on. */
static void many_cpus(void **state)
{
	static const char *const hosts[] = { "0-127", "0-255", "0-1151" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct cpuset all = cpus(hosts[i]);
		int last = cpuset_count(&all) - 1;
		struct host host;

		snprintf(text, sizeof(text), "0-63,%d\n", last);
		put_cpus(hosts[i], hosts[i]);
		put_pmu("few", "cpus", text, "8\n");
		snprintf(text, sizeof(text), "64-%d\n", last - 1);
		put_pmu("rest", "cpus", text, "9\n");
		assert_well(host_discover(root, &all, &host));
		assert_cpus(&host.allowed, hosts[i]);
		assert_int_equal(host_pmu_of_cpu(&host, last), 0);
		assert_int_equal(host_pmu_of_cpu(&host, last - 1), 1);
		assert_int_equal(host_pmu_of_cpu(&host, last + 1), -1);
		assert_clusters(&host, hosts[i], "0,64");
	}
}

static void other_pmus_are_left_out(void **state)
{
	struct host host;

	(void)state;
	put_cpus("0-3\n", "0-3\n");
	put_pmu("arm_dsu_0", "cpumask", "0\n", "11\n");
	put_pmu("breakpoint", NULL, NULL, "5\n");
	put_pmu("armv8_pmuv3", "cpus", "0-3\n", "8\n");
	put_pmu("smmuv3_pmcg", "cpumask", "0\n", "12\n");
	fake_file(root, "bus/event_source/devices/a_file", "0-3\n");
	put_pmu(".hidden", "cpus", "0-3\n", "9\n");
	assert_well(discover(&host));
	assert_int_equal(host.npmus, 1);
	assert_string_equal(host.pmus[0].name, "armv8_pmuv3");
}

/* Whatever a driver means by it: no vCPU can use it, and runs that need no PMU work. */
static void a_pmu_of_no_cpu_is_left_out(void **state)
{
	struct host host;

	(void)state;
	put_cpus("0-3\n", "0-3\n");
	put_pmu("odd", "cpus", "\n", "12\n");
	put_pmu("armv8_pmuv3", "cpus", "0-3\n", "8\n");
	assert_well(discover(&host));
	assert_int_equal(host.npmus, 1);
	assert_string_equal(host.pmus[0].name, "armv8_pmuv3");
}

/* As in the real sysfs, where the devices are links. */
static void links_are_followed(void **state)
{
	char from[FAKE_ROOT + 64];
	struct host host;

	(void)state;
	put_cpus("0-1\n", "0-1\n");
	put_pmu("armv8_pmuv3", "cpus", "0-1\n", "8\n");
	snprintf(from, sizeof(from), "%s/bus/event_source/devices/linked", root);
	assert_int_equal(symlink("armv8_pmuv3", from), 0);
	assert_well(discover(&host));
	assert_int_equal(host.npmus, 2);
	assert_string_equal(host.pmus[1].name, "linked");
	assert_int_equal(host.pmus[1].type, 8);
}

static void malformed_pmus_are_named(void **state)
{
	static const char *const types[] = { "",
					     "\n",
					     "eight\n",
					     "8 9\n",
					     "8x\n",
					     "-1\n",
					     "2147483648\n",
					     "4294967304\n",
					     "99999999999999999999\n" };

	(void)state;
	put_cpus("0-3\n", "0-3\n");
	put_pmu("pmu", "cpus", "0-three\n", "8\n");
	assert_refused("bus/event_source/devices/pmu/cpus", "is not a list of CPUs");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		put_pmu("pmu", "cpus", "0-3\n", types[i]);
		assert_refused("bus/event_source/devices/pmu/type", "is not a PMU's number");
	}
}

static void a_pmu_without_type_is_named(void **state)
{
	(void)state;
	put_cpus("0-3\n", "0-3\n");
	fake_file(root, "bus/event_source/devices/pmu/cpus", "0-3\n");
	assert_refused("bus/event_source/devices/pmu/type", "No such file");
}

static void an_unreadable_pmu_is_named(void **state)
{
	(void)state;
	put_cpus("0-3\n", "0-3\n");
	fake_file(root, "bus/event_source/devices/pmu/cpus/oops", "");
	assert_refused("bus/event_source/devices/pmu/cpus", "Is a directory");
}

static void too_long_a_file_is_named(void **state)
{
	char text[8192];

	(void)state;
	memset(text, '0', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	put_pmu("pmu", "cpus", text, "8\n");
	assert_refused("bus/event_source/devices/pmu/cpus", "File too large");
}

static void pmus_up_to_the_limit(void **state)
{
	struct host host;
	char name[16];

	(void)state;
	put_cpus("0\n", "0\n");
	for (int i = 0; i < HOST_MAX_PMUS; i++) {
		snprintf(name, sizeof(name), "pmu%02d", i);
		put_pmu(name, "cpus", "0\n", "8\n");
	}
	assert_well(discover(&host));
	assert_int_equal(host.npmus, HOST_MAX_PMUS);
	assert_string_equal(host.pmus[HOST_MAX_PMUS - 1].name, "pmu15");
	put_pmu("one_more", "cpus", "0\n", "8\n");
	assert_refused("bus/event_source/devices", "more than the 16 core PMUs");
}

static void names_up_to_the_limit(void **state)
{
	char name[65];
	struct host host;

	(void)state;
	put_cpus("0\n", "0\n");
	memset(name, 'n', sizeof(name));
	name[63] = '\0';
	put_pmu(name, "cpus", "0\n", "8\n");
	assert_well(discover(&host));
	assert_string_equal(host.pmus[0].name, name);
	name[63] = 'n';
	name[64] = '\0';
	put_pmu(name, "cpus", "0\n", "8\n");
	assert_refused(name + 64, "longer than 63 characters");
}

/* Half a name is another PMU's, and one that is left out without a word is not there. */
static void pmu_list_keeps_names_whole(void **state)
{
	static const char some[] = "a53 (cpus 0-1) and 2 more (minivmm --probe)";
	struct host host;
	char text[64];

	(void)state;
	fake_host(&host, "0-3");
	fake_host_pmu(&host, "a53", "0-1");
	fake_host_pmu(&host, "a72", "2-3");
	host_pmu_list(&host, text, sizeof("a53 (cpus 0-1), a72 (cpus 2-3)"));
	assert_string_equal(text, "a53 (cpus 0-1), a72 (cpus 2-3)");
	host_pmu_list(&host, text, sizeof("a53 (cpus 0-1), a72 (cpus 2-3)") - 1);
	assert_string_equal(text, "2 more (minivmm --probe)");
	fake_host_pmu(&host, "armv8_x1", "4");
	host_pmu_list(&host, text, sizeof("a53 (cpus 0-1), a72 (cpus 2-3), armv8_x1 (cpus 4)"));
	assert_string_equal(text, "a53 (cpus 0-1), a72 (cpus 2-3), armv8_x1 (cpus 4)");
	host_pmu_list(&host, text, sizeof("a53 (cpus 0-1), a72 (cpus 2-3), armv8_x1 (cpus 4)") - 1);
	assert_string_equal(text, some);
}

static void many_pmus_are_counted(void **state)
{
	struct host host;
	char text[512];

	(void)state;
	fake_host(&host, "0-63");
	for (int i = 0; i < HOST_MAX_PMUS; i++)
		fake_host_pmu(&host, "armv8_pmuv3_of_a_long_name", "0,2,4,6,8,10,12,14,16,18,20");
	host_pmu_list(&host, text, sizeof(text));
	assert_non_null(strstr(text, "16,18,20) and 9 more (minivmm --probe)"));
}

static void clusters_are_the_pmus(void **state)
{
	struct host host;

	(void)state;
	fake_host(&host, "0-5");
	fake_host_pmu(&host, "a53", "0-3");
	fake_host_pmu(&host, "a72", "4-5");
	for (int cpu = 0; cpu < 6; cpu++)
		put_topology(cpu, "cluster_id", "0\n"); /* not asked */
	assert_clusters(&host, "0-5", "0,4");
	assert_clusters(&host, "2-3,5", "2,5");
	assert_clusters(&host, "", "");
}

static void cpus_without_pmu_are_a_cluster(void **state)
{
	struct host host;

	(void)state;
	fake_host(&host, "0-5");
	fake_host_pmu(&host, "a53", "0-3");
	assert_clusters(&host, "0-5", "0,4");
}

static void one_pmu_asks_the_topology(void **state)
{
	static const char *const packages[] = { "0\n", "0\n", "0\n", "0\n", "1\n", "1\n" };
	static const char *const clusters[] = { "0\n", "0\n", "1\n", "1\n", "0\n", "0\n" };
	struct host host;

	(void)state;
	fake_host(&host, "0-5");
	for (int cpu = 0; cpu < 6; cpu++) {
		put_topology(cpu, "physical_package_id", packages[cpu]);
		put_topology(cpu, "cluster_id", clusters[cpu]);
	}
	assert_clusters(&host, "0-5", "0,2,4");
	fake_host_pmu(&host, "all", "0-5");
	assert_clusters(&host, "0-5", "0,2,4");
	assert_clusters(&host, "1,3,5", "1,3,5");
	assert_clusters(&host, "1,5", "1,5"); /* same number, other package */
	assert_int_equal(host_cluster_id(root, 2), 1);
	assert_int_equal(host_cluster_id(root, 4), 0);
}

static void unknown_clusters_give_all_cpus(void **state)
{
	struct host host;

	(void)state;
	fake_host(&host, "0-3");
	fake_host_pmu(&host, "all", "0-3");
	assert_clusters(&host, "0-3", "0-3"); /* no files */
	for (int cpu = 0; cpu < 4; cpu++) {
		put_topology(cpu, "physical_package_id", "0\n");
		put_topology(cpu, "cluster_id", "-1\n");
	}
	assert_clusters(&host, "0-3", "0-3");
	assert_clusters(&host, "1-2", "1-2");
	assert_int_equal(host_cluster_id(root, 0), -1);
	assert_int_equal(host_cluster_id(root, 9), -1);
	put_topology(0, "cluster_id", "zero\n");
	assert_int_equal(host_cluster_id(root, 0), -1);
}

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++) {
		struct stat info;

		count += fstat(fd, &info) == 0;
	}
	return count;
}

static void every_file_is_closed(void **state)
{
	int before = count_fds();
	struct host host;

	(void)state;
	put_cpus("0-3\n", "0-3\n");
	put_pmu("pmu", "cpus", "0-3\n", "8\n");
	put_pmu("other", NULL, NULL, "1\n");
	assert_well(discover(&host));
	put_pmu("pmu", "cpus", "0-3\n", "x\n");
	assert_refused("bus/event_source/devices/pmu/type", "number");
	assert_int_equal(count_fds(), before);
}

#define ON_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_TREE(no_pmu_is_no_error),           ON_TREE(one_pmu),
		ON_TREE(two_pmus_by_lowest_cpu),       ON_TREE(three_pmus_and_holes),
		ON_TREE(equal_cpus_go_by_name),        ON_TREE(the_kernel_knows_better_than_sysfs),
		ON_TREE(sysfs_may_lack_lists_of_cpus), ON_TREE(many_cpus),
		ON_TREE(no_allowed_cpu_is_an_error),   ON_TREE(other_pmus_are_left_out),
		ON_TREE(a_pmu_of_no_cpu_is_left_out),  ON_TREE(links_are_followed),
		ON_TREE(malformed_pmus_are_named),     ON_TREE(a_pmu_without_type_is_named),
		ON_TREE(an_unreadable_pmu_is_named),   ON_TREE(too_long_a_file_is_named),
		ON_TREE(pmus_up_to_the_limit),         ON_TREE(names_up_to_the_limit),
		ON_TREE(pmu_list_keeps_names_whole),   ON_TREE(many_pmus_are_counted),
		ON_TREE(clusters_are_the_pmus),        ON_TREE(cpus_without_pmu_are_a_cluster),
		ON_TREE(one_pmu_asks_the_topology),    ON_TREE(unknown_clusters_give_all_cpus),
		ON_TREE(every_file_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
