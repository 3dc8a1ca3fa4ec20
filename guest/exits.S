/* SPDX-License-Identifier: MIT */
/* Leaves the guest 1000 times for the lab device, then powers off: tests/bench/bench.c divides. */
#include "lab.h"
#include "runtime.h"

	.section .text.start, "ax"
	.global _start
_start:
	ldr	x1, =0x0b000000	// MAP_LAB_BASE, whose suffix the assembler refuses
	mov	w2, #1000
1:	ldr	w3, [x1, #LAB_ID]
	subs	w2, w2, #1
	b.ne	1b
	ldr	w0, =PSCI_SYSTEM_OFF
	hvc	#0
2:	wfi
	b	2b
