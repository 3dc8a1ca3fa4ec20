/* SPDX-License-Identifier: MIT */
/*
 * A migration plan: which CPU each vCPU goes to next, and who asks for it.
 * Several vCPUs follow the same plan, each from its own starting point.
 */
#ifndef MINIVMM_PLAN_H
#define MINIVMM_PLAN_H

#include <stdint.h>

#include "base/cpuset.h"
#include "base/status.h"

enum plan_kind {
	PLAN_NONE,   /* the host's scheduler decides, within the vCPU's affinity */
	PLAN_STEP,   /* the guest asks for each hop: synchronous, exact */
	PLAN_EVERY,  /* round robin in time, while the guest runs */
	PLAN_RANDOM, /* seeded choice in time, while the guest runs */
};

#define PLAN_MAX_CPUS CPUSET_CPUS /* random: without a list goes to all of a host's */

struct plan {
	enum plan_kind kind;
	uint64_t period_ns;           /* EVERY, RANDOM: 100 us .. 1 h */
	uint64_t seed;                /* RANDOM */
	int ncpus;                    /* 0 for EVERY, RANDOM without a list: see plan_fill() */
	uint16_t cpus[PLAN_MAX_CPUS]; /* the first ncpus, as visited; repeats are allowed */
};

/* Where one vCPU is in the plan. */
struct plan_place {
	int index;       /* into plan->cpus; -1 with PLAN_NONE */
	uint64_t random; /* state of the generator */
};

/*
 * @text: none | step:LIST | every:TIME[:LIST] | random:TIME[:SEED], TIME with
 * unit us, ms or s. Fails with STATUS_USAGE, naming --migrate and the forms.
 */
enum status plan_parse(const char *text, struct plan *plan);

/* Copies no more than there is: a plan has room for many CPUs, and few of them. */
void plan_copy(struct plan *to, const struct plan *from);

/* Gives a timed plan without a list the CPUs of @candidates, in ascending order. */
void plan_fill(struct plan *plan, const struct cpuset *candidates);

/* All CPUs the plan names. */
void plan_cpus(const struct plan *plan, struct cpuset *set);

/* vCPU @vcpu starts at entry @vcpu modulo the length (RANDOM: with its own sequence). */
void plan_start(const struct plan *plan, int vcpu, struct plan_place *place);

/* The CPU at @place, -1 with PLAN_NONE. */
int plan_cpu(const struct plan *plan, const struct plan_place *place);

/* Goes to the next entry and returns its CPU. RANDOM never picks the same entry twice in a row. */
int plan_next(const struct plan *plan, struct plan_place *place);

#endif
