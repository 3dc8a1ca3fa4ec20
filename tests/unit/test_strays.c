/* SPDX-License-Identifier: MIT */
/* Addresses without a device: each is new once, and their number is bounded. */
#include "fail_capture.h"
#include "strays.h"

static void each_is_new_once(void **state)
{
	struct strays strays = { 0 };

	(void)state;
	assert_int_equal(strays_note(&strays, 0), STRAY_NEW);
	assert_int_equal(strays_note(&strays, 0), STRAY_KNOWN);
	assert_int_equal(strays_note(&strays, UINT64_MAX), STRAY_NEW);
	assert_int_equal(strays_note(&strays, 0), STRAY_KNOWN);
	assert_int_equal(strays_note(&strays, UINT64_MAX), STRAY_KNOWN);
}

static void there_is_a_last_one(void **state)
{
	struct strays strays = { 0 };

	(void)state;
	for (uint64_t i = 0; i < STRAYS_MAX; i++)
		assert_int_equal(strays_note(&strays, i),
				 i < STRAYS_MAX - 1 ? STRAY_NEW : STRAY_LAST);
	for (uint64_t i = 0; i < 2 * STRAYS_MAX; i++)
		assert_int_equal(strays_note(&strays, i),
				 i < STRAYS_MAX ? STRAY_KNOWN : STRAY_MORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_new_once),
		cmocka_unit_test(there_is_a_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
