/* SPDX-License-Identifier: MIT */
/* A plan printed reads as the same plan, and a walk along it visits what it names, in its order. */
#include <string.h>

#include "fuzz.h"

#define STEPS 100

static void walk(const struct plan *plan, int vcpu)
{
	struct plan_place place;
	struct cpuset named;
	int last;

	plan_cpus(plan, &named);
	plan_start(plan, vcpu, &place);
	last = place.index;
	must(plan_cpu(plan, &place) == (plan->ncpus ? plan->cpus[vcpu % plan->ncpus] : -1));
	for (int i = 1; i <= STEPS; i++) {
		int cpu = plan_next(plan, &place);

		must(cpu == plan_cpu(plan, &place));
		if (!plan->ncpus) {
			must(cpu == -1);
			continue;
		}
		must(place.index >= 0 && place.index < plan->ncpus);
		must(cpuset_has(&named, cpu));
		if (plan->kind == PLAN_RANDOM)
			must(plan->ncpus == 1 || place.index != last);
		else
			must(place.index == (vcpu + i) % plan->ncpus);
		last = place.index;
	}
}

void fuzz_one(struct input *input)
{
	int vcpu = (int)input_number(input, 1);
	char text[512], printed[PLAN_TEXT];
	struct plan plan, again;
	struct cpuset candidates;

	memset(&candidates, 0, sizeof(candidates));
	for (int i = 0; i < 4; i++)
		cpuset_add(&candidates, (int)input_number(input, 1) * 16);
	input_text(input, text, sizeof(text));
	if (!succeeded(plan_parse(text, &plan), STATUS_USAGE))
		return;
	must(plan.ncpus >= 0 && plan.ncpus <= PLAN_MAX_CPUS);
	must((plan.kind == PLAN_STEP) <= (plan.ncpus > 0));
	if (plan.kind == PLAN_EVERY || plan.kind == PLAN_RANDOM)
		must(plan.period_ns >= 100000 && plan.period_ns <= 3600000000000ull);
	for (int i = 0; i < plan.ncpus; i++)
		must(plan.cpus[i] >= 0 && plan.cpus[i] < CPUSET_CPUS);

	plan_text(&plan, printed);
	must(succeeded(plan_parse(printed, &again), STATUS_USAGE));
	must_be_same_plan(&plan, &again);

	plan_fill(&plan, &candidates);
	must(plan.kind == PLAN_NONE || plan.ncpus > 0);
	walk(&plan, vcpu);
}
