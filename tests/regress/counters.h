/* SPDX-License-Identifier: MIT */
/* Counters by their number, CYCLE included, as the counting and overflow tests use them. */
#ifndef REGRESS_COUNTERS_H
#define REGRESS_COUNTERS_H

#include "hops.h"
#include "test.h"

/* Of PMCCNTR_EL0 and PMCCFILTR_EL0 for CYCLE, else of PMEVCNTRn_EL0 and PMEVTYPERn_EL0. */
uint16_t counter_register(unsigned n);
uint16_t counter_type_register(unsigned n);

/* PMCR_EL0.N of a VM that is about to run. Skips the test if there are fewer than @wanted. */
unsigned need_counters(struct vcpu *vcpu, unsigned wanted);

/* Off; event or filter, value, and enabled: it counts as soon as PMCR_EL0.E is set. */
void counter_emit(struct guest *guest, unsigned n, uint64_t type, uint64_t value);

/*
 * The program's first output is PMCEID0_EL0, and its last if that lacks @event (0..31): it would
 * wait for counts that never come. After the run: skips the test without @event.
 */
void events_emit(struct guest *guest, unsigned event);
void need_event(struct vcpu *vcpu, unsigned event);

/*
 * Reads PMOVSSET_EL0 into x@flags until bit @n of it is set; x@loop counts the tries, of
 * which there are enough for a second, or a tenth if time is exact. An overflow is seen when the
 * host's interrupt has come: on a wall-time board that is when the emulator gets to it.
 */
void flag_await(const struct site *site, struct guest *guest, unsigned flags, unsigned loop,
		unsigned n);

/*
 * Whether an interrupt was taken: the vectors leave something other than 0 in x16.
 * irq_forget() sets it to 0, irq_await() waits until it is not, in x@loop, for a second at most,
 * irq_out() hands it to the test.
 */
void irq_forget(struct guest *guest);
void irq_await(const struct site *site, struct guest *guest, unsigned loop);
void irq_out(struct guest *guest);

/*
 * The widest plan on which @variant's mode promises to count: all host PMUs for
 * composite; also for explicit, which is refused there and returns; home for default.
 */
void itinerary_counting(const struct site *site, struct itinerary *itinerary,
			struct variant variant);

#endif
