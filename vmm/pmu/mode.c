/* SPDX-License-Identifier: MIT */
#include "pmu/affinity.h"
#include "pmu/mode.h"
#include "pmu/mode_choice.h"

/* With a plan a vCPU sits where the plan says, also outside its affinity. */
static void used_cpus(const struct options *options, const struct choice *choice,
		      struct cpuset *used)
{
	plan_cpus(&options->plan, used);
	for (int i = 0; i < options->cpus; i++)
		cpuset_or(used, used, &choice->cpus[i]);
}

static int covering_pmu(const struct host *host, const struct cpuset *set)
{
	for (int i = 0; i < host->npmus; i++)
		if (cpuset_contains(&host->pmus[i].cpus, set))
			return i;
	return -1;
}

bool choose_needs_probe(const struct options *options, const struct host *host,
			const struct kvm_offers *offers, const struct choice *choice)
{
	struct cpuset used, uncovered;

	if (!offers->pmu || !host->npmus)
		return false;
	if (!offers->recent)
		return options->pmu != PMU_OFF;
	if (options->pmu != PMU_AUTO || options->nfilters || options->pmu_counters >= 0)
		return false;
	used_cpus(options, choice, &used);
	mode_uncovered_cpus(host, &used, &uncovered);
	/* The only fact that may be missing is whether KVM offers composite. */
	return covering_pmu(host, &used) < 0 && cpuset_is_empty(&uncovered);
}

/* A timed plan without a list goes round the clusters, a random one over every CPU. */
static void fill_plan(const struct options *options, const struct host *host, struct choice *choice)
{
	struct cpuset within, candidates;

	plan_copy(&choice->plan, &options->plan);
	if (!choice->plan.period_ns || choice->plan.ncpus)
		return;
	cpuset_clear(&within);
	for (int i = 0; i < options->cpus; i++)
		cpuset_or(&within, &within, &choice->cpus[i]);
	candidates = within;
	if (choice->plan.kind == PLAN_EVERY)
		host_cluster_cpus("/sys", host, &within, &candidates);
	plan_fill(&choice->plan, &candidates);
}

/* Whether it matters on which of its CPUs vCPU 0 starts. */
static bool start_matters(const struct mode_context *c)
{
	const struct choice *choice = c->choice;
	struct cpuset uncovered;

	if (choice->plan.ncpus || choice->mode == PMU_DEFAULT)
		return true;
	if (choice->pmu >= 0)
		return !cpuset_contains(&c->host->pmus[choice->pmu].cpus, &choice->cpus[0]);
	mode_uncovered_cpus(c->host, &choice->cpus[0], &uncovered);
	return choice->mode == PMU_COMPOSITE && !cpuset_is_empty(&uncovered);
}

enum status choose_mode(const struct options *options, const struct host *host,
			const struct kvm_offers *offers, struct choice *choice)
{
	struct mode_context c = {
		.options = options,
		.host = host,
		.offers = offers,
		.choice = choice,
		.name = pmu_mode_name(options->pmu),
	};
	enum status status;
	struct cpuset plan;

	choice->pmu = -1;
	choice->narrowed = false;
	choice->reasons[0] = '\0';

	plan_cpus(&options->plan, &plan);
	status = affinity_check("--migrate", &plan, host);
	if (status)
		return status;
	used_cpus(options, choice, &c.used);
	c.covering = covering_pmu(host, &c.used);
	fill_plan(options, host, choice);

	status = options->pmu == PMU_AUTO ? mode_choose_auto(&c) : mode_choose_named(&c);
	/* Again, as the mode may have taken CPUs away. */
	fill_plan(options, host, choice);
	choice->start = start_matters(&c) ? mode_start_cpu(host, choice) : -1;
	return status;
}
