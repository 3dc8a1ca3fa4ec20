/* SPDX-License-Identifier: MIT */
/* Files that must not be one another, however they are named. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "files.h"

#define LONG_PATH (FAKE_ROOT + 32)

static char root[FAKE_ROOT], image[LONG_PATH], link_to[LONG_PATH], fresh[LONG_PATH],
	again[LONG_PATH], fifo[LONG_PATH];

static int setup(void **state)
{
	(void)state;
	fail_reset();
	fake_tree(root);
	fake_file(root, "image", "a guest");
	snprintf(image, sizeof(image), "%s/image", root);
	snprintf(link_to, sizeof(link_to), "%s/link", root);
	snprintf(fresh, sizeof(fresh), "%s/new", root);
	snprintf(again, sizeof(again), "%s/./new", root);
	snprintf(fifo, sizeof(fifo), "%s/fifo", root);
	assert_int_equal(link(image, link_to), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_tree_remove(root);
	return 0;
}

static enum status pair(const char *output, const char *other, bool written)
{
	const struct named_file files[] = {
		{ "the guest", other, -1, written },
		{ "--record", output, -1, true },
		{ "--trace", NULL, -1, true },
	};

	return files_differ(files, 3);
}

static void an_input_is_not_overwritten(void **state)
{
	char text[8] = "";
	int fd;

	(void)state;
	assert_failed(pair(image, image, false), STATUS_USAGE, "would overwrite the guest");
	assert_failed(pair(link_to, image, false), STATUS_USAGE, "name another");
	fd = open(image, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, 7), 7);
	assert_string_equal(text, "a guest");
	close(fd);
	assert_well(pair(fresh, image, false));
}

static void outputs_differ_even_if_they_are_new(void **state)
{
	(void)state;
	assert_failed(pair(fresh, again, true), STATUS_USAGE, "same file");
	assert_failed(pair(fifo, fifo, true), STATUS_USAGE, "same file");
	assert_well(pair("/dev/null", "/dev/null", true));
	assert_well(pair("/no/such/folder", "/no/such/folder", true));
}

static void what_a_shell_has_opened_counts(void **state)
{
	int fd = open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	const struct named_file files[] = { { "--record", again, -1, true },
					    { "stdout", NULL, fd, true },
					    { "stderr", NULL, fd, true } };

	(void)state;
	assert_failed(files_differ(files, 3), STATUS_USAGE, "would overwrite stdout");
	assert_well(files_differ(files + 1, 2)); /* 2>&1 */
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_input_is_not_overwritten),
		TEST(outputs_differ_even_if_they_are_new),
		TEST(what_a_shell_has_opened_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
