/* SPDX-License-Identifier: MIT */
/* The start barrier: nobody passes before it is open, and who opens it can wait for all, in each
 * life. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "fail_capture.h"
#include "machine/barrier.h"

#define THREADS 3
#define LIVES   4

static struct barrier barrier;
static atomic_int living, jailed;

static void *thread(void *argument)
{
	usleep(20000u * (unsigned)(uintptr_t)argument); /* the last one comes late */
	atomic_fetch_add(&jailed, 1);
	for (unsigned life = 1; life <= LIVES; life++) {
		barrier_pass(&barrier, life);
		if (atomic_load(&jailed) != THREADS)
			atomic_store(&jailed, -1000);
		atomic_fetch_add(&living, 1);
	}
	return NULL;
}

static void all_or_nobody_lives(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	barrier_init(&barrier, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread, (void *)i), 0);
	for (int life = 0; life < LIVES; life++) {
		while (!barrier_all_here(&barrier))
			;
		assert_int_equal(atomic_load(&living), life * THREADS);
		assert_int_equal(atomic_load(&jailed), THREADS);
		barrier_open(&barrier);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&living), LIVES * THREADS);
}

static void an_open_one_lets_pass_who_comes(void **state)
{
	(void)state;
	barrier_init(&barrier, 2);
	barrier_open(&barrier);
	barrier_pass(&barrier, 1);
}

static void waiting_has_an_end(void **state)
{
	(void)state;
	barrier_init(&barrier, 1);
	assert_false(barrier_all_here(&barrier));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_or_nobody_lives),
		cmocka_unit_test(an_open_one_lets_pass_who_comes),
		cmocka_unit_test(waiting_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
