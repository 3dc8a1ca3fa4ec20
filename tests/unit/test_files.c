/* SPDX-License-Identifier: MIT */
/* Files that must not be one another, however they are named. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "output/files.h"

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

/* More than a pipe holds; returns how much it was, 0 if it was not what was written. */
static void *read_slowly(void *unused)
{
	int fd = open(fifo, O_RDONLY | O_CLOEXEC);
	uintptr_t size = 0;
	uint8_t bytes[999];
	ssize_t got;

	(void)unused;
	while ((got = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] != (uint8_t)(size++ % 251))
				return NULL;
	close(fd);
	return (void *)size;
}

static void a_fifo_is_written_as_its_reader_takes_it(void **state)
{
	static uint8_t bytes[200000];
	void *size;
	pthread_t reader;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 251);
	assert_int_equal(pthread_create(&reader, NULL, read_slowly, NULL), 0);
	fd = files_create(fifo, 60);
	assert_true(fd >= 0);
	assert_true(files_write(fd, bytes, sizeof(bytes), 60));
	close(fd);
	pthread_join(reader, &size);
	assert_int_equal((uintptr_t)size, sizeof(bytes));
}

static void nobody_waits_for_ever_for_a_reader(void **state)
{
	static uint8_t bytes[200000];
	int fd, reader;

	(void)state;
	assert_int_equal(files_create(fifo, 1), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_failed(files_fail_create("--dtb-out", fifo, 1), STATUS_TIMEOUT,
		      "nobody opened this FIFO");
	reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fd = files_create(fifo, 1);
	assert_true(fd >= 0);
	assert_false(files_write(fd, bytes, sizeof(bytes), 1));
	assert_int_equal(errno, ETIMEDOUT);
	close(reader);
	close(fd);
	assert_int_equal(files_create(root, 1), -1);
	assert_failed(files_fail_create("--dtb-out", root, 1), STATUS_INPUT, "cannot be written");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_input_is_not_overwritten),
		TEST(outputs_differ_even_if_they_are_new),
		TEST(what_a_shell_has_opened_counts),
		TEST(a_fifo_is_written_as_its_reader_takes_it),
		TEST(nobody_waits_for_ever_for_a_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
