/* SPDX-License-Identifier: MIT */
/* Windows that cannot be: each kind is found and has its line. */
#include <stdio.h>
#include <stdlib.h>

#include "fail_capture.h"
#include "report/odd.h"

static struct lab_record good(void)
{
	return (struct lab_record){
		.window = 7,
		.pmcr = 0x41,
		.nevents = 2,
		.cntvct_start = 5,
		.cntvct_end = 6,
		.cycles_start = 0x30,
		.cycles_end = 0x20,
		.overflow = 1u << 31,
		.events = { { 0x11, 3, 4 }, { 0x08, 3, 3 }, { 0, 9, 0 } },
	};
}

static void what_can_be_is_not_odd(void **state)
{
	struct lab_record record = good();

	(void)state;
	assert_int_equal(odd_find(&record, true), 0);
	record.pmcr = 0;
	assert_int_equal(odd_find(&record, false), 0);
}

static void counters_that_go_back_are_odd(void **state)
{
	struct lab_record record = good();

	(void)state;
	record.overflow = 1;
	assert_int_equal(odd_find(&record, true), ODD_CYCLES);
	record.interrupts = 1; /* its handler has cleared the flag */
	assert_int_equal(odd_find(&record, true), 0);
	record = good();
	record.events[1].end = 2;
	assert_int_equal(odd_find(&record, true), ODD_EVENT);
	record.overflow |= 2;
	assert_int_equal(odd_find(&record, true), 0);
}

static void time_that_goes_back_is_odd(void **state)
{
	struct lab_record record = good();

	(void)state;
	record.cntvct_end = 4;
	assert_int_equal(odd_find(&record, true), ODD_TIME);
}

static void each_kind_has_a_line(void **state)
{
	struct lab_record record = good();
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	record.overflow = record.pmcr = 0;
	record.events[1].end = 2;
	record.cntvct_end = 4;
	assert_int_equal(odd_find(&record, true), ODD_CYCLES | ODD_EVENT | ODD_TIME | ODD_PMCR);
	odd_print(ODD_CYCLES | ODD_EVENT | ODD_TIME | ODD_PMCR, 3, &record, out);
	fclose(out);
	assert_string_equal(
		text,
		"record: vCPU 3, window 7: PMCCNTR_EL0 went back from 0x30 to 0x20 without an "
		"overflow; further windows like this are not reported\n"
		"record: vCPU 3, window 7: event counter 0x08 went back from 0x3 to 0x2 without an "
		"overflow; further windows like this are not reported\n"
		"record: vCPU 3, window 7: CNTVCT_EL0 went back from 0x5 to 0x4; further windows "
		"like this are not reported\n"
		"record: vCPU 3, window 7: PMCR_EL0 is 0: the guest's PMU is off, or the guest has "
		"not read PMCR_EL0; further windows like this are not reported\n");
	free(text);
}

static void only_what_is_there_is_told(void **state)
{
	struct lab_record record = good();
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	record.cntvct_end = 4;
	odd_print(odd_find(&record, true), 0, &record, out);
	fclose(out);
	assert_string_equal(text, "record: vCPU 0, window 7: CNTVCT_EL0 went back from 0x5 to 0x4; "
				  "further windows like this are not reported\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_be_is_not_odd),
		cmocka_unit_test(counters_that_go_back_are_odd),
		cmocka_unit_test(time_that_goes_back_is_odd),
		cmocka_unit_test(each_kind_has_a_line),
		cmocka_unit_test(only_what_is_there_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
