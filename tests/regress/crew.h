/* SPDX-License-Identifier: MIT */
/*
 * The host threads of a VM's vCPUs. All that is done to a vCPU is done by its own thread, as KVM
 * makes perf events for the thread that calls it, which count only while that one runs.
 */
#ifndef REGRESS_CREW_H
#define REGRESS_CREW_H

#include <pthread.h>
#include <semaphore.h>

#include "vm.h"

typedef void crew_task(int vcpu, void *context);

struct crew_member {
	pthread_t thread;
	int vcpu, tid;
	sem_t go, done;
	crew_task *task; /* NULL: the thread's end */
	void *context;
};

struct crew {
	int n;
	struct crew_member members[VM_MAX_VCPUS];
};

/* The calling thread is vCPU 0's, and so of those that call the other functions. */
void crew_start(struct crew *crew, int n);
void crew_end(struct crew *crew);

/* Has the vCPU's thread do it, and waits. That thread may call it too, for its own vCPU. */
void crew_do(struct crew *crew, int vcpu, crew_task *task, void *context);

/* Has all threads do it at the same time. */
void crew_do_all(struct crew *crew, crew_task *task, void *context);

#endif
