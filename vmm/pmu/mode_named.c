/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "pmu/mode_choice.h"

/* On a CPU without a PMU, KVM_ARM_VCPU_INIT finds no default PMU and fails. */
static enum status check_start(struct mode_context *c)
{
	int cpu = mode_start_cpu(c->host, c->choice);

	if (host_pmu_of_cpu(c->host, cpu) >= 0)
		return STATUS_OK;
	return fail(STATUS_HOST,
		    "--pmu=%s: CPU %d, where vCPU 0 starts, has no host PMU; use --affinity or "
		    "--migrate to start on a CPU of one: %s",
		    c->name, cpu, mode_pmus(c));
}

/* On a kernel before 6.7 that has SET_PMU, there is no way to find out whether the CPU decides. */
static enum status choose_default(struct mode_context *c)
{
	int cpu = mode_start_cpu(c->host, c->choice), pmu = host_pmu_of_cpu(c->host, cpu);
	char text[HOST_PMU_TEXT];

	if (pmu < 0)
		return check_start(c);
	if (!c->offers->recent && c->host->npmus > 1 && c->offers->only_pmu < 0) {
		mode_reason(c,
			    "default: asked for; before Linux 6.7 KVM takes a host PMU by a rule "
			    "of its own, one of %s\n",
			    mode_pmus(c));
		return STATUS_OK;
	}
	if (!c->offers->recent) {
		pmu = c->host->npmus > 1 ? c->offers->only_pmu : 0;
		mode_reason(c, "default: asked for; KVM takes %s wherever vCPU 0 starts\n",
			    host_pmu_text(&c->host->pmus[pmu], text, sizeof(text)));
		return STATUS_OK;
	}
	mode_reason(c, "default: asked for; KVM takes the PMU of CPU %d, where vCPU 0 starts: %s\n",
		    cpu, host_pmu_text(&c->host->pmus[pmu], text, sizeof(text)));
	return STATUS_OK;
}

/* The PMU that the option names; -1 after a message. */
static int named_pmu(struct mode_context *c)
{
	const struct options *options = c->options;
	int pmu;

	if (options->pmu_cpu >= 0) {
		pmu = host_pmu_of_cpu(c->host, options->pmu_cpu);
		if (pmu < 0)
			fail(STATUS_USAGE,
			     "--pmu=%s:cpu%d: no host PMU covers this CPU; host PMUs: %s", c->name,
			     options->pmu_cpu, mode_pmus(c));
		return pmu;
	}
	for (pmu = 0; pmu < c->host->npmus; pmu++)
		if (!strcmp(c->host->pmus[pmu].name, options->pmu_name))
			return pmu;
	fail(STATUS_USAGE, "--pmu=%s:%s: no such host PMU; host PMUs: %s", c->name,
	     options->pmu_name, mode_pmus(c));
	return -1;
}

/* With --affinity or --migrate outside of @cpus, the user has asked for KVM's refusal. Without
 * them, the scheduler would cause one sooner or later. */
static void keep_covered(struct mode_context *c, const struct cpuset *cpus)
{
	struct choice *choice = c->choice;
	struct cpuset covered;

	cpuset_and(&covered, &choice->cpus[0], cpus);
	if (c->options->naffinity || c->options->plan.kind != PLAN_NONE ||
	    cpuset_is_empty(&covered) || cpuset_equal(&covered, &choice->cpus[0]))
		return;
	for (int i = 0; i < c->options->cpus; i++)
		choice->cpus[i] = covered;
	choice->narrowed = true;
	mode_reason(c, "%s: minivmm keeps the vCPUs on cpus %s; --affinity allows other CPUs\n",
		    c->name, cpulist_format(&covered, c->cpus, sizeof(c->cpus)));
}

/* explicit and strict. */
static enum status choose_explicit(struct mode_context *c)
{
	const struct host_pmu *pmus = c->host->pmus;
	struct choice *choice = c->choice;
	char text[HOST_PMU_TEXT];
	int cpu = mode_start_cpu(c->host, c->choice);

	if (c->options->pmu_name[0] || c->options->pmu_cpu >= 0) {
		choice->pmu = named_pmu(c);
		if (choice->pmu < 0)
			return STATUS_USAGE;
		mode_reason(c, "%s: asked for, with %s\n", c->name,
			    host_pmu_text(&pmus[choice->pmu], text, sizeof(text)));
	} else if (c->covering >= 0) {
		choice->pmu = c->covering;
		mode_reason(c, "%s: asked for; %s covers cpus %s\n", c->name,
			    pmus[choice->pmu].name,
			    cpulist_format(&c->used, c->cpus, sizeof(c->cpus)));
	} else {
		choice->pmu = host_pmu_of_cpu(c->host, cpu);
		if (choice->pmu < 0)
			return check_start(c);
		mode_reason(
			c,
			"%s: asked for; no host PMU covers cpus %s, so minivmm takes the PMU of "
			"CPU %d, where vCPU 0 starts: %s\n",
			c->name, cpulist_format(&c->used, c->cpus, sizeof(c->cpus)), cpu,
			host_pmu_text(&pmus[choice->pmu], text, sizeof(text)));
	}
	keep_covered(c, &pmus[choice->pmu].cpus);
	/* strict does without a default PMU. */
	return choice->mode == PMU_STRICT ? STATUS_OK : check_start(c);
}

static enum status choose_composite(struct mode_context *c)
{
	struct cpuset covered;

	mode_reason(c, "composite: asked for\n");
	host_covered_cpus(c->host, &covered);
	keep_covered(c, &covered);
	return check_start(c);
}

/* STATUS_HOST unless host and KVM have what the mode needs. */
static enum status check_offers(const struct mode_context *c)
{
	const struct kvm_offers *offers = c->offers;

	if (!c->host->npmus)
		return fail(STATUS_HOST,
			    "--pmu=%s: this host has no core PMU; use --pmu=auto or "
			    "--pmu=off",
			    c->name);
	if (!offers->pmu)
		return fail(STATUS_HOST,
			    "--pmu=%s: this host's KVM has no PMU for guests "
			    "(KVM_CAP_ARM_PMU_V3); use --pmu=auto or --pmu=off",
			    c->name);
	if (c->choice->mode == PMU_COMPOSITE && !offers->composite)
		return fail(STATUS_HOST,
			    "--pmu=composite: this kernel's KVM has no "
			    "KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY (attribute 5); use "
			    "--pmu=explicit, --pmu=auto or a kernel with the patch");
	if (c->choice->mode == PMU_STRICT && !offers->strict)
		return fail(STATUS_HOST,
			    "--pmu=strict: this kernel's KVM has no vCPU feature "
			    "KVM_ARM_VCPU_PMU_V3_STRICT (9, Linux 7.3); use --pmu=explicit, "
			    "--pmu=auto or a newer kernel");
	if ((c->choice->mode == PMU_EXPLICIT || c->choice->mode == PMU_STRICT) && !offers->set_pmu)
		return fail(STATUS_HOST,
			    "--pmu=%s: this kernel's KVM has no "
			    "KVM_ARM_VCPU_PMU_V3_SET_PMU (attribute 3, Linux 5.18); use "
			    "--pmu=default, --pmu=auto or a newer kernel",
			    c->name);
	return STATUS_OK;
}

enum status mode_choose_named(struct mode_context *c)
{
	enum status status;

	c->choice->mode = c->options->pmu;
	if (c->options->pmu == PMU_OFF) {
		mode_reason(c, "off: asked for\n");
		return STATUS_OK;
	}
	status = check_offers(c);
	if (status)
		return status;
	if (c->options->pmu == PMU_DEFAULT)
		return choose_default(c);
	if (c->options->pmu == PMU_EXPLICIT || c->options->pmu == PMU_STRICT)
		return choose_explicit(c);
	return choose_composite(c);
}
