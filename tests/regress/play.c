/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "play.h"
#include "result.h"
#include "state.h"

#define MOVER_PERIOD_NS 500000l

static struct vm vms[2];
static struct played played;

/* What a thread is to do. */
struct play_task {
	struct played *played;
	int index, step;
};

/* The exceptions that there were, each of which is one step's. */
static void take_exceptions(struct played *play, int index, struct vcpu *vcpu)
{
	const struct program *program = &play->programs[index];

	for (int i = 0; i < vcpu->nexceptions; i++) {
		int step = 0;

		while (step < program->nsteps &&
		       play->access[index][step] != vcpu->exceptions[i].elr)
			step++;
		if (step == program->nsteps)
			fail_test("an exception at 0x%llx, ESR_EL1 0x%llx, which is no step's",
				  (unsigned long long)vcpu->exceptions[i].elr,
				  (unsigned long long)vcpu->exceptions[i].esr);
		play->seen[index][step].access = (int)(vcpu->exceptions[i].esr >> 26);
	}
	vcpu->nexceptions = 0;
}

static void take_values(struct play_seat *seat, struct vcpu *vcpu)
{
	for (int i = 0; i < vcpu->nout; i++)
		seat->values[seat->taken++]->value = vcpu->out[i];
	vcpu->nout = 0;
}

/* To the vCPU's next stop. If KVM refuses the CPU that it has hopped to, that step gets 1. */
static void run_on(int vcpu, void *context)
{
	const struct play_task *task = context;
	struct played *play = task->played;
	struct play_seat *seat = &play->seats[vcpu];
	struct vcpu *runs = &play->vm->vcpus[vcpu];
	enum stop stop;

	/* Exact: until the next tick of some CPU. */
	place_on(play->site, seat->cpu);
	while ((stop = vcpu_run(runs)) == STOP_REFUSED) {
		if (!seat->hop || seat->hop->value)
			fail_test("KVM refused vCPU %d on CPU %d", vcpu, runs->refused_cpu);
		seat->hop->value = 1;
		seat->cpu = seat->back;
		place_on(play->site, seat->cpu);
	}
	if (stop != STOP_HOP)
		fail_test("vCPU %d stopped (%d) before its program's next step", vcpu, (int)stop);
	seat->hop = NULL;
	seat->back = seat->cpu;
	take_values(seat, runs);
	take_exceptions(play, task->index, runs);
}

struct migration {
	struct vm *to, *from;
};

static void migrate_pmu(int vcpu, void *context)
{
	const struct migration *migration = context;
	struct pmu_state state = { 0 };

	pmu_save(&migration->from->vcpus[vcpu], &state);
	pmu_restore(&migration->to->vcpus[vcpu], &state);
}

static void migrate(struct played *play, const struct program *program, int cpu)
{
	struct vm *from = play->vm, *to = from == vms ? vms + 1 : vms;
	struct migration migration = { to, from };

	play_build(to, program, play->site, cpu);
	vm_migrate_core(to, from);
	for (int i = 0; i < to->nvcpus; i++) {
		crew_do(&play->crew, i, migrate_pmu, &migration);
		play->seats[i].cpu = cpu;
	}
	vm_destroy(from);
	play->vm = to;
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

static void reset(struct vcpu *vcpu, enum program_mode mode, uint64_t resume)
{
	errno = vcpu_enter(vcpu); /* completes the store that the guest stopped for */
	if (errno)
		fail_test_errno("completing the guest's last access");
	errno = vcpu_init(vcpu, mode_features(play_mode(mode)));
	if (errno)
		fail_test_errno("KVM_ARM_VCPU_INIT once more");
	play_turn_on(vcpu, resume);
}

/* What userspace does to one vCPU. */
static void userspace_step(int vcpu, void *context)
{
	const struct play_task *task = context;
	struct played *play = task->played;
	const struct program *program = &play->programs[task->index];
	const struct step *step = &program->steps[task->step];
	struct seen *seen = &play->seen[task->index][task->step];
	struct vcpu *own = &play->vm->vcpus[vcpu];

	switch (step->op) {
	case OP_HOP:
		play->seats[vcpu].cpu = play_cpu(play->site, (enum where)step->value);
		play->seats[vcpu].hop = seen;
		break;
	case OP_GET:
		seen->value = vcpu_get(own, step->sysreg);
		break;
	case OP_SET:
		set(own, step->sysreg, step->value);
		break;
	case OP_RESET:
		reset(own, program->mode, play->resume[task->index][task->step]);
		break;
	default:
		break;
	}
}

/* The guest's steps are done when it runs to one of userspace's, or to the end of its turn. */
static void play_step(struct play_task *task)
{
	struct played *play = task->played;
	const struct program *program = &play->programs[task->index];
	const struct step *step = &program->steps[task->step];

	if (step_is_userspace(step)) {
		if (!program_is_early(program, task->step))
			crew_do(&play->crew, step->vcpu, run_on, task);
		if (step->op == OP_MIGRATE)
			migrate(play, program, play_cpu(play->site, (enum where)step->value));
		else
			crew_do(&play->crew, step->vcpu, userspace_step, task);
	}
	if (program_ends_turn(program, task->step))
		crew_do(&play->crew, step->vcpu, run_on, task);
}

/* Those of one vCPU. */
static void play_own(int vcpu, void *context)
{
	struct play_task task = *(const struct play_task *)context;
	const struct program *program = &task.played->programs[task.index];

	for (task.step = 0; task.step < program->nsteps; task.step++)
		if (program->steps[task.step].vcpu == vcpu)
			play_step(&task);
}

static bool has_migration(const struct program *program)
{
	for (int i = 0; i < program->nsteps; i++)
		if (program->steps[i].op == OP_MIGRATE)
			return true;
	return false;
}

static void play_program(struct played *play, int index, bool at_once)
{
	struct play_task task = { .played = play, .index = index };
	const struct program *program = &play->programs[index];

	for (int i = 0; i < program->nvcpus; i++)
		play->seats[i].cpu = play->seats[i].back = play->site->home[0];
	if (at_once && !has_migration(program)) {
		crew_do_all(&play->crew, play_own, &task);
		return;
	}
	for (task.step = 0; task.step < program->nsteps; task.step++)
		play_step(&task);
}

struct mover {
	const struct site *site;
	const struct crew *crew;
	bool far;
	atomic_bool over;
};

static void *move(void *argument)
{
	const struct timespec period = { .tv_nsec = MOVER_PERIOD_NS };
	struct mover *mover = argument;

	for (unsigned i = 1; !atomic_load(&mover->over); i++) {
		const struct crew_member *moved =
			&mover->crew->members[i % (unsigned)mover->crew->n];
		int cpu = play_cpu(mover->site, (enum where)(i % (mover->far ? 3 : 2)));

		nanosleep(&period, NULL);
		if (cpu >= 0)
			place_thread(moved->tid, cpu);
	}
	return NULL;
}

static void zero(int vcpu, void *context)
{
	struct played *play = context;
	struct pmu_state state = { .n = PMCR_N(vcpu_get(&play->vm->vcpus[vcpu], PMCR_EL0)) };

	state.pmcr = PMCR_WITH_N(state.n);
	pmu_restore(&play->vm->vcpus[vcpu], &state);
}

void play(const struct site *site, const struct program *programs, int n, bool async,
	  bool (*ended)(void *context, int index, const struct seen *seen), void *context)
{
	struct mover mover = { .site = site,
			       .crew = &played.crew,
			       .far = programs[0].mode == PROGRAM_COMPOSITE };
	pthread_t thread;

	played = (struct played){ .site = site, .programs = programs, .vm = vms };
	play_build(played.vm, &programs[0], site, site->home[0]);
	for (int i = 0; i < n; i++)
		play_emit(&played, i, PMCR_N(vcpu_get(&played.vm->vcpus[0], PMCR_EL0)));
	crew_start(&played.crew, programs[0].nvcpus);
	for (int i = 0; i < programs[0].nvcpus && programs[0].by_userspace; i++)
		crew_do(&played.crew, i, zero, &played);
	if (async && pthread_create(&thread, NULL, move, &mover))
		fail_test("cannot start a thread");
	for (int i = 0; i < n; i++) {
		play_program(&played, i, async);
		if (!ended(context, i, played.seen[i]))
			break;
	}
	atomic_store(&mover.over, true);
	if (async)
		pthread_join(thread, NULL);
	vm_destroy(played.vm);
	crew_end(&played.crew);
}
