/* SPDX-License-Identifier: MIT */
/* Addresses without a device: each is new once, and their number is bounded. */
#include "devices/unmapped.h"
#include "fail_capture.h"

static void each_is_new_once(void **state)
{
	struct unmapped unmapped = { 0 };

	(void)state;
	assert_int_equal(unmapped_note(&unmapped, 0), UNMAPPED_NEW);
	assert_int_equal(unmapped_note(&unmapped, 0), UNMAPPED_KNOWN);
	assert_int_equal(unmapped_note(&unmapped, UINT64_MAX), UNMAPPED_NEW);
	assert_int_equal(unmapped_note(&unmapped, 0), UNMAPPED_KNOWN);
	assert_int_equal(unmapped_note(&unmapped, UINT64_MAX), UNMAPPED_KNOWN);
}

static void there_is_a_last_one(void **state)
{
	struct unmapped unmapped = { 0 };

	(void)state;
	for (uint64_t i = 0; i < UNMAPPED_MAX; i++)
		assert_int_equal(unmapped_note(&unmapped, i),
				 i < UNMAPPED_MAX - 1 ? UNMAPPED_NEW : UNMAPPED_LAST);
	for (uint64_t i = 0; i < 2 * UNMAPPED_MAX; i++)
		assert_int_equal(unmapped_note(&unmapped, i),
				 i < UNMAPPED_MAX ? UNMAPPED_KNOWN : UNMAPPED_MORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_new_once),
		cmocka_unit_test(there_is_a_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
