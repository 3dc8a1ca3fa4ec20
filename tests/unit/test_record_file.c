/* SPDX-License-Identifier: MIT */
/* --record: lines reach the file whole, and a record that lost one says so. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "report/record.h"

#define LONG_PATH (FAKE_ROOT + 32)

static char root[FAKE_ROOT], path[LONG_PATH];
static struct record full_record;

static int setup(void **state)
{
	(void)state;
	fail_reset();
	fake_tree(root);
	snprintf(path, sizeof(path), "%s/record", root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_tree_remove(root);
	return 0;
}

/* The file's whole text, to be freed. */
static char *text_of(const char *name)
{
	FILE *file = fopen(name, "r");
	size_t size = 1 << 20, used;
	char *text = malloc(size);

	assert_non_null(file);
	assert_non_null(text);
	used = fread(text, 1, size - 1, file);
	assert_true(used < size - 1);
	text[used] = '\0';
	fclose(file);
	return text;
}

static void no_path_records_nothing(void **state)
{
	struct choice choice = { .mode = PMU_OFF, .pmu = -1 };
	const struct host host = { 0 };
	struct lab_record guest = { 0 };
	struct window window = { .record = &guest };
	static struct record record;

	(void)state;
	assert_well(record_open(&record, NULL, 0));
	assert_null(record.lines.file);
	record_run(&record, &host, &choice, 1, 62500000);
	record_window(&record, &host, &window);
	record_hop(&record, 0, 0, 1, 1);
	record_refusal(&record, 0, 0, 1, 1);
	record_end(&record, 0, 1);
	assert_well(record_close(&record));
}

static void what_cannot_be_written_is_refused(void **state)
{
	static struct record record;
	char bad[LONG_PATH + 8];

	(void)state;
	assert_failed(record_open(&record, root, 0), STATUS_INPUT, root);
	assert_null(record.lines.file);
	snprintf(bad, sizeof(bad), "%s/no/file", root);
	assert_failed(record_open(&record, bad, 0), STATUS_INPUT, "No such file");
	assert_well(record_close(&record));
}

/* Makes @fd another descriptor of an empty file at the usual path. */
static void replace(int fd)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(file >= 0);
	assert_int_equal(dup2(file, fd), fd);
	close(file);
}

static void a_full_disk_is_told(void **state)
{
	static struct record record;
	char *text;

	(void)state;
	/* Found out only when the record is closed... */
	assert_well(record_open(&record, "/dev/full", 0));
	record_hop(&record, 0, 1, 2, 3);
	assert_failed(record_close(&record), STATUS_INPUT, "No space left");
	/* ... and long before, with room again at the end: nothing may come after the hole. */
	assert_well(record_open(&record, "/dev/full", 0));
	for (int i = 0; i < 10000; i++)
		record_hop(&record, 0, 1, 2, 3);
	replace(record.lines.output.fd);
	assert_failed(record_close(&record), STATUS_INPUT, "--record=/dev/full: its first 0 bytes");
	text = text_of(path);
	assert_string_equal(text, "");
	free(text);
}

#define FULL_LINES 3000 /* of these there is room for some, and for a piece of the next */
#define FULL_SIZE  100000

/* SIGXFSZ is ignored: a write beyond the limit fails with EFBIG, and one up to it is short. */
static void what_fits_is_kept_in_whole_lines(void **state)
{
	struct rlimit before, limit;
	static struct record record;
	const char *line = "{\"type\":\"hop\",\"vcpu\":0,\"from\":1,\"to\":2,\"time_ns\":3}\n";
	size_t lines = FULL_SIZE / strlen(line);
	char *text;

	(void)state;
	assert_int_not_equal(FULL_SIZE % strlen(line), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){ FULL_SIZE, before.rlim_max };
	assert_well(record_open(&record, path, 0));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; i < FULL_LINES; i++)
		record_hop(&record, 0, 1, 2, 3);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_failed(record_close(&record), STATUS_INPUT, "the rest is lost: File too large");
	text = text_of(path);
	assert_int_equal(strlen(text), lines * strlen(line));
	for (size_t i = 0; i < lines; i++)
		assert_memory_equal(text + i * strlen(line), line, strlen(line));
	free(text);
}

static void count_one(void *count)
{
	++*(int *)count;
}

/* Lines of 52 bytes: the file ends with the last that fits, and what comes later is not there. */
static void a_limit_keeps_whole_lines(void **state)
{
	static const struct {
		uint64_t limit;
		size_t lines;
	} limits[] = { { 1, 0 }, { 51, 0 }, { 52, 1 }, { 103, 1 }, { 104, 2 }, { 99999, 1923 } };
	const char *line = "{\"type\":\"hop\",\"vcpu\":0,\"from\":1,\"to\":2,\"time_ns\":3}\n";

	(void)state;
	assert_int_equal(strlen(line), 52);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int reached = 0;
		static struct record record;
		char *text;

		assert_well(record_open(&record, path, 0));
		lines_limit(&record.lines, limits[i].limit, count_one, &reached);
		for (int n = 0; n < FULL_LINES; n++)
			record_hop(&record, 0, 1, 2, 3);
		assert_failed(record_close(&record), STATUS_INPUT, "(--limit raises it)");
		assert_int_equal(reached, 1);
		text = text_of(path);
		assert_int_equal(strlen(text), limits[i].lines * 52);
		free(text);
	}
}

static void a_limit_that_is_not_passed_does_nothing(void **state)
{
	int reached = 0;
	static struct record record;

	(void)state;
	assert_well(record_open(&record, path, 0));
	lines_limit(&record.lines, 52 * FULL_LINES, count_one, &reached);
	for (int n = 0; n < FULL_LINES; n++)
		record_hop(&record, 0, 1, 2, 3);
	assert_well(record_close(&record));
	assert_int_equal(reached, 0);
}

static void nothing(int number)
{
	(void)number;
}

static atomic_bool ended;

/* Again and again: on a busy machine some come before the write that waits. */
static void *end_the_run(void *argument)
{
	pthread_t vcpu = *(pthread_t *)argument;

	usleep(50000);
	output_set_nonblocking(&full_record.lines.output, true);
	while (!atomic_load(&ended)) {
		pthread_kill(vcpu, SIGUSR1);
		usleep(50000);
	}
	return NULL;
}

static void *record_hops(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10 * FULL_LINES; i++) /* more than a pipe and memory hold */
		record_hop(&full_record, 0, 1, 2, 3);
	atomic_store(&ended, true);
	return NULL;
}

/*
 * A vCPU's thread waits for a FIFO's reader, until the run's end; meanwhile the main thread, which
 * opened it, adds a hop while there is room and asks before it does.
 */
static void nobody_waits_for_ever_for_a_reader(void **state)
{
	const struct sigaction quiet = { .sa_handler = nothing };
	pthread_t vcpu, helper;
	int reader, hops = 0;

	(void)state;
	atomic_store(&ended, false);
	assert_int_equal(sigaction(SIGUSR1, &quiet, NULL), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_well(record_open(&full_record, path, 0));
	assert_int_equal(pthread_create(&vcpu, NULL, record_hops, NULL), 0);
	assert_int_equal(pthread_create(&helper, NULL, end_the_run, &vcpu), 0);
	while (!atomic_load(&ended))
		for (; lines_room(&full_record.lines) && !atomic_load(&ended); hops++)
			record_hop(&full_record, 1, 2, 1, 4);
	pthread_join(vcpu, NULL);
	pthread_join(helper, NULL);
	assert_true(hops > 10);
	assert_failed(record_close(&full_record), STATUS_INPUT, "the reader stopped reading");
	close(reader);
}

/* It is waited for, but not for ever. */
static void a_fifo_without_a_reader_is_told(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_failed(record_open(&full_record, path, 1), STATUS_TIMEOUT,
		      "nobody opened this FIFO");
	assert_well(record_close(&full_record));
}

/* A guest's console writes to the same descriptor behind stdio's back. */
static void stdout_gets_whole_lines_at_once(void **state)
{
	int saved = dup(STDOUT_FILENO);
	static struct record record;
	char *text;

	(void)state;
	fflush(stdout);
	replace(STDOUT_FILENO);
	record_open(&record, "-", 0);
	record_hop(&record, 0, 1, 2, 3);
	if (write(STDOUT_FILENO, "guest\n", 6) != 6)
		abort();
	record_end(&record, 0, 4);
	record_close(&record);
	/* Closing the record leaves stdout open. */
	if (write(STDOUT_FILENO, "bye\n", 4) != 4)
		abort();
	dup2(saved, STDOUT_FILENO);
	close(saved);
	text = text_of(path);
	assert_string_equal(text,
			    "{\"type\":\"hop\",\"vcpu\":0,\"from\":1,\"to\":2,\"time_ns\":3}\n"
			    "guest\n{\"type\":\"end\",\"status\":0,\"time_ns\":4}\nbye\n");
	free(text);
}

#define WINDOWS 500

static void *write_windows(void *record)
{
	const struct host host = { 0 };
	struct lab_record guest = { .nevents = 1, .events = { { 0x11, 0, 12 } } };
	struct window window = { .pmu = -1, .record = &guest };

	for (int i = 0; i < WINDOWS; i++)
		record_window(record, &host, &window);
	return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
	pthread_t threads[4];
	static struct record record;
	const char *end = ":{\"0x11\":12}}";
	char *text, *line, *rest;
	int lines = 0;

	(void)state;
	assert_well(record_open(&record, path, 0));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_windows, &record), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_well(record_close(&record));
	text = text_of(path);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		assert_memory_equal(line, "{\"type\":\"window\"", 16);
		assert_string_equal(line + strlen(line) - strlen(end), end);
		lines++;
	}
	assert_int_equal(lines, 4 * WINDOWS);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_path_records_nothing),
		TEST(what_cannot_be_written_is_refused),
		TEST(a_full_disk_is_told),
		TEST(what_fits_is_kept_in_whole_lines),
		TEST(a_limit_keeps_whole_lines),
		TEST(a_limit_that_is_not_passed_does_nothing),
		TEST(nobody_waits_for_ever_for_a_reader),
		TEST(a_fifo_without_a_reader_is_told),
		TEST(stdout_gets_whole_lines_at_once),
		TEST(threads_do_not_mix_their_lines),
	};

	alarm(60); /* what waits for ever fails */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
