/* SPDX-License-Identifier: MIT */
/* An access reaches the one device that holds all its bytes, at the right offset, or none. */
#include "devices/bus.h"
#include "fuzz.h"

typedef unsigned __int128 wide; /* sums do not wrap in it */

#define TRIES 8

static struct {
	int calls, device;
	struct bus_access access;
} seen;

static int numbers[BUS_MAX_DEVICES];

static void on_access(void *owner, struct bus_access *access)
{
	seen.calls++;
	seen.device = *(int *)owner;
	seen.access = *access;
	if (!access->write) {
		must(!access->value);
		access->value = 0x5a;
	}
}

/* Numbers where something may go wrong: small, and near the top and near each other. */
static uint64_t address(struct input *input)
{
	uint64_t shape = input_number(input, 1), value = input_number(input, 2);

	value <<= shape & 56;
	return shape & 1 ? ~value : value;
}

static bool overlap(const struct bus_device *a, const struct bus_device *b)
{
	return a->base < (wide)b->base + b->size && b->base < (wide)a->base + a->size;
}

static void add(struct bus *bus, struct input *input)
{
	struct bus_device device = { .name = "device",
				     .base = address(input),
				     .size = address(input),
				     .access = on_access };
	struct bus before = *bus;
	bool good = device.size && (wide)device.base + device.size <= (wide)1 << 64;

	if (bus->ndevices < BUS_MAX_DEVICES)
		device.owner = &numbers[bus->ndevices];
	for (int i = 0; i < bus->ndevices; i++)
		good &= !overlap(&device, &bus->devices[i]);
	good &= bus->ndevices < BUS_MAX_DEVICES;
	must(bus_add(bus, &device) == good);
	must(bus->ndevices == before.ndevices + good);
	for (int i = 0; i < before.ndevices; i++)
		must(bus->devices[i].base == before.devices[i].base &&
		     bus->devices[i].size == before.devices[i].size);
}

static void access_at(const struct bus *bus, uint64_t gpa, struct bus_access access)
{
	uint64_t value = access.value;
	int expected = -1;

	for (int i = 0; i < bus->ndevices; i++)
		if (gpa >= bus->devices[i].base &&
		    (wide)gpa + access.length <= (wide)bus->devices[i].base + bus->devices[i].size)
			expected = i;
	seen.calls = 0;
	must(bus_access(bus, gpa, &access) == (expected >= 0));
	must(seen.calls == (expected >= 0));
	must(access.value == (access.write ? value : expected >= 0 ? 0x5a : 0));
	if (expected < 0)
		return;
	must(seen.device == expected);
	must(seen.access.offset == gpa - bus->devices[expected].base);
	must(!access.write || seen.access.value == value);
}

void fuzz_one(struct input *input)
{
	struct bus bus = { 0 };

	for (int i = 0; i < BUS_MAX_DEVICES; i++)
		numbers[i] = i;
	for (int i = 0; i <= BUS_MAX_DEVICES; i++)
		add(&bus, input);
	for (int i = 0; i < TRIES; i++) {
		uint64_t shape = input_number(input, 1), gpa = address(input);
		struct bus_access access = { .length = 1u << (shape & 3),
					     .write = shape & 4,
					     .value = input_number(input, 8) };

		/* Near a device's end is where it matters. */
		if (shape & 8 && bus.ndevices) {
			const struct bus_device *near =
				&bus.devices[(shape >> 4) % (unsigned)bus.ndevices];

			gpa = near->base + near->size - 16 + gpa % 32;
		}
		access_at(&bus, gpa, access);
	}
}
