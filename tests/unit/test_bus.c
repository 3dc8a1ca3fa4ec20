/* SPDX-License-Identifier: MIT */
/* The MMIO bus: an access reaches the one device that holds all its bytes, or none. */
#include <string.h>

#include "devices/bus.h"
#include "fail_capture.h"

/* A device that remembers its last access and answers reads with @answer. */
struct probe {
	int accesses;
	struct bus_access last;
	uint64_t answer;
};

static void note(void *owner, struct bus_access *access)
{
	struct probe *probe = owner;

	probe->accesses++;
	probe->last = *access;
	if (!access->write && probe->answer)
		access->value = probe->answer;
}

static bool add(struct bus *bus, uint64_t base, uint64_t size, struct probe *probe)
{
	const struct bus_device device = { "probe", base, size, note, probe };

	return bus_add(bus, &device);
}

static void the_right_device_answers(void **state)
{
	struct probe low = { .answer = 0x11 }, high = { .answer = 0x22 };
	struct bus_access access = { .length = 4, .vcpu = 3, .value = 0xdead };
	struct bus bus = { 0 };

	(void)state;
	assert_true(add(&bus, 0x1000, 0x1000, &low));
	assert_true(add(&bus, 0x2000, 0x1000, &high));
	assert_true(bus_access(&bus, 0x1ffc, &access));
	assert_int_equal(access.value, 0x11);
	assert_int_equal(low.last.offset, 0xffc);
	assert_int_equal(low.last.vcpu, 3);
	assert_true(bus_access(&bus, 0x2000, &access));
	assert_int_equal(access.value, 0x22);
	assert_int_equal(high.last.offset, 0);
	assert_int_equal(low.accesses, 1);
	assert_int_equal(high.accesses, 1);
}

static void writes_arrive_as_they_are(void **state)
{
	struct probe probe = { 0 };
	struct bus_access access = { .length = 8, .write = true, .value = 0x1122334455667788 };
	struct bus bus = { 0 };

	(void)state;
	assert_true(add(&bus, 0x1000, 0x1000, &probe));
	assert_true(bus_access(&bus, 0x1010, &access));
	assert_true(probe.last.write);
	assert_int_equal(probe.last.length, 8);
	assert_int_equal(probe.last.offset, 0x10);
	assert_int_equal(probe.last.value, 0x1122334455667788);
}

static void a_silent_device_reads_as_zero(void **state)
{
	struct probe probe = { 0 };
	struct bus_access access = { .length = 4, .value = 0xdead };
	struct bus bus = { 0 };

	(void)state;
	assert_true(add(&bus, 0x1000, 0x1000, &probe));
	assert_true(bus_access(&bus, 0x1000, &access));
	assert_int_equal(access.value, 0);
}

static void nobody_answers_between_devices(void **state)
{
	static const struct {
		uint64_t gpa;
		unsigned length;
	} holes[] = {
		{ 0, 1 },      { 0xfff, 1 },  { 0xffe, 4 },      { 0x1ffd, 4 },
		{ 0x1ff9, 8 }, { 0x2000, 1 }, { UINT64_MAX, 1 }, { UINT64_MAX, 8 },
	};
	struct probe probe = { .answer = 1 };
	struct bus bus = { 0 };

	(void)state;
	assert_true(add(&bus, 0x1000, 0x1000, &probe));
	for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
		struct bus_access read = { .length = holes[i].length, .value = UINT64_MAX };
		struct bus_access write = { .length = holes[i].length, .write = true, .value = 5 };

		assert_false(bus_access(&bus, holes[i].gpa, &read));
		assert_int_equal(read.value, 0);
		assert_false(bus_access(&bus, holes[i].gpa, &write));
		assert_int_equal(write.value, 5);
	}
	assert_int_equal(probe.accesses, 0);
}

static void ranges_are_taken_once(void **state)
{
	struct bus bus = { 0 };

	(void)state;
	assert_true(add(&bus, 0x2000, 0x1000, NULL));
	assert_false(add(&bus, 0x2000, 0x1000, NULL));
	assert_false(add(&bus, 0x1000, 0x1001, NULL));
	assert_false(add(&bus, 0x2fff, 0x1000, NULL));
	assert_false(add(&bus, 0x2800, 0x10, NULL));
	assert_false(add(&bus, 0x1000, 0x3000, NULL));
	assert_int_equal(bus.ndevices, 1);
	assert_true(add(&bus, 0x1000, 0x1000, NULL));
	assert_true(add(&bus, 0x3000, 0x1000, NULL));
}

static void impossible_ranges_are_refused(void **state)
{
	struct bus bus = { 0 };

	(void)state;
	assert_false(add(&bus, 0x1000, 0, NULL));
	assert_false(add(&bus, UINT64_MAX - 0xffe, 0x1000, NULL));
	assert_true(add(&bus, UINT64_MAX - 0xfff, 0x1000, NULL));
}

static void a_full_bus_says_so(void **state)
{
	struct bus bus = { 0 };

	(void)state;
	for (unsigned i = 0; i < BUS_MAX_DEVICES; i++)
		assert_true(add(&bus, i * 0x1000, 0x1000, NULL));
	assert_false(add(&bus, BUS_MAX_DEVICES * 0x1000, 0x1000, NULL));
	assert_int_equal(bus.ndevices, BUS_MAX_DEVICES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_device_answers),
		cmocka_unit_test(writes_arrive_as_they_are),
		cmocka_unit_test(a_silent_device_reads_as_zero),
		cmocka_unit_test(nobody_answers_between_devices),
		cmocka_unit_test(ranges_are_taken_once),
		cmocka_unit_test(impossible_ranges_are_refused),
		cmocka_unit_test(a_full_bus_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
