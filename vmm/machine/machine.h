/* SPDX-License-Identifier: MIT */
/* One virtual machine: build.c builds it, the files of run/ run it, until end.c ends the run. */
#ifndef MINIVMM_MACHINE_H
#define MINIVMM_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/bus.h"
#include "devices/flash.h"
#include "devices/gic.h"
#include "devices/pl011.h"
#include "devices/unmapped.h"
#include "host/kvm.h"
#include "jail/jail.h"
#include "machine/barrier.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "options/plan.h"
#include "output/output.h"
#include "pmu/choice.h"
#include "report/record.h"
#include "report/stats.h"
#include "report/stay.h"
#include "report/trace.h"

struct kvm_run;

struct vcpu {
	struct machine *machine;
	int index;
	int fd;
	struct kvm_run *run;
	atomic_int tid; /* 0 until its thread runs */
	struct plan_place place;
	atomic_int cpu;    /* where the plan has put it, -1 without a plan */
	atomic_uint hops;  /* since the last window */
	atomic_uint moves; /* by another thread: odd during a move */
	bool begun;        /* it has written to the lab device: roams and stays are known */
	bool roams; /* the CPUs that it may use have more than one host PMU, or some have none */
	struct stays stays;
	uint64_t writes; /* to devices, since the guest began; its thread's */
};

#define MAX_OUTPUTS 4

/*
 * What is large comes first or last, and what every run uses stands together between: pages that
 * are not touched cost nothing.
 */
struct machine {
	struct trace trace;
	const struct options *options;
	const struct host *host;
	const struct choice *choice;
	struct kvm kvm;
	int vm_fd;
	struct gic gic;
	size_t run_size;
	struct memory memory;
	struct image_files files;
	struct image image;
	size_t dtb_size;
	struct bus bus;
	struct pl011 uart;
	struct output output;
	struct output messages; /* stderr */
	uint8_t *crash_stacks;  /* CRASH_STACK bytes of each vCPU's thread */
	FILE *told;             /* longer ones, of one thread at a time; NULL with --quiet */
	struct record record;
	struct output *outputs[MAX_OUTPUTS]; /* those above that are open */
	int noutputs;
	timer_t alarm; /* of the outputs */
	struct unmapped unmapped;
	struct flash flash;
	unsigned odd; /* kinds of odd windows that were reported */
	/* stats, odd and unmapped. Who holds it waits for nobody, least of all for an output's
	 * reader. */
	pthread_mutex_t lock;
	struct barrier barrier;
	uint64_t start_ns;
	atomic_int end;   /* the run's status, -1 while it runs */
	atomic_bool full; /* a file has reached its limit */
	int wake_fd;      /* eventfd: wakes the main thread */
	int nvcpus;
	struct stats stats;
	struct vcpu vcpus[MAX_VCPUS];
	struct output_room rooms[2]; /* of output and messages */
};

#endif
