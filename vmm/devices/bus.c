/* SPDX-License-Identifier: MIT */
#include "devices/bus.h"

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
