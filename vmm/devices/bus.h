/* SPDX-License-Identifier: MIT */
/* The MMIO bus: which device answers at a guest address. Filled before the vCPUs run, then read
 * only. */
#ifndef MINIVMM_BUS_H
#define MINIVMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

/* One access; @length is 1, 2, 4 or 8 bytes. Reads fill *value, zero-extended. */
struct bus_access {
	uint64_t offset; /* from the device's base */
	unsigned length;
	bool write;
	uint64_t value;
	int vcpu;
};

struct bus_device {
	const char *name;
	uint64_t base, size;
	void (*access)(void *owner, struct bus_access *access);
	void *owner;
};

#define BUS_MAX_DEVICES 4

struct bus {
	int ndevices;
	struct bus_device devices[BUS_MAX_DEVICES];
};

/* False if the bus is full or the range is taken. */
bool bus_add(struct bus *bus, const struct bus_device *device);

/*
 * Hands the access at @gpa to its device. False if no device holds all its
 * bytes; reads then get all zeroes, and the caller notes the address. Here, as each exit to a
 * device comes by: the devices that were added first cost least.
 */
static inline bool bus_access(const struct bus *bus, uint64_t gpa, struct bus_access *access)
{
	/* So that a device need not care about what it has no value for. */
	if (!access->write)
		access->value = 0;
	for (const struct bus_device *device = bus->devices, *end = device + bus->ndevices;
	     device < end; device++) {
		uint64_t offset = gpa - device->base;

		if (offset >= device->size || access->length > device->size - offset)
			continue;
		access->offset = offset;
		device->access(device->owner, access);
		return true;
	}
	return false;
}

#endif
