/* SPDX-License-Identifier: MIT */
/* The guest's code for a program: expected of it, instruction by instruction, in model/outcome.c.
 */
#include "model/outcome.h"
#include "play_code.h"

#define GICD_PENDING 0x08000200ull /* GICD_ISPENDR0, of this CPU's own interrupts with a GICv2 */
#define GICR_PENDING 0x080b0200ull /* GICR_ISPENDR0 of vCPU 0 */
#define GICR_STRIDE  0x20000ull
#define XADDRESS     9

/* Registers that neither the assembler nor the vectors use. */
static const unsigned char holds[PROGRAM_HELD] = { 0, 1,  2,  3,  4,  5,  6,  7,
						   8, 11, 12, 13, 14, 19, 20, 21 };

/* What code is made for: a vCPU. */
struct coder {
	struct vm *vm;
	struct vcpu *vcpu;
	struct guest *guest;
	struct play_seat *seat;
};

static struct coder coder_of(struct played *played, int vcpu)
{
	return (struct coder){ played->vm, &played->vm->vcpus[vcpu], &played->vm->vcpus[vcpu].guest,
			       &played->seats[vcpu] };
}

static uint64_t address(const struct coder *coder)
{
	return GUEST_RAM_BASE + (uint64_t)((uint8_t *)coder->guest->at - coder->vm->ram);
}

static void hand_over(const struct coder *coder)
{
	struct play_seat *seat = coder->seat;

	for (int i = 0; i < seat->nheld; i++) {
		guest_out_register(coder->guest, holds[i]);
		seat->values[seat->nvalues++] = seat->held[i];
	}
	seat->nheld = 0;
}

/* The register that gets the value of @seen. */
static unsigned hold(const struct coder *coder, struct seen *seen)
{
	struct play_seat *seat = coder->seat;

	if (seat->nheld == PROGRAM_HELD)
		hand_over(coder);
	seat->held[seat->nheld] = seen;
	return holds[seat->nheld++];
}

static void emit_work(struct guest *guest, uint64_t instructions)
{
	unsigned loops = work_loops(instructions);
	uint64_t used = loops ? mov_length(loops) + 2 * (uint64_t)loops : 0;

	if (loops)
		guest_work(guest, loops);
	guest_nops(guest, (unsigned)(instructions - used));
}

static void emit_line(const struct coder *coder, unsigned x)
{
	uint64_t pending = coder->vm->gic == 2
				   ? GICD_PENDING
				   : GICR_PENDING + (unsigned)coder->vcpu->index * GICR_STRIDE;

	/*
	 * movz, movk, two loads of 32 bits, and ubfx: the interrupt's. KVM may learn of an overflow
	 * in the exit for the first one, and raises the line when it enters the guest again.
	 */
	guest_insn(coder->guest, 0xd2800000u | (uint32_t)(pending & 0xffff) << 5 | XADDRESS);
	guest_insn(coder->guest, 0xf2a00000u | (uint32_t)(pending >> 16) << 5 | XADDRESS);
	for (int i = 0; i < 2; i++)
		guest_insn(coder->guest, 0xb9400000u | XADDRESS << 5 | x);
	guest_insn(coder->guest, 0x53000000u | PMU_INTID << 16 | PMU_INTID << 10 | x << 5 | x);
}

static void emit_guest_step(const struct coder *coder, const struct step *step, struct seen *seen,
			    uint64_t *access)
{
	struct guest *guest = coder->guest;
	unsigned x = step_reads(step) ? hold(coder, seen) : 0;

	if (step->el0)
		guest_el0(guest);
	switch (step->op) {
	case OP_WRITE:
		*access = address(coder) + mov_length(step->value) * sizeof(uint32_t);
		guest_write(guest, step->sysreg, step->value);
		break;
	case OP_READ:
		*access = address(coder) + sizeof(uint32_t);
		guest_read(guest, x, step->sysreg);
		guest_isb(guest);
		break;
	case OP_LINE:
		emit_line(coder, x);
		break;
	default:
		emit_work(guest, step->value);
		break;
	}
	if (step->el0)
		guest_el1(guest);
}

static void emit_preparation(const struct coder *coder, unsigned n)
{
	struct step steps[PREPARATION_STEPS];
	int nsteps = program_preparation(n, steps);
	uint64_t unused;

	for (int i = 0; i < nsteps; i++)
		emit_guest_step(coder, &steps[i], NULL, &unused);
}

static void emit_stop(const struct coder *coder)
{
	hand_over(coder);
	guest_hop(coder->guest);
}

static void emit_step(struct played *played, int index, int i, unsigned n)
{
	const struct step *step = &played->programs[index].steps[i];
	const struct coder coder = coder_of(played, step->vcpu);

	if (!step_is_userspace(step)) {
		emit_guest_step(&coder, step, &played->seen[index][i], &played->access[index][i]);
		return;
	}
	emit_stop(&coder);
	if (step->op != OP_RESET)
		return;
	played->resume[index][i] = address(&coder);
	guest_begin(coder.guest, coder.vm->gic);
	emit_preparation(&coder, n);
}

void play_emit(struct played *played, int index, unsigned n)
{
	const struct program *program = &played->programs[index];

	for (int v = 0; v < program->nvcpus; v++)
		played->seats[v].begun = false;
	for (int i = 0; i < program->nsteps; i++) {
		const struct coder coder = coder_of(played, program->steps[i].vcpu);

		played->seen[index][i] = (struct seen){ .access = ACCESS_OK };
		if (program_is_early(program, i))
			continue;
		if (!coder.seat->begun && !program->by_userspace)
			emit_preparation(&coder, n);
		coder.seat->begun = true;
		emit_step(played, index, i, n);
		if (program_ends_turn(program, i))
			emit_stop(&coder);
	}
}
