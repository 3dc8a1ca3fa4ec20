/* SPDX-License-Identifier: MIT */
/* The gate: nobody passes before all are there and it is open, in each life. */
#include <stdatomic.h>
#include <unistd.h>

#include "fail_capture.h"
#include "gate.h"

#define THREADS 3
#define LIVES   4

static struct gate gate;
static atomic_int living, jailed;

static void *thread(void *argument)
{
	usleep(20000u * (unsigned)(uintptr_t)argument); /* the last one comes late */
	atomic_fetch_add(&jailed, 1);
	for (unsigned life = 1; life <= LIVES; life++) {
		gate_pass(&gate, life);
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
	gate_init(&gate, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread, (void *)i), 0);
	gate_open(&gate); /* before all are there */
	for (int life = 1; life < LIVES; life++) {
		while (!gate_all_here(&gate))
			;
		assert_int_equal(atomic_load(&living), life * THREADS);
		assert_int_equal(atomic_load(&jailed), THREADS);
		gate_open(&gate);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&living), LIVES * THREADS);
}

static void waiting_has_an_end(void **state)
{
	(void)state;
	gate_init(&gate, 1);
	assert_false(gate_all_here(&gate));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_or_nobody_lives),
		cmocka_unit_test(waiting_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
