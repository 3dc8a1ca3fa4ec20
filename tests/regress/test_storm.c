/* SPDX-License-Identifier: MIT */
/*
 * Everything at once, at random: vCPUs that other threads move as fast as they
 * can, overflow interrupts, registers read from outside, and save and restore.
 * All that is random comes from the seed.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clone.h"
#include "older.h"
#include "result.h"
#include "scene.h"

#define MAX_ACTORS      4
#define LOOPS           2000
#define WRAP            BIT(32) /* the overflow, with PMCR_EL0.LC 0 */
#define BEFORE_WRAP     40000   /* a third of the rounds overflows */
#define CYCLES_PER_TICK 16      /* exact: 1 GHz against 62.5 MHz */
#define EXACT_NS        60000000l
#define USUAL_NS        500000000l
#define NS_PER_S        1000000000l
#define ROUNDS_A_CLONE  8      /* on average */
#define MIN_ROUNDS      15     /* of each vCPU */
#define MAX_PAUSE_NS    300000 /* of a mover: about as long as a round takes */
#define SPURIOUS        1023

/* What a round hands over, and where it hops: after ROUND_FIRST, and at its end. */
enum { ROUND_TICKS, ROUND_FIRST, ROUND_SECOND, ROUND_LAST, ROUND_TICKS_END, ROUND_VALUES };

struct storm;

struct actor {
	struct storm *storm;
	int index, tid;
	pthread_t thread, mover;
	uint64_t random, mover_random;
	uint64_t start, seen; /* of this round: PMCCNTR_EL0 as written, as read from outside */
	atomic_int rounds;
	int hops, refusals, overflows, irqs;
	int nclones;                 /* as of the end of the last round */
	uint64_t gic_begin, gic_end; /* where its program prepares the GIC */
	int unheard; /* rounds whose interrupt the GIC may not deliver, see park() */
};

struct storm {
	const struct site *site;
	enum mode mode;
	struct vm *vms, *vm; /* two, and the one that runs */
	int n, nclones;
	struct actor actors[MAX_ACTORS];
	int cpus[2 * SITE_MAX_CPUS], ncpus;
	bool counts; /* on every CPU that KVM enters the guest on */
	struct timespec end;
	atomic_bool over, park;
	pthread_barrier_t all, parked, go;
	pthread_mutex_t moving; /* no thread is moved while a VM is made */
};

/* xorshift64 (Marsaglia). */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t seeded(const struct site *site, unsigned who)
{
	uint64_t state = (site->seed + 1) * 0x9e3779b97f4a7c15ull + who * 0xd1342543de82ef95ull;

	state |= 1;
	for (int i = 0; i < 8; i++)
		next_random(&state);
	return state;
}

/* "cmp x20, x19", and what follows only if x20 < x19, or with @strict x20 <= x19. */
static void emit_check(struct guest *guest, bool strict)
{
	uint32_t *branch;

	guest_insn(guest, 0xeb13029f);
	branch = guest->at;
	guest_insn(guest, 0);
	guest_out_register(guest, 19);
	guest_out_register(guest, 20);
	guest_exit(guest);
	/* b.hi or b.hs */
	*branch = 0x54000000u | (uint32_t)(guest->at - branch) << 5 | (strict ? 8 : 2);
}

/* Where the next instruction of the program will be. */
static uint64_t next_address(const struct vcpu *vcpu)
{
	return vcpu_entry(vcpu) + (uint64_t)(vcpu->guest.at - vcpu->guest.start) * 4;
}

/* A program without an end; the guest itself sees that its counter never goes back. */
static void emit(struct storm *storm, struct actor *actor)
{
	struct vcpu *vcpu = &storm->vm->vcpus[actor->index];
	struct guest *guest = &vcpu->guest;
	uint32_t *loop;

	guest_pmu_reset(guest, 0);
	guest_write(guest, PMINTENSET_EL1, BIT(CYCLE));
	guest_write(guest, PMCR_EL0, PMCR_E);
	guest_irqs(guest, true);
	loop = guest->at;
	/* Again and again: it may be another GIC. */
	actor->gic_begin = next_address(vcpu);
	guest_gic(guest, storm->vm->gic, (unsigned)vcpu->index, PMU_INTID);
	actor->gic_end = next_address(vcpu);
	guest_write_input(guest, PMCCNTR_EL0);
	guest_out(guest, CNTVCT_EL0);
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_read(guest, 19, PMCCNTR_EL0);
	guest_out_register(guest, 19);
	guest_hop(guest);
	for (int i = ROUND_SECOND; i <= ROUND_LAST; i++) {
		guest_work(guest, LOOPS);
		/* The last one is read when nothing more is counted. */
		if (i == ROUND_LAST)
			guest_write(guest, PMCNTENCLR_EL0, BIT(CYCLE));
		guest_read(guest, 20, PMCCNTR_EL0);
		emit_check(guest, storm->counts);
		guest_out_register(guest, 20);
		guest_insn(guest, 0xaa1403f3); /* mov x19, x20 */
	}
	guest_out(guest, CNTVCT_EL0);
	guest_hop(guest);
	guest_insn(guest, 0x14000000u | ((uint32_t)(loop - guest->at) & 0x3ffffff)); /* b loop */
}

static struct vcpu *vcpu_of(const struct actor *actor)
{
	return &actor->storm->vm->vcpus[actor->index];
}

static void begin_round(struct actor *actor)
{
	struct vcpu *vcpu = vcpu_of(actor);

	actor->start = WRAP - 1 - next_random(&actor->random) % BEFORE_WRAP;
	vcpu->input = actor->start;
	vcpu->nout = 0;
}

static void count_irqs(struct actor *actor)
{
	struct vcpu *vcpu = vcpu_of(actor);

	for (int i = 0; i < vcpu->nirqs; i++) {
		const struct irq *irq = &vcpu->irqs[i];

		/*
		 * The new GIC knows nothing of what was on its way in the old one: a
		 * handler finds none that it could acknowledge, or one comes again
		 * when the handler that ended in the new VM has cleared its cause.
		 */
		if (irq->intid != SPURIOUS || actor->nclones == actor->storm->nclones)
			expect_equal(irq->intid, PMU_INTID, "INTID");
		if (irq->overflow || actor->nclones == actor->storm->nclones)
			expect_equal(irq->overflow, BIT(CYCLE), "PMOVSSET_EL0 in the handler");
		actor->irqs += irq->overflow != 0;
	}
	actor->nclones = actor->storm->nclones;
	vcpu->nirqs = 0;
	expect_equal((uint64_t)vcpu->nexceptions, 0, "exceptions of vCPU %d", actor->index);
}

static void end_round(struct actor *actor)
{
	const struct storm *storm = actor->storm;
	const uint64_t *out = vcpu_of(actor)->out;
	uint64_t least = !storm->counts ? 0 : storm->site->exact ? 2 * LOOPS : 1;

	expect(out[ROUND_FIRST] >= actor->start && out[ROUND_FIRST] <= actor->seen &&
		       actor->seen <= out[ROUND_SECOND],
	       "vCPU %d, round %d: written %llx, then read %llx, from outside %llx, then %llx",
	       actor->index, actor->rounds, (unsigned long long)actor->start,
	       (unsigned long long)out[ROUND_FIRST], (unsigned long long)actor->seen,
	       (unsigned long long)out[ROUND_SECOND]);
	for (int i = ROUND_SECOND; i <= ROUND_LAST; i++)
		expect(out[i] >= out[i - 1] + least, "vCPU %d, round %d: it read %llx, then %llx",
		       actor->index, actor->rounds, (unsigned long long)out[i - 1],
		       (unsigned long long)out[i]);
	if (storm->site->exact)
		expect_between(out[ROUND_LAST] - actor->start, 2 * least,
			       (out[ROUND_TICKS_END] - out[ROUND_TICKS] + 1) * CYCLES_PER_TICK,
			       "vCPU %d, round %d", actor->index, actor->rounds);
	count_irqs(actor);
	actor->rounds++;
	/* Where AArch32 does not exist, LC is always 1: no overflow. */
	if (out[ROUND_LAST] >= WRAP && !(vcpu_get(vcpu_of(actor), PMCR_EL0) & PMCR_LC))
		actor->overflows++;
	expect(actor->irqs <= actor->overflows,
	       "vCPU %d has overflowed %d times and got %d interrupts", actor->index,
	       actor->overflows, actor->irqs);
	begin_round(actor);
}

/*
 * Everyone stops; the first one makes a new VM of the old one; everyone goes on in it. One that
 * has half prepared the old GIC does not prepare the new one until the next round: the two
 * rounds' overflows may be one interrupt.
 */
static void park(struct actor *actor)
{
	uint64_t pc;

	vcpu_enter(vcpu_of(actor)); /* completes an access to the device */
	pc = vcpu_get_pc(vcpu_of(actor));
	actor->unheard += pc > actor->gic_begin && pc < actor->gic_end;
	pthread_barrier_wait(&actor->storm->parked);
	pthread_barrier_wait(&actor->storm->go);
}

static void migrate(struct actor *actor)
{
	struct storm *storm = actor->storm;
	struct vm *to = storm->vm == storm->vms ? storm->vms + 1 : storm->vms;

	atomic_store(&storm->park, true);
	for (int i = 1; i < storm->n; i++)
		vcpu_kick(&storm->vm->vcpus[i], storm->actors[i].thread);
	vcpu_enter(vcpu_of(actor));
	pthread_barrier_wait(&storm->parked);
	pthread_mutex_lock(&storm->moving);
	vm_clone(to, storm->vm, storm->mode);
	storm->vm = to;
	storm->nclones++;
	atomic_store(&storm->park, false);
	pthread_mutex_unlock(&storm->moving);
	pthread_barrier_wait(&storm->go);
}

/* The time is over, and everyone has done something in it. */
static bool is_late(const struct storm *storm)
{
	struct timespec now;

	for (int i = 0; i < storm->n; i++)
		if (atomic_load(&storm->actors[i].rounds) < MIN_ROUNDS)
			return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > storm->end.tv_sec ||
	       (now.tv_sec == storm->end.tv_sec && now.tv_nsec > storm->end.tv_nsec);
}

static void at_hop(struct actor *actor)
{
	struct storm *storm = actor->storm;

	if (vcpu_of(actor)->nout == ROUND_VALUES)
		end_round(actor);
	else
		actor->seen = vcpu_get(vcpu_of(actor), PMCCNTR_EL0);
	if (actor->index)
		return;
	if (is_late(storm))
		atomic_store(&storm->over, true);
	else if (next_random(&actor->random) % ROUNDS_A_CLONE == 0)
		migrate(actor);
}

static void refused(struct actor *actor)
{
	int cpu = vcpu_of(actor)->refused_cpu;

	if (!must_refuse(actor->storm->site, actor->storm->mode, cpu))
		fail_test("KVM refused vCPU %d on CPU %d, which its PMU covers", actor->index, cpu);
	actor->refusals++;
}

static void went_back(const struct actor *actor)
{
	const struct vcpu *vcpu = vcpu_of(actor);

	note("%d times saved and restored", actor->storm->nclones);
	note("PMCNTENSET_EL0 %llx PMCR_EL0 %llx PMCCNTR_EL0 %llx",
	     (unsigned long long)vcpu_get(vcpu_of(actor), PMCNTENSET_EL0),
	     (unsigned long long)vcpu_get(vcpu_of(actor), PMCR_EL0),
	     (unsigned long long)vcpu_get(vcpu_of(actor), PMCCNTR_EL0));
	fail_test("vCPU %d, round %d, value %d: the guest read %llx, then %llx; started at %llx",
		  actor->index, atomic_load(&actor->rounds), vcpu->nout - 2,
		  (unsigned long long)vcpu->out[vcpu->nout - 2],
		  (unsigned long long)vcpu->out[vcpu->nout - 1], (unsigned long long)actor->start);
}

static void *act(void *argument)
{
	struct actor *actor = argument;
	struct storm *storm = actor->storm;

	actor->tid = (int)syscall(SYS_gettid);
	begin_round(actor);
	pthread_barrier_wait(&storm->all);
	while (!atomic_load(&storm->over)) {
		enum stop stop = vcpu_run(vcpu_of(actor));

		if (stop == STOP_HOP)
			at_hop(actor);
		else if (stop == STOP_REFUSED)
			refused(actor);
		else if (stop == STOP_EXIT)
			went_back(actor);
		else if (stop != STOP_KICKED)
			fail_test("vCPU %d stopped (%d)", actor->index, (int)stop);
		if (actor->index && atomic_load(&storm->park))
			park(actor);
	}
	/* Not before the last mover: there must be a thread to move. */
	pthread_barrier_wait(&storm->all);
	return NULL;
}

static void *move(void *argument)
{
	struct actor *actor = argument;
	struct storm *storm = actor->storm;

	pthread_barrier_wait(&storm->all);
	while (!atomic_load(&storm->over)) {
		int cpu = storm->cpus[next_random(&actor->mover_random) % (uint64_t)storm->ncpus];

		pthread_mutex_lock(&storm->moving);
		place_thread(actor->tid, cpu);
		pthread_mutex_unlock(&storm->moving);
		actor->hops++;
		scene_pause((long)(next_random(&actor->mover_random) % MAX_PAUSE_NS));
	}
	pthread_barrier_wait(&storm->all);
	return NULL;
}

static void set_end(struct storm *storm)
{
	clock_gettime(CLOCK_MONOTONIC, &storm->end);
	storm->end.tv_sec += storm->site->minutes * 60l;
	if (!storm->site->minutes)
		storm->end.tv_nsec += storm->site->exact ? EXACT_NS : USUAL_NS;
	storm->end.tv_sec += storm->end.tv_nsec / NS_PER_S;
	storm->end.tv_nsec %= NS_PER_S;
}

static void judge(const struct storm *storm)
{
	int overflows = 0, irqs = 0, unheard = 0;

	for (int i = 0; i < storm->n; i++) {
		const struct actor *actor = &storm->actors[i];

		note("vCPU %d: %d rounds, %d hops, %d refusals, %d overflows, %d interrupts, %d "
		     "unheard",
		     i, actor->rounds, actor->hops, actor->refusals, actor->overflows, actor->irqs,
		     actor->unheard);
		overflows += actor->overflows;
		irqs += actor->irqs;
		/* The last round's can be on its way when the storm ends. */
		unheard += actor->unheard + 1;
	}
	note("%d times saved and restored", storm->nclones);
	/* A round is over when the counter has wrapped, flag or not: overflow.due of 32 bits. */
	if (storm->site->older && overflows && !irqs)
		skip_unnoticed_wrap();
	for (int i = 0; i < storm->n && storm->site->exact; i++)
		expect(storm->actors[i].irqs + storm->actors[i].unheard + 1 >=
			       storm->actors[i].overflows,
		       "vCPU %d lost an interrupt", i);
	expect(overflows <= unheard || irqs, "%d overflows, and no interrupt", overflows);
}

static void storm(const struct site *site, struct variant variant)
{
	static struct vm vms[2];
	static struct storm storm;

	storm = (struct storm){
		.site = site, .mode = variant.mode, .n = variant.row + 2, .vms = vms, .vm = vms
	};
	need_mode(site, variant.mode);
	need_current_counts(site);
	storm.counts = variant.mode != MODE_DEFAULT || !site->naway;
	note("seed %llu", (unsigned long long)site->seed);
	for (int i = 0; i < site->nhome; i++)
		storm.cpus[storm.ncpus++] = site->home[i];
	for (int i = 0; i < site->naway; i++)
		storm.cpus[storm.ncpus++] = site->away[i];
	vm_start(storm.vm, site, variant.mode, storm.n);
	pthread_barrier_init(&storm.all, NULL, (unsigned)storm.n * 2);
	pthread_barrier_init(&storm.parked, NULL, (unsigned)storm.n);
	pthread_barrier_init(&storm.go, NULL, (unsigned)storm.n);
	pthread_mutex_init(&storm.moving, NULL);
	for (int i = 0; i < storm.n; i++) {
		struct actor *actor = &storm.actors[i];

		*actor = (struct actor){ .storm = &storm, .index = i };
		actor->random = seeded(site, 2 * (unsigned)i);
		actor->mover_random = seeded(site, 2 * (unsigned)i + 1);
		emit(&storm, &storm.actors[i]);
		if (i)
			vcpu_power_on(&storm.vm->vcpus[i]);
	}
	set_end(&storm);
	for (int i = 0; i < storm.n; i++)
		if (pthread_create(&storm.actors[i].thread, NULL, act, &storm.actors[i]) ||
		    pthread_create(&storm.actors[i].mover, NULL, move, &storm.actors[i]))
			fail_test("cannot start a thread");
	for (int i = 0; i < storm.n; i++) {
		pthread_join(storm.actors[i].thread, NULL);
		pthread_join(storm.actors[i].mover, NULL);
	}
	judge(&storm);
}

static const char *row_name(int row)
{
	static const char *const names[] = { "2-vcpus", "3-vcpus", "4-vcpus" };

	return names[row];
}

static const struct test tests[] = {
	{ "storm.all", storm, EVERY_MODE, 0, 3, row_name, 90 },
	{ "storm.all", storm, STRICT | LIMITED, 0, 1, row_name, 90 },
};

FAMILY(storm_family, tests);
