/* SPDX-License-Identifier: MIT */
/* An arm64 Image's header, before the program (Linux, Documentation/arch/arm64/booting.rst). */
	.section .text.header, "ax"
	b	_start
	.long	0
	.quad	0x123000		/* text_offset: where in RAM it wants to be */
	.quad	__image_size		/* image_size: more than the file, which has no BSS */
	.quad	0xa			/* flags: little-endian, 4 KiB pages, anywhere in RAM */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
