/* SPDX-License-Identifier: MIT */
#include "generate.h"
#include "making.h"

#define SCENE 8 /* steps at most */
#define EARLY 8 /* steps before the first run, likewise */

static uint16_t value_register(unsigned n)
{
	return n == CYCLE ? PMCCNTR_EL0 : PMEVCNTR_EL0(n);
}

static uint16_t type_register(unsigned n)
{
	return n == CYCLE ? PMCCFILTR_EL0 : PMEVTYPER_EL0(n);
}

static struct step write_step(struct making *making)
{
	static const uint16_t bitmaps[] = { PMCNTENSET_EL0, PMCNTENSET_EL0, PMCNTENCLR_EL0,
					    PMINTENSET_EL1, PMINTENSET_EL1, PMINTENCLR_EL1,
					    PMOVSCLR_EL0,   PMOVSCLR_EL0,   PMOVSSET_EL0 };
	struct step step = { .op = OP_WRITE };
	unsigned n = any_counter(making);

	switch (random_below(making->random, making->n ? 12 : 9)) {
	case 0:
	case 1:
		step.sysreg = PMCR_EL0;
		step.value = any_pmcr(making);
		break;
	case 2:
	case 3:
	case 4:
		step.sysreg = value_register(n);
		step.value = any_value(making);
		break;
	case 5:
		step.sysreg = type_register(n);
		step.value = any_type(making, n);
		break;
	case 9:
	case 10:
		step.sysreg = PMSWINC_EL0;
		step.value = any_bits(making) & ~BIT(CYCLE);
		break;
	case 11:
		step.sysreg = one_in(making->random, 2) ? PMSELR_EL0 : PMUSERENR_EL0;
		step.value = step.sysreg == PMSELR_EL0 ? any_counter(making)
						       : random_below(making->random, 16);
		making->hands |= step.sysreg == PMUSERENR_EL0;
		break;
	default:
		step.sysreg = bitmaps[random_below(making->random, 9)];
		step.value = any_bits(making);
		break;
	}
	return step;
}

static uint16_t any_register(const struct making *making)
{
	static const uint16_t others[] = { PMCR_EL0,       PMCNTENSET_EL0, PMCNTENCLR_EL0,
					   PMINTENSET_EL1, PMINTENCLR_EL1, PMOVSSET_EL0,
					   PMOVSSET_EL0,   PMOVSCLR_EL0,   PMSELR_EL0,
					   PMUSERENR_EL0 };
	unsigned n = any_counter(making);

	switch (random_below(making->random, 6)) {
	case 0:
		return one_in(making->random, 2) ? PMXEVCNTR_EL0 : PMXEVTYPER_EL0;
	case 1:
	case 2:
	case 3:
		return value_register(n);
	case 4:
		return type_register(n);
	default:
		return others[random_below(making->random, 10)];
	}
}

/* KVM_GET_ONE_REG has no registers that stand for others, and no counter beyond N to look at. */
static uint16_t any_saved_register(const struct making *making)
{
	unsigned n;
	uint16_t sysreg;

	do {
		sysreg = any_register(making);
		n = sysreg - PMEVCNTR_EL0(0);
	} while (sysreg == PMXEVCNTR_EL0 || sysreg == PMXEVTYPER_EL0 ||
		 (n < 64 && n % 32 < CYCLE && n % 32 >= making->n));
	return sysreg;
}

static struct step set_step(struct making *making)
{
	static const uint16_t bitmaps[] = { PMCNTENSET_EL0, PMINTENSET_EL1, PMOVSSET_EL0 };
	uint64_t *random = making->random;
	unsigned n =
		one_in(random, 2) || !making->n ? CYCLE : (unsigned)random_below(random, making->n);
	struct step step = { .op = OP_SET };

	switch (random_below(random, 6)) {
	case 0:
		step.sysreg = PMCR_EL0;
		/*
		 * C and P are commands of the guest's: state.set_command. KVM keeps LP also where
		 * it is RES0, as userspace may change PMUVer after it (set_pmcr()).
		 */
		step.value = any_pmcr(making) & ~(uint64_t)(PMCR_C | PMCR_P | PMCR_LP);
		break;
	case 1:
		step.sysreg = type_register(n);
		step.value = any_type(making, n);
		break;
	case 2:
	case 3:
		step.sysreg = value_register(n);
		step.value = any_value(making);
		/* Bits that a counter of 32 bits does not have. */
		step.value &= n == CYCLE ? ~0ull : ALL;
		break;
	default:
		step.sysreg = bitmaps[random_below(random, 3)];
		step.value = any_bits(making);
		break;
	}
	return step;
}

static uint64_t any_place(const struct making *making)
{
	const struct generator *generator = making->generator;
	uint64_t where = random_below(making->random, 4);

	/* As often to another host PMU as not. */
	where = where == 3 ? WHERE_FAR : where;
	if ((where == WHERE_NEAR && !generator->near) || (where == WHERE_FAR && !generator->far))
		where = WHERE_HOME;
	return where;
}

static struct step userspace_step(struct making *making)
{
	uint64_t *random = making->random;

	switch (random_below(random, 16)) {
	case 0:
		return (struct step){ .op = OP_EXIT };
	case 1:
	case 2:
	case 3:
		return (struct step){ .op = OP_GET, .sysreg = any_saved_register(making) };
	case 4:
	case 5:
	case 6:
		return set_step(making);
	case 7:
		if (one_in(random, 3))
			return (struct step){ .op = OP_RESET };
		if (one_in(random, 2))
			return (struct step){ .op = OP_MIGRATE, .value = any_place(making) };
		break;
	default:
		break;
	}
	if (!making->generator->hops)
		return (struct step){ .op = OP_EXIT };
	return (struct step){ .op = OP_HOP, .value = any_place(making) };
}

/* EL0's access to these does not reach KVM on the emulated boards. */
static bool is_leaky(const struct step *step)
{
	unsigned n = step->sysreg - PMEVCNTR_EL0(0);

	return step->sysreg == PMSELR_EL0 || step->sysreg == PMSWINC_EL0 ||
	       step->sysreg == PMXEVCNTR_EL0 || step->sysreg == PMCCNTR_EL0 || n < CYCLE;
}

static struct step read_step(const struct making *making)
{
	struct step step = { .op = OP_READ };

	do
		step.sysreg = any_register(making);
	while (making->generator->careful &&
	       (step.sysreg == PMSELR_EL0 || step.sysreg == PMUSERENR_EL0));
	return step;
}

static struct step any_step(struct making *making)
{
	uint64_t *random = making->random;
	struct step step;
	uint64_t kind = random_below(random, 20);

	if (kind < 8)
		step = write_step(making);
	else if (kind < 12)
		step = read_step(making);
	else if (kind < 16)
		step = (struct step){
			.op = OP_WORK,
			.value = 1 + random_below(random, one_in(random, 3) ? 40 : LONG_WORK)
		};
	else if (kind < 17)
		step = (struct step){ .op = OP_LINE };
	else
		return userspace_step(making);
	if (step.op == OP_WORK)
		step.el0 = one_in(random, 3);
	else if (step.op != OP_LINE && one_in(random, making->hands ? 4 : 40))
		step.el0 = !making->generator->careful || !is_leaky(&step);
	return step;
}

/*
 * A counter that counts up to its wrap and beyond it, with something of userspace's on the way:
 * what random steps rarely come to. Returns how many steps it takes.
 */
static int scene(struct making *making, struct step *steps)
{
	unsigned counter = making->event_cycles ? 0 : any_counter(making);
	uint64_t before = 1 + random_below(making->random, LONG_WORK);
	uint64_t wrap = making->lc && counter == CYCLE ? 0 : BIT(32);
	int used = 0;

	if (counter != CYCLE)
		steps[used++] = (struct step){ .op = OP_WRITE,
					       .sysreg = type_register(counter),
					       .value = EVENT_INST_RETIRED };
	steps[used++] = (struct step){ .op = OP_WRITE,
				       .sysreg = value_register(counter),
				       .value = wrap - before };
	steps[used++] =
		(struct step){ .op = OP_WRITE, .sysreg = PMCNTENSET_EL0, .value = BIT(counter) };
	steps[used++] =
		(struct step){ .op = OP_WRITE, .sysreg = PMCR_EL0, .value = making->lc | PMCR_E };
	steps[used++] =
		(struct step){ .op = OP_WORK, .value = 1 + random_below(making->random, before) };
	steps[used++] = userspace_step(making);
	steps[used++] = (struct step){ .op = OP_WORK,
				       .value = 1 + random_below(making->random, 2 * before) };
	steps[used++] = (struct step){ .op = OP_READ, .sysreg = PMOVSSET_EL0 };
	return used;
}

/* A register that stands for the one that PMSELR_EL0 says: written, and read. Returns how many
 * steps. */
static int selection(struct making *making, struct step *steps)
{
	unsigned n = any_counter(making);
	bool value = one_in(making->random, 2);

	steps[0] = (struct step){ .op = OP_WRITE, .sysreg = PMSELR_EL0, .value = n };
	steps[1] = (struct step){ .op = OP_WRITE,
				  .sysreg = value ? PMXEVCNTR_EL0 : PMXEVTYPER_EL0,
				  .value = value ? any_value(making) : any_type(making, n) };
	steps[2] = (struct step){ .op = OP_READ, .sysreg = steps[1].sysreg };
	return 3;
}

void program_generate_setup(struct program *program, const struct generator *generator,
			    uint64_t *random)
{
	*program = (struct program){ .mode = generator->mode, .counters = PROGRAM_ALL_COUNTERS };
	if (generator->limits && generator->n && one_in(random, 3))
		program->counters = (unsigned)random_below(random, generator->n);
	if (generator->denies && one_in(random, 4))
		program->denied = one_in(random, 2) ? EVENT_CPU_CYCLES : EVENT_INST_RETIRED;
	program->by_userspace = one_in(random, 8);
	program->nvcpus = one_in(random, 3) ? 2 + (int)random_below(random, PROGRAM_VCPUS - 1) : 1;
}

void program_generate_one(struct program *program, const struct generator *generator, int most,
			  uint64_t *random)
{
	struct making making = { .generator = generator, .random = random, .n = generator->n };
	int length = LEAST_STEPS + (int)random_below(random, (uint64_t)(most - LEAST_STEPS + 1));
	int n = 0;

	if (program->counters < making.n)
		making.n = program->counters;
	making.event_cycles = making.n && one_in(random, 4);
	/* What userspace sets before the first run shows once the guest is there. */
	while (program->by_userspace && n < EARLY && !one_in(random, 4))
		program->steps[n++] = set_step(&making);
	/* Most programs count from the start. */
	if (!n && !one_in(random, 4)) {
		program->steps[n++] = (struct step){ .op = OP_WRITE,
						     .sysreg = PMCNTENSET_EL0,
						     .value = any_bits(&making) };
		program->steps[n++] = (struct step){ .op = OP_WRITE,
						     .sysreg = PMCR_EL0,
						     .value = any_pmcr(&making) | PMCR_E };
	}
	while (n < length - 3)
		if (n + SCENE < length - 3 && one_in(random, 8))
			n += scene(&making, &program->steps[n]);
		else if (n + SCENE < length - 3 && one_in(random, 16))
			n += selection(&making, &program->steps[n]);
		else
			program->steps[n++] = any_step(&making);
	program->steps[n++] = (struct step){ .op = OP_READ, .sysreg = PMCCNTR_EL0 };
	program->steps[n++] = (struct step){ .op = OP_READ, .sysreg = PMOVSSET_EL0 };
	program->steps[n++] = (struct step){ .op = OP_LINE };
	program->nsteps = n;
}
