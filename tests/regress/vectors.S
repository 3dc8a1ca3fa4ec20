/* SPDX-License-Identifier: MIT */
/*
 * The guest's exception vectors, copied to the start of its RAM. They use x16 to
 * x18, which no other guest code touches, and no memory. TPIDR_EL1 holds the
 * guest's flags: bit 0, leave an interrupt's cause in place; bit 1, a GICv2.
 */
#define PORT_BASE      0x0b000000
#define PORT_EXIT      0x10
#define PORT_EXCEPTION 0x18
#define PORT_ELR       0x20
#define PORT_IRQ       0x28
#define PORT_IRQ_OVS   0x30
#define PORT_IRQ_COUNT 0x38
#define GICC_BASE      0x08010000
#define GICC_IAR       0x0c
#define GICC_EOIR      0x10
#define TIMER_INTID    27

	.section .rodata
	.macro	entry target
	.balign	128
	b	\target
	.endm

	.balign	2048
	.global	guest_vectors
guest_vectors:
	/* From SP0, which is not used; from EL1; from EL0; from AArch32. */
	.irp	target, lost, lost, lost, lost, sync, irq, lost, lost, sync, irq, lost, lost, sync32, irq, lost, lost
	entry	\target
	.endr

	.balign	128
sync:
	mov	x16, #PORT_BASE
	mrs	x17, esr_el1
	lsr	x18, x17, #26
	cmp	x18, #0x15
	b.eq	svc
	str	x17, [x16, #PORT_EXCEPTION]
	mrs	x17, elr_el1
	str	x17, [x16, #PORT_ELR]
	add	x17, x17, #4
	msr	elr_el1, x17
	eret

	/* EL0 asks to go on at EL1. */
svc:	mrs	x17, spsr_el1
	and	x17, x17, #~0x1f
	orr	x17, x17, #4
	orr	x17, x17, #1
	msr	spsr_el1, x17
	eret

sync32:	mrs	x17, esr_el1
	lsr	x18, x17, #26
	cmp	x18, #0x11
	b.eq	svc
	b	sync

irq:
	mov	x16, #PORT_BASE
	mrs	x18, tpidr_el1
	tbnz	x18, #1, 1f
	mrs	x17, S3_0_C12_C12_0	/* ICC_IAR1_EL1 */
	b	2f
1:	mov	x17, #GICC_BASE
	ldr	w17, [x17, #GICC_IAR]
2:	str	x17, [x16, #PORT_IRQ]
	cmp	x17, #TIMER_INTID
	b.eq	timer
	mrs	x18, pmovsset_el0
	str	x18, [x16, #PORT_IRQ_OVS]
	mrs	x18, pmccntr_el0
	str	x18, [x16, #PORT_IRQ_COUNT]
	mrs	x18, tpidr_el1
	tbnz	x18, #0, 3f
	mov	x18, #0xffffffff
	msr	pmovsclr_el0, x18
	isb
	b	eoi
3:	mrs	x18, spsr_el1
	orr	x18, x18, #0x80
	msr	spsr_el1, x18
	b	eoi

timer:	mov	x18, #2			/* IMASK, and not enabled */
	msr	cntv_ctl_el0, x18
	isb
eoi:	mrs	x18, tpidr_el1
	tbnz	x18, #1, 1f
	msr	S3_0_C12_C12_1, x17	/* ICC_EOIR1_EL1 */
	eret
1:	mov	x18, #GICC_BASE
	str	w17, [x18, #GICC_EOIR]
	eret

	/* Nothing that a test can ask for: the end. */
lost:
	mov	x16, #PORT_BASE
	mrs	x17, esr_el1
	str	x17, [x16, #PORT_EXCEPTION]
	mrs	x17, elr_el1
	str	x17, [x16, #PORT_ELR]
	str	x17, [x16, #PORT_EXIT]
	b	.
	.global	guest_vectors_end
guest_vectors_end:

	.section .note.GNU-stack, "", %progbits
