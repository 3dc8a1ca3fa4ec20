/* SPDX-License-Identifier: MIT */
/* The model of the guest's PMU, held against expectations that people wrote. */
#include <string.h>

#include "tests/regress/model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define EXACT_PACE 1 /* instructions per count */
static const struct model_setup six = { .events = 0xffff, .n = 6 };
static struct model model;

static void start(const struct model_setup *setup, unsigned quirks)
{
	model_start(&model, setup, EXACT_PACE, quirks);
	model.ran = true;
}

static void write_el1(uint16_t sysreg, uint64_t value)
{
	assert_int_equal(model_write(&model, sysreg, false, value), ACCESS_OK);
}

static uint64_t read_el1(uint16_t sysreg)
{
	uint64_t value = 0;

	assert_int_equal(model_read(&model, sysreg, false, &value), ACCESS_OK);
	return value;
}

static void work(uint64_t instructions)
{
	model_work(&model, false, instructions);
}

/* counting.switched, counting.reset */
static void counts_while_enabled(void **state)
{
	(void)state;
	start(&six, 0);
	write_el1(PMCCNTR_EL0, 1000);
	work(50);
	write_el1(PMCNTENSET_EL0, BIT(CYCLE));
	work(50);
	assert_int_equal(read_el1(PMCCNTR_EL0), 1000);
	write_el1(PMCR_EL0, PMCR_LC | PMCR_E);
	work(7);
	assert_int_equal(read_el1(PMCCNTR_EL0), 1007);
	write_el1(PMCNTENCLR_EL0, BIT(CYCLE));
	work(7);
	assert_int_equal(read_el1(PMCCNTR_EL0), 1007);
	write_el1(PMCNTENSET_EL0, BIT(CYCLE));
	write_el1(PMCR_EL0, PMCR_LC | PMCR_E | PMCR_P);
	assert_int_equal(read_el1(PMCCNTR_EL0), 1007);
	write_el1(PMCR_EL0, PMCR_LC | PMCR_E | PMCR_C);
	work(3);
	assert_int_equal(read_el1(PMCCNTR_EL0), 3);
	assert_int_equal(read_el1(PMCR_EL0), PMCR_LC | PMCR_E | PMCR_WITH_N(6));
}

/* counting.cycle_width, state.width */
static void overflows_where_lc_says(void **state)
{
	(void)state;
	start(&six, 0);
	write_el1(PMCNTENSET_EL0, BIT(CYCLE));
	write_el1(PMCR_EL0, PMCR_LC | PMCR_E);
	write_el1(PMCCNTR_EL0, BIT(32) - 10);
	work(20);
	assert_int_equal(read_el1(PMOVSSET_EL0), 0);
	write_el1(PMCCNTR_EL0, BIT(32) - 10);
	write_el1(PMCR_EL0, PMCR_E);
	work(9);
	assert_int_equal(read_el1(PMOVSSET_EL0), 0);
	work(1);
	assert_int_equal(read_el1(PMOVSSET_EL0), BIT(CYCLE));
	assert_int_equal(read_el1(PMCCNTR_EL0), BIT(32));
	write_el1(PMOVSCLR_EL0, ALL);
	write_el1(PMCR_EL0, PMCR_LC | PMCR_E);
	write_el1(PMCCNTR_EL0, -(uint64_t)5);
	work(6);
	assert_int_equal(read_el1(PMOVSSET_EL0), BIT(CYCLE));
	assert_int_equal(read_el1(PMCCNTR_EL0), 1);

	start(&six, 1u << QUIRK_LC_LATE);
	write_el1(PMCNTENSET_EL0, BIT(CYCLE));
	write_el1(PMCR_EL0, PMCR_LC | PMCR_E);
	write_el1(PMCCNTR_EL0, BIT(32) - 10);
	write_el1(PMCR_EL0, PMCR_E);
	work(20);
	assert_int_equal(read_el1(PMOVSSET_EL0), 0);
}

/* counting.sw_incr, counting.chain, overflow.software */
static void pairs_carry(void **state)
{
	(void)state;
	start(&six, 0);
	write_el1(PMEVTYPER_EL0(1), EVENT_CHAIN);
	write_el1(PMEVCNTR_EL0(0), 0xfffffffe);
	write_el1(PMEVCNTR_EL0(1), 0xffffffff);
	write_el1(PMCNTENSET_EL0, 3);
	write_el1(PMSWINC_EL0, 1); /* PMCR_EL0.E is off */
	write_el1(PMCR_EL0, PMCR_E);
	write_el1(PMINTENSET_EL1, 2);
	write_el1(PMSWINC_EL0, 1);
	assert_int_equal(read_el1(PMEVCNTR_EL0(0)), 0xffffffff);
	assert_false(model_line(&model));
	write_el1(PMSWINC_EL0, 3);
	assert_int_equal(read_el1(PMEVCNTR_EL0(0)), 0);
	assert_int_equal(read_el1(PMEVCNTR_EL0(1)), 0);
	assert_int_equal(read_el1(PMOVSSET_EL0), 3);
	assert_true(model_line(&model));
	write_el1(PMCR_EL0, 0);
	assert_false(model_line(&model));
	/* Only odd counters chain: counting.chain_odd. */
	write_el1(PMCR_EL0, PMCR_E);
	write_el1(PMEVTYPER_EL0(1), EVENT_SW_INCR);
	write_el1(PMEVTYPER_EL0(2), EVENT_CHAIN);
	write_el1(PMEVCNTR_EL0(1), 0xffffffff);
	write_el1(PMCNTENSET_EL0, 7);
	write_el1(PMSWINC_EL0, 2);
	assert_int_equal(read_el1(PMEVCNTR_EL0(2)), 0);
}

/* counting.levels, counting.filter */
static void filters_by_level_and_event(void **state)
{
	struct model_setup setup = { .events = 0xffff, .n = 6, .no_instructions = true };

	(void)state;
	start(&setup, 0);
	write_el1(PMCCFILTR_EL0, FILTER_P);
	write_el1(PMEVTYPER_EL0(0), EVENT_CPU_CYCLES | FILTER_U);
	write_el1(PMEVTYPER_EL0(1), EVENT_INST_RETIRED);
	write_el1(PMCNTENSET_EL0, ALL);
	write_el1(PMCR_EL0, PMCR_E);
	work(10);
	model_work(&model, true, 3);
	assert_int_equal(read_el1(PMCCNTR_EL0), 3);
	assert_int_equal(read_el1(PMEVCNTR_EL0(0)), 10);
	assert_int_equal(read_el1(PMEVCNTR_EL0(1)), 0);
}

/* registers.undefined, registers.lowered, registers.bitmap, registers.selector */
static void there_are_n_counters(void **state)
{
	struct model_setup two = { .events = 0xffff, .n = 2 }, none = { .n = 0, .anywhere = true };
	uint64_t value;

	(void)state;
	start(&two, 0);
	write_el1(PMCNTENSET_EL0, ALL);
	assert_int_equal(read_el1(PMCNTENCLR_EL0), BIT(CYCLE) | 3);
	assert_int_equal(model_read(&model, PMEVCNTR_EL0(2), false, &value), ACCESS_UNDEFINED);
	write_el1(PMSELR_EL0, 2);
	assert_int_equal(model_write(&model, PMXEVTYPER_EL0, false, 0), ACCESS_UNDEFINED);
	write_el1(PMSELR_EL0, CYCLE);
	write_el1(PMXEVTYPER_EL0, FILTER_P | EVENT_CPU_CYCLES);
	assert_int_equal(read_el1(PMCCFILTR_EL0), FILTER_P);
	start(&none, 0);
	write_el1(PMOVSSET_EL0, ALL);
	assert_int_equal(read_el1(PMOVSCLR_EL0), BIT(CYCLE));
	assert_int_equal(model_write(&model, PMEVCNTR_EL0(0), false, 0), ACCESS_UNDEFINED);
}

/* registers.el0, registers.el0-class */
static void el0_may_what_it_is_allowed(void **state)
{
	static const struct {
		uint64_t user;
		uint16_t sysreg;
		bool write;
		int access;
	} rows[] = {
		{ 0, PMCCNTR_EL0, false, ACCESS_TRAPPED },
		{ PMUSERENR_CR, PMCCNTR_EL0, false, ACCESS_OK },
		{ PMUSERENR_CR, PMCCNTR_EL0, true, ACCESS_TRAPPED },
		{ PMUSERENR_CR, PMEVCNTR_EL0(0), false, ACCESS_TRAPPED },
		{ PMUSERENR_ER, PMEVCNTR_EL0(0), false, ACCESS_OK },
		{ PMUSERENR_ER, PMEVCNTR_EL0(0), true, ACCESS_TRAPPED },
		{ PMUSERENR_ER, PMSELR_EL0, true, ACCESS_OK },
		{ PMUSERENR_ER, PMXEVCNTR_EL0, false, ACCESS_OK },
		{ PMUSERENR_ER, PMXEVTYPER_EL0, false, ACCESS_TRAPPED },
		{ PMUSERENR_SW, PMSWINC_EL0, true, ACCESS_OK },
		{ PMUSERENR_SW, PMOVSSET_EL0, true, ACCESS_TRAPPED },
		{ PMUSERENR_EN, PMCR_EL0, true, ACCESS_OK },
		{ PMUSERENR_EN, PMINTENSET_EL1, true, ACCESS_UNDEFINED },
		{ PMUSERENR_EN, PMUSERENR_EL0, true, ACCESS_UNDEFINED },
		{ 0, PMUSERENR_EL0, false, ACCESS_OK },
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(&six, 0);
		write_el1(PMUSERENR_EL0, rows[i].user);
		assert_int_equal(rows[i].write ? model_write(&model, rows[i].sysreg, true, 0)
					       : model_read(&model, rows[i].sysreg, true, &value),
				 rows[i].access);
	}
	start(&six, 1u << QUIRK_EL0_CLASS);
	assert_int_equal(model_read(&model, PMCR_EL0, true, &value), ACCESS_UNDEFINED);
}

/* counting.cycles, counting.frozen, interface.refused */
static void modes_differ_on_another_pmu(void **state)
{
	struct model_setup composite = { .events = 0xffff, .n = 0, .anywhere = true };
	struct model_setup chosen = { .events = 0xffff, .n = 6, .refuses = true };

	(void)state;
	start(&six, 0);
	write_el1(PMCNTENSET_EL0, BIT(CYCLE));
	write_el1(PMCR_EL0, PMCR_E);
	assert_true(model_hop(&model, 1));
	work(10);
	assert_int_equal(read_el1(PMCCNTR_EL0), 0);
	assert_true(model_hop(&model, 0));
	work(10);
	assert_int_equal(read_el1(PMCCNTR_EL0), 10);
	start(&composite, 0);
	write_el1(PMCNTENSET_EL0, BIT(CYCLE));
	write_el1(PMCR_EL0, PMCR_E);
	assert_true(model_hop(&model, 1));
	work(10);
	assert_int_equal(read_el1(PMCCNTR_EL0), 10);
	start(&chosen, 0);
	assert_false(model_hop(&model, 1));
	model_migrate(&model, 1);
	assert_true(model_hop(&model, 1));
	assert_false(model_hop(&model, 0));
}

/* state.set_counter, state.set_enable, state.set_event, state.set_overflow */
static void userspace_sets(void **state)
{
	(void)state;
	for (int faulty = 0; faulty < 2; faulty++) {
		start(&six,
		      faulty ? 1u << QUIRK_SET_ADDS | 1u << QUIRK_SET_ENABLE | 1u << QUIRK_SET_EVENT
			     : 0);
		write_el1(PMCNTENSET_EL0, BIT(CYCLE));
		write_el1(PMCR_EL0, PMCR_E);
		work(5);
		model_set(&model, PMCCNTR_EL0, 100);
		assert_int_equal(model_get(&model, PMCCNTR_EL0), faulty ? 105 : 100);
		model_set(&model, PMCCFILTR_EL0, FILTER_P);
		work(5);
		assert_int_equal(model_get(&model, PMCCNTR_EL0), faulty ? 110 : 100);
		model_set(&model, PMCCFILTR_EL0, 0);
		model_set(&model, PMCNTENSET_EL0, 0);
		work(5);
		assert_int_equal(model_get(&model, PMCCNTR_EL0), faulty ? 115 : 100);
		model_set(&model, PMINTENSET_EL1, 1);
		model_set(&model, PMOVSSET_EL0, 1);
		assert_true(model_line(&model));
		model_set(&model, PMOVSSET_EL0, 2);
		assert_false(model_line(&model));
	}
}

/* counting.el0_written */
static void el0_stops_until_an_exit(void **state)
{
	(void)state;
	start(&six, 1u << QUIRK_EL0_STOPS);
	write_el1(PMCNTENSET_EL0, BIT(CYCLE));
	write_el1(PMCR_EL0, PMCR_E);
	write_el1(PMCCNTR_EL0, 0);
	model_work(&model, true, 10);
	assert_int_equal(read_el1(PMCCNTR_EL0), 0);
	model_exit(&model);
	model_work(&model, true, 10);
	assert_int_equal(read_el1(PMCCNTR_EL0), 10);
}

/* The exit in which KVM hears of an event counter's overflow mends what its own access breaks. */
static void a_late_overflow_starts_el0(void **state)
{
	(void)state;
	start(&six, 1u << QUIRK_EL0_STOPS);
	write_el1(PMEVTYPER_EL0(0), EVENT_INST_RETIRED);
	write_el1(PMEVCNTR_EL0(0), ALL - 4);
	write_el1(PMCNTENSET_EL0, BIT(0));
	write_el1(PMCR_EL0, PMCR_E);
	model_work(&model, false, 10);
	write_el1(PMEVCNTR_EL0(0), 0);
	model_work(&model, true, 10);
	assert_int_equal(read_el1(PMEVCNTR_EL0(0)), 10);
	write_el1(PMEVCNTR_EL0(0), 0);
	model_work(&model, true, 10);
	assert_int_equal(read_el1(PMEVCNTR_EL0(0)), 0);
}

/* PMCR_EL0.LP, where there is one. */
static void lp_moves_the_overflow(void **state)
{
	struct model_setup wide = six;

	(void)state;
	wide.wide = true;
	for (int lp = 0; lp < 2; lp++) {
		start(lp ? &wide : &six, 0);
		write_el1(PMEVTYPER_EL0(0), EVENT_INST_RETIRED);
		write_el1(PMEVCNTR_EL0(0), ALL - 4);
		write_el1(PMCNTENSET_EL0, BIT(0));
		write_el1(PMCR_EL0, PMCR_E);
		write_el1(PMCR_EL0, PMCR_E | PMCR_LP);
		model_work(&model, false, 10);
		assert_int_equal(read_el1(PMOVSSET_EL0), lp ? 0 : BIT(0));
	}
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_while_enabled),
		cmocka_unit_test(overflows_where_lc_says),
		cmocka_unit_test(pairs_carry),
		cmocka_unit_test(filters_by_level_and_event),
		cmocka_unit_test(there_are_n_counters),
		cmocka_unit_test(el0_may_what_it_is_allowed),
		cmocka_unit_test(modes_differ_on_another_pmu),
		cmocka_unit_test(userspace_sets),
		cmocka_unit_test(el0_stops_until_an_exit),
		cmocka_unit_test(a_late_overflow_starts_el0),
		cmocka_unit_test(lp_moves_the_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
