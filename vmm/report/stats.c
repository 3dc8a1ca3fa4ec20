/* SPDX-License-Identifier: MIT */
#include "base/random.h"
#include "report/odd.h"
#include "report/stats.h"

/* Only host PMUs that are there have windows. */
static size_t rows(int npmus)
{
	return (size_t)npmus + STATS_ROWS - HOST_MAX_PMUS;
}

size_t stats_room(int nvcpus, int npmus)
{
	return (size_t)nvcpus *
	       (sizeof(struct vcpu_stats) + rows(npmus) * STATS_KEPT * sizeof(uint64_t));
}

void stats_open(struct stats *stats, int nvcpus, int npmus, void *room)
{
	stats->nvcpus = nvcpus;
	stats->npmus = npmus;
	stats->vcpu = room;
}

static uint64_t *place_of(const struct stats *stats, int vcpu, unsigned row)
{
	unsigned npmus = (unsigned)stats->npmus;
	size_t place = row < npmus ? row : npmus + row - HOST_MAX_PMUS;

	return (uint64_t *)(stats->vcpu + stats->nvcpus) +
	       ((size_t)vcpu * rows(stats->npmus) + place) * STATS_KEPT;
}

/* Beyond STATS_KEPT it replaces a random one or is dropped, so that each window has the same chance
 * to be kept. */
static void keep(struct pmu_stats *pmu, uint64_t cycles)
{
	uint64_t place = pmu->windows;

	if (place >= STATS_KEPT)
		place = random_next(&pmu->random) % (pmu->windows + 1);
	if (place < STATS_KEPT)
		pmu->cycles[place] = cycles;
}

void stats_window(struct stats *stats, const struct window *window)
{
	struct vcpu_stats *vcpu = &stats->vcpu[window->vcpu];
	unsigned row = window->stayed ? stats_row(window->pmu) : STATS_MOVED;
	struct pmu_stats *pmu = &vcpu->pmu[row];
	uint64_t cycles = window->record->cycles_end - window->record->cycles_start;

	if (odd_find(window->record, false) & ODD_CYCLES) {
		vcpu->back++;
		return;
	}
	if (!pmu->cycles)
		pmu->cycles = place_of(stats, window->vcpu, row);
	keep(pmu, cycles);
	if (!window->stayed)
		vcpu->moved |= window->pmus;
	if (!pmu->windows || cycles < pmu->min)
		pmu->min = cycles;
	if (cycles > pmu->max)
		pmu->max = cycles;
	if (!cycles)
		pmu->stopped++;
	pmu->overflows += window->record->interrupts;
	pmu->levels |= window->record->flags & LAB_EL2 ? STATS_AT_EL2 : STATS_AT_EL1;
	pmu->timed |= window->record->flags & LAB_TIMED;
	pmu->windows++;
}

static void swap(uint64_t *a, uint64_t *b)
{
	uint64_t value = *a;

	*a = *b;
	*b = value;
}

/* All of the heap @values, whose greatest is first, are in order but @top. */
static void sift(uint64_t *values, size_t top, size_t count)
{
	for (size_t child; (child = 2 * top + 1) < count; top = child) {
		child += child + 1 < count && values[child + 1] > values[child];
		if (values[top] >= values[child])
			return;
		swap(&values[top], &values[child]);
	}
}

/* The C library's qsort() may ask for memory. A guest cannot make this one slow. */
static void sort(uint64_t *values, size_t count)
{
	for (size_t top = count / 2; top-- > 0;)
		sift(values, top, count);
	while (count-- > 1) {
		swap(&values[0], &values[count]);
		sift(values, 0, count);
	}
}

uint64_t stats_median(struct pmu_stats *pmu)
{
	size_t count = pmu->windows < STATS_KEPT ? pmu->windows : STATS_KEPT;
	uint64_t low, high;

	if (!count)
		return 0;
	sort(pmu->cycles, count);
	low = pmu->cycles[(count - 1) / 2];
	high = pmu->cycles[count / 2];
	return low + (high - low) / 2;
}
