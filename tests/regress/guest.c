/* SPDX-License-Identifier: MIT */
#include "guest.h"
#include "result.h"

/* The assembler's registers: values, and the device's address. */
#define XVALUE 9
#define XOTHER 10
#define XPORT  15
#define XZR    31

#define INSN_ISB  0xd5033fdfu
#define INSN_WFI  0xd503207fu
#define INSN_NOP  0xd503201fu
#define INSN_SVC  0xd4000001u
#define INSN_HVC  0xd4000002u
#define INSN_ERET 0xd69f03e0u

#define DAIF           SYSREG(3, 3, 4, 2, 1)
#define TPIDR_EL1      SYSREG(3, 0, 13, 0, 4)
#define ICC_PMR_EL1    SYSREG(3, 0, 4, 6, 0)
#define ICC_SRE_EL1    SYSREG(3, 0, 12, 12, 5)
#define ICC_IGRPEN1    SYSREG(3, 0, 12, 12, 7)
#define PSR_A32_USER   0x1d0 /* interrupts masked */
#define FLAG_KEEP      1u
#define FLAG_GICV2     2u
#define GICD_BASE      0x08000000ull
#define GICC_BASE      0x08010000ull
#define GICR_BASE      0x080a0000ull
#define GICR_STRIDE    0x20000ull
#define GIC_IGROUPR0   0x80
#define GIC_ISENABLER0 0x100
#define GICR_SGI       0x10000ull

void guest_insn(struct guest *guest, uint32_t insn)
{
	if (guest->at == guest->end)
		fail_test("the guest's code does not fit into %zu instructions",
			  (size_t)(guest->end - guest->start));
	*guest->at++ = insn;
}

static void mov(struct guest *guest, unsigned x, uint64_t value)
{
	guest_insn(guest, 0xd2800000u | (uint32_t)(value & 0xffff) << 5 | x);
	for (unsigned part = 1; part < 4; part++)
		if (value >> part * 16 & 0xffff)
			guest_insn(guest, 0xf2800000u | part << 21 |
						  (uint32_t)(value >> part * 16 & 0xffff) << 5 | x);
}

static void msr(struct guest *guest, uint16_t sysreg, unsigned x)
{
	guest_insn(guest, 0xd5000000u | (uint32_t)sysreg << 5 | x);
}

static void mrs(struct guest *guest, unsigned x, uint16_t sysreg)
{
	guest_insn(guest, 0xd5200000u | (uint32_t)sysreg << 5 | x);
}

static void store(struct guest *guest, unsigned x, unsigned port)
{
	guest_insn(guest, 0xf9000000u | port / 8 << 10 | XPORT << 5 | x);
}

static void store32(struct guest *guest, uint64_t address, uint32_t value)
{
	mov(guest, XOTHER, address);
	mov(guest, XVALUE, value);
	guest_insn(guest, 0xb9000000u | XOTHER << 5 | XVALUE);
}

void guest_begin(struct guest *guest, int gic)
{
	mov(guest, XPORT, PORT_BASE);
	guest_write(guest, VBAR_EL1, GUEST_RAM_BASE);
	guest_write(guest, TPIDR_EL1, gic == 2 ? FLAG_GICV2 : 0);
}

void guest_isb(struct guest *guest)
{
	guest_insn(guest, INSN_ISB);
}

void guest_write(struct guest *guest, uint16_t sysreg, uint64_t value)
{
	mov(guest, XVALUE, value);
	msr(guest, sysreg, XVALUE);
	guest_isb(guest);
}

void guest_out(struct guest *guest, uint16_t sysreg)
{
	guest_read(guest, XVALUE, sysreg);
	store(guest, XVALUE, PORT_OUT);
}

void guest_read(struct guest *guest, unsigned xn, uint16_t sysreg)
{
	guest_isb(guest);
	mrs(guest, xn, sysreg);
}

void guest_out_register(struct guest *guest, unsigned xn)
{
	store(guest, xn, PORT_OUT);
}

void guest_write_input(struct guest *guest, uint16_t sysreg)
{
	guest_insn(guest, 0xf9400000u | PORT_IN / 8 << 10 | XPORT << 5 | XVALUE);
	msr(guest, sysreg, XVALUE);
	guest_isb(guest);
}

void guest_work(struct guest *guest, uint64_t loops)
{
	uint32_t *loop = guest_loop(guest, XVALUE, loops);

	guest_loop_end(guest, XVALUE, loop);
}

void guest_nops(struct guest *guest, unsigned count)
{
	while (count--)
		guest_insn(guest, INSN_NOP);
}

void guest_hop(struct guest *guest)
{
	store(guest, XZR, PORT_HOP);
}

void guest_exit(struct guest *guest)
{
	store(guest, XZR, PORT_EXIT);
}

void guest_wfi(struct guest *guest)
{
	guest_insn(guest, INSN_WFI);
}

void guest_irqs(struct guest *guest, bool on)
{
	guest_insn(guest, on ? 0xd50342ffu : 0xd50342dfu);
	guest_isb(guest);
}

void guest_gic(struct guest *guest, int version, unsigned index, unsigned intid)
{
	uint64_t banked = version == 2 ? GICD_BASE : GICR_BASE + index * GICR_STRIDE + GICR_SGI;

	store32(guest, GICD_BASE, version == 2 ? 1 : 2);
	if (version == 3)
		store32(guest, banked + GIC_IGROUPR0, ~0u);
	store32(guest, banked + GIC_ISENABLER0, 1u << intid);
	if (version == 2) {
		store32(guest, GICC_BASE + 4, 0xff);
		store32(guest, GICC_BASE, 1);
		return;
	}
	guest_write(guest, ICC_SRE_EL1, 7);
	guest_write(guest, ICC_PMR_EL1, 0xff);
	guest_write(guest, ICC_IGRPEN1, 1);
}

void guest_keep_level(struct guest *guest, int version, bool keep_level)
{
	guest_write(guest, TPIDR_EL1,
		    (version == 2 ? FLAG_GICV2 : 0) | (keep_level ? FLAG_KEEP : 0));
}

/* What follows runs with XVALUE as PSTATE. */
static void drop(struct guest *guest)
{
	msr(guest, SPSR_EL1, XVALUE);
	guest_insn(guest, 0x10000060u | XOTHER); /* adr: after the eret */
	msr(guest, ELR_EL1, XOTHER);
	guest_insn(guest, INSN_ERET);
}

void guest_el0(struct guest *guest)
{
	mrs(guest, XVALUE, DAIF); /* EL0t, interrupts as they are */
	drop(guest);
}

void guest_el0_aarch32(struct guest *guest)
{
	mov(guest, XVALUE, PSR_A32_USER);
	drop(guest);
}

void guest_el1(struct guest *guest)
{
	guest_insn(guest, INSN_SVC);
}

void guest_psci(struct guest *guest, uint32_t function, uint64_t a, uint64_t b, uint64_t c)
{
	mov(guest, 0, function);
	mov(guest, 1, a);
	mov(guest, 2, b);
	mov(guest, 3, c);
	guest_insn(guest, INSN_HVC);
	store(guest, 0, PORT_OUT);
}

uint32_t *guest_loop(struct guest *guest, unsigned xn, uint64_t times)
{
	mov(guest, xn, times);
	return guest->at;
}

void guest_loop_end(struct guest *guest, unsigned xn, uint32_t *loop)
{
	int32_t back;

	guest_insn(guest, 0xf1000400u | xn << 5 | xn); /* subs xn, xn, #1 */
	back = (int32_t)(loop - guest->at);
	guest_insn(guest, 0x54000001u | ((uint32_t)back & 0x7ffff) << 5); /* b.ne */
}

void guest_pmu_reset(struct guest *guest, unsigned counters)
{
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_C | PMCR_P);
	guest_write(guest, PMCNTENCLR_EL0, ALL);
	guest_write(guest, PMINTENCLR_EL1, ALL);
	guest_write(guest, PMOVSCLR_EL0, ALL);
	guest_write(guest, PMCCFILTR_EL0, 0);
	for (unsigned n = 0; n < counters; n++)
		guest_write(guest, PMEVTYPER_EL0(n), 0);
	guest_write(guest, PMUSERENR_EL0, 0);
}
