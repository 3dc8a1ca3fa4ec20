/* SPDX-License-Identifier: MIT */
/*
 * What several threads do at once to what they share: nothing is lost, torn or out of order.
 * scripts/test runs this under ThreadSanitizer too, which sees a lock that is not taken.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/pl011.h"
#include "fail_capture.h"
#include "fake_host.h"
#include "report/record.h"

static struct output_room room;

#define BYTES 20000 /* of each of the two vCPUs; a newline behind each 16 */
#define LINES 2000
#define KEYS  5000

enum { DR = 0x00, FR = 0x18, LCR_H = 0x2c, IMSC = 0x38, FEN = 0x10, RXFE = 0x10, INT_RX = 0x10 };

static struct output output;
static struct pl011 uart;
static struct record record;
static struct host host;
static int out[2];
static atomic_bool done;
static bool level; /* the UART's lock guards it */

static void nothing(void *owner)
{
	(void)owner;
}

static void on_irq(void *owner, bool now)
{
	(void)owner;
	assert_true(now != level);
	level = now;
}

static int setup(void **state)
{
	static const struct pl011_host guest = { .set_irq = on_irq, .want_input = nothing };

	(void)state;
	level = false;
	atomic_store(&done, false);
	assert_int_equal(pipe(out), 0);
	output_init(&output, &room, out[1], nothing, NULL);
	pl011_init(&uart, &output, &guest);
	return 0;
}

static pthread_t start(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, body, argument), 0);
	return thread;
}

static void write_at(uint64_t offset, uint64_t value)
{
	struct bus_access access = { .offset = offset, .length = 4, .write = true, .value = value };

	pl011_access(&uart, &access);
}

static uint64_t read_at(uint64_t offset)
{
	struct bus_access access = { .offset = offset, .length = 4 };

	pl011_access(&uart, &access);
	return access.value;
}

/* A vCPU's letters: 'A' or 'a' and those behind it, round and round. */
static void *write_letters(void *first)
{
	for (int i = 0; i < BYTES; i++) {
		write_at(DR, (uint64_t)(*(const char *)first + i % 26));
		if (i % 16 == 15)
			write_at(DR, '\n');
	}
	return NULL;
}

/* The main thread, and then the end of the run. */
static void *flush(void *unused)
{
	(void)unused;
	while (!atomic_load(&done))
		output_flush(&output);
	while (!output_flush(&output))
		;
	close(out[1]);
	return NULL;
}

static void *join_writers(void *writers)
{
	for (int i = 0; i < 2; i++)
		pthread_join(((pthread_t *)writers)[i], NULL);
	atomic_store(&done, true);
	return NULL;
}

static void two_vcpus_write_while_the_main_thread_flushes(void **state)
{
	char firsts[] = { 'A', 'a' };
	pthread_t writers[2], flusher, joiner;
	int letters[2] = { 0 }, newlines = 0;
	char text[4096];
	ssize_t got;

	(void)state;
	for (int i = 0; i < 2; i++)
		writers[i] = start(write_letters, &firsts[i]);
	flusher = start(flush, NULL);
	joiner = start(join_writers, writers);
	while ((got = read(out[0], text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < got; i++) {
			int vcpu = text[i] >= 'a';

			if (text[i] == '\n')
				newlines++;
			else
				assert_int_equal(text[i], firsts[vcpu] + letters[vcpu]++ % 26);
		}
	pthread_join(joiner, NULL);
	pthread_join(flusher, NULL);
	assert_int_equal(letters[0], BYTES);
	assert_int_equal(letters[1], BYTES);
	assert_int_equal(newlines, 2 * (BYTES / 16));
	close(out[0]);
}

/* The main thread's side of the console. */
static void *type(void *unused)
{
	(void)unused;
	for (uint16_t key = 0; key < KEYS;) {
		uint16_t keys[3] = { key & 0xff, (key + 1) & 0xff, (key + 2) & 0xff };

		key = (uint16_t)(key + pl011_input(&uart, keys, key + 3 <= KEYS ? 3 : 1));
		(void)pl011_listens(&uart);
	}
	return NULL;
}

static void *toggle_interrupts(void *unused)
{
	(void)unused;
	while (!atomic_load(&done)) {
		write_at(IMSC, INT_RX);
		write_at(IMSC, 0);
	}
	return NULL;
}

static void a_vcpu_reads_what_is_typed_while_another_writes(void **state)
{
	pthread_t typist, other;

	(void)state;
	write_at(LCR_H, FEN);
	typist = start(type, NULL);
	other = start(toggle_interrupts, NULL);
	for (int key = 0; key < KEYS;)
		if (!(read_at(FR) & RXFE))
			assert_int_equal(read_at(DR), key++ & 0xff);
	atomic_store(&done, true);
	pthread_join(typist, NULL);
	pthread_join(other, NULL);
	assert_false(level);
	close(out[0]);
	close(out[1]);
}

static void *record_lines(void *number)
{
	int vcpu = *(int *)number;

	for (uint32_t i = 0; i < LINES; i++) {
		struct lab_record guest = { .window = i };
		struct window window = { .vcpu = vcpu, .pmu = vcpu, .record = &guest };

		record_window(&record, &host, &window);
	}
	return NULL;
}

static void lines_of_two_vcpus_are_whole(void **state)
{
	static const char tail[] = "\"events\":{}}\n";
	static char text[2 * LINES * 400];
	int numbers[] = { 0, 1 }, fd = memfd_create("record", 0);
	uint32_t next[] = { 0, 0 };
	char path[32], *line = text;
	pthread_t writers[2];

	(void)state;
	fake_host(&host, "0-1");
	fake_host_pmu(&host, "armv8_cortex_a53", "0");
	fake_host_pmu(&host, "armv8_cortex_a72", "1");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_well(record_open(&record, path, 0));
	for (int i = 0; i < 2; i++)
		writers[i] = start(record_lines, &numbers[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	assert_well(record_close(&record));
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	for (int i = 0; i < 2 * LINES; i++) {
		char *end = strchr(line, '\n');
		int vcpu = 0;
		uint32_t window;

		assert_non_null(end);
		assert_int_equal(sscanf(line, "{\"type\":\"window\",\"vcpu\":%d,\"window\":%u,",
					&vcpu, &window),
				 2);
		assert_int_equal(window, next[vcpu]++);
		assert_memory_equal(end + 1 - strlen(tail), tail, strlen(tail));
		line = end + 1;
	}
	assert_string_equal(line, "");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(two_vcpus_write_while_the_main_thread_flushes, setup),
		cmocka_unit_test_setup(a_vcpu_reads_what_is_typed_while_another_writes, setup),
		cmocka_unit_test(lines_of_two_vcpus_are_whole),
	};

	alarm(100); /* a thread that waits for ever fails */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
