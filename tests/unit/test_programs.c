/* SPDX-License-Identifier: MIT */
/* Programs: as text, what the model expects of them, and how one that differs shrinks. */
#include <stdio.h>
#include <string.h>

#include "tests/regress/model/expect.h"
#include "tests/regress/model/generate.h"
#include "tests/regress/model/shrink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct model_setup six = { .events = 0xffff, .n = 6 };

/* What userspace sets before the first run counts from the guest's first instruction on. */
static void early_steps_come_before_the_run(void **state)
{
	static const char text[] = "mode default\nprepared-by-userspace\n"
				   "set PMCNTENSET_EL0 0x80000000\nset PMCR_EL0 0x1\n"
				   "get PMCCNTR_EL0\nwork 5\nget PMCCNTR_EL0\n";
	static struct expected expected[PROGRAM_STEPS];
	static struct program program;
	const struct expectation expectation = { .setup = six, .exactness = EXACT };
	int line;

	(void)state;
	assert_true(program_parse(&program, text, &line));
	assert_true(program_is_early(&program, 2));
	assert_false(program_is_early(&program, 3));
	program_expect(&program, &expectation, expected);
	assert_int_equal(expected[2].value, 0);
	/* guest_begin(): 9 instructions; the hop's store does not count. */
	assert_int_equal(expected[4].value, 9 + 5);
}

static void text_is_the_program(void **state)
{
	static const struct generator generators[] = {
		{ .mode = PROGRAM_DEFAULT,
		  .n = 6,
		  .near = true,
		  .far = true,
		  .hops = true,
		  .limits = true,
		  .denies = true },
		{ .mode = PROGRAM_COMPOSITE, .far = true, .hops = true },
		{ .mode = PROGRAM_STRICT, .n = 31, .careful = true, .denies = true },
	};
	static char text[PROGRAM_TEXT], again[PROGRAM_TEXT];
	static struct program program, parsed;
	uint64_t random = 1;
	int line;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		const struct generator *generator = &generators[i % 3];

		program_generate_setup(&program, generator, &random);
		program_generate(&program, generator, &random);
		assert_true(program.nsteps >= 5 && program.nsteps <= 60);
		program_print(&program, text);
		assert_true(program_parse(&parsed, text, &line));
		program_print(&parsed, again);
		assert_string_equal(text, again);
	}
	assert_true(strlen(text) < PROGRAM_TEXT - 100);
}

static void bad_text_is_refused(void **state)
{
	static const struct {
		const char *text;
		int line; /* 0: it is a program */
	} rows[] = {
		{ "mode default\nread PMCR_EL0 # why\n\n", 0 },
		{ "mode default\nwork 5 el0", 0 },
		{ "mode default\ncounters 2\nhop far\nset PMCCNTR_EL0 0x1\n", 0 },
		{ "read PMCR_EL0\n", 1 },
		{ "mode other\n", 1 },
		{ "mode default\nread PMEVCNTR31_EL0\n", 2 },
		{ "mode default\nread PMEVCNTR1\n", 2 },
		{ "mode default\nwrite PMCR_EL0\n", 2 },
		{ "mode default\nwrite PMCR_EL0 x\n", 2 },
		{ "mode default\nexit el0\n", 2 },
		{ "mode default\nline\ncounters 2\n", 3 },
		{ "mode default\nhop there\n", 2 },
		{ "mode default\nwork 99999999999\n", 2 },
		{ "mode default\nread PMCR_EL0 el0 el0\n", 2 },
		{ "mode default\nvcpus 2\non 1 read PMCR_EL0\non 0 write PMCR_EL0 0x1 el0\n", 0 },
		{ "mode default\nvcpus 5\n", 2 },
		{ "mode default\nvcpus 0\n", 2 },
		{ "mode default\nvcpus 2\non 2 exit\n", 3 },
		{ "mode default\non 1 exit\n", 2 },
		{ "mode default\nvcpus 2\non 1\n", 3 },
		{ "mode default\nvcpus 2\non\n", 3 },
		{ "mode default\n", 2 }, /* no step */
	};
	static struct program program;
	int line;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool good = program_parse(&program, rows[i].text, &line);

		assert_int_equal(good, !rows[i].line);
		if (!good)
			assert_int_equal(line, rows[i].line);
	}
}

static void parse(struct program *program, const char *text)
{
	int line;

	assert_true(program_parse(program, text, &line));
}

/* Two ISBs and a trap between a write and the value of a reading. */
static void expectations_count_instructions(void **state)
{
	static struct expected expected[PROGRAM_STEPS];
	struct expectation expectation = { .setup = six };
	static struct program program;
	struct seen seen[5] = { 0 };
	char text[256];

	(void)state;
	for (int i = 0; i < 5; i++)
		seen[i].access = ACCESS_OK;
	parse(&program, "mode default\nwrite PMCNTENSET_EL0 0x80000000\nwrite PMCR_EL0 0x1\n"
			"read PMCCNTR_EL0\nwork 100\nread PMCCNTR_EL0\n");
	program_expect(&program, &expectation, expected);
	assert_int_equal(expected[2].value, 3);
	assert_int_equal(expected[4].value, 3 + 1 + 100 + 2);
	seen[2].value = 3;
	seen[4].value = 106;
	assert_int_equal(program_differs(&program, expected, seen), -1);
	seen[4].value = 107;
	assert_int_equal(program_differs(&program, expected, seen), 4);
	difference_print(&program, 4, &expected[4], &seen[4], text, sizeof(text));
	assert_string_equal(text, "step 5, read PMCCNTR_EL0: got 107 (0x6b), expected 106 (0x6a)");
	expectation.exactness = SHARED;
	program_expect(&program, &expectation, expected);
	assert_int_equal(program_differs(&program, expected, seen), -1);
	seen[4].value = 105;
	assert_int_equal(program_differs(&program, expected, seen), 4);
	expectation.exactness = WALL;
	program_expect(&program, &expectation, expected);
	assert_int_equal(program_differs(&program, expected, seen), -1);
	seen[4].value = 5;
	assert_int_equal(program_differs(&program, expected, seen), 4);
}

/* Where counts are shared, drift leaves fewer than 32 bits open, over many steps too. */
static void shared_event_counters_are_judged(void **state)
{
	static struct expected expected[PROGRAM_STEPS];
	struct expectation expectation = { .setup = six, .exactness = SHARED };
	static struct program program;
	struct seen seen[PROGRAM_STEPS] = { 0 };

	(void)state;
	for (int i = 0; i < PROGRAM_STEPS; i++)
		seen[i].access = ACCESS_OK;
	parse(&program, "mode default\nwrite PMEVTYPER0_EL0 0x8\nwrite PMCNTENSET_EL0 0x1\n"
			"write PMCR_EL0 0x1\nwork 100\nwork 100\nwork 100\nwork 100\n"
			"read PMEVCNTR0_EL0\n");
	program_expect(&program, &expectation, expected);
	seen[7].value = expected[7].value;
	assert_int_equal(program_differs(&program, expected, seen), -1);
	seen[7].value--;
	assert_int_equal(program_differs(&program, expected, seen), 7);
}

/* What Linux 7.3 with its known faults came to, where the model was once mistaken. */
static void faults_are_as_seen(void **state)
{
	static const struct {
		const char *text; /* the last step reads ... */
		uint64_t value;   /* ... this */
	} rows[] = {
		/* An overflow is heard of on the way to EL0, and no more in the next write. */
		{ "mode default\nwrite PMCR_EL0 0x1\nwrite PMCNTENSET_EL0 0x80000000\n"
		  "write PMEVCNTR0_EL0 0xffffffffffffffff\nwrite PMEVTYPER0_EL0 0x8\n"
		  "write PMCNTENSET_EL0 0x1\nwork 0 el0\nwrite PMEVCNTR0_EL0 0x0\n"
		  "work 0 el0\nread PMCCNTR_EL0\n",
		  53 },
		/* One that comes with the trap of a write is heard of after the write. */
		{ "mode default\nwrite PMCNTENSET_EL0 0x80000000\nwrite PMCR_EL0 0x1\n"
		  "write PMCCNTR_EL0 0xffffffdd\nwork 22\nwrite PMCNTENSET_EL0 0x80000000\n"
		  "write PMSELR_EL0 0x1f\nwrite PMXEVCNTR_EL0 0xbb5a8889e08a0000\n"
		  "write PMUSERENR_EL0 0x0 el0\nread PMCCNTR_EL0\n",
		  0xbb5a8889e08a0022 },
		/* A write that names no counter does nothing. */
		{ "mode default\nwrite PMCNTENSET_EL0 0x1\nwrite PMCR_EL0 0x1\n"
		  "write PMCNTENSET_EL0 0x80000000\nwrite PMEVTYPER0_EL0 0x1\n"
		  "write PMEVCNTR0_EL0 0x0\nwrite PMCNTENSET_EL0 0x0\nwork 0 el0\n"
		  "read PMCCNTR_EL0\n",
		  29 },
		/* perf computes what is left anew when the thread has slept. */
		{ "mode default\nwrite PMCNTENSET_EL0 0x80000000\nwrite PMCR_EL0 0x41\n"
		  "write PMCCNTR_EL0 0x7ffffffffffff6a0\nwork 2404\nexit\nwork 2923\n"
		  "read PMOVSSET_EL0\n",
		  0 },
		/* A write that leaves PMCR_EL0.E as it is makes no event that userspace has chosen.
		 */
		{ "mode default\nwrite PMCNTENSET_EL0 0x8\nwrite PMCR_EL0 0x1\n"
		  "set PMEVTYPER3_EL0 0x8\nwrite PMCR_EL0 0x1\nread PMEVCNTR3_EL0\n",
		  0 },
		/* A VM's first run makes events only for counters that are on. */
		{ "mode default\nwrite PMCR_EL0 0x1\nmigrate home\nset PMCCFILTR_EL0 0x80000000\n"
		  "write PMCNTENSET_EL0 0x80000000\nread PMCCNTR_EL0\n",
		  0 },
		{ "mode default\nprepared-by-userspace\nwrite PMCR_EL0 0x1\n"
		  "set PMCCFILTR_EL0 0x80000000\nwrite PMCNTENSET_EL0 0x80000000\n"
		  "read PMCCNTR_EL0\n",
		  0 },
		{ "mode default\nwrite PMCR_EL0 0x1\nwrite PMCNTENSET_EL0 0x80000000\nmigrate "
		  "home\n"
		  "set PMCCFILTR_EL0 0x80000000\nread PMCCNTR_EL0\n",
		  3 },
	};
	static struct expected expected[PROGRAM_STEPS];
	static struct program program;
	const struct expectation expectation = { .setup = six,
						 .quirks = 1u << QUIRK_EL0_STOPS |
							   1u << QUIRK_COMMAND_STOPS |
							   1u << QUIRK_HALF_WAY |
							   1u << QUIRK_SET_EVENT };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&program, rows[i].text);
		program_expect(&program, &expectation, expected);
		assert_int_equal(expected[program.nsteps - 1].value, rows[i].value);
	}
}

/* Each vCPU's registers are its own; what a migration moves are all vCPUs. */
static void vcpus_are_apart(void **state)
{
	static const char text[] = "mode default\nvcpus 2\n"
				   "write PMCNTENSET_EL0 0x80000000\nwrite PMCR_EL0 0x1\n"
				   "on 1 write PMCCNTR_EL0 0x5\non 1 work 100\n"
				   "on 1 read PMCCNTR_EL0\non 1 read PMCR_EL0\n"
				   "read PMCCNTR_EL0\nmigrate far\nread PMCCNTR_EL0\n"
				   "on 1 hop far\non 1 write PMCNTENSET_EL0 0x80000000\n"
				   "on 1 write PMCR_EL0 0x1\non 1 read PMCCNTR_EL0\n";
	static struct expected expected[PROGRAM_STEPS];
	static struct program program;
	const struct expectation expectation = { .setup = six };

	(void)state;
	parse(&program, text);
	program_expect(&program, &expectation, expected);
	assert_int_equal(expected[4].value, 5);
	assert_int_equal(expected[5].value, PMCR_WITH_N(6));
	assert_int_equal(expected[6].value, 1 + 2); /* what vCPU 1 did in between is not its */
	assert_int_equal(expected[8].value, 3 + 1 + 2);
	assert_int_equal(expected[12].value, 5 + 1 + 2); /* it counts on its new PMU */
}

/* What gets a vCPU out of its guest: a step of userspace, and another vCPU's turn. */
static void turns_end_with_an_exit(void **state)
{
	static struct program program;
	static struct expected expected[PROGRAM_STEPS];
	/* Its EL0 counts nothing after the write, until there is an exit. */
	const struct expectation expectation = { .setup = six, .quirks = 1u << QUIRK_EL0_STOPS };
	static const char *const turns[] = { "", "on 1 work 1\n", "exit\n" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		char text[512];

		snprintf(text, sizeof(text),
			 "mode default\nvcpus 2\nwrite PMCCFILTR_EL0 0x80000000\n"
			 "write PMCNTENSET_EL0 0x80000000\nwrite PMCR_EL0 0x1\n"
			 "write PMCCNTR_EL0 0x0\n%swork 100 el0\nread PMCCNTR_EL0\n",
			 turns[i]);
		parse(&program, text);
		program_expect(&program, &expectation, expected);
		assert_int_equal(expected[i ? 6 : 5].value, i ? 101 : 0);
	}
}

/* An overflow that ends a fault may have come before the write that the fault is about. */
static void shared_overflows_may_come_sooner(void **state)
{
	static struct expected expected[PROGRAM_STEPS];
	const struct expectation expectation = { .setup = six,
						 .exactness = SHARED,
						 .quirks = 1u << QUIRK_EL0_STOPS };
	static struct program program;
	struct seen seen[PROGRAM_STEPS] = { 0 };

	(void)state;
	for (int i = 0; i < PROGRAM_STEPS; i++)
		seen[i].access = ACCESS_OK;
	parse(&program, "mode default\nwrite PMCNTENSET_EL0 0x80000000\nwrite PMCR_EL0 0x41\n"
			"write PMEVTYPER0_EL0 0x8\nwrite PMEVCNTR0_EL0 0xfffffc00\n"
			"write PMCNTENSET_EL0 0x1\nwork 1187\nwrite PMCCNTR_EL0 0x1\n"
			"work 1346 el0\nread PMCCNTR_EL0\n");
	program_expect(&program, &expectation, expected);
	seen[8].value = 21;
	assert_int_equal(program_differs(&program, expected, seen), -1);
	seen[8].value = 1 + 1368;
	assert_int_equal(program_differs(&program, expected, seen), -1);
	seen[8].value = 19;
	assert_int_equal(program_differs(&program, expected, seen), 8);
}

/* A wrap that shared counts may bring leaves its flag unknown, wherever it was before. */
static void shared_counts_may_wrap(void **state)
{
	static const struct {
		const char *text;
		uint64_t unknown; /* flags of the last step */
	} rows[] = {
		/* After the flag was cleared, or while it was set. */
		{ "mode default\nwrite PMOVSSET_EL0 0xffffffff\nwrite PMEVTYPER0_EL0 0x8\n"
		  "write PMEVCNTR0_EL0 0xfffff46e\nwrite PMCNTENSET_EL0 0x1\n"
		  "write PMCR_EL0 0x1\nwork 760\nset PMOVSSET_EL0 0x80000002\nwork 660\n"
		  "read PMOVSSET_EL0\n",
		  0x1 },
		/* After PMCR_EL0.LC was cleared, or before. */
		{ "mode default\nwrite PMCNTENSET_EL0 0x80000000\nwrite PMCR_EL0 0x41\n"
		  "write PMCCNTR_EL0 0xffff0000\nwrite PMCR_EL0 0x1\n"
		  "write PMCCFILTR_EL0 0x0\nread PMOVSSET_EL0\n",
		  BIT(31) },
		{ "mode default\nwrite PMCNTENSET_EL0 0x80000000\nwrite PMCR_EL0 0x41\n"
		  "write PMCCNTR_EL0 0xff000000\nwrite PMCR_EL0 0x1\nread PMOVSSET_EL0\n",
		  0 },
	};
	static struct expected expected[PROGRAM_STEPS];
	static struct program program;
	const struct expectation expectation = { .setup = six, .exactness = SHARED };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&program, rows[i].text);
		program_expect(&program, &expectation, expected);
		assert_int_equal(expected[program.nsteps - 1].unknown, rows[i].unknown);
	}
}

/* A "kernel" that forgets PMCR_EL0.C. */
static bool forgets(void *context, const struct program *program)
{
	bool on = false;

	(*(int *)context)++;
	for (int i = 0; i < program->nsteps; i++) {
		const struct step *step = &program->steps[i];

		on |= step->op == OP_WRITE && step->sysreg == PMCR_EL0 && step->value & PMCR_C;
		if (on && step->op == OP_READ && step->sysreg == PMCCNTR_EL0)
			return true;
	}
	return false;
}

static bool never(void *context)
{
	(void)context;
	return false;
}

static void shrinks_to_what_matters(void **state)
{
	static const struct generator generator = { .n = 6, .near = true, .hops = true };
	int tried = 0;
	const struct shrinking shrinking = { forgets, never, &tried };
	static struct program program;
	static char text[PROGRAM_TEXT];
	uint64_t random = 1;

	(void)state;
	do {
		program_generate_setup(&program, &generator, &random);
		program_generate(&program, &generator, &random);
	} while (!forgets(&tried, &program));
	program_shrink(&program, &shrinking);
	program_print(&program, text);
	assert_string_equal(text, "mode default\nwrite PMCR_EL0 0x4\nread PMCCNTR_EL0\n");
}

/* One that forgets it only on a vCPU that is not vCPU 0. */
static bool forgets_others(void *context, const struct program *program)
{
	static struct program others;

	others = *program;
	others.nsteps = 0;
	for (int i = 0; i < program->nsteps; i++)
		if (program->steps[i].vcpu)
			others.steps[others.nsteps++] = program->steps[i];
	return forgets(context, &others);
}

static void shrinks_to_the_vcpus_that_matter(void **state)
{
	static const struct generator generator = { .n = 6, .near = true, .hops = true };
	bool (*const kernels[])(void *, const struct program *) = { forgets, forgets_others };
	static const char *const wanted[] = {
		"mode default\nwrite PMCR_EL0 0x4\nread PMCCNTR_EL0\n",
		"mode default\nvcpus 2\non 1 write PMCR_EL0 0x4\non 1 read PMCCNTR_EL0\n",
	};
	static struct program program;
	static char text[PROGRAM_TEXT];

	(void)state;
	for (int i = 0; i < 2; i++) {
		int tried = 0;
		const struct shrinking shrinking = { kernels[i], never, &tried };
		uint64_t random = 1;

		do {
			program_generate_setup(&program, &generator, &random);
			program_generate(&program, &generator, &random);
		} while (program.nvcpus != 4 || !kernels[i](&tried, &program));
		program_shrink(&program, &shrinking);
		program_print(&program, text);
		assert_string_equal(text, wanted[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(early_steps_come_before_the_run),
		cmocka_unit_test(text_is_the_program),
		cmocka_unit_test(bad_text_is_refused),
		cmocka_unit_test(expectations_count_instructions),
		cmocka_unit_test(shared_event_counters_are_judged),
		cmocka_unit_test(faults_are_as_seen),
		cmocka_unit_test(shared_overflows_may_come_sooner),
		cmocka_unit_test(shared_counts_may_wrap),
		cmocka_unit_test(vcpus_are_apart),
		cmocka_unit_test(turns_end_with_an_exit),
		cmocka_unit_test(shrinks_to_what_matters),
		cmocka_unit_test(shrinks_to_the_vcpus_that_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
