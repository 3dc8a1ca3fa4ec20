/* SPDX-License-Identifier: MIT */
/* Guest RAM: no guest address and length, however chosen, lead to a byte outside it. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fail_capture.h"
#include "memory/memory.h"

#define BASE 0x40000000ull
#define SIZE 0x200000ull
#define MIB  (1ull << 20)

static struct memory memory;
static long page_size; /* that the kernel is said to have; 0: its own */

long __real_sysconf(int name);
long __wrap_sysconf(int name);
long __wrap_sysconf(int name)
{
	return page_size && name == _SC_PAGESIZE ? page_size : __real_sysconf(name);
}

static int map(void **state)
{
	(void)state;
	fail_reset();
	assert_well(memory_map(&memory, BASE, SIZE, 0));
	return 0;
}

static int unmap(void **state)
{
	(void)state;
	memory_unmap(&memory);
	assert_null(memory.host);
	return 0;
}

static void is_zeroed_and_writable(void **state)
{
	uint8_t *bytes = memory_at(&memory, BASE, SIZE);

	(void)state;
	assert_ptr_equal(bytes, memory.host);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(bytes[i], 0);
	memset(bytes, 0xa5, SIZE);
	assert_int_equal(*(uint8_t *)memory_at(&memory, BASE + 0x1234, 1), 0xa5);
}

/* Of the mapping that begins at @host, from smaps: whether there is @word on the line @name. */
static bool smaps_has(const uint8_t *host, const char *name, const char *word)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512], start[32];
	bool inside = false, found = false;

	assert_non_null(file);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)host);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, start, strlen(start)))
			inside = true;
		else if (inside && !strncmp(line, name, strlen(name))) {
			found = strstr(line, word);
			break;
		}
	}
	fclose(file);
	return found;
}

static void much_is_in_huge_pages_and_untouched(void **state)
{
	struct memory much;

	(void)state;
	for (uint64_t size = 256 * MIB; size <= 4096 * MIB; size *= 2) {
		assert_well(memory_map(&much, BASE, size, 0));
		assert_int_equal((uintptr_t)much.host % (2 * MIB), BASE % (2 * MIB));
		assert_int_equal(*(uint8_t *)memory_at(&much, BASE, 1), 0);
		assert_int_equal(*(uint8_t *)memory_at(&much, BASE + size - 1, 1), 0);
		if (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0)
			assert_true(smaps_has(much.host, "VmFlags:", " hg"));
		memory_unmap(&much);
		assert_well(memory_map(&much, BASE, size, 0));
		assert_true(smaps_has(much.host, "Rss:", " 0 kB"));
		memory_unmap(&much);
	}
}

/* Whether RAM's host and guest address are congruent for blocks of this size, and it is whole. */
static void assert_suits_blocks(uint64_t size, uint64_t block)
{
	struct memory much;

	assert_well(memory_map(&much, BASE, size, 0));
	assert_int_equal((uintptr_t)much.host % block, BASE % block);
	assert_int_equal(*(uint8_t *)memory_at(&much, BASE, 1), 0);
	assert_int_equal(*(uint8_t *)memory_at(&much, BASE + size - 1, 1), 0);
	memory_unmap(&much);
}

static void suits_blocks_of_each_page_size(void **state)
{
	static const struct {
		long page;
		uint64_t block;
	} kernels[] = { { 4096, 2 * MIB }, { 16384, 32 * MIB }, { 65536, 512 * MIB } };
	unsigned long long own;
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "r");

	(void)state;
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		page_size = kernels[i].page;
		assert_suits_blocks(1024 * MIB, kernels[i].block);
		assert_suits_blocks(256 * MIB, kernels[i].block);
	}
	page_size = 0;
	if (file) { /* a kernel without huge pages has no such file */
		assert_int_equal(fscanf(file, "%llu", &own), 1);
		fclose(file);
		assert_suits_blocks(1024 * MIB, own);
	}
}

static void finds_what_is_inside(void **state)
{
	(void)state;
	assert_ptr_equal(memory_at(&memory, BASE, 1), memory.host);
	assert_ptr_equal(memory_at(&memory, BASE + 8, SIZE - 8), memory.host + 8);
	assert_ptr_equal(memory_at(&memory, BASE + SIZE - 1, 1), memory.host + SIZE - 1);
	assert_ptr_equal(memory_at(&memory, BASE + SIZE, 0), memory.host + SIZE);
}

static void refuses_what_is_outside(void **state)
{
	static const struct {
		uint64_t gpa, length;
	} outside[] = {
		{ 0, 1 },
		{ BASE - 1, 1 },
		{ BASE - 1, 2 },
		{ BASE - 8, SIZE + 16 },
		{ BASE, SIZE + 1 },
		{ BASE + 1, SIZE },
		{ BASE + SIZE - 1, 2 },
		{ BASE + SIZE, 1 },
		{ BASE + SIZE + 1, 0 },
		{ UINT64_MAX, 1 },
		/* Sums that wrap to something inside. */
		{ BASE, UINT64_MAX },
		{ BASE + 8, UINT64_MAX - 4 },
		{ BASE + SIZE - 1, UINT64_MAX - BASE },
		{ UINT64_MAX - 7, BASE + 16 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_null(memory_at(&memory, outside[i].gpa, outside[i].length));
}

static void ram_may_end_where_addresses_end(void **state)
{
	struct memory last = { .host = memory.host, .base = UINT64_MAX - SIZE + 1, .size = SIZE };

	(void)state;
	assert_ptr_equal(memory_at(&last, UINT64_MAX, 1), memory.host + SIZE - 1);
	assert_null(memory_at(&last, UINT64_MAX, 2));
	assert_null(memory_at(&last, 0, 1));
}

static void too_much_names_the_option(void **state)
{
	struct memory huge = { .host = memory.host, .size = 1 };

	(void)state;
	assert_failed(memory_map(&huge, BASE, 1ull << 60, 0), STATUS_HOST, "--mem");
	assert_null(huge.host);
	assert_null(memory_at(&huge, BASE, 1));
	memory_unmap(&huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_zeroed_and_writable, map, unmap),
		cmocka_unit_test(much_is_in_huge_pages_and_untouched),
		cmocka_unit_test(suits_blocks_of_each_page_size),
		cmocka_unit_test_setup_teardown(finds_what_is_inside, map, unmap),
		cmocka_unit_test_setup_teardown(refuses_what_is_outside, map, unmap),
		cmocka_unit_test_setup_teardown(ram_may_end_where_addresses_end, map, unmap),
		cmocka_unit_test_setup_teardown(too_much_names_the_option, map, unmap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
