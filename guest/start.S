/* SPDX-License-Identifier: MIT */
#include "runtime.h"

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
	address	x1, vectors
	msr	vbar_el1, x1
	isb
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
	address	x1, vectors
	msr	vbar_el1, x1
	isb
	mov	x29, xzr
	mov	x30, xzr
	bl	secondary_main

halt:
	wfi
	b	halt

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
