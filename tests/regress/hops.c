/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hops.h"
#include "result.h"

#define PERIOD_NS 2000000l

struct mover {
	struct itinerary *itinerary;
	int tid;
	atomic_bool stop;
};

const char *hops_name(enum hops hops)
{
	static const char *const names[] = { "still", "sync", "async" };

	return names[hops];
}

static void add(struct itinerary *itinerary, int cpu)
{
	if (itinerary->ncpus < HOPS_MAX_CPUS)
		itinerary->cpus[itinerary->ncpus++] = cpu;
}

void itinerary_all(const struct site *site, struct itinerary *itinerary, enum hops hops)
{
	int last = -1;

	*itinerary =
		(struct itinerary){ .hops = hops, .home = site->home[0], .period_ns = PERIOD_NS };
	add(itinerary, site->home[0]);
	add(itinerary, site->home[0]);
	/* The first CPU of each other host PMU. */
	for (int i = 0; i < site->naway; i++) {
		int pmu = host_pmu_of_cpu(&site->host, site->away[i]);

		if (pmu != last) {
			add(itinerary, site->away[i]);
			add(itinerary, site->away[i]);
		}
		last = pmu;
	}
}

void itinerary_home(const struct site *site, struct itinerary *itinerary, enum hops hops)
{
	*itinerary = (struct itinerary){ .hops = hops, .home = -1, .period_ns = PERIOD_NS };
	if (hops != HOPS_NONE)
		need_two_home(site);
	for (int i = 0; i < site->nhome && i < 2; i++) {
		add(itinerary, site->home[i]);
		add(itinerary, site->home[i]);
	}
}

static void hop(struct itinerary *itinerary, const struct site *site, int tid)
{
	int from = itinerary->cpus[itinerary->nhops % itinerary->ncpus];
	int to = itinerary->cpus[(itinerary->nhops + 1) % itinerary->ncpus];

	itinerary->nhops++;
	if (tid && to != from)
		place_thread(tid, to);
	else if (!tid)
		place_on(site, to);
}

static void *move(void *argument)
{
	struct mover *mover = argument;
	const struct timespec period = { .tv_nsec = mover->itinerary->period_ns };

	while (!atomic_load(&mover->stop)) {
		nanosleep(&period, NULL);
		hop(mover->itinerary, NULL, mover->tid);
	}
	return NULL;
}

static void refused(struct vcpu *vcpu, struct itinerary *itinerary)
{
	const struct site *site = vcpu->vm->site;

	if (itinerary->home < 0 || pmu_of(site, vcpu->refused_cpu) == pmu_of(site, itinerary->home))
		fail_test("KVM refused vCPU %d on CPU %d", vcpu->index, vcpu->refused_cpu);
	/* Nobody else moves the thread: KVM has to name the CPU that it is still on. */
	if (itinerary->hops == HOPS_SYNC)
		expect_equal((uint64_t)vcpu->refused_cpu, (uint64_t)sched_getcpu(),
			     "CPU that KVM_EXIT_FAIL_ENTRY names");
	itinerary->nrefusals++;
	/*
	 * To settle takes a while, in which another thread moves this one on: with instruction
	 * counting perhaps always to where KVM refuses it again.
	 */
	if (itinerary->hops == HOPS_ASYNC)
		place_thread(0, itinerary->home);
	else
		place_on(site, itinerary->home);
}

void run_hopping(struct vcpu *vcpu, struct itinerary *itinerary)
{
	struct mover mover = { .itinerary = itinerary, .tid = (int)syscall(SYS_gettid) };
	bool async = itinerary->hops == HOPS_ASYNC;
	enum stop stop;
	pthread_t thread;

	place_on(vcpu->vm->site, itinerary->cpus[0]);
	if (async && pthread_create(&thread, NULL, move, &mover))
		fail_test("cannot start a thread");
	while ((stop = vcpu_run(vcpu)) != STOP_EXIT) {
		if (stop == STOP_REFUSED) {
			refused(vcpu, itinerary);
		} else if (stop == STOP_HOP) {
			/* Still: exact for a few milliseconds only, until the next tick of some
			 * CPU. */
			if (itinerary->hops == HOPS_NONE)
				place_on(vcpu->vm->site, itinerary->cpus[0]);
			else if (itinerary->hops == HOPS_SYNC)
				hop(itinerary, vcpu->vm->site, 0);
			if (itinerary->nwhere < VM_MAX_OUT)
				itinerary->where[itinerary->nwhere++] = sched_getcpu();
		} else if (stop != STOP_KICKED) {
			fail_test("vCPU %d stopped (%d) before the end of its program", vcpu->index,
				  (int)stop);
		}
	}
	atomic_store(&mover.stop, true);
	if (async)
		pthread_join(thread, NULL);
}
