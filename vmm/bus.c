/* SPDX-License-Identifier: MIT */
#include "bus.h"

bool bus_add(struct bus *bus, const struct bus_device *device)
{
	if (bus->ndevices == BUS_MAX_DEVICES || !device->size ||
	    device->size - 1 > UINT64_MAX - device->base)
		return false;
	for (int i = 0; i < bus->ndevices; i++) {
		const struct bus_device *other = &bus->devices[i];

		/* Neither begins inside the other; the differences wrap to large values. */
		if (device->base - other->base < other->size ||
		    other->base - device->base < device->size)
			return false;
	}
	bus->devices[bus->ndevices++] = *device;
	return true;
}

bool bus_access(const struct bus *bus, uint64_t gpa, struct bus_access *access)
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
