/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "machine/end.h"

#define NS_PER_S 1000000000ull

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void machine_begin(struct machine *machine)
{
	machine->start_ns = clock_ns();
	machine->wake_fd = -1;
	atomic_store(&machine->end, -1);
	pthread_mutex_init(&machine->lock, NULL);
}

uint64_t machine_now(const struct machine *machine)
{
	return clock_ns() - machine->start_ns;
}

/*
 * immediate_exit makes the next KVM_RUN return at once, the signal the one that
 * is under way; a thread without a tid has yet to look at machine->end.
 */
void machine_kick(struct machine *machine)
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

/* Whether this is the first to end the run. */
static bool claim_end(struct machine *machine, int status)
{
	int running = -1;

	return atomic_compare_exchange_strong(&machine->end, &running, status);
}

void machine_set_nonblocking(struct machine *machine, bool nonblocking)
{
	for (int i = 0; i < machine->noutputs; i++)
		output_set_nonblocking(machine->outputs[i], nonblocking);
}

static void stop(struct machine *machine)
{
	machine_set_nonblocking(machine, true);
	machine_kick(machine);
	machine_wake(machine);
}

void machine_end(struct machine *machine, int status)
{
	if (claim_end(machine, status))
		stop(machine);
}

/* The run's end waits for this thread, so the error line comes before the lines that are printed
 * there. */
void machine_fail(struct machine *machine, enum status status, const char *format, ...)
{
	va_list args;

	if (!claim_end(machine, (int)status))
		return;
	va_start(args, format);
	fail_line(format, args);
	va_end(args);
	stop(machine);
}

void machine_full(void *owner)
{
	struct machine *machine = owner;

	atomic_store(&machine->full, true);
	machine_end(machine, STATUS_INPUT);
}
