/* SPDX-License-Identifier: MIT */
#include "runtime.h"

	.section .text.start, "ax"
	.global _start
_start:
	ldr	w0, =PSCI_SYSTEM_RESET
	hvc	#0
1:	wfi
	b	1b
