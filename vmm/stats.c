/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "odd.h"
#include "random.h"
#include "stats.h"

#define FIRST_CAPACITY 1024 /* doubled, it comes to STATS_KEPT */

/* In place of one that is kept, or not at all, such that each window has had the same chance. */
static void sample(struct pmu_stats *pmu, uint64_t cycles)
{
	uint64_t place = random_next(&pmu->random) % (pmu->windows + 1);

	if (place < STATS_KEPT)
		pmu->cycles[place] = cycles;
}

/*
 * Keeps the cycles of one more window. The first time that memory runs out is
 * the last: past it @windows is more than @capacity, and there is no hole.
 */
static bool keep(struct pmu_stats *pmu, uint64_t cycles)
{
	if (pmu->capacity == STATS_KEPT && pmu->windows >= STATS_KEPT) {
		sample(pmu, cycles);
		return true;
	}
	if (pmu->windows > pmu->capacity)
		return false;
	if (pmu->windows == pmu->capacity) {
		size_t capacity = pmu->capacity ? pmu->capacity * 2 : FIRST_CAPACITY;
		uint64_t *grown = reallocarray(pmu->cycles, capacity, sizeof(*grown));

		if (!grown)
			return false;
		pmu->cycles = grown;
		pmu->capacity = capacity;
	}
	pmu->cycles[pmu->windows] = cycles;
	return true;
}

int stats_window(struct stats *stats, const struct window *window)
{
	struct vcpu_stats *vcpu = &stats->vcpu[window->vcpu];
	struct pmu_stats *pmu = &vcpu->pmu[window->stayed ? stats_row(window->pmu) : STATS_MOVED];
	uint64_t cycles = window->record->cycles_end - window->record->cycles_start;
	bool kept;

	if (odd_find(window->record, false) & ODD_CYCLES) {
		vcpu->back++;
		return true;
	}
	kept = keep(pmu, cycles);
	if (!window->stayed)
		vcpu->moved |= window->pmus;
	if (!pmu->windows || cycles < pmu->min)
		pmu->min = cycles;
	if (cycles > pmu->max)
		pmu->max = cycles;
	if (!cycles)
		pmu->stopped++;
	pmu->overflows += window->record->interrupts;
	pmu->timed |= window->record->flags & LAB_TIMED;
	pmu->windows++;
	return kept;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

uint64_t stats_median(struct pmu_stats *pmu)
{
	size_t count = pmu->windows < pmu->capacity ? pmu->windows : pmu->capacity;
	uint64_t low, high;

	if (!count)
		return 0;
	qsort(pmu->cycles, count, sizeof(*pmu->cycles), compare);
	low = pmu->cycles[(count - 1) / 2];
	high = pmu->cycles[count / 2];
	return low + (high - low) / 2;
}

void stats_free(struct stats *stats)
{
	for (int vcpu = 0; vcpu < stats->nvcpus; vcpu++)
		for (int pmu = 0; pmu < STATS_ROWS; pmu++)
			free(stats->vcpu[vcpu].pmu[pmu].cycles);
}
