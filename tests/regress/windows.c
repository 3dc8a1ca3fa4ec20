/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "result.h"
#include "windows.h"

#define CYCLES_PER_TICK 16 /* exact: 1 GHz against 62.5 MHz */
#define XFIRST          19
#define XSECOND         20
#define XTICKS          21
#define XTICKS_END      22
#define XLOOP           23

/* A loop, so that the instructions of every window are the very same ones. */
void windows_emit(struct guest *guest, const struct windows *windows)
{
	uint32_t *loop = guest_loop(guest, XLOOP, (uint64_t)windows->count);

	if (windows->between)
		guest_hop(guest);
	guest_read(guest, XTICKS, CNTVCT_EL0);
	guest_read(guest, XFIRST, windows->sysreg);
	if (!windows->between)
		guest_hop(guest);
	guest_work(guest, windows->loops);
	guest_read(guest, XSECOND, windows->sysreg);
	guest_read(guest, XTICKS_END, CNTVCT_EL0);
	for (unsigned x = XFIRST; x <= XTICKS_END; x++)
		guest_out_register(guest, x);
	guest_loop_end(guest, XLOOP, loop);
}

void windows_take(struct vcpu *vcpu, struct windows *windows)
{
	for (int i = 0; i < windows->count; i++) {
		windows->start[i] = vcpu_take(vcpu);
		windows->end[i] = vcpu_take(vcpu);
		windows->ticks[i] = vcpu_take(vcpu);
		windows->ticks[i] = vcpu_take(vcpu) - windows->ticks[i];
	}
}

uint64_t window_delta(const struct windows *windows, int i)
{
	return windows->end[i] - windows->start[i];
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t median(const struct windows *windows)
{
	uint64_t sorted[WINDOWS_MAX];

	for (int i = 0; i < windows->count; i++)
		sorted[i] = window_delta(windows, i);
	qsort(sorted, (size_t)windows->count, sizeof(sorted[0]), compare);
	return sorted[windows->count / 2];
}

void windows_judge(const struct site *site, const struct windows *windows, enum hops hops)
{
	uint64_t usual = median(windows), instructions = 2 * windows->loops;

	note("%d windows, median %llu", windows->count, (unsigned long long)usual);
	for (int i = 0; i < windows->count; i++) {
		uint64_t delta = window_delta(windows, i);

		if (!site->exact)
			expect_between(delta, LEAST_CYCLES(windows->loops), MOST_CYCLES,
				       "window %d of %llu instructions", i,
				       (unsigned long long)instructions);
		else if (hops == HOPS_ASYNC)
			expect_between(delta, instructions,
				       (windows->ticks[i] + 1) * CYCLES_PER_TICK,
				       "window %d of at least %llu instructions", i,
				       (unsigned long long)instructions);
		else
			expect_equal(delta, usual, "window %d", i);
	}
	expect(!site->exact || usual >= instructions, "a window of %llu instructions counted %llu",
	       (unsigned long long)instructions, (unsigned long long)usual);
}

void windows_judge_gaps(const struct site *site, const struct windows *windows, enum hops hops)
{
	for (int i = 0; i < windows->count - 1; i++) {
		uint64_t gap = windows->start[i + 1] - windows->end[i];

		expect(windows->start[i + 1] > windows->end[i],
		       "the counter went from %llu to %llu after window %d",
		       (unsigned long long)windows->end[i],
		       (unsigned long long)windows->start[i + 1], i);
		if (site->exact && hops != HOPS_ASYNC)
			expect_equal(gap, windows->start[1] - windows->end[0],
				     "count between windows %d and %d", i, i + 1);
	}
}
