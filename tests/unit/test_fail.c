/* SPDX-License-Identifier: MIT */
/* The error line itself: what has no room in it is not left out without a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* cmocka has a macro of that name */
#include "base/fail.h"

static char said[4096];

static void keep(void *owner, const char *text, size_t size)
{
	(void)owner;
	assert_true(strlen(said) + size < sizeof(said));
	memcpy(said + strlen(said), text, size);
}

static int setup(void **state)
{
	(void)state;
	memset(said, 0, sizeof(said));
	fail_through(keep, NULL);
	return 0;
}

static void a_line_is_said_whole(void **state)
{
	char text[1024] = "";

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(fail(STATUS_HOST, "%s", text), STATUS_HOST);
	assert_int_equal(strlen(said), strlen("minivmm: ") + strlen(text) + 1);
	assert_non_null(strstr(said, "xxx\n"));
}

static void a_line_that_is_cut_says_so(void **state)
{
	char text[1025] = "";

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(fail(STATUS_HOST, "%s", text), STATUS_HOST);
	assert_non_null(strstr(said, "xxx...\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_is_said_whole, setup),
		cmocka_unit_test_setup(a_line_that_is_cut_says_so, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
