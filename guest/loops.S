/* SPDX-License-Identifier: MIT */
/* Does one thing COUNT times, or nothing, then powers off: scripts/bench divides by COUNT. */
#include "abi/lab.h"
#include "runtime.h"

/* From guest/abi/map.h, whose suffixes the assembler refuses. */
#define UART   0x09000000
#define LAB    0x0b000000
#define NOBODY 0x0c000000
#define BUFFER 0x40100000

	.section .text.start, "ax"
	.global _start
_start:
	ldr	w2, =COUNT
#if defined LOOP_EXITS
	ldr	x1, =LAB
again:	ldr	w3, [x1, #LAB_ID]
#elif defined LOOP_UNMAPPED
	ldr	x1, =NOBODY
again:	ldr	w3, [x1]
#elif defined LOOP_BYTES
	ldr	x1, =UART
again:	tst	w2, #63			// lines of 64
	mov	w3, #'.'
	mov	w4, #'\n'
	csel	w3, w4, w3, eq
	str	w3, [x1]
#elif defined LOOP_RECORDS
	ldr	x1, =LAB
	ldr	x3, =BUFFER
	mov	w4, #200		// its size; the rest is 0
	str	w4, [x3]
again:	str	x3, [x1, #LAB_RECORD]
#elif defined LOOP_CYCLES
	mov	x0, #1 << 31
	msr	pmcntenset_el0, x0
	mov	x0, #0x41		// PMCR_EL0.LC, E
	msr	pmcr_el0, x0
	isb
again:	mrs	x3, pmccntr_el0
#else
again:
#endif
	subs	w2, w2, #1
	b.ne	again
	ldr	w0, =PSCI_SYSTEM_OFF
	hvc	#0
2:	wfi
	b	2b
