/* SPDX-License-Identifier: MIT */
/*
 * The start barrier, where the vCPUs' threads wait: until every thread is in the jail, and between
 * two lives of a guest that resets itself. The threads are the same in each life, because the jail
 * forbids to start one.
 */
#ifndef MINIVMM_BARRIER_H
#define MINIVMM_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

/* The kernel's futexes: woken threads of a condition variable queue for its mutex once more. */
struct barrier {
	unsigned threads;
	atomic_uint arrived; /* threads, over all lives; the main thread sleeps on it */
	atomic_uint opened;  /* times; the threads sleep on it */
};

void barrier_init(struct barrier *barrier, unsigned threads);

/* For the threads: returns when life @life (from 1) has begun. */
void barrier_pass(struct barrier *barrier, unsigned life);

/* For the main thread: begins the next life, also for those that have yet to come. */
void barrier_open(struct barrier *barrier);

/* Waits until all are at the barrier again; false if some are not after a second. */
bool barrier_all_here(struct barrier *barrier);

#endif
