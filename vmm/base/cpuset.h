/* SPDX-License-Identifier: MIT */
/* Sets of host CPUs. The C library's cpu_set_t ends at CPU 1023; arm64 kernels go further. */
#ifndef MINIVMM_CPUSET_H
#define MINIVMM_CPUSET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CPUSET_CPUS 4096 /* the most that an arm64 kernel can be built for (NR_CPUS) */

struct cpuset {
	uint64_t words[CPUSET_CPUS / 64]; /* CPU n is bit n % 64 of word n / 64 */
};

void cpuset_clear(struct cpuset *set);
void cpuset_add(struct cpuset *set, int cpu);

/* False for a number that no CPU has, such as -1. */
bool cpuset_has(const struct cpuset *set, int cpu);

bool cpuset_is_empty(const struct cpuset *set);
int cpuset_count(const struct cpuset *set);
bool cpuset_equal(const struct cpuset *a, const struct cpuset *b);

/* True if every CPU of @inner is in @outer. */
bool cpuset_contains(const struct cpuset *outer, const struct cpuset *inner);

/* @out may be @a or @b. */
void cpuset_and(struct cpuset *out, const struct cpuset *a, const struct cpuset *b);
void cpuset_or(struct cpuset *out, const struct cpuset *a, const struct cpuset *b);
void cpuset_minus(struct cpuset *out, const struct cpuset *a, const struct cpuset *b);

/* The lowest CPU of @set, and the lowest above @cpu; -1 if there is none. */
int cpuset_first(const struct cpuset *set);
int cpuset_next(const struct cpuset *set, int cpu);

/* sched_getaffinity() and sched_setaffinity() of thread @tid, 0: this one. -1 with errno. */
int cpuset_of_thread(pid_t tid, struct cpuset *set);
int cpuset_pin(pid_t tid, const struct cpuset *set);

#endif
