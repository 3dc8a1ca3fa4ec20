/* SPDX-License-Identifier: MIT */
#include "runtime.h"

	.section .text.start, "ax"
	.global _start
_start:
	ldr	w0, =PSCI_SYSTEM_RESET
	mrs	x1, CurrentEL
	tbnz	x1, #3, 2f		/* an HVC at EL2 would go to EL2 */
	hvc	#0
1:	wfi
	b	1b
2:	smc	#0
	b	1b
