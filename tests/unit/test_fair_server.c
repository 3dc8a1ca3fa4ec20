/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/regress/fair_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define OTHERS                                                                                     \
	"cpu: 0\n clock 0:\nactive timers:\n"                                                      \
	" #0: <(____ptrval____)>, tick_nohz_handler, S:01\n"                                       \
	" # expires at 66000000-66000000 nsecs [in 828592 to 828592 nsecs]\n"
#define SERVER(due)                                                                                \
	" #1: <(____ptrval____)>, dl_task_timer, S:01\n"                                           \
	" # expires at " due "-" due " nsecs [in 9 to 9 nsecs]\n"

static int64_t due(const char *text)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int64_t first;

	assert_non_null(file);
	first = fair_server_due(file);
	fclose(file);
	return first;
}

/* Of all CPUs, and of no other timer. */
static void finds_the_first(void **state)
{
	(void)state;
	assert_int_equal(due(OTHERS), FAIR_SERVER_NEVER);
	assert_int_equal(due(OTHERS SERVER("1015149232")), 1015149232);
	assert_int_equal(due(SERVER("1015149232") OTHERS SERVER("953000000") SERVER("1003004176")),
			 953000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
