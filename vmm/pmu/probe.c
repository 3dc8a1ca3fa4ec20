/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/cpulist.h"
#include "base/fail.h"
#include "base/json.h"
#include "pmu/advice.h"
#include "pmu/probe.h"

static const struct {
	const char *name;
	const char *who; /* "guests have a PMU": can or cannot */
	const char *what;
	size_t offset;
} features[] = {
	{ "pmu", "guests", "have a PMU", offsetof(struct kvm_offers, pmu) },
	{ "set_pmu", "a VMM", "choose the host PMU", offsetof(struct kvm_offers, set_pmu) },
	{ "composite", "a cycle counter", "count on every host PMU",
	  offsetof(struct kvm_offers, composite) },
	{ "strict", "a VMM", "keep KVM from choosing a host PMU",
	  offsetof(struct kvm_offers, strict) },
	{ "nr_counters", "a VMM", "set the number of event counters",
	  offsetof(struct kvm_offers, nr_counters) },
	{ "el2", "guests", "start at EL2 (--el2)", offsetof(struct kvm_offers, el2) },
	{ "el2_e2h0", "guests", "start at EL2 without VHE (--el2=e2h0)",
	  offsetof(struct kvm_offers, el2_e2h0) },
};

#define NFEATURES (sizeof(features) / sizeof(features[0]))

static bool offered(const struct kvm_offers *offers, size_t feature)
{
	return *(const bool *)((const char *)offers + features[feature].offset);
}

static void online_cpus(const struct host *host, struct cpuset *online)
{
	if (!host_online_cpus(host, online))
		fail_errno(STATUS_OK,
			   "%s/devices/system/cpu/online cannot be read, so only CPUs where this "
			   "process may run are shown as online",
			   host->sysfs);
}

static void print_text(const struct host *host, const struct kvm_offers *offers,
		       const struct choice *choice)
{
	char list[CPULIST_WHOLE];
	struct cpuset online, more;

	online_cpus(host, &online);
	cpuset_minus(&more, &host->granted, &host->allowed);
	printf("CPUs: %s online", cpulist_format(&online, list, sizeof(list)));
	printf(", %s allowed", cpulist_format(&host->allowed, list, sizeof(list)));
	if (!cpuset_is_empty(&more))
		printf(", with --affinity or --migrate also %s",
		       cpulist_format(&more, list, sizeof(list)));
	printf("\n");
	for (int i = 0; i < host->npmus; i++)
		printf("host PMU: %s, cpus %s, type %d\n", host->pmus[i].name,
		       cpulist_format(&host->pmus[i].cpus, list, sizeof(list)), host->pmus[i].type);
	if (!host->npmus)
		printf("host PMU: none\n");
	for (int cpu = cpuset_first(&online); cpu >= 0; cpu = cpuset_next(&online, cpu))
		if (host_cluster_id(host->sysfs, cpu) >= 0)
			printf("cpu %d: cluster %d\n", cpu, host_cluster_id(host->sysfs, cpu));
	for (size_t i = 0; i < NFEATURES; i++)
		printf("KVM %s: %s (%s %s %s)\n", features[i].name,
		       offered(offers, i) ? "yes" : "no", features[i].who,
		       offered(offers, i) ? "can" : "cannot", features[i].what);
	printf("auto would choose: %s\n%s", pmu_mode_name(choice->mode), choice->reasons);
	advice_print(host, stdout);
}

static void print_json(const struct host *host, const struct kvm_offers *offers,
		       const struct choice *choice)
{
	const char *reason = choice->reasons, *separator = "";
	char list[CPULIST_WHOLE];
	struct cpuset online;

	online_cpus(host, &online);
	printf("{\"online\":\"%s\"", cpulist_format(&online, list, sizeof(list)));
	printf(",\"allowed\":\"%s\"", cpulist_format(&host->allowed, list, sizeof(list)));
	printf(",\"granted\":\"%s\"", cpulist_format(&host->granted, list, sizeof(list)));
	printf(",\"pmus\":[");
	for (int i = 0; i < host->npmus; i++) {
		printf("%s{\"name\":", i ? "," : "");
		json_string(stdout, host->pmus[i].name, strlen(host->pmus[i].name));
		printf(",\"cpus\":\"%s\",\"type\":%d}",
		       cpulist_format(&host->pmus[i].cpus, list, sizeof(list)), host->pmus[i].type);
	}
	printf("],\"clusters\":{");
	for (int cpu = cpuset_first(&online); cpu >= 0; cpu = cpuset_next(&online, cpu)) {
		if (host_cluster_id(host->sysfs, cpu) < 0)
			continue;
		printf("%s\"%d\":%d", separator, cpu, host_cluster_id(host->sysfs, cpu));
		separator = ",";
	}
	printf("},\"kvm\":{");
	for (size_t i = 0; i < NFEATURES; i++)
		printf("%s\"%s\":%s", i ? "," : "", features[i].name,
		       offered(offers, i) ? "true" : "false");
	printf("},\"auto\":\"%s\",\"reasons\":[", pmu_mode_name(choice->mode));
	while (*reason) {
		size_t length = strcspn(reason, "\n");

		json_string(stdout, reason, length);
		reason += length + (reason[length] == '\n');
		if (*reason)
			putchar(',');
	}
	printf("],\"advice\":");
	advice_print_json(host, stdout);
	printf("}\n");
}

void probe_print(const struct options *options, const struct host *host,
		 const struct kvm_offers *offers, const struct choice *choice)
{
	if (options->probe_json)
		print_json(host, offers, choice);
	else
		print_text(host, offers, choice);
}
