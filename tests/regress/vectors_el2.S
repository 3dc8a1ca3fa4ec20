/* SPDX-License-Identifier: MIT */
/*
 * The exception vectors of a guest's EL2, copied to EL2_VECTORS. As those of EL1 (vectors.S) they use
 * x16 to x18 and no memory, and speak to the test through the same device; of each exception and
 * interrupt they also hand over SPSR_EL2, which says from which level it was taken. TPIDR_EL1 has the
 * guest's flags, as there. GICv3 only.
 */
#define PORT_BASE      0x0b000000
#define PORT_EXIT      0x10
#define PORT_EXCEPTION 0x18
#define PORT_ELR       0x20
#define PORT_IRQ       0x28
#define PORT_IRQ_OVS   0x30
#define PORT_IRQ_COUNT 0x38
#define PORT_SPSR      0x48

	.section .rodata
	.macro	entry target
	.balign	128
	b	\target
	.endm

	.balign	2048
	.global	guest_vectors_el2
guest_vectors_el2:
	/* From SP0, which is not used; from EL2; from EL1 and EL0; from AArch32. */
	.irp	target, lost, lost, lost, lost, sync, irq, lost, lost, lower, irq, lost, lost, lost, lost, lost, lost
	entry	\target
	.endr

	.balign	128
lower:	mrs	x17, esr_el2
	lsr	x18, x17, #26
	cmp	x18, #0x16
	b.eq	hvc
sync:	mov	x16, #PORT_BASE
	mrs	x17, esr_el2
	str	x17, [x16, #PORT_EXCEPTION]
	mrs	x17, spsr_el2
	str	x17, [x16, #PORT_SPSR]
	mrs	x17, elr_el2
	str	x17, [x16, #PORT_ELR]
	add	x17, x17, #4
	msr	elr_el2, x17
	eret

	/* EL1 asks to go on at EL2, with interrupts masked as they are. */
hvc:	mrs	x17, spsr_el2
	and	x17, x17, #~0xf
	add	x17, x17, #9		/* EL2h */
	msr	spsr_el2, x17
	eret

irq:	mov	x16, #PORT_BASE
	mrs	x17, S3_0_C12_C12_0	/* ICC_IAR1_EL1 */
	str	x17, [x16, #PORT_IRQ]
	mrs	x18, spsr_el2
	str	x18, [x16, #PORT_SPSR]
	mrs	x18, pmovsset_el0
	str	x18, [x16, #PORT_IRQ_OVS]
	mrs	x18, pmccntr_el0
	str	x18, [x16, #PORT_IRQ_COUNT]
	mrs	x18, tpidr_el1
	tbnz	x18, #0, 1f
	mov	x18, #0xffffffff
	msr	pmovsclr_el0, x18
	isb
	b	2f
1:	mrs	x18, spsr_el2
	orr	x18, x18, #0x80
	msr	spsr_el2, x18
2:	msr	S3_0_C12_C12_1, x17	/* ICC_EOIR1_EL1 */
	eret

	/* Nothing that a test can ask for: the end. */
lost:	mov	x16, #PORT_BASE
	mrs	x17, esr_el2
	str	x17, [x16, #PORT_EXCEPTION]
	mrs	x17, spsr_el2
	str	x17, [x16, #PORT_SPSR]
	mrs	x17, elr_el2
	str	x17, [x16, #PORT_ELR]
	str	x17, [x16, #PORT_EXIT]
	b	.
	.global	guest_vectors_el2_end
guest_vectors_el2_end:

	.section .note.GNU-stack, "", %progbits
