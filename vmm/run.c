/* SPDX-License-Identifier: MIT */
/* The run: vCPU threads, their end, and the guest's resets. */
#include <errno.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "machine.h"
#include "options.h"
#include "wait.h"

#define KICK_SIGNAL SIGUSR1
#define NS_PER_S    1000000000ull

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t machine_now(const struct machine *machine)
{
	return clock_ns() - machine->start_ns;
}

/*
 * immediate_exit makes the next KVM_RUN return at once, the signal the one that
 * is under way; a thread without a tid has yet to look at machine->end.
 */
static void kick_all(struct machine *machine)
{
	int self = (int)syscall(SYS_gettid);

	for (int i = 0; i < machine->nvcpus; i++) {
		struct vcpu *vcpu = &machine->vcpus[i];
		int tid = atomic_load(&vcpu->tid);

		vcpu->run->immediate_exit = 1;
		if (tid && tid != self)
			syscall(SYS_tgkill, getpid(), tid, KICK_SIGNAL);
	}
}

/* An eventfd takes a 1 unless it is about to overflow. */
void machine_wake(void *owner)
{
	const struct machine *machine = owner;
	const uint64_t one = 1;

	while (write(machine->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void machine_end(struct machine *machine, int status)
{
	int running = -1;

	if (!atomic_compare_exchange_strong(&machine->end, &running, status))
		return;
	output_hurry(&machine->output, true);
	kick_all(machine);
	machine_wake(machine);
}

static void ignore_kick(int signal)
{
	(void)signal;
}

/*
 * On a vCPU's CPU this thread would wait for its turn, milliseconds on some hosts, and
 * move late. It hardly runs, so it may come first where it can: plain users cannot.
 */
static void come_first(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	(void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first);
}

static int start_threads(struct machine *machine)
{
	int started;

	for (started = 0; started < machine->nvcpus; started++) {
		struct vcpu *vcpu = &machine->vcpus[started];
		int error = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);

		if (error) {
			machine_end(machine,
				    fail(STATUS_INTERNAL, "cannot start the thread of vCPU %d: %s",
					 started, strerror(error)));
			break;
		}
	}
	return started;
}

/* A kick that comes just before a blocking write() to the console is lost: then kick again. */
static void join(struct machine *machine, struct vcpu *vcpu)
{
	struct timespec limit;

	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &limit);
		limit.tv_sec++;
		if (pthread_clockjoin_np(vcpu->thread, NULL, CLOCK_MONOTONIC, &limit) != ETIMEDOUT)
			return;
		kick_all(machine);
	}
}

/* One life of the guest: its status, or MACHINE_RESET. */
static int run_once(struct machine *machine, struct waiter *waiter)
{
	int started, status;

	atomic_store(&machine->end, -1);
	output_hurry(&machine->output, false);
	/* Else a guest that resets at once for ever could not be ended. */
	wait_look(waiter);
	started = atomic_load(&machine->end) < 0 ? start_threads(machine) : 0;
	wait_for_end(waiter);
	for (int i = 0; i < started; i++)
		join(machine, &machine->vcpus[i]);
	status = atomic_load(&machine->end);
	return status == MACHINE_RESET ? status : wait_for_output(waiter, status);
}

static enum status prepare(struct machine *machine, struct waiter *waiter)
{
	const struct sigaction kick = { .sa_handler = ignore_kick };

	machine->start_ns = clock_ns();
	machine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&machine->lock, NULL);
	output_init(&machine->output, STDOUT_FILENO, machine_wake, machine);
	if (machine->wake_fd < 0 || sigaction(KICK_SIGNAL, &kick, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR || wait_open(waiter, machine) < 0)
		return fail_errno(STATUS_INTERNAL, "eventfd and signalfd");
	if (machine->plan.period_ns)
		come_first();
	return STATUS_OK;
}

enum status machine_run(struct machine *machine)
{
	static struct waiter waiter;
	int status = (int)prepare(machine, &waiter);

	if (status)
		return (enum status)status;
	for (unsigned resets = 1;; resets++) {
		status = run_once(machine, &waiter);
		if (status != MACHINE_RESET)
			break;
		output_flush(&machine->output);
		if (!machine->options->quiet)
			fprintf(stderr,
				"reset %u: the guest starts anew (--no-reboot would end "
				"the run)\n",
				resets);
		record_reset(&machine->record, machine_now(machine));
		status = (int)machine_restart(machine);
		if (status)
			break;
	}
	wait_close(&waiter);
	close(machine->wake_fd);
	return (enum status)status;
}
