/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "play.h"
#include "result.h"
#include "state.h"

#define GICD_PENDING 0x08000200ull /* GICD_ISPENDR0, of this CPU's own interrupts with a GICv2 */
#define GICR_PENDING 0x080b0200ull /* GICR_ISPENDR0 */
#define XADDRESS     9

#define VALUES (PLAY_PROGRAMS * PROGRAM_STEPS)

#define MOVER_PERIOD_NS 500000l

/* The guest's code is made first, for all programs; what it hands over comes in this order. */
struct played {
	const struct site *site;
	const struct program *programs;
	struct vm *vm;
	int cpu;
	struct seen seen[PLAY_PROGRAMS][PROGRAM_STEPS];
	uint64_t access[PLAY_PROGRAMS][PROGRAM_STEPS]; /* address of a step's instruction */
	uint64_t resume[PLAY_PROGRAMS][PROGRAM_STEPS]; /* where the guest begins after OP_RESET */
	struct seen *values[VALUES];                   /* whose they are */
	int nvalues, taken;
	struct seen *held[PROGRAM_HELD];
	int nheld;
};

static struct vm vms[2];
static struct played played;

/* Registers that neither the assembler nor the vectors use. */
static const unsigned char holds[PROGRAM_HELD] = { 0, 1,  2,  3,  4,  5,  6,  7,
						   8, 11, 12, 13, 14, 19, 20, 21 };

static struct guest *assembler(void)
{
	return &played.vm->vcpus[0].guest;
}

static uint64_t address(void)
{
	return vcpu_entry(&played.vm->vcpus[0]) +
	       (uint64_t)(assembler()->at - assembler()->start) * sizeof(uint32_t);
}

static void hand_over(void)
{
	for (int i = 0; i < played.nheld; i++) {
		guest_out_register(assembler(), holds[i]);
		played.values[played.nvalues++] = played.held[i];
	}
	played.nheld = 0;
}

/* The register that gets the value of @seen. */
static unsigned hold(struct seen *seen)
{
	if (played.nheld == PROGRAM_HELD)
		hand_over();
	played.held[played.nheld] = seen;
	return holds[played.nheld++];
}

static void emit_work(uint64_t instructions)
{
	unsigned loops = work_loops(instructions);
	uint64_t used = loops ? mov_length(loops) + 2 * (uint64_t)loops : 0;

	if (loops)
		guest_work(assembler(), loops);
	guest_nops(assembler(), (unsigned)(instructions - used));
}

static void emit_line(unsigned x)
{
	uint64_t pending = played.vm->gic == 2 ? GICD_PENDING : GICR_PENDING;

	/*
	 * movz, movk, two loads of 32 bits, and ubfx: the interrupt's. KVM may learn of an overflow
	 * in the exit for the first one, and raises the line when it enters the guest again.
	 */
	guest_insn(assembler(), 0xd2800000u | (uint32_t)(pending & 0xffff) << 5 | XADDRESS);
	guest_insn(assembler(), 0xf2a00000u | (uint32_t)(pending >> 16) << 5 | XADDRESS);
	for (int i = 0; i < 2; i++)
		guest_insn(assembler(), 0xb9400000u | XADDRESS << 5 | x);
	guest_insn(assembler(), 0x53000000u | PMU_INTID << 16 | PMU_INTID << 10 | x << 5 | x);
}

/* Expected of it, instruction by instruction: guest_step(), model/expect.c. */
static void emit_guest_step(const struct step *step, struct seen *seen, uint64_t *access)
{
	struct guest *guest = assembler();
	unsigned x = step_reads(step) ? hold(seen) : 0;

	if (step->el0)
		guest_el0(guest);
	switch (step->op) {
	case OP_WRITE:
		*access = address() + mov_length(step->value) * sizeof(uint32_t);
		guest_write(guest, step->sysreg, step->value);
		break;
	case OP_READ:
		*access = address() + sizeof(uint32_t);
		guest_read(guest, x, step->sysreg);
		guest_isb(guest);
		break;
	case OP_LINE:
		emit_line(x);
		break;
	default:
		emit_work(step->value);
		break;
	}
	if (step->el0)
		guest_el1(guest);
}

static void emit_preparation(unsigned n)
{
	struct step steps[PREPARATION_STEPS];
	int nsteps = program_preparation(n, steps);
	uint64_t unused;

	for (int i = 0; i < nsteps; i++)
		emit_guest_step(&steps[i], NULL, &unused);
}

static void emit_program(int index, unsigned n)
{
	const struct program *program = &played.programs[index];
	int early = program_early(program);

	if (!program->by_userspace)
		emit_preparation(n);
	for (int i = 0; i < program->nsteps; i++) {
		const struct step *step = &program->steps[i];

		played.seen[index][i] = (struct seen){ .access = ACCESS_OK };
		if (i < early)
			continue;
		if (!step_is_userspace(step)) {
			emit_guest_step(step, &played.seen[index][i], &played.access[index][i]);
			continue;
		}
		hand_over();
		guest_hop(assembler());
		if (step->op != OP_RESET)
			continue;
		played.resume[index][i] = address();
		guest_begin(assembler(), played.vm->gic);
		emit_preparation(n);
	}
	hand_over();
	guest_hop(assembler());
}

/* The exceptions that there were, each of which is one step's. */
static void take_exceptions(int index)
{
	struct vcpu *vcpu = &played.vm->vcpus[0];
	const struct program *program = &played.programs[index];

	for (int i = 0; i < vcpu->nexceptions; i++) {
		int step = 0;

		while (step < program->nsteps &&
		       played.access[index][step] != vcpu->exceptions[i].elr)
			step++;
		if (step == program->nsteps)
			fail_test("an exception at 0x%llx, ESR_EL1 0x%llx, which is no step's",
				  (unsigned long long)vcpu->exceptions[i].elr,
				  (unsigned long long)vcpu->exceptions[i].esr);
		played.seen[index][step].access = (int)(vcpu->exceptions[i].esr >> 26);
	}
	vcpu->nexceptions = 0;
}

static void take_values(void)
{
	struct vcpu *vcpu = &played.vm->vcpus[0];

	for (int i = 0; i < vcpu->nout; i++)
		played.values[played.taken++]->value = vcpu->out[i];
	vcpu->nout = 0;
}

/* To the next step of userspace. @hop gets 1 if KVM refuses the CPU, which @back is to be instead.
 */
static void run_on(struct seen *hop, int back)
{
	enum stop stop;

	while ((stop = vcpu_run(&played.vm->vcpus[0])) == STOP_REFUSED) {
		if (!hop || hop->value)
			fail_test("KVM refused the vCPU on CPU %d",
				  played.vm->vcpus[0].refused_cpu);
		hop->value = 1;
		played.cpu = back;
		place_on(played.site, back);
	}
	if (stop != STOP_HOP)
		fail_test("the vCPU stopped (%d) before its program's next step", (int)stop);
}

static void migrate(const struct program *program, int cpu)
{
	struct vm *from = played.vm, *to = from == vms ? vms + 1 : vms;
	struct pmu_state state = { 0 };

	play_build(to, program, played.site, cpu);
	vm_migrate_core(to, from);
	pmu_save(&from->vcpus[0], &state);
	pmu_restore(&to->vcpus[0], &state);
	vm_destroy(from);
	played.vm = to;
	played.cpu = cpu;
}

static void set(struct vcpu *vcpu, uint16_t sysreg, uint64_t value)
{
	switch (sysreg) {
	case PMCR_EL0:
		vcpu_set(vcpu, sysreg, (vcpu_get(vcpu, sysreg) & PMCR_WITH_N(31)) | (value & 0xff));
		break;
	case PMCNTENSET_EL0:
		bitmap_assign(vcpu, sysreg, PMCNTENCLR_EL0, value);
		break;
	case PMINTENSET_EL1:
		bitmap_assign(vcpu, sysreg, PMINTENCLR_EL1, value);
		break;
	case PMOVSSET_EL0:
		bitmap_assign(vcpu, sysreg, PMOVSCLR_EL0, value);
		break;
	default:
		vcpu_set(vcpu, sysreg, value);
		break;
	}
}

static void reset(enum program_mode mode, uint64_t resume)
{
	struct vcpu *vcpu = &played.vm->vcpus[0];

	errno = vcpu_enter(vcpu); /* completes the store that the guest stopped for */
	if (errno)
		fail_test_errno("completing the guest's last access");
	errno = vcpu_init(vcpu, mode_features(play_mode(mode)));
	if (errno)
		fail_test_errno("KVM_ARM_VCPU_INIT once more");
	vcpu_set_pc(vcpu, resume);
}

/* Returns whether the vCPU has hopped: KVM may refuse it. */
static bool userspace_step(int index, int i)
{
	const struct step *step = &played.programs[index].steps[i];
	struct vcpu *vcpu = &played.vm->vcpus[0];

	switch (step->op) {
	case OP_HOP:
		played.cpu = play_cpu(played.site, (enum where)step->value);
		break;
	case OP_GET:
		played.seen[index][i].value = vcpu_get(vcpu, step->sysreg);
		break;
	case OP_SET:
		set(vcpu, step->sysreg, step->value);
		break;
	case OP_RESET:
		reset(played.programs[index].mode, played.resume[index][i]);
		break;
	case OP_MIGRATE:
		migrate(&played.programs[index], play_cpu(played.site, (enum where)step->value));
		break;
	default:
		break;
	}
	/* Exact: until the next tick of some CPU. */
	place_on(played.site, played.cpu);
	return step->op == OP_HOP;
}

static void play_program(int index)
{
	const struct program *program = &played.programs[index];
	struct seen *hop = NULL;
	int back = played.site->home[0], early = program_early(program);

	played.cpu = back;
	place_on(played.site, back);
	for (int i = 0; i < early; i++)
		userspace_step(index, i);
	for (int i = early; i <= program->nsteps; i++) {
		if (i < program->nsteps && !step_is_userspace(&program->steps[i]))
			continue;
		run_on(hop, back);
		take_values();
		take_exceptions(index);
		back = played.cpu;
		hop = NULL;
		if (i < program->nsteps && userspace_step(index, i))
			hop = &played.seen[index][i];
	}
}

struct mover {
	const struct site *site;
	bool far;
	int tid;
	atomic_bool over;
};

static void *move(void *argument)
{
	const struct timespec period = { .tv_nsec = MOVER_PERIOD_NS };
	struct mover *mover = argument;

	for (unsigned i = 1; !atomic_load(&mover->over); i++) {
		int cpu = play_cpu(mover->site, (enum where)(i % (mover->far ? 3 : 2)));

		nanosleep(&period, NULL);
		if (cpu >= 0)
			place_thread(mover->tid, cpu);
	}
	return NULL;
}

void play(const struct site *site, const struct program *programs, int n, bool async,
	  bool (*ended)(void *context, int index, const struct seen *seen), void *context)
{
	struct mover mover = { .site = site,
			       .far = programs[0].mode == PROGRAM_COMPOSITE,
			       .tid = (int)syscall(SYS_gettid) };
	static const struct pmu_state zero;
	struct pmu_state state = zero;
	pthread_t thread;
	unsigned counters;

	played = (struct played){ .site = site, .programs = programs, .vm = vms };
	play_build(played.vm, &programs[0], site, site->home[0]);
	counters = PMCR_N(vcpu_get(&played.vm->vcpus[0], PMCR_EL0));
	for (int i = 0; i < n; i++)
		emit_program(i, counters);
	state.n = counters;
	state.pmcr = PMCR_WITH_N(counters);
	if (programs[0].by_userspace)
		pmu_restore(&played.vm->vcpus[0], &state);
	if (async && pthread_create(&thread, NULL, move, &mover))
		fail_test("cannot start a thread");
	for (int i = 0; i < n; i++) {
		play_program(i);
		if (!ended(context, i, played.seen[i]))
			break;
	}
	atomic_store(&mover.over, true);
	if (async)
		pthread_join(thread, NULL);
	vm_destroy(played.vm);
}
