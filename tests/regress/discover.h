/* SPDX-License-Identifier: MIT */
/* What the site is: the host and its KVM are asked, and VMs are tried. */
#ifndef REGRESS_DISCOVER_H
#define REGRESS_DISCOVER_H

#include <stdio.h>

#include "site.h"

/*
 * False if nothing can run here: then @reason (of @size bytes) says what is missing. Keeps
 * the process, and those that it starts, on CPUs that have a host PMU: elsewhere no VM
 * with a PMU can be made.
 */
bool site_discover(struct site *site, char *reason, size_t size);

/* Whether an instruction takes a nanosecond: on an emulated board only. */
bool site_is_exact(const struct site *site);

/* As KTAP comments: PMUs, modes, exactness, seed. */
void site_describe(const struct site *site, FILE *out);

#endif
