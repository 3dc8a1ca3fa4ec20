/* SPDX-License-Identifier: MIT */
/* What the command line asks for; command_line.h fills it. */
#ifndef MINIVMM_OPTIONS_H
#define MINIVMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpuset.h"
#include "base/status.h"
#include "options/plan.h"

#define MAX_VCPUS 512 /* KVM's own limit on arm64; a host may have a lower one */

enum pmu_mode { PMU_AUTO, PMU_DEFAULT, PMU_EXPLICIT, PMU_COMPOSITE, PMU_STRICT, PMU_OFF };

/* Whether the guest begins at EL2, and with which HCR_EL2.E2H. */
enum el2_mode { EL2_NONE, EL2_VHE, EL2_E2H0 };

enum jail_mode { JAIL_ON, JAIL_LOG, JAIL_OFF };

/* One range of --pmu-filter; the kernel's struct kvm_pmu_event_filter. */
struct pmu_filter {
	uint16_t base;
	uint16_t count;
};

#define MAX_FILTERS 16

struct options {
	enum pmu_mode pmu;
	char pmu_name[64];    /* explicit, strict: a host PMU's name; "" unless given */
	int pmu_cpu;          /* explicit:cpuN: the PMU that covers this CPU; -1 unless given */
	bool pmu_filter_deny; /* --pmu-filter=deny: rather than allow: */
	int nfilters;         /* 0: no filter */
	struct pmu_filter filters[MAX_FILTERS];
	int pmu_counters;    /* PMCR_EL0.N to show, 0..31; -1: all that there are */
	int cpus;            /* 1..MAX_VCPUS */
	uint64_t mem;        /* bytes, 2 MiB .. 1 TiB, a multiple of 2 MiB */
	int naffinity;       /* 0: none given; 1: affinity[0] is for all; else one each */
	bool affinity_each;  /* the V:LIST form was used */
	bool settle;         /* wait for idle CPUs at the start and after each hop */
	bool refusal_return; /* --on-refusal=return */
	int gic;             /* 0 auto, 2, 3 */
	enum el2_mode el2;
	const char *image; /* these point into argv */
	const char *initrd;
	const char *append; /* "" unless given */
	const char *dtb_out;
	const char *record;
	const char *trace;
	unsigned timeout_s; /* 0: none */
	uint64_t limit; /* bytes of each file that the guest's doings fill: a multiple of 4 KiB, at
			   most 1 TiB */
	enum jail_mode jail;
	bool no_reboot;
	bool strict_mmio;
	bool quiet;
	bool probe;
	bool probe_json;
	bool help;
	bool version;
	/* From here on, what is large: only as much as is used is set. */
	struct plan plan;
	/* Only naffinity of them are there; an empty set in the V:LIST form: vCPU not named. */
	struct cpuset affinity[MAX_VCPUS];
};

const char *pmu_mode_name(enum pmu_mode mode);

#endif
