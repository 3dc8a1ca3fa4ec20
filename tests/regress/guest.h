/* SPDX-License-Identifier: MIT */
/*
 * Guest code, assembled by the test that runs it: each call appends a few
 * instructions. A guest has no memory of its own. It speaks to the test through a
 * device whose accesses KVM hands to vm.c, so that nothing depends on caches, and
 * an exit is the same few guest instructions wherever it happens.
 *
 * Code runs at EL1 with the MMU off and interrupts masked. x0 to x18 are the
 * assembler's, x19 to x28 are free for loops (see guest_loop()).
 */
#ifndef REGRESS_GUEST_H
#define REGRESS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sysreg.h"

#define GUEST_RAM_BASE  0x40000000ull
#define GUEST_CODE_SIZE 0x10000ull /* for each vCPU, after the vectors' page */

/* The device: 64-bit writes, except where it says read. */
#define PORT_BASE      0x0b000000ull
#define PORT_OUT       0x00 /* a value for the test */
#define PORT_HOP       0x08 /* vcpu_run() returns: the test may move the thread, and continues */
#define PORT_EXIT      0x10 /* the end of the program */
#define PORT_EXCEPTION 0x18 /* ESR_EL1 of an exception, then ... */
#define PORT_ELR       0x20 /* ... its ELR_EL1; the guest skips the instruction */
#define PORT_IRQ       0x28 /* an interrupt: its INTID, ... */
#define PORT_IRQ_OVS   0x30 /* ... PMOVSSET_EL0 ... */
#define PORT_IRQ_COUNT 0x38 /* ... and PMCCNTR_EL0 in the handler */
#define PORT_IN        0x40 /* read: the next of the test's values for this vCPU */
#define PORT_SPSR      0x48 /* SPSR_EL2, after PORT_EXCEPTION or PORT_IRQ in EL2's vectors */

struct guest {
	uint32_t *start, *at, *end;
};

/* The start of every program: vectors, and the device's address in x15. @gic: 2 or 3. */
void guest_begin(struct guest *guest, int gic);

/* Appends one instruction. Code that does not fit is the test's mistake: it ends the test. */
void guest_insn(struct guest *guest, uint32_t insn);

/* Writes, with an ISB after it. */
void guest_write(struct guest *guest, uint16_t sysreg, uint64_t value);

/* Reads and hands the value to the test: an entry of vcpu->out. */
void guest_out(struct guest *guest, uint16_t sysreg);

/* Reads into xN (19..28), and hands xN to the test. The read has an ISB before it. */
void guest_read(struct guest *guest, unsigned xn, uint16_t sysreg);
void guest_out_register(struct guest *guest, unsigned xn);

/* Writes the next input of the test (vcpu_give()) to the register. */
void guest_write_input(struct guest *guest, uint16_t sysreg);

/* 2 * @loops instructions, and the same few around them each time. */
void guest_work(struct guest *guest, uint64_t loops);

/*
 * The limits of what that counts in wall time, at any CPU speed and load. Lower limit: each loop
 * depends on the one before, so that no core needs less than one cycle for it. An emulated board
 * counts nanoseconds, and no host executes the dozen instructions of a loop there in a quarter of
 * one. A lost count leaves less: a reading and an exit. Upper limit: 2^40 cycles are minutes of
 * work, which no test does; a larger difference means that the counter went backwards.
 */
#define LEAST_CYCLES(loops) ((uint64_t)(loops) / 4)
#define MOST_CYCLES         (1ull << 40)

/* @count instructions (NOP) in a row. */
void guest_nops(struct guest *guest, unsigned count);

void guest_hop(struct guest *guest);
void guest_exit(struct guest *guest);
void guest_wfi(struct guest *guest);
void guest_isb(struct guest *guest);

/* Unmasks, masks interrupts. Interrupts are taken, recorded, and their cause cleared. */
void guest_irqs(struct guest *guest, bool on);

/*
 * Prepares the GIC (@version 2 or 3) for INTID @intid on this vCPU, which is
 * number @index. The handler clears PMOVSCLR_EL0 unless @keep_level: then it
 * masks interrupts for good, so that the test can look at the line's level.
 */
void guest_gic(struct guest *guest, int version, unsigned index, unsigned intid);
void guest_keep_level(struct guest *guest, int version, bool keep_level);

/* What follows runs at EL0, until guest_el1(). */
void guest_el0(struct guest *guest);

/* The same in AArch32: its instructions are the caller's, until an SVC. */
void guest_el0_aarch32(struct guest *guest);
void guest_el1(struct guest *guest);

/* PSCI by HVC; the result goes to the test. */
void guest_psci(struct guest *guest, uint32_t function, uint64_t a, uint64_t b, uint64_t c);

/* Repeats what is between them @times times; loops may nest, with different xN (19..28). */
uint32_t *guest_loop(struct guest *guest, unsigned xn, uint64_t times);
void guest_loop_end(struct guest *guest, unsigned xn, uint32_t *loop);

/* Puts the PMU into a known state: all off, filters 0; the architecture leaves it unknown. */
void guest_pmu_reset(struct guest *guest, unsigned counters);

#endif
