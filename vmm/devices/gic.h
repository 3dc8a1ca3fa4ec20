/* SPDX-License-Identifier: MIT */
/* The guest's interrupt controller, emulated by KVM (Documentation/virt/kvm/devices/arm-vgic*.rst).
 */
#ifndef MINIVMM_GIC_H
#define MINIVMM_GIC_H

#include <stdbool.h>

#include "base/status.h"

struct gic {
	int fd;      /* KVM's device, -1: none; whoever destroys the VM closes it */
	int version; /* 2 or 3 */
};

/*
 * Creates and initialises the GIC of the VM @vm_fd, after its last vCPU: then it takes no more of
 * them. @version: 2 or 3, or 0 for the newest that this host has. STATUS_HOST where it has none.
 * @el2: a GICv3 for guests with EL2, with the maintenance interrupt of map.h.
 */
enum status gic_create(struct gic *gic, int vm_fd, int version, int vcpus, bool el2);

/* Sets the level of a shared interrupt; false with errno. */
bool gic_set_spi(int vm_fd, unsigned intid, bool level);

#endif
