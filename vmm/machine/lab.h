/* SPDX-License-Identifier: MIT */
/* The lab device: guest/abi/lab.h is its interface, docs/guest-abi.md its reference. */
#ifndef MINIVMM_LAB_DEVICE_H
#define MINIVMM_LAB_DEVICE_H

#include "devices/bus.h"

/* The bus's handler; @owner is the struct machine. */
void lab_access(void *owner, struct bus_access *access);

#endif
