/* SPDX-License-Identifier: MIT */
#include <stdbool.h>

#include "base/cpulist.h"
#include "pmu/advice.h"

/* Errors that people meet when a VMM's threads hop between clusters, and do not say so. */
static const struct {
	const char *error, *meaning;
} errors[] = {
	{ "kvm_arch_init_vcpu failed (0): Invalid argument",
	  "vCPUs were created on CPUs of different types" },
	{ "Failed to put registers after init: Invalid argument",
	  "a register was read on one type of CPU and written on another" },
	{ "psci: failed to boot CPU1 (-22)", "the same, seen by the guest" },
};

#define NERRORS (sizeof(errors) / sizeof(errors[0]))

/* The CPUs of the cluster; false if there is nothing to advise. */
static bool choose_cluster(const struct host *host, struct cpuset *cpus)
{
	cpuset_clear(cpus);
	for (int i = 0; i < host->npmus; i++) {
		struct cpuset covered;

		cpuset_and(&covered, &host->pmus[i].cpus, &host->allowed);
		if (cpuset_count(&covered) > cpuset_count(cpus))
			*cpus = covered;
	}
	return !cpuset_is_empty(cpus) && !cpuset_equal(cpus, &host->allowed);
}

/* libvirt's domain XML for one vCPU per CPU; each line begins with @indent and ends with @end. */
static void print_libvirt(const struct cpuset *cpus, const char *list, const char *indent,
			  const char *end, FILE *out)
{
	int vcpu = 0;

	fprintf(out, "%s<vcpu placement='static' cpuset='%s'>%d</vcpu>%s", indent, list,
		cpuset_count(cpus), end);
	fprintf(out, "%s<cputune>%s", indent, end);
	for (int cpu = cpuset_first(cpus); cpu >= 0; cpu = cpuset_next(cpus, cpu))
		fprintf(out, "%s  <vcpupin vcpu='%d' cpuset='%d'/>%s", indent, vcpu++, cpu, end);
	fprintf(out, "%s  <emulatorpin cpuset='%s'/>%s", indent, list, end);
	fprintf(out, "%s</cputune>%s", indent, end);
}

void advice_print(const struct host *host, FILE *out)
{
	char list[CPULIST_WHOLE];
	struct cpuset cpus;

	if (!choose_cluster(host, &cpus))
		return;
	cpulist_format(&cpus, list, sizeof(list));
	fprintf(out,
		"other VMMs: keep all their threads on CPUs of one host PMU, e.g. cpus %s\n"
		"  QEMU:    taskset -c %s qemu-system-aarch64 -accel kvm -cpu host ...\n"
		"  kvmtool: lkvm run --pmu --vcpu-affinity %s ...\n"
		"  libvirt:\n",
		list, list, list);
	print_libvirt(&cpus, list, "    ", "\n", out);
	fputs("errors that QEMU prints if its threads were on CPUs of several types:\n", out);
	for (size_t i = 0; i < NERRORS; i++)
		fprintf(out, "  %s\n    %s\n", errors[i].error, errors[i].meaning);
}

void advice_print_json(const struct host *host, FILE *out)
{
	char list[CPULIST_WHOLE];
	struct cpuset cpus;

	if (!choose_cluster(host, &cpus)) {
		fputs("null", out);
		return;
	}
	cpulist_format(&cpus, list, sizeof(list));
	fprintf(out, "{\"cpus\":\"%s\",\"taskset\":\"taskset -c %s\"", list, list);
	fprintf(out, ",\"kvmtool\":\"--vcpu-affinity %s\",\"libvirt\":\"", list);
	/* Only the ends of lines need an escape in it. */
	print_libvirt(&cpus, list, "", "\\n", out);
	fputs("\",\"qemu_errors\":{", out);
	for (size_t i = 0; i < NERRORS; i++)
		fprintf(out, "%s\"%s\":\"%s\"", i ? "," : "", errors[i].error, errors[i].meaning);
	fputs("}}", out);
}
