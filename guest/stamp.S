/* SPDX-License-Identifier: MIT */
/*
 * Prints ticks of the counter-timer as 16 hexadecimal digits, then powers off: the
 * counter's value at the guest's first instruction or, with STAMP_CPU_ON, what passed
 * from vCPU 0's call to vCPU 1's first instruction or, with STAMP_HOPS, what 256 hops took,
 * from each call to the next instruction, with the cycle counter counting.
 */
#include "abi/lab.h"
#include "runtime.h"

#define HOPS  256
/*
 * Turns of two instructions, until the CPU left behind is idle. Each pause is a 256th of the
 * host's tick longer than the one before it, so that hops come at all times between ticks.
 */
#define PAUSE 3000000
#define TICK  500000

	.section .text.start, "ax"
	.global _start
_start:
#if defined STAMP_CPU_ON
	ldr	w0, =PSCI_CPU_ON
	mov	x1, #1
	adr	x2, second
	mrs	x3, cntpct_el0
	hvc	#0
1:	wfi
	b	1b
second:	mrs	x5, cntpct_el0
	sub	x5, x5, x0
#elif defined STAMP_HOPS
	mrs	x0, id_aa64dfr0_el1
	ubfx	x0, x0, #8, #4		// PMUVer
	cbz	x0, 1f
	mov	x0, #1 << 31
	msr	pmcntenset_el0, x0
	mov	x0, #0x41		// PMCR_EL0.LC, E
	msr	pmcr_el0, x0
1:	ldr	x1, =0x0b000000		// MAP_LAB_BASE
	mov	w2, #HOPS
	mov	x5, #0
	ldr	w8, =PAUSE
	ldr	w9, =(TICK / HOPS)
1:	add	w8, w8, w9
	mov	w4, w8
2:	subs	w4, w4, #1
	b.ne	2b
	isb
	mrs	x6, cntpct_el0
	str	w2, [x1, #LAB_HOP]
	isb
	mrs	x7, cntpct_el0
	sub	x7, x7, x6
	add	x5, x5, x7
	subs	w2, w2, #1
	b.ne	1b
#else
	mrs	x5, cntpct_el0
#endif
	ldr	x1, =0x09000000		// MAP_UART_BASE
	mov	w2, #16
1:	ror	x5, x5, #60
	and	w3, w5, #15
	add	w4, w3, #'0'
	add	w6, w3, #'a' - 10
	cmp	w3, #10
	csel	w3, w4, w6, lo
	str	w3, [x1]
	subs	w2, w2, #1
	b.ne	1b
	ldr	w0, =PSCI_SYSTEM_OFF
	hvc	#0
2:	wfi
	b	2b
