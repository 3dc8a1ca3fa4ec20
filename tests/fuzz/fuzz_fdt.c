/* SPDX-License-Identifier: MIT */
/* The device tree is whole, says what went in, and stays within its buffer. */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/guest_fdt.h"
#include "fuzz.h"
#include "guest/abi/map.h"
#include "memory/image.h"
#include "options/options.h"

#define ROOM  IMAGE_DTB_ROOM
#define GUARD 64

static const void *property(const void *fdt, const char *path, const char *name, int length)
{
	int node = fdt_path_offset(fdt, path), got;
	const void *value;

	must(node >= 0);
	value = fdt_getprop(fdt, node, name, &got);
	must(value && (length < 0 || got == length));
	return value;
}

/* Cell @index of a property of 64-bit numbers. */
static uint64_t number(const void *property, int index)
{
	fdt64_t raw;

	memcpy(&raw, (const char *)property + index * (int)sizeof(raw), sizeof(raw));
	return fdt64_to_cpu(raw);
}

/* The sum of the regions' sizes, of which there are as many as the tree says. */
static uint64_t redistributors(const void *fdt, const char *path)
{
	const fdt32_t *said =
		fdt_getprop(fdt, fdt_path_offset(fdt, path), "#redistributor-regions", NULL);
	int regions = said ? (int)fdt32_to_cpu(*said) : 1;
	const void *value = property(fdt, path, "reg", 16 + 16 * regions);
	uint64_t sum = 0;

	for (int i = 1; i <= regions; i++)
		sum += number(value, 2 * i + 1);
	return sum;
}

static void must_say(const void *fdt, const struct guest_fdt *guest)
{
	int chosen = fdt_path_offset(fdt, "/chosen"), ncpus = 0, node, cpus;
	const void *value;
	char path[64];

	must(!strcmp(property(fdt, "/chosen", "bootargs", (int)strlen(guest->bootargs) + 1),
		     guest->bootargs));
	must(fdt_path_offset(fdt, property(fdt, "/chosen", "stdout-path", -1)) >= 0);
	if (guest->initrd_end > guest->initrd_start) {
		must(number(property(fdt, "/chosen", "linux,initrd-start", 8), 0) ==
		     guest->initrd_start);
		must(number(property(fdt, "/chosen", "linux,initrd-end", 8), 0) ==
		     guest->initrd_end);
	} else {
		must(!fdt_getprop(fdt, chosen, "linux,initrd-start", NULL));
	}
	snprintf(path, sizeof(path), "/memory@%llx", (unsigned long long)guest->mem_base);
	value = property(fdt, path, "reg", 16);
	must(number(value, 0) == guest->mem_base && number(value, 1) == guest->mem_size);

	cpus = fdt_path_offset(fdt, "/cpus");
	must(cpus >= 0);
	fdt_for_each_subnode(node, fdt, cpus)
	{
		value = fdt_getprop(fdt, node, "reg", NULL);
		must(value && fdt32_to_cpu(*(const fdt32_t *)value) == guest_mpidr(ncpus));
		ncpus++;
	}
	must(ncpus == guest->cpus);
	must((fdt_path_offset(fdt, "/pmu") >= 0) == guest->pmu);
	must(!strcmp(property(fdt, "/psci", "method", 4), guest->el2 ? "smc" : "hvc"));
	property(fdt, "/timer", "interrupts", guest->vhe ? 60 : 48);
	snprintf(path, sizeof(path), "/interrupt-controller@%llx", MAP_GICD_BASE);
	if (guest->gic == 2)
		must(number(property(fdt, path, "reg", 32), 2) == MAP_GICC_BASE);
	else
		must(redistributors(fdt, path) == (uint64_t)guest->cpus * MAP_GICR_STEP);
}

void fuzz_one(struct input *input)
{
	static char buffer[ROOM + GUARD], bootargs[ROOM + GUARD];
	struct guest_fdt guest = { .gic = 2 + (int)input_below(input, 2), .bootargs = bootargs };
	size_t size, repeats, length;
	int written;

	guest.cpus = 1 + (int)input_below(input, guest.gic == 2 ? 8 : MAX_VCPUS);
	guest.pmu = input_below(input, 2);
	guest.el2 = guest.gic == 3 && guest.pmu && guest.cpus % 2;
	guest.vhe = guest.el2 && guest.cpus % 4 == 1;
	guest.mem_base = input_number(input, 8);
	guest.mem_size = input_number(input, 8);
	guest.initrd_start = input_number(input, 8);
	guest.initrd_end = input_number(input, 8);
	size = input_below(input, 2) ? input_number(input, 2) : ROOM;
	/* Boot arguments of any length, out of an input that is short. */
	repeats = input_below(input, 16);
	input_text(input, bootargs, 4096);
	length = strlen(bootargs);
	for (size_t i = 1; i <= repeats; i++)
		memcpy(bootargs + i * length, bootargs, length);
	bootargs[(repeats + 1) * length] = '\0';

	memset(buffer + size, '#', GUARD);
	written = guest_fdt_write(&guest, buffer, size);
	for (int i = 0; i < GUARD; i++)
		must(buffer[size + (size_t)i] == '#');
	if (written < 0) {
		must(written == -FDT_ERR_NOSPACE);
		must(size < ROOM || strlen(bootargs) > ROOM / 2);
		return;
	}
	must((size_t)written <= size && (size_t)written == fdt_totalsize(buffer));
	must(!fdt_check_full(buffer, (size_t)written));
	must_say(buffer, &guest);
}
