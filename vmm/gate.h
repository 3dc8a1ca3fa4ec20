/* SPDX-License-Identifier: MIT */
/*
 * Where the vCPUs' threads wait: until every thread is in the jail, and between two lives
 * of a guest that resets itself. The threads are the same in each life, as the jail lets
 * nobody start one.
 */
#ifndef MINIVMM_GATE_H
#define MINIVMM_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned threads;
	unsigned arrived; /* threads, over all lives */
	unsigned opened;  /* times */
};

void gate_init(struct gate *gate, unsigned threads);

/* For the threads: returns when all have arrived for life @life (from 1) and it was opened. */
void gate_pass(struct gate *gate, unsigned life);

/* For the main thread: starts the next life. */
void gate_open(struct gate *gate);

/* Waits until all are at the gate again; false if some are not after a second. */
bool gate_all_here(struct gate *gate);

#endif
