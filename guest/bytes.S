/* SPDX-License-Identifier: MIT */
/* Prints 4000 bytes, in lines of 64, then powers off: tests/bench/bench.c divides. */
#include "runtime.h"

	.section .text.start, "ax"
	.global _start
_start:
	ldr	x1, =0x09000000	// MAP_UART_BASE, whose suffix the assembler refuses
	mov	w2, #4000
1:	tst	w2, #63
	mov	w3, #'.'
	mov	w4, #'\n'
	csel	w3, w4, w3, eq
	str	w3, [x1]
	subs	w2, w2, #1
	b.ne	1b
	ldr	w0, =PSCI_SYSTEM_OFF
	hvc	#0
2:	wfi
	b	2b
