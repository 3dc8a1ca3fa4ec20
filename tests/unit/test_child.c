/* SPDX-License-Identifier: MIT */
/* A case's process: what it says, how it ends, and that it is not waited for longer than it lives.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fail_capture.h"
#include "tests/regress/child.h"

static char notes[CHILD_NOTES];

static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(99);
}

static void say_and_exit(const void *argument)
{
	say("one\ntwo\n");
	_exit(*(const int *)argument);
}

static void returns_status_and_words(void **state)
{
	const int status = RESULT_SKIPPED;

	(void)state;
	assert_int_equal(child_run(say_and_exit, &status, 60, notes), RESULT_SKIPPED);
	assert_string_equal(notes, "one\ntwo\n");
}

/* read() leaves errno alone at the end: what an earlier call left there says nothing. */
static void end_is_no_interruption(void **state)
{
	const int status = RESULT_OK;
	time_t start = time(NULL);

	(void)state;
	errno = EINTR;
	assert_int_equal(child_run(say_and_exit, &status, 20, notes), RESULT_OK);
	assert_true(time(NULL) - start < 15);
}

static void die(const void *argument)
{
	(void)argument;
	say("half a line");
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
}

static void names_the_signal(void **state)
{
	(void)state;
	assert_int_equal(child_run(die, NULL, 60, notes), RESULT_FAILED);
	assert_string_equal(notes, "half a line\nsignal 15 killed it");
}

static void sleep_long(const void *argument)
{
	(void)argument;
	say("asleep\n");
	pause();
}

static void names_the_limit(void **state)
{
	(void)state;
	assert_int_equal(child_run(sleep_long, NULL, 1, notes), RESULT_FAILED);
	assert_string_equal(notes, "asleep\nit did not end within 1 s");
}

static void say_much_and_die(const void *argument)
{
	(void)argument;
	for (int i = 0; i < 5000; i++)
		say("a line\n");
	abort();
}

/* The reason must not be lost among the words: it is what the failure is reported with. */
static void much_leaves_room_for_the_reason(void **state)
{
	const char *reason = "\nsignal 6 killed it";

	(void)state;
	assert_int_equal(child_run(say_much_and_die, NULL, 60, notes), RESULT_FAILED);
	assert_string_equal(notes + strlen(notes) - strlen(reason), reason);
}

static void no_pipe_is_said(void **state)
{
	struct rlimit usual, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	none = (struct rlimit){ 0, usual.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(child_run(die, NULL, 60, notes), RESULT_FAILED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	assert_string_equal(notes, "pipe: Too many open files");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(returns_status_and_words),
		cmocka_unit_test(end_is_no_interruption),
		cmocka_unit_test(names_the_signal),
		cmocka_unit_test(names_the_limit),
		cmocka_unit_test(much_leaves_room_for_the_reason),
		cmocka_unit_test(no_pipe_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
