/* SPDX-License-Identifier: MIT */
#include "counters.h"
#include "result.h"

#define TRIES              100000
#define COUNTING_PERIOD_NS 500000l

uint16_t counter_register(unsigned n)
{
	return n == CYCLE ? PMCCNTR_EL0 : PMEVCNTR_EL0(n);
}

uint16_t counter_type_register(unsigned n)
{
	return n == CYCLE ? PMCCFILTR_EL0 : PMEVTYPER_EL0(n);
}

unsigned need_counters(struct vcpu *vcpu, unsigned wanted)
{
	unsigned n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));

	if (n < wanted)
		skip_test("this host PMU has %u event counters, the test needs %u", n, wanted);
	return n;
}

void counter_emit(struct guest *guest, unsigned n, uint64_t type, uint64_t value)
{
	guest_write(guest, PMCNTENCLR_EL0, BIT(n));
	guest_write(guest, counter_type_register(n), type);
	guest_write(guest, counter_register(n), value);
	guest_write(guest, PMCNTENSET_EL0, BIT(n));
}

void events_emit(struct guest *guest, unsigned event)
{
	enum { XEVENTS = 19 };

	guest_read(guest, XEVENTS, PMCEID0_EL0);
	guest_out_register(guest, XEVENTS);
	guest_insn(guest, 0x37000040u | event << 19 | XEVENTS); /* tbnz: over the exit */
	guest_exit(guest);
}

void need_event(struct vcpu *vcpu, unsigned event)
{
	if (!(vcpu_take(vcpu) >> event & 1))
		skip_test("host PMU %s does not count event 0x%x",
			  vcpu->vm->site->host.pmus[0].name, event);
}

void flag_await(const struct site *site, struct guest *guest, unsigned flags, unsigned loop,
		unsigned n)
{
	uint32_t *again = guest_loop(guest, loop, site->exact ? TRIES / 10 : TRIES);

	guest_read(guest, flags, PMOVSSET_EL0);
	guest_insn(guest, 0x37000060u | n << 19 | flags); /* tbnz: over what ends the loop */
	guest_loop_end(guest, loop, again);
}

void irq_forget(struct guest *guest)
{
	guest_insn(guest, 0xd2800010u); /* mov x16, #0 */
}

void irq_await(const struct site *site, struct guest *guest, unsigned loop)
{
	uint32_t *again;

	/* An exit: QEMU has no timer for counters of 32 bits, whose overflow it sees here. */
	guest_read(guest, loop, PMCR_EL0);
	/* Exact: a few instructions later; of wall time: when the emulator gets to it. */
	again = guest_loop(guest, loop, site->exact ? 1000 : 20000000);
	guest_nops(guest, 1);
	guest_insn(guest, 0xb5000070u); /* cbnz x16: over what ends the loop */
	guest_loop_end(guest, loop, again);
}

void irq_out(struct guest *guest)
{
	guest_out_register(guest, 16);
}

void itinerary_counting(const struct site *site, struct itinerary *itinerary,
			struct variant variant)
{
	if (variant.mode == MODE_DEFAULT || !site->naway)
		itinerary_home(site, itinerary, variant.hops);
	else
		itinerary_all(site, itinerary, variant.hops);
	itinerary->period_ns = COUNTING_PERIOD_NS;
}
