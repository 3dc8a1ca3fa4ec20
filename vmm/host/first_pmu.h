/* SPDX-License-Identifier: MIT */
/* Which host PMU guests get from a KVM without SET_PMU (before Linux 5.18). */
#ifndef MINIVMM_FIRST_PMU_H
#define MINIVMM_FIRST_PMU_H

#include "host/host.h"

/*
 * Such a KVM asks perf for a raw event and names no PMU, and perf takes the first PMU that has
 * the event, whichever CPU asks. So does this, and sees on which host PMU's CPUs the event
 * counts. -1 if that cannot be seen, as where perf_event_open() is not allowed. The calling thread
 * is then on any of the CPUs that the host PMUs cover.
 */
int first_pmu(const struct host *host);

#endif
