/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#define HCR_FMO      (1 << 3)
#define HCR_IMO      (1 << 4)
#define HCR_AMO      (1 << 5)
#define HCR_RW       (1 << 31) /* EL1 is AArch64 */
#define HCR_E2H      (1 << 34)
#define CPTR_TRAP_FP 0x37ff    /* and what must be 1 */

	/* By the distance from here, so that the program runs wherever it is loaded. */
	.macro	address register, symbol
	adrp	\register, \symbol
	add	\register, \register, :lo12:\symbol
	.endm

	.section .text.start, "ax"
	.global _start
_start:
	/* x0 is the device tree; it must survive to guest_main. */
	address	x1, __bss_start
	address	x2, __bss_end
1:	cmp	x1, x2
	b.hs	2f
	stp	xzr, xzr, [x1], #16
	b	1b
2:	address	x1, stacks + STACK_SIZE
	mov	sp, x1
	bl	begin
	address	x1, psci_by_smc
	strb	w2, [x1]
	mov	x29, xzr
	mov	x30, xzr
	bl	guest_main
	b	halt

	/* PSCI CPU_ON: x0 is the context ID, which is the CPU's index. */
	.global secondary_start
	.weak secondary_main
secondary_start:
	address	x1, stacks + STACK_SIZE
	add	x1, x1, x0, lsl #STACK_SHIFT
	mov	sp, x1
	bl	begin
	mov	x29, xzr
	mov	x30, xzr
	bl	secondary_main

halt:
	wfi
	b	halt

	/*
	 * Vectors, and at EL2 the registers that a reset leaves unknown and that matter there. x2 is
	 * whether this is EL2. With VHE the names of EL1's registers mean EL2's from here on.
	 */
begin:
	address	x1, vectors
	mrs	x2, CurrentEL
	ubfx	x2, x2, #3, #1
	cbnz	x2, 1f
	msr	vbar_el1, x1
	isb
	ret
1:	msr	vbar_el2, x1
	mrs	x3, id_aa64mmfr1_el1
	ubfx	x3, x3, #8, #4		/* VH: not 0 with VHE */
	ldr	x1, =HCR_RW | HCR_AMO | HCR_IMO | HCR_FMO
	mov	x4, #CPTR_TRAP_FP
	cbz	x3, 2f
	orr	x1, x1, #HCR_E2H
	mov	x4, xzr			/* in CPACR_EL1's format: the same */
2:	msr	hcr_el2, x1
	isb
	msr	cptr_el2, x4
	msr	cntvoff_el2, xzr
	/* All event counters are EL1's too, and what counts does so at both levels. */
	mrs	x3, id_aa64dfr0_el1
	ubfx	x3, x3, #8, #4		/* PMUVer: 0 and 15 without PMUv3 */
	add	x4, x3, #1
	tst	x4, #0xe
	b.eq	3f
	mrs	x3, pmcr_el0
	ubfx	x3, x3, #11, #5
	msr	mdcr_el2, x3
3:	isb
	ret

	/* The interrupted stack may be what is broken, so a fault has its own. */
	.macro	vector number
	.balign	128
	address	x1, fault_stack_end
	mov	sp, x1
	mov	w0, #\number
	b	fault
	.endm

	.balign	2048
vectors:
	.irp	number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\number
	.endr

	.section .noinit, "aw", %nobits
	.balign	STACK_SIZE
stacks:
	.space	MAX_CPUS << STACK_SHIFT
fault_stack:
	.space	STACK_SIZE
fault_stack_end:
