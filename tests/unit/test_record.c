/* SPDX-License-Identifier: MIT */
/* --record: every line is exactly the promised JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "report/record.h"

static struct output_room room;

static struct host host;
static struct record record;
static FILE *file; /* record_close() leaves it open: nothing is freed in the jail */
static char *text;
static size_t size;

static int setup(void **state)
{
	(void)state;
	fake_host(&host, "0-3");
	fake_host_pmu(&host, "armv8_cortex_a53", "0-1");
	fake_host_pmu(&host, "armv8_cortex_a72", "2-3");
	output_init(&record.lines.output, &room, STDOUT_FILENO, NULL, NULL);
	record.lines.opener = pthread_self();
	file = open_memstream(&text, &size);
	record.lines.file = file;
	record.path = "memory";
	assert_non_null(file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fclose(file);
	free(text);
	return 0;
}

static void assert_recorded(const char *want)
{
	assert_well(record_close(&record));
	assert_string_equal(text, want);
}

static struct lab_record guest_record(void)
{
	return (struct lab_record){
		.size = sizeof(struct lab_record),
		.window = 7,
		.overflow = 0x80000000,
		.interrupts = 2,
		.pmcr = 0x41003041,
		.nevents = 3,
		.flags = LAB_TIMED | LAB_AFTER_HOP,
		.cntvct_start = 1000,
		.cntvct_end = 3500,
		.cycles_start = 100,
		.cycles_end = 40106,
		.events = { { 0x11, 5, 40011 }, { 0x0, 8, 9 }, { 0x4008, 0, 12 } },
	};
}

static void lines_are_exact(void **state)
{
	const struct vcpu_state state_of_1 = { "waits", 0xffff800080010004, 1, 12 };
	struct choice choice = { .mode = PMU_EXPLICIT, .pmu = 1 };
	struct lab_record guest = guest_record();
	struct window window = { .vcpu = 1,
				 .cpu = 2,
				 .pmu = 1,
				 .stayed = true,
				 .hops = 3,
				 .time_ns = 123456789012,
				 .record = &guest };

	(void)state;
	record_run(&record, &host, &choice, 2, 62500000);
	record_window(&record, &host, &window);
	record_hop(&record, 0, 1, 3, 5000000000);
	record_refusal(&record, 1, 3, 0, 42);
	record_refusal(&record, 1, 3, -1, 43);
	record_reset(&record, 44);
	record_vcpu(&record, 1, &state_of_1, 45);
	record_end(&record, 71, 99);
	assert_recorded(
		"{\"type\":\"run\",\"mode\":\"explicit\",\"pmu\":\"armv8_cortex_a72\","
		"\"vcpus\":2,\"cntfrq\":62500000}\n"
		"{\"type\":\"window\",\"vcpu\":1,\"window\":7,\"cpu\":2,"
		"\"pmu\":\"armv8_cortex_a72\",\"stayed\":true,\"hops\":3,\"time_ns\":123456789012,"
		"\"cntvct\":2500,\"cycles\":40006,\"cntvct_end\":3500,\"cycles_end\":40106,"
		"\"overflow\":2147483648,\"interrupts\":2,"
		"\"pmcr\":1090531393,"
		"\"events\":{\"0x11\":40006,\"0x00\":1,\"0x4008\":12}}\n"
		"{\"type\":\"hop\",\"vcpu\":0,\"from\":1,\"to\":3,\"time_ns\":5000000000}\n"
		"{\"type\":\"refusal\",\"vcpu\":1,\"cpu\":3,\"back\":0,\"time_ns\":42}\n"
		"{\"type\":\"refusal\",\"vcpu\":1,\"cpu\":3,\"back\":-1,\"time_ns\":43}\n"
		"{\"type\":\"reset\",\"time_ns\":44}\n"
		"{\"type\":\"vcpu\",\"vcpu\":1,\"state\":\"waits\","
		"\"pc\":\"0xffff800080010004\",\"el\":1,\"writes\":12,\"time_ns\":45}\n"
		"{\"type\":\"end\",\"status\":71,\"time_ns\":99}\n");
}

static void what_there_is_none_of_is_null_or_empty(void **state)
{
	struct choice choice = { .mode = PMU_OFF, .pmu = -1 };
	struct lab_record guest = { .size = sizeof(guest) };
	struct window window = { .cpu = 3, .pmu = -1, .record = &guest };

	(void)state;
	record_run(&record, &host, &choice, 1, 62500000);
	record_window(&record, &host, &window);
	assert_recorded("{\"type\":\"run\",\"mode\":\"off\",\"pmu\":null,\"vcpus\":1,"
			"\"cntfrq\":62500000}\n"
			"{\"type\":\"window\",\"vcpu\":0,\"window\":0,\"cpu\":3,\"pmu\":null,"
			"\"stayed\":false,\"hops\":0,\"time_ns\":0,\"cntvct\":0,\"cycles\":0,"
			"\"cntvct_end\":0,"
			"\"cycles_end\":0,\"overflow\":0,"
			"\"interrupts\":0,\"pmcr\":0,\"events\":{}}\n");
}

static void the_level_is_recorded_only_at_el2(void **state)
{
	struct lab_record guest = { .size = sizeof(guest), .flags = LAB_EL2 };
	struct window window = { .pmu = -1, .record = &guest };

	(void)state;
	record_window(&record, &host, &window);
	assert_well(record_close(&record));
	assert_non_null(strstr(text, ",\"pmcr\":0,\"el\":2,\"events\":{}}\n"));
}

/* The number after "@key": in the last window recorded, of @guest. */
static uint64_t recorded(struct lab_record *guest, const char *key)
{
	struct window window = { .record = guest };
	char *at;

	rewind(record.lines.file);
	record_window(&record, &host, &window);
	fflush(record.lines.file);
	at = strstr(text, key);
	assert_non_null(at);
	return strtoull(at + strlen(key) + 2, NULL, 10);
}

static void differences_survive_overflow(void **state)
{
	struct lab_record guest = guest_record();

	(void)state;
	guest.cycles_start = UINT64_MAX - 9;
	guest.cycles_end = 20;
	assert_int_equal(recorded(&guest, "cycles"), 30);
	/* A 32-bit counter, and one that the guest runs with 64 bits. */
	guest.events[0] = (struct lab_event){ 0x11, 0xfffffff0, 0x10 };
	guest.events[1] = (struct lab_event){ 0x08, UINT64_MAX - 0xf, 0x100000010 };
	guest.events[2] = (struct lab_event){ 0x13, 0xfffffff0, 0x100000010 };
	assert_int_equal(recorded(&guest, "0x11"), 0x20);
	assert_int_equal(recorded(&guest, "0x08"), 0x100000020);
	assert_int_equal(recorded(&guest, "0x13"), 0x20);
	assert_well(record_close(&record));
}

/* A JSON object whose key comes twice loses one of them. */
static void counters_of_one_event_have_a_key_each(void **state)
{
	struct lab_record guest = guest_record();
	struct window window = { .record = &guest };

	(void)state;
	guest.nevents = 4;
	guest.events[1] = (struct lab_event){ 0x11, 0, 7 };
	guest.events[3] = (struct lab_event){ 0x11, 0, 8 };
	record_window(&record, &host, &window);
	fflush(record.lines.file);
	assert_non_null(strstr(
		text, "\"events\":{\"0x11\":40006,\"0x11#2\":7,\"0x4008\":12,\"0x11#3\":8}}\n"));
	assert_well(record_close(&record));
}

static void names_are_escaped(void **state)
{
	struct choice choice = { .mode = PMU_STRICT, .pmu = 0 };

	(void)state;
	snprintf(host.pmus[0].name, sizeof(host.pmus[0].name), "a\"b\\c\n\x7f\xe9");
	record_run(&record, &host, &choice, 1, 62500000);
	assert_recorded(
		"{\"type\":\"run\",\"mode\":\"strict\","
		"\"pmu\":\"a\\\"b\\\\c\\u000a\\u007f\\u00e9\",\"vcpus\":1,\"cntfrq\":62500000}\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_are_exact),
		TEST(what_there_is_none_of_is_null_or_empty),
		TEST(differences_survive_overflow),
		TEST(the_level_is_recorded_only_at_el2),
		TEST(counters_of_one_event_have_a_key_each),
		TEST(names_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
