/* SPDX-License-Identifier: MIT */
/* Never ends by itself and never leaves the guest by itself. */
	.section .text.start, "ax"
	.global _start
_start:
	b	_start
