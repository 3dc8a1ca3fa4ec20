/* SPDX-License-Identifier: MIT */
/* Runs a vCPU while its thread hops between CPUs. */
#ifndef REGRESS_HOPS_H
#define REGRESS_HOPS_H

#include "site.h"
#include "vm.h"

enum hops {
	HOPS_NONE, /* the vCPU stays where it is */
	HOPS_SYNC, /* at each guest_hop(), by the vCPU's own thread: exact */
	HOPS_ASYNC /* while the guest runs, by another thread: bounds */
};

#define HOPS_MAX_CPUS 16

struct itinerary {
	enum hops hops;
	int cpus[HOPS_MAX_CPUS], ncpus; /* in this order, again and again */
	int home;                       /* where a refused vCPU returns to; -1: a refusal fails */
	long period_ns;                 /* HOPS_ASYNC */
	/* Filled in: */
	int nhops, nrefusals;
	int where[VM_MAX_OUT], nwhere; /* the CPU after each guest_hop() */
};

const char *hops_name(enum hops hops);

/* Home, home, away, away, ...: each CPU twice, so that windows that hop alternate with others. */
void itinerary_all(const struct site *site, struct itinerary *itinerary, enum hops hops);

/* Between CPUs of the first host PMU only. Skips the test if there is only one. */
void itinerary_home(const struct site *site, struct itinerary *itinerary, enum hops hops);

/* From the calling thread, to guest_exit(). */
void run_hopping(struct vcpu *vcpu, struct itinerary *itinerary);

#endif
