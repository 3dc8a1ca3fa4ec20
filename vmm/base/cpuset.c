/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <string.h>

#include "base/cpuset.h"

#define WORDS (CPUSET_CPUS / 64)

/* The kernel's own layout, on a machine whose words have the least bit's byte first. */
_Static_assert(sizeof(long) == 8 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "not the kernel's");

void cpuset_clear(struct cpuset *set)
{
	memset(set, 0, sizeof(*set));
}

void cpuset_add(struct cpuset *set, int cpu)
{
	set->words[cpu / 64] |= 1ull << cpu % 64;
}

bool cpuset_has(const struct cpuset *set, int cpu)
{
	return cpu >= 0 && cpu < CPUSET_CPUS && set->words[cpu / 64] >> cpu % 64 & 1;
}

bool cpuset_is_empty(const struct cpuset *set)
{
	return cpuset_first(set) < 0;
}

int cpuset_count(const struct cpuset *set)
{
	int count = 0;

	for (int i = 0; i < WORDS; i++)
		count += __builtin_popcountll(set->words[i]);
	return count;
}

bool cpuset_equal(const struct cpuset *a, const struct cpuset *b)
{
	return !memcmp(a, b, sizeof(*a));
}

bool cpuset_contains(const struct cpuset *outer, const struct cpuset *inner)
{
	for (int i = 0; i < WORDS; i++)
		if (inner->words[i] & ~outer->words[i])
			return false;
	return true;
}

void cpuset_and(struct cpuset *out, const struct cpuset *a, const struct cpuset *b)
{
	for (int i = 0; i < WORDS; i++)
		out->words[i] = a->words[i] & b->words[i];
}

void cpuset_or(struct cpuset *out, const struct cpuset *a, const struct cpuset *b)
{
	for (int i = 0; i < WORDS; i++)
		out->words[i] = a->words[i] | b->words[i];
}

void cpuset_minus(struct cpuset *out, const struct cpuset *a, const struct cpuset *b)
{
	for (int i = 0; i < WORDS; i++)
		out->words[i] = a->words[i] & ~b->words[i];
}

int cpuset_first(const struct cpuset *set)
{
	return cpuset_next(set, -1);
}

int cpuset_next(const struct cpuset *set, int cpu)
{
	int start = cpu + 1;

	for (int i = start / 64; i < WORDS; i++) {
		uint64_t word = set->words[i];

		if (i == start / 64)
			word &= ~0ull << start % 64;
		if (word)
			return i * 64 + __builtin_ctzll(word);
	}
	return -1;
}

int cpuset_of_thread(pid_t tid, struct cpuset *set)
{
	return sched_getaffinity(tid, sizeof(*set), (cpu_set_t *)set);
}

int cpuset_pin(pid_t tid, const struct cpuset *set)
{
	return sched_setaffinity(tid, sizeof(*set), (const cpu_set_t *)set);
}
