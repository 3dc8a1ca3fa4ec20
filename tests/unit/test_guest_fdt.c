/* SPDX-License-Identifier: MIT */
/* The guest's device tree, read back: it describes the machine that is there, and no more. */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_capture.h"
#include "fdt/guest_fdt.h"
#include "guest/abi/map.h"
#include "memory/image.h"

#define MIB (1ull << 20)

static uint8_t blob[IMAGE_DTB_ROOM] __attribute__((aligned(8)));

static const struct guest_fdt plain = {
	.cpus = 1,
	.gic = 3,
	.pmu = true,
	.mem_base = MAP_RAM_BASE,
	.mem_size = 64 * MIB,
	.bootargs = "windows=3 loops=100",
};

/* Always into dirty memory: the writer must not count on zeroes. */
static void write_tree(const struct guest_fdt *guest)
{
	int size;

	memset(blob, 0xee, sizeof(blob));
	size = guest_fdt_write(guest, blob, sizeof(blob));
	assert_true(size > 0);
	assert_int_equal(size, fdt_totalsize(blob));
	assert_int_equal(blob[sizeof(blob) - 1], 0xee); /* what it has no use for it leaves be */
	assert_int_equal(fdt_check_full(blob, (size_t)size), 0);
}

static int node(const char *path)
{
	int offset = fdt_path_offset(blob, path);

	if (offset < 0)
		print_error("no node %s\n", path);
	assert_true(offset >= 0);
	return offset;
}

/* The property is exactly these cells. */
static void assert_cells(const char *path, const char *name, const uint32_t *want, size_t count)
{
	int length;
	const fdt32_t *have = fdt_getprop(blob, node(path), name, &length);

	assert_non_null(have);
	assert_int_equal(length, count * sizeof(*have));
	for (size_t i = 0; i < count; i++) {
		uint32_t cell = fdt32_to_cpu(have[i]);

		if (cell != want[i])
			print_error("%s %s, cell %zu\n", path, name, i);
		assert_int_equal(cell, want[i]);
	}
}

#define ASSERT_CELLS(path, name, ...)                                                              \
	assert_cells(path, name, (const uint32_t[]){ __VA_ARGS__ },                                \
		     sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void assert_string(const char *path, const char *name, const char *want)
{
	int length;
	const char *have = fdt_getprop(blob, node(path), name, &length);

	assert_non_null(have);
	assert_int_equal(length, strlen(want) + 1);
	assert_string_equal(have, want);
}

static void assert_compatible(const char *path, const char *want)
{
	assert_int_equal(fdt_node_check_compatible(blob, node(path), want), 0);
}

static void assert_absent(const char *path, const char *name)
{
	assert_null(fdt_getprop(blob, node(path), name, NULL));
}

static void the_machine_is_described(void **state)
{
	uint32_t gic, clock;

	(void)state;
	write_tree(&plain);
	assert_string("/", "model", "minivmm");
	assert_compatible("/", "linux,dummy-virt");
	ASSERT_CELLS("/", "#address-cells", 2);
	ASSERT_CELLS("/", "#size-cells", 2);
	assert_string("/memory@40000000", "device_type", "memory");
	ASSERT_CELLS("/memory@40000000", "reg", 0, 0x40000000, 0, 0x4000000);
	assert_compatible("/psci", "arm,psci-1.0");
	assert_compatible("/psci", "arm,psci-0.2");
	assert_string("/psci", "method", "hvc");
	assert_compatible("/timer", "arm,armv8-timer");
	ASSERT_CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);

	gic = fdt_get_phandle(blob, node("/interrupt-controller@8000000"));
	ASSERT_CELLS("/", "interrupt-parent", gic);
	clock = fdt_get_phandle(blob, node("/apb-pclk"));
	assert_true(gic && clock && gic != clock);
	ASSERT_CELLS("/apb-pclk", "clock-frequency", 24000000);
	ASSERT_CELLS("/apb-pclk", "#clock-cells", 0);

	assert_compatible("/serial@9000000", "arm,pl011");
	assert_compatible("/serial@9000000", "arm,primecell");
	ASSERT_CELLS("/serial@9000000", "reg", 0, 0x9000000, 0, 0x1000);
	ASSERT_CELLS("/serial@9000000", "interrupts", 0, 1, 4);
	ASSERT_CELLS("/serial@9000000", "clocks", clock, clock);
	assert_int_equal(
		fdt_stringlist_search(blob, node("/serial@9000000"), "clock-names", "apb_pclk"), 1);
	assert_compatible("/lab@b000000", "minivmm,lab");
	ASSERT_CELLS("/lab@b000000", "reg", 0, 0xb000000, 0, 0x1000);
}

static void the_command_line_arrives(void **state)
{
	struct guest_fdt guest = plain;

	(void)state;
	write_tree(&guest);
	assert_string("/chosen", "bootargs", "windows=3 loops=100");
	assert_string("/chosen", "stdout-path", "/serial@9000000");
	node("/serial@9000000");
	guest.bootargs = "";
	write_tree(&guest);
	assert_string("/chosen", "bootargs", "");
}

static void a_pmu_is_there_only_with_a_pmu(void **state)
{
	struct guest_fdt guest = plain;

	(void)state;
	write_tree(&guest);
	assert_compatible("/pmu", "arm,armv8-pmuv3");
	ASSERT_CELLS("/pmu", "interrupts", 1, 7, 4);
	guest.pmu = false;
	write_tree(&guest);
	assert_int_equal(fdt_path_offset(blob, "/pmu"), -FDT_ERR_NOTFOUND);
	assert_int_equal(fdt_node_offset_by_compatible(blob, -1, "arm,armv8-pmuv3"),
			 -FDT_ERR_NOTFOUND);
}

static void an_initrd_is_there_only_with_an_initrd(void **state)
{
	struct guest_fdt guest = plain;

	(void)state;
	write_tree(&guest);
	assert_absent("/chosen", "linux,initrd-start");
	assert_absent("/chosen", "linux,initrd-end");
	guest.initrd_start = 0x1fffff000;
	guest.initrd_end = 0x1fffff123;
	write_tree(&guest);
	ASSERT_CELLS("/chosen", "linux,initrd-start", 1, 0xfffff000);
	ASSERT_CELLS("/chosen", "linux,initrd-end", 1, 0xfffff123);
}

static void large_memory_takes_64_bits(void **state)
{
	struct guest_fdt guest = plain;

	(void)state;
	guest.mem_size = 1ull << 40;
	write_tree(&guest);
	ASSERT_CELLS("/memory@40000000", "reg", 0, 0x40000000, 0x100, 0);
	guest.mem_size = 2 * MIB;
	write_tree(&guest);
	ASSERT_CELLS("/memory@40000000", "reg", 0, 0x40000000, 0, 0x200000);
}

static void gicv3_has_a_redistributor_for_each_cpu(void **state)
{
	struct guest_fdt guest = plain;
	const char *path = "/interrupt-controller@8000000";

	(void)state;
	for (guest.cpus = 1; guest.cpus <= 123; guest.cpus += 61) {
		write_tree(&guest);
		assert_compatible(path, "arm,gic-v3");
		ASSERT_CELLS(path, "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0,
			     0x20000u * (unsigned)guest.cpus);
		ASSERT_CELLS(path, "#interrupt-cells", 3);
		assert_non_null(fdt_getprop(blob, node(path), "interrupt-controller", NULL));
		assert_absent(path, "#redistributor-regions");
		ASSERT_CELLS("/pmu", "interrupts", 1, 7, 4);
	}
}

static void redistributors_beyond_123_are_a_second_region(void **state)
{
	struct guest_fdt guest = plain;
	const char *path = "/interrupt-controller@8000000";

	(void)state;
	for (guest.cpus = 124; guest.cpus <= 512; guest.cpus += 97) {
		write_tree(&guest);
		ASSERT_CELLS(path, "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0xf60000, 0,
			     0x30000000, 0, 0x20000u * ((unsigned)guest.cpus - 123));
		ASSERT_CELLS(path, "#redistributor-regions", 2);
	}
}

static void a_hypervisor_has_its_interrupts_and_smc(void **state)
{
	struct guest_fdt guest = plain;
	const char *gic = "/interrupt-controller@8000000";

	(void)state;
	guest.el2 = guest.vhe = true;
	guest.room = 64; /* so that it grows with these too */
	write_tree(&guest);
	assert_string("/psci", "method", "smc");
	ASSERT_CELLS(gic, "interrupts", 1, 9, 4);
	ASSERT_CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4, 1, 12, 4);
	guest.vhe = false; /* the EL2 virtual timer is part of VHE */
	write_tree(&guest);
	assert_string("/psci", "method", "smc");
	ASSERT_CELLS(gic, "interrupts", 1, 9, 4);
	ASSERT_CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	write_tree(&plain);
	assert_absent(gic, "interrupts");
}

static void gicv2_names_the_cpus_of_its_ppis(void **state)
{
	struct guest_fdt guest = plain;
	const char *path = "/interrupt-controller@8000000";

	(void)state;
	guest.gic = 2;
	for (guest.cpus = 1; guest.cpus <= 8; guest.cpus++) {
		uint32_t flags = ((1u << guest.cpus) - 1) << 8 | 4;

		write_tree(&guest);
		assert_compatible(path, "arm,cortex-a15-gic");
		ASSERT_CELLS(path, "reg", 0, 0x8000000, 0, 0x1000, 0, 0x8010000, 0, 0x2000);
		ASSERT_CELLS("/pmu", "interrupts", 1, 7, flags);
		ASSERT_CELLS("/timer", "interrupts", 1, 13, flags, 1, 14, flags, 1, 11, flags, 1,
			     10, flags);
		ASSERT_CELLS("/serial@9000000", "interrupts", 0, 1, 4);
	}
}

static void mpidrs_are_kvms(void **state)
{
	static const struct {
		int index;
		uint64_t mpidr;
	} known[] = { { 0, 0 },      { 1, 1 },      { 15, 0xf },       { 16, 0x100 },
		      { 17, 0x101 }, { 63, 0x30f }, { 0xfff, 0xff0f }, { 0x1000, 0x10000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(guest_mpidr(known[i].index), known[i].mpidr);
}

static void assert_property(int offset, const char *name, const void *want, size_t size)
{
	int length;
	const void *have = fdt_getprop(blob, offset, name, &length);

	assert_non_null(have);
	assert_int_equal(length, size);
	assert_memory_equal(have, want, size);
}

static void every_number_of_cpus_fits(void **state)
{
	struct guest_fdt guest = plain;

	(void)state;
	for (guest.cpus = 1; guest.cpus <= 512; guest.cpus++) {
		int offset, count = 0, cpus;

		write_tree(&guest);
		cpus = node("/cpus");
		ASSERT_CELLS("/cpus", "#address-cells", 1);
		ASSERT_CELLS("/cpus", "#size-cells", 0);
		fdt_for_each_subnode(offset, blob, cpus)
		{
			uint32_t mpidr = (uint32_t)guest_mpidr(count++);
			char name[32];

			/* By offset: a path would be looked for from the root, 512 times 512 times.
			 */
			snprintf(name, sizeof(name), "cpu@%x", mpidr);
			assert_string_equal(fdt_get_name(blob, offset, NULL), name);
			assert_property(offset, "reg", &(fdt32_t){ cpu_to_fdt32(mpidr) },
					sizeof(fdt32_t));
			assert_property(offset, "device_type", "cpu", sizeof("cpu"));
			assert_property(offset, "enable-method", "psci", sizeof("psci"));
			assert_int_equal(fdt_node_check_compatible(blob, offset, "arm,armv8"), 0);
		}
		assert_int_equal(count, guest.cpus);
	}
}

static void no_room_is_an_error_and_no_overrun(void **state)
{
	int whole = guest_fdt_write(&plain, blob, sizeof(blob));

	(void)state;
	assert_true(whole > 0);
	for (int size = 0; size < whole; size += 8) {
		uint8_t *small = malloc((size_t)size + 1); /* AddressSanitizer watches its end */

		assert_int_equal(guest_fdt_write(&plain, small, (size_t)size), -FDT_ERR_NOSPACE);
		free(small);
	}
}

/* Whatever it begins with, and wherever that is full: the same tree. */
static void grows_where_it_must(void **state)
{
	static uint8_t grown[sizeof(blob)] __attribute__((aligned(8)));
	struct guest_fdt guest = plain;

	(void)state;
	guest.cpus = 40;
	write_tree(&guest);
	for (guest.room = 64; guest.room < fdt_totalsize(blob); guest.room += 8) {
		memset(grown, 0xee, sizeof(grown));
		assert_int_equal(guest_fdt_write(&guest, grown, sizeof(grown)),
				 fdt_totalsize(blob));
		assert_memory_equal(grown, blob, fdt_totalsize(blob));
	}
	assert_string_equal(guest_fdt_error(-FDT_ERR_BADSTATE), fdt_strerror(-FDT_ERR_BADSTATE));
	assert_null(guest_fdt_error(-FDT_ERR_NOSPACE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_where_it_must),
		cmocka_unit_test(the_machine_is_described),
		cmocka_unit_test(the_command_line_arrives),
		cmocka_unit_test(a_pmu_is_there_only_with_a_pmu),
		cmocka_unit_test(an_initrd_is_there_only_with_an_initrd),
		cmocka_unit_test(large_memory_takes_64_bits),
		cmocka_unit_test(gicv3_has_a_redistributor_for_each_cpu),
		cmocka_unit_test(redistributors_beyond_123_are_a_second_region),
		cmocka_unit_test(a_hypervisor_has_its_interrupts_and_smc),
		cmocka_unit_test(gicv2_names_the_cpus_of_its_ppis),
		cmocka_unit_test(mpidrs_are_kvms),
		cmocka_unit_test(every_number_of_cpus_fits),
		cmocka_unit_test(no_room_is_an_error_and_no_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
