/* SPDX-License-Identifier: MIT */
#include "base/fail.h"
#include "pmu/mode_choice.h"

static enum status choose_off(struct mode_context *c, const char *why)
{
	c->choice->mode = PMU_OFF;
	mode_reason(c, "auto chose off: %s\n", why);
	return STATUS_OK;
}

static bool try_explicit(struct mode_context *c)
{
	struct choice *choice = c->choice;

	if (!c->offers->set_pmu) {
		mode_reason(c, "not explicit: KVM does not offer SET_PMU (Linux 5.18)\n");
		return false;
	}
	cpulist_format(&c->used, c->cpus, sizeof(c->cpus));
	if (c->covering < 0) {
		mode_reason(c, "not explicit: no single host PMU covers cpus %s (%s)\n", c->cpus,
			    mode_pmus(c));
		return false;
	}
	choice->mode = PMU_EXPLICIT;
	choice->pmu = c->covering;
	mode_reason(c, "auto chose explicit: %s covers cpus %s\n", c->host->pmus[choice->pmu].name,
		    c->cpus);
	return true;
}

static bool try_composite(struct mode_context *c)
{
	struct choice *choice = c->choice;
	struct cpuset uncovered;

	mode_uncovered_cpus(c->host, &c->used, &uncovered);
	if (c->options->nfilters) {
		mode_reason(c, "not composite: ruled out by --pmu-filter\n");
	} else if (c->options->pmu_counters >= 0) {
		mode_reason(c, "not composite: ruled out by --pmu-counters\n");
	} else if (cpuset_count(&uncovered)) {
		/* There KVM refuses to run a vCPU: nothing would count. */
		mode_reason(c, "not composite: cpus %s have no host PMU\n",
			    cpulist_format(&uncovered, c->cpus, sizeof(c->cpus)));
	} else if (!c->offers->composite) {
		mode_reason(c, "not composite: KVM does not offer FIXED_COUNTERS_ONLY\n");
	} else {
		choice->mode = PMU_COMPOSITE;
		mode_reason(c, "auto chose composite: KVM offers FIXED_COUNTERS_ONLY\n");
		return true;
	}
	return false;
}

/* How many of the vCPUs' CPUs @pmu covers; 0 if one of the vCPUs would be left with none. */
static int count_left(const struct mode_context *c, const struct host_pmu *pmu)
{
	struct cpuset all, left;

	cpuset_clear(&all);
	for (int i = 0; i < c->options->cpus; i++) {
		cpuset_and(&left, &c->choice->cpus[i], &pmu->cpus);
		if (cpuset_is_empty(&left))
			return 0;
		cpuset_or(&all, &all, &left);
	}
	return cpuset_count(&all);
}

static int narrowing_pmu(const struct mode_context *c)
{
	int best = -1, most = 0;

	for (int i = 0; i < c->host->npmus; i++) {
		int count = count_left(c, &c->host->pmus[i]);

		if (count > most) {
			most = count;
			best = i;
		}
	}
	return best;
}

/* auto promises a counter that counts: the plan must not lead to where it does not. */
static enum status check_plan(const struct mode_context *c, const struct host_pmu *pmu)
{
	char plan_text[CPULIST_TEXT], pmu_text[CPULIST_TEXT];
	struct cpuset plan;

	plan_cpus(&c->options->plan, &plan);
	if (cpuset_contains(&pmu->cpus, &plan))
		return STATUS_OK;
	return fail(
		STATUS_USAGE,
		"--migrate: the plan's cpus %s leave %s (cpus %s), where --pmu=auto "
		"keeps the vCPUs; use a plan within one host PMU, with --affinity, or name a mode",
		cpulist_format(&plan, plan_text, sizeof(plan_text)), pmu->name,
		cpulist_format(&pmu->cpus, pmu_text, sizeof(pmu_text)));
}

/* Keeps every vCPU to the CPUs of @pmu; c->cpus is then the list of those that are left. */
static void narrow(struct mode_context *c, const struct host_pmu *pmu)
{
	struct choice *choice = c->choice;
	struct cpuset left;

	cpuset_clear(&left);
	for (int i = 0; i < c->options->cpus; i++) {
		cpuset_and(&choice->cpus[i], &choice->cpus[i], &pmu->cpus);
		cpuset_or(&left, &left, &choice->cpus[i]);
	}
	choice->narrowed = true;
	cpulist_format(&left, c->cpus, sizeof(c->cpus));
}

static enum status choose_narrowed(struct mode_context *c)
{
	int best = narrowing_pmu(c);
	const struct host_pmu *pmu;

	if (best < 0)
		return choose_off(c, "no host PMU covers a CPU of every vCPU");
	pmu = &c->host->pmus[best];
	narrow(c, pmu);
	c->choice->mode = PMU_EXPLICIT;
	c->choice->pmu = best;
	mode_reason(c, "auto chose explicit and keeps the vCPUs on cpus %s, which %s covers\n",
		    c->cpus, pmu->name);
	return check_plan(c, pmu);
}

/*
 * Without SET_PMU every guest's PMU is the same host PMU. Where that one covers the vCPUs' CPUs,
 * or they can be kept to those that it covers, their counters count.
 */
static enum status choose_default(struct mode_context *c)
{
	const struct host_pmu *pmu;

	if (c->offers->only_pmu < 0)
		return choose_off(c, "perf_event_open did not show which host PMU KVM takes");
	pmu = &c->host->pmus[c->offers->only_pmu];
	if (c->covering != c->offers->only_pmu && !count_left(c, pmu)) {
		mode_reason(c, "not default: KVM takes %s, which covers no CPU of some vCPU\n",
			    pmu->name);
		return choose_off(c, "no other mode is left");
	}
	c->choice->mode = PMU_DEFAULT;
	if (c->covering == c->offers->only_pmu) {
		mode_reason(c, "auto chose default: KVM takes %s, which covers cpus %s\n",
			    pmu->name, cpulist_format(&c->used, c->cpus, sizeof(c->cpus)));
		return STATUS_OK;
	}
	narrow(c, pmu);
	mode_reason(c,
		    "auto chose default and keeps the vCPUs on cpus %s: KVM takes %s, which covers "
		    "them\n",
		    c->cpus, pmu->name);
	return check_plan(c, pmu);
}

enum status mode_choose_auto(struct mode_context *c)
{
	struct cpuset uncovered;

	if (!c->host->npmus)
		return choose_off(c, "this host has no core PMU");
	if (!c->offers->pmu)
		return choose_off(c, "this host's KVM has no PMU for guests (KVM_CAP_ARM_PMU_V3)");
	mode_uncovered_cpus(c->host, &c->used, &uncovered);
	if (cpuset_equal(&uncovered, &c->used))
		return choose_off(c, "none of the vCPUs' CPUs has a host PMU");
	if (try_explicit(c) || try_composite(c))
		return STATUS_OK;
	return c->offers->set_pmu ? choose_narrowed(c) : choose_default(c);
}
