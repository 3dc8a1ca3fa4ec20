/* SPDX-License-Identifier: MIT */
/*
 * Vectors of a guest that provokes exceptions and goes on: with the next instruction, or with
 * the caller of what could not be fetched.
 */
#define EC_SHIFT    26
#define EC_NO_FETCH 0x21 /* instruction abort from the same exception level; 0x22: misaligned PC */

	.macro	vector
	.balign	128
	stp	x0, x1, [sp, #-16]!
	b	survive
	.endm

	.balign	2048
	.global survivor_vectors
survivor_vectors:
	.rept	16
	vector
	.endr

survive:
	mrs	x0, esr_el1
	lsr	x0, x0, #EC_SHIFT
	mrs	x1, elr_el1
	add	x1, x1, #4
	sub	x0, x0, #EC_NO_FETCH
	cmp	x0, #1
	csel	x1, x30, x1, ls
	msr	elr_el1, x1
	adrp	x0, survived
	add	x0, x0, :lo12:survived
	ldr	x1, [x0]
	add	x1, x1, #1
	str	x1, [x0]
	ldp	x0, x1, [sp], #16
	eret
