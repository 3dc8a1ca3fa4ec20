/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

#include "gate.h"

void gate_init(struct gate *gate, unsigned threads)
{
	*gate = (struct gate){ .threads = threads };
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
}

void gate_pass(struct gate *gate, unsigned life)
{
	pthread_mutex_lock(&gate->lock);
	if (++gate->arrived == gate->threads * life)
		pthread_cond_broadcast(&gate->changed);
	while (gate->opened < life || gate->arrived < gate->threads * life)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->opened++;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

bool gate_all_here(struct gate *gate)
{
	struct timespec limit;
	bool here;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec++;
	pthread_mutex_lock(&gate->lock);
	do
		here = gate->arrived == gate->threads * (gate->opened + 1);
	while (!here && pthread_cond_clockwait(&gate->changed, &gate->lock, CLOCK_MONOTONIC,
					       &limit) != ETIMEDOUT);
	pthread_mutex_unlock(&gate->lock);
	return here;
}
