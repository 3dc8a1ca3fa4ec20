/* SPDX-License-Identifier: MIT */
#include "making.h"
#include "vmm/base/random.h"

uint64_t random_below(uint64_t *random, uint64_t n)
{
	return random_next(random) % n;
}

bool one_in(uint64_t *random, uint64_t n)
{
	return random_below(random, n) == 0;
}

unsigned any_counter(const struct making *making)
{
	if (!making->n || one_in(making->random, 3))
		return CYCLE;
	if (one_in(making->random, 20) && making->n < CYCLE - 1)
		return making->n;
	return (unsigned)random_below(making->random,
				      one_in(making->random, 3) ? making->n : (making->n + 1) / 2);
}

uint64_t any_bits(const struct making *making)
{
	uint64_t bits = 0;

	if (one_in(making->random, 4))
		return making->event_cycles ? ALL & ~BIT(CYCLE) : ALL;
	do
		bits |= BIT(any_counter(making));
	while (one_in(making->random, 2));
	return making->event_cycles ? bits & ~BIT(CYCLE) : bits;
}

uint64_t any_value(const struct making *making)
{
	static const uint64_t wraps[] = { BIT(32), BIT(32), 0, BIT(63), BIT(31), 2 * BIT(32) };
	uint64_t *random = making->random;
	uint64_t below = random_below(random, one_in(random, 2) ? 40 : LONG_WORK);

	switch (random_below(random, 6)) {
	case 0:
		return random_below(random, 4);
	case 1:
		return random_below(random, BIT(48)) << random_below(random, 17);
	default:
		return wraps[random_below(random, 6)] - below;
	}
}

uint64_t any_type(const struct making *making, unsigned n)
{
	const unsigned events[] = { EVENT_INST_RETIRED,
				    making->event_cycles ? EVENT_CPU_CYCLES : EVENT_INST_RETIRED,
				    EVENT_SW_INCR };
	uint64_t *random = making->random;
	uint64_t filter = one_in(random, 2) ? 0 : random_below(random, 4) << 30;
	unsigned event = events[random_below(random, 3)];

	if (n == CYCLE)
		return filter;
	if (n & 1 && one_in(random, 2))
		return EVENT_CHAIN;
	/* Who increments is at EL1, and what a filter makes of that no document says. */
	return event == EVENT_SW_INCR ? event : event | filter;
}

uint64_t any_pmcr(struct making *making)
{
	uint64_t *random = making->random;
	uint64_t value = one_in(random, 5) ? 0 : PMCR_E;

	if (one_in(random, 3))
		making->lc ^= PMCR_LC;
	value |= making->lc;
	if (one_in(random, 6))
		value |= PMCR_C;
	if (one_in(random, 6))
		value |= PMCR_P;
	if (one_in(random, 8))
		value |= PMCR_X | PMCR_DP;
	if (one_in(random, 6))
		value |= PMCR_LP;
	/* Without LC it divides, of which KVM does nothing: counting.divider. */
	if (making->lc && one_in(random, 8))
		value |= PMCR_D;
	return value;
}
