/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crew.h"
#include "result.h"

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0)
		if (errno != EINTR)
			fail_test_errno("waiting for a thread");
}

static void *serve(void *argument)
{
	struct crew_member *member = argument;

	member->tid = (int)syscall(SYS_gettid);
	for (;;) {
		sem_post(&member->done);
		wait_for(&member->go);
		if (!member->task)
			return NULL;
		member->task(member->vcpu, member->context);
	}
}

void crew_start(struct crew *crew, int n)
{
	crew->n = n;
	crew->members[0] =
		(struct crew_member){ .thread = pthread_self(), .tid = (int)syscall(SYS_gettid) };
	for (int i = 1; i < n; i++) {
		struct crew_member *member = &crew->members[i];

		*member = (struct crew_member){ .vcpu = i };
		if (sem_init(&member->go, 0, 0) || sem_init(&member->done, 0, 0) ||
		    pthread_create(&member->thread, NULL, serve, member))
			fail_test("cannot start a thread");
		wait_for(&member->done);
	}
}

static void hand_out(struct crew_member *member, crew_task *task, void *context)
{
	member->task = task;
	member->context = context;
	sem_post(&member->go);
}

void crew_do(struct crew *crew, int vcpu, crew_task *task, void *context)
{
	struct crew_member *member = &crew->members[vcpu];

	if (pthread_equal(member->thread, pthread_self())) {
		task(vcpu, context);
		return;
	}
	hand_out(member, task, context);
	wait_for(&member->done);
}

void crew_do_all(struct crew *crew, crew_task *task, void *context)
{
	for (int i = 1; i < crew->n; i++)
		hand_out(&crew->members[i], task, context);
	task(0, context);
	for (int i = 1; i < crew->n; i++)
		wait_for(&crew->members[i].done);
}

void crew_end(struct crew *crew)
{
	for (int i = 1; i < crew->n; i++) {
		hand_out(&crew->members[i], NULL, NULL);
		pthread_join(crew->members[i].thread, NULL);
	}
}
