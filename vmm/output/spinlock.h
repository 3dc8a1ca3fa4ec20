/* SPDX-License-Identifier: MIT */
/* A lock that is held for a few instructions: a mutex costs half of what a byte of output may. */
#ifndef MINIVMM_SPINLOCK_H
#define MINIVMM_SPINLOCK_H

#include <stdatomic.h>
#include <stdbool.h>

struct spinlock {
	atomic_bool taken;
};

static inline bool spinlock_try(struct spinlock *lock)
{
	return !atomic_exchange_explicit(&lock->taken, true, memory_order_acquire);
}

/* For a thread that has tried without success. */
void spinlock_wait(struct spinlock *lock);

static inline void spinlock_take(struct spinlock *lock)
{
	if (!spinlock_try(lock))
		spinlock_wait(lock);
}

static inline void spinlock_release(struct spinlock *lock)
{
	atomic_store_explicit(&lock->taken, false, memory_order_release);
}

#endif
