/* SPDX-License-Identifier: MIT */
/*
 * Written from top to bottom with libfdt's sequential calls, which cost far
 * less than edits of a finished tree. Node names and compatibles are those of
 * QEMU's virt machine and of Linux' bindings.
 */
#include <libfdt.h>
#include <stdbool.h>
#include <string.h>

#include "fdt/guest_fdt.h"
#include "guest/abi/map.h"

enum { PHANDLE_GIC = 1, PHANDLE_CLOCK };

/* The cells of an interrupt specifier, arm,gic.yaml. */
enum { SPI = 0, PPI = 1, LEVEL_HIGH = 4 };

/* What a tree takes, without the length of its bootargs, and what each CPU adds. */
#define ROOM_FIXED 2560
#define ROOM_CPU   144

#define NAME_ROOM 48 /* of the longest node's name, with its address */

/* The first error stays, and nothing is written after it. */
struct tree {
	void *fdt;
	size_t size, most; /* of the buffer: what libfdt knows of, and all there is */
	int error;
	uint32_t ppi_flags;
};

static bool make_room(struct tree *tree)
{
	size_t used;

	if (tree->size == tree->most)
		return false;
	tree->size = tree->size * 2 < tree->most ? tree->size * 2 : tree->most;
	tree->error = fdt_resize(tree->fdt, tree->fdt, (int)tree->size);
	if (tree->error)
		return false;
	/* The names have moved to the new end; what libfdt leaves out to align must be zero. */
	used = fdt_off_dt_struct(tree->fdt) + fdt_size_dt_struct(tree->fdt);
	memset((char *)tree->fdt + used, 0, tree->size - fdt_size_dt_strings(tree->fdt) - used);
	return true;
}

/* After each call: whether it failed for lack of room, and there is more now. */
static inline bool has_more_room(struct tree *tree)
{
	return __builtin_expect(tree->error == -FDT_ERR_NOSPACE, false) && make_room(tree);
}

static void begin(struct tree *tree, const char *name)
{
	while (!tree->error) {
		tree->error = fdt_begin_node(tree->fdt, name);
		if (!has_more_room(tree))
			break;
	}
}

/* "NAME@ADDRESS", in hexadecimal. printf would take a sixth of the tree's time. */
static const char *unit(char text[NAME_ROOM], const char *name, uint64_t address)
{
	char *end = stpcpy(text, name);
	int shift = 60;

	*end++ = '@';
	while (shift && !(address >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*end++ = "0123456789abcdef"[address >> shift & 0xf];
	*end = '\0';
	return text;
}

static void begin_at(struct tree *tree, const char *name, uint64_t address)
{
	char text[NAME_ROOM];

	begin(tree, unit(text, name, address));
}

static void end(struct tree *tree)
{
	while (!tree->error) {
		tree->error = fdt_end_node(tree->fdt);
		if (!has_more_room(tree))
			break;
	}
}

static void bytes(struct tree *tree, const char *name, const void *value, size_t size)
{
	while (!tree->error) {
		tree->error = fdt_property(tree->fdt, name, value, (int)size);
		if (!has_more_room(tree))
			break;
	}
}

static void string(struct tree *tree, const char *name, const char *value)
{
	bytes(tree, name, value, strlen(value) + 1);
}

#define MAX_CELLS 15

static void cells(struct tree *tree, const char *name, const uint32_t *values, size_t count)
{
	fdt32_t raw[MAX_CELLS];

	for (size_t i = 0; i < count; i++)
		raw[i] = cpu_to_fdt32(values[i]);
	bytes(tree, name, raw, count * sizeof(*raw));
}

#define CELLS(tree, name, ...)                                                                     \
	cells(tree, name, (const uint32_t[]){ __VA_ARGS__ },                                       \
	      sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* A 64-bit number as #address-cells = <2> and #size-cells = <2> want it. */
#define CELLS64(value) (uint32_t)((uint64_t)(value) >> 32), (uint32_t)(value)

static void chosen(struct tree *tree, const struct guest_fdt *guest)
{
	char uart[NAME_ROOM];

	begin(tree, "chosen");
	string(tree, "bootargs", guest->bootargs);
	string(tree, "stdout-path", unit(uart, "/serial", MAP_UART_BASE));
	if (guest->initrd_end > guest->initrd_start) {
		CELLS(tree, "linux,initrd-start", CELLS64(guest->initrd_start));
		CELLS(tree, "linux,initrd-end", CELLS64(guest->initrd_end));
	}
	end(tree);
}

static void memory(struct tree *tree, const struct guest_fdt *guest)
{
	begin_at(tree, "memory", guest->mem_base);
	string(tree, "device_type", "memory");
	CELLS(tree, "reg", CELLS64(guest->mem_base), CELLS64(guest->mem_size));
	end(tree);
}

static void cpus(struct tree *tree, const struct guest_fdt *guest)
{
	begin(tree, "cpus");
	CELLS(tree, "#address-cells", 1);
	CELLS(tree, "#size-cells", 0);
	for (int i = 0; i < guest->cpus; i++) {
		uint64_t mpidr = guest_mpidr(i);

		begin_at(tree, "cpu", mpidr);
		string(tree, "device_type", "cpu");
		string(tree, "compatible", "arm,armv8");
		string(tree, "enable-method", "psci");
		CELLS(tree, "reg", (uint32_t)mpidr);
		end(tree);
	}
	end(tree);
}

/* The HVC of a guest at EL2 goes to the guest itself. */
static void psci(struct tree *tree, const struct guest_fdt *guest)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

	begin(tree, "psci");
	bytes(tree, "compatible", compatible, sizeof(compatible));
	string(tree, "method", guest->el2 ? "smc" : "hvc");
	end(tree);
}

static void timer(struct tree *tree, const struct guest_fdt *guest)
{
	uint32_t flags = tree->ppi_flags;

	begin(tree, "timer");
	string(tree, "compatible", "arm,armv8-timer");
	/* Secure, non-secure, virtual, hypervisor; with VHE also hypervisor virtual. */
	if (guest->vhe)
		CELLS(tree, "interrupts", PPI, 13, flags, PPI, 14, flags, PPI, 11, flags, PPI, 10,
		      flags, PPI, 12, flags);
	else
		CELLS(tree, "interrupts", PPI, 13, flags, PPI, 14, flags, PPI, 11, flags, PPI, 10,
		      flags);
	bytes(tree, "always-on", NULL, 0);
	end(tree);
}

static void pmu(struct tree *tree)
{
	begin(tree, "pmu");
	string(tree, "compatible", "arm,armv8-pmuv3");
	CELLS(tree, "interrupts", PPI, IRQ_PMU_PPI, tree->ppi_flags);
	end(tree);
}

static void gicv3(struct tree *tree, uint32_t cpus)
{
	uint32_t first = cpus < MAP_GICR_ROOM ? cpus : MAP_GICR_ROOM;

	string(tree, "compatible", "arm,gic-v3");
	if (first == cpus) {
		CELLS(tree, "reg", CELLS64(MAP_GICD_BASE), CELLS64(MAP_GICD_SIZE),
		      CELLS64(MAP_GICR_BASE), CELLS64(first * MAP_GICR_STEP));
		return;
	}
	CELLS(tree, "reg", CELLS64(MAP_GICD_BASE), CELLS64(MAP_GICD_SIZE), CELLS64(MAP_GICR_BASE),
	      CELLS64(first * MAP_GICR_STEP), CELLS64(MAP_GICR2_BASE),
	      CELLS64((cpus - first) * MAP_GICR_STEP));
	CELLS(tree, "#redistributor-regions", 2);
}

static void gic(struct tree *tree, const struct guest_fdt *guest)
{
	begin_at(tree, "interrupt-controller", MAP_GICD_BASE);
	if (guest->gic == 2) {
		string(tree, "compatible", "arm,cortex-a15-gic");
		CELLS(tree, "reg", CELLS64(MAP_GICD_BASE), CELLS64(0x1000), CELLS64(MAP_GICC_BASE),
		      CELLS64(MAP_GICC_SIZE));
	} else {
		gicv3(tree, (uint32_t)guest->cpus);
	}
	if (guest->el2)
		CELLS(tree, "interrupts", PPI, IRQ_MAINTENANCE_PPI, tree->ppi_flags);
	bytes(tree, "interrupt-controller", NULL, 0);
	CELLS(tree, "#interrupt-cells", 3);
	CELLS(tree, "#address-cells", 0);
	CELLS(tree, "phandle", PHANDLE_GIC);
	end(tree);
}

static void clock(struct tree *tree)
{
	begin(tree, "apb-pclk");
	string(tree, "compatible", "fixed-clock");
	CELLS(tree, "#clock-cells", 0);
	CELLS(tree, "clock-frequency", 24000000);
	string(tree, "clock-output-names", "clk24mhz");
	CELLS(tree, "phandle", PHANDLE_CLOCK);
	end(tree);
}

static void uart(struct tree *tree)
{
	static const char compatible[] = "arm,pl011\0arm,primecell";
	static const char clocks[] = "uartclk\0apb_pclk";

	begin_at(tree, "serial", MAP_UART_BASE);
	bytes(tree, "compatible", compatible, sizeof(compatible));
	CELLS(tree, "reg", CELLS64(MAP_UART_BASE), CELLS64(MAP_UART_SIZE));
	CELLS(tree, "interrupts", SPI, IRQ_UART_SPI, LEVEL_HIGH);
	CELLS(tree, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
	bytes(tree, "clock-names", clocks, sizeof(clocks));
	end(tree);
}

static void lab(struct tree *tree)
{
	begin_at(tree, "lab", MAP_LAB_BASE);
	string(tree, "compatible", "minivmm,lab");
	CELLS(tree, "reg", CELLS64(MAP_LAB_BASE), CELLS64(MAP_LAB_SIZE));
	end(tree);
}

uint64_t guest_mpidr(int index)
{
	uint64_t id = (uint64_t)index;

	return (id & 0xf) | (id >> 4 & 0xff) << 8 | (id >> 12 & 0xff) << 16;
}

static void root(struct tree *tree, const struct guest_fdt *guest)
{
	begin(tree, "");
	string(tree, "model", "minivmm");
	string(tree, "compatible", "linux,dummy-virt");
	CELLS(tree, "#address-cells", 2);
	CELLS(tree, "#size-cells", 2);
	CELLS(tree, "interrupt-parent", PHANDLE_GIC);
	chosen(tree, guest);
	memory(tree, guest);
	cpus(tree, guest);
	psci(tree, guest);
	timer(tree, guest);
	if (guest->pmu)
		pmu(tree);
	gic(tree, guest);
	clock(tree);
	uart(tree);
	lab(tree);
	end(tree);
}

/*
 * libfdt clears all of the buffer first: pages of the guest's RAM that would be the
 * host's from then on.
 */
static size_t enough(const struct guest_fdt *guest)
{
	return ROOM_FIXED + (unsigned)guest->cpus * ROOM_CPU + strlen(guest->bootargs);
}

int guest_fdt_write(const struct guest_fdt *guest, void *buffer, size_t size)
{
	size_t first = guest->room ? guest->room : enough(guest);
	struct tree tree = { .fdt = buffer,
			     .size = first < size ? first : size,
			     .most = size,
			     .ppi_flags = LEVEL_HIGH };

	/* A GICv2's PPIs name their CPUs, of which it has at most 8. */
	if (guest->gic == 2)
		tree.ppi_flags |= ((1u << guest->cpus) - 1) << 8;
	/* Looking for names that are there already would take longer than all the rest. */
	tree.error = fdt_create_with_flags(buffer, (int)tree.size, FDT_CREATE_FLAG_NO_NAME_DEDUP);
	if (!tree.error)
		tree.error = fdt_finish_reservemap(buffer);
	root(&tree, guest);
	while (!tree.error) {
		tree.error = fdt_finish(buffer);
		if (!has_more_room(&tree))
			break;
	}
	return tree.error ? tree.error : (int)fdt_totalsize(buffer);
}

const char *guest_fdt_error(int error)
{
	return error == -FDT_ERR_NOSPACE ? NULL : fdt_strerror(error);
}
