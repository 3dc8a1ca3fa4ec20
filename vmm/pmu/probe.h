/* SPDX-License-Identifier: MIT */
/* --probe: what the host and its KVM offer, and what auto would choose and why. */
#ifndef MINIVMM_PROBE_H
#define MINIVMM_PROBE_H

#include "host/kvm.h"
#include "pmu/choice.h"

/* To stdout, as text for people or as one JSON object. */
void probe_print(const struct options *options, const struct host *host,
		 const struct kvm_offers *offers, const struct choice *choice);

#endif
