/* SPDX-License-Identifier: MIT */
/* One virtual machine: machine.c, gic.c and vpmu.c build it, run.c and vcpu.c run it. */
#ifndef MINIVMM_MACHINE_H
#define MINIVMM_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "flash.h"
#include "gate.h"
#include "image.h"
#include "jail.h"
#include "kvm.h"
#include "memory.h"
#include "choice.h"
#include "output.h"
#include "pl011.h"
#include "plan.h"
#include "record.h"
#include "stats.h"
#include "stay.h"
#include "strays.h"
#include "trace.h"

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
	atomic_uint moves; /* by another thread: odd while it is at it */
	bool begun;        /* it has written to the lab device: roams and stays are known */
	bool roams; /* the CPUs that it may use have more than one host PMU, or some have none */
	struct stays stays;
	uint64_t writes; /* to devices, since the guest began; its thread's */
};

#define MAX_OUTPUTS 4

struct machine {
	const struct options *options;
	const struct host *host;
	const struct choice *choice;
	struct kvm kvm;
	int vm_fd, gic_fd;
	int gic; /* 2 or 3 */
	size_t run_size;
	struct memory memory;
	struct image_files files;
	struct image image;
	size_t dtb_size;
	struct bus bus;
	struct pl011 uart;
	struct output output;
	struct output messages; /* stderr */
	struct record record;
	struct trace trace;
	struct output *outputs[MAX_OUTPUTS]; /* those above that are open */
	int noutputs;
	timer_t alarm; /* of the outputs */
	struct strays strays;
	struct flash flash;
	unsigned odd; /* kinds of odd windows that were reported */
	/* stats, odd and strays. Who holds it waits for nobody, least of all for an output's
	 * reader. */
	pthread_mutex_t lock;
	struct gate gate;
	uint64_t start_ns;
	atomic_int end;   /* the run's status, -1 while it goes on */
	atomic_bool full; /* a file has reached its limit */
	int wake_fd;      /* eventfd: wakes the main thread */
	int nvcpus;
	/* What is large comes last: the pages that a run does not use are never touched. */
	struct vcpu vcpus[MAX_VCPUS];
	struct plan plan; /* the choice's */
	struct jail jail;
	struct stats stats;
	struct output_room rooms[2]; /* of output and messages */
};

#define MACHINE_RESET 256 /* for machine_end(), in place of a status: the guest starts anew */

/*
 * Builds the machine from options, host, choice, plan, kvm, files and nvcpus, which the
 * caller has set, in the order that KVM demands: VM, memory, every vCPU before
 * the GIC is initialised, the calling thread on vCPU 0's CPU from KVM_ARM_VCPU_INIT to the PMU's
 * attributes (the default PMU is taken there), the GIC before the PMU's
 * attributes, the PMU's choice before filter, counters, interrupt and INIT.
 * Only who goes on after it needs machine_destroy(), also after a failure: it ends with the
 * process.
 */
enum status machine_create(struct machine *machine);
void machine_destroy(struct machine *machine);

/* The same machine as after machine_create(), with nothing left of what the guest did. */
enum status machine_restart(struct machine *machine);

/* The guest's device tree, as a file. */
enum status machine_write_dtb(const struct machine *machine, const char *path);

/* gic.c: creates and initialises the GIC; the level of a shared interrupt. */
enum status gic_create(struct machine *machine);
void gic_set_spi(struct machine *machine, unsigned intid, bool level);

/* vpmu.c: gives every vCPU the PMU of machine->choice. */
enum status vpmu_create(const struct machine *machine);

/*
 * run.c: puts this thread and a thread for each vCPU into the jail, then runs the guest
 * until it, a failure, a signal or the timeout ends the run; prints the summary, closes record
 * and trace, and returns the run's status. A guest that resets itself starts anew. The calling
 * thread does what wait.h says. The others wait at the gate in the end, and go with the process.
 */
enum status machine_run(struct machine *machine);

/* The first status given ends the run; any thread may. */
void machine_end(struct machine *machine, int status);
/* The same with the line of fail(): only one that ends the run is printed, however many fail. */
void machine_fail(struct machine *machine, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void machine_wake(void *machine); /* makes the main thread look for input and output to move */
void machine_full(void *machine); /* a file has reached its limit: who closes it says so */
/* For the main thread: whether record and trace take another event without waiting. */
bool machine_has_room(struct machine *machine);
uint64_t machine_now(const struct machine *machine); /* ns since the run's start */

/* vcpu.c: a vCPU's thread. */
void *vcpu_thread(void *vcpu);
/* Moves thread @tid (0: this one) to @cpu (-1: the vCPU's affinity); false with errno. */
bool vcpu_place(struct vcpu *vcpu, int tid, int cpu);
/* The same of a machine that runs: where it fails, it ends the run. */
bool vcpu_move(struct vcpu *vcpu, int tid, int cpu);
void vcpu_hop(struct vcpu *vcpu, int tid);

/* refusal.c: after KVM_EXIT_FAIL_ENTRY: ends the run, or puts this thread on a covered CPU. */
void vcpu_refused(struct vcpu *vcpu);

/* vcpu_state.c: tells and records what each vCPU was doing when the run was ended. */
void vcpu_states(struct machine *machine);

/* lab.c: bus handler of the lab device; owner is the struct machine. */
void lab_access(void *owner, struct bus_access *access);

#endif
