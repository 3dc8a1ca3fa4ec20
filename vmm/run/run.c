/* SPDX-License-Identifier: MIT */
/* The run: the jail, vCPU threads, their end, and the guest's resets. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/resource.h"
#include "jail/crash.h"
#include "jail/jail.h"
#include "machine/build.h"
#include "machine/end.h"
#include "machine/hop.h"
#include "options/options.h"
#include "run/outputs.h"
#include "run/run.h"
#include "run/vcpu.h"
#include "run/vcpu_state.h"
#include "run/wait.h"

#define VCPU_STACK   (256 << 10) /* bytes; it uses a tenth */
#define RESETS_NOTED 32

static void ignore_kick(int signal)
{
	(void)signal;
}

/*
 * On a vCPU's CPU this thread would wait for its turn, milliseconds on some hosts, and
 * move late. It hardly runs, so it gets a real-time priority where it may: plain users cannot.
 */
static void raise_priority(void)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	(void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest);
}

/* A fixed size: RLIMIT_STACK would decide otherwise, and may be too small. */
static int stack_attributes(pthread_attr_t *attributes)
{
	int error = pthread_attr_init(attributes);

	return error ? error : pthread_attr_setstacksize(attributes, VCPU_STACK);
}

static enum status start_threads(struct machine *machine)
{
	pthread_attr_t attributes;

	errno = stack_attributes(&attributes);
	if (errno)
		return fail_errno(STATUS_INTERNAL, "the stack of a vCPU's thread");
	barrier_init(&machine->barrier, (unsigned)machine->nvcpus);
	for (int i = 0; i < machine->nvcpus; i++) {
		pthread_t thread;

		errno = pthread_create(&thread, &attributes, vcpu_thread, &machine->vcpus[i]);
		if (errno)
			return fail_resource("cannot start the thread of vCPU %d", i);
	}
	return STATUS_OK;
}

/* From here on nothing can be opened, and only what a reset needs can be created. */
static enum status enter_jail(struct machine *machine)
{
	struct jail jail;
	enum status status;

	jail.mode = machine->options->jail;
	jail.resets = !machine->options->no_reboot;
	jail.nmoved = 0;
	status = jail_process(&jail);
	if (!status)
		status = start_threads(machine);
	if (status || jail.mode == JAIL_OFF)
		return status;
	while (!barrier_all_here(
		&machine->barrier)) /* then each has a tid, and nothing left to set up */
		;
	for (int i = 0; machine->choice->plan.period_ns && i < machine->nvcpus; i++)
		jail.moved[jail.nmoved++] = atomic_load(&machine->vcpus[i].tid);
	status = jail_calls(&jail);
	if (!status && jail.mode == JAIL_ON)
		crash_jailed();
	return status;
}

/* Before they run: afterwards the main thread and theirs would look at @place at once. */
static void place_all(struct machine *machine)
{
	while (!barrier_all_here(&machine->barrier)) /* then each has a tid */
		;
	for (int i = 0; i < machine->nvcpus; i++) {
		struct vcpu *vcpu = &machine->vcpus[i];

		vcpu_move(vcpu, atomic_load(&vcpu->tid),
			  plan_cpu(&machine->choice->plan, &vcpu->place));
	}
}

/* One life of the guest, the first or a later one: its status, or MACHINE_RESET. */
static int run_once(struct machine *machine, struct waiter *waiter, bool first)
{
	machine_set_nonblocking(machine, false);
	if (machine->choice->plan.period_ns)
		place_all(machine);
	/* Without this, a guest that resets itself at once for ever could not be ended. */
	if (!first)
		wait_look(waiter);
	barrier_open(&machine->barrier);
	wait_for_end(waiter);
	/* A kick that comes just before a write() that waits for a reader is lost. */
	while (!barrier_all_here(&machine->barrier))
		machine_kick(machine);
	return atomic_load(&machine->end);
}

static enum status prepare(struct machine *machine, struct waiter *waiter)
{
	const struct sigaction kick = { .sa_handler = ignore_kick };
	enum status status;

	machine_begin(machine);
	status = wait_open(waiter, machine);
	if (status)
		return status;
	machine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (machine->wake_fd < 0)
		return fail_resource("eventfd");
	if (sigaction(KICK_SIGNAL, &kick, NULL) < 0)
		return fail_errno(STATUS_INTERNAL, "cannot take signals");
	if (machine->choice->plan.period_ns)
		raise_priority();
	return outputs_open(machine);
}

/* A guest may reset itself for ever; the number of messages about it is limited. */
static void note_reset(const struct machine *machine, unsigned resets)
{
	if (machine->options->quiet || resets > RESETS_NOTED)
		return;
	tell("reset %u: the guest restarts (--no-reboot would end the run)%s", resets,
	     resets == RESETS_NOTED ? "; further resets are not reported" : "");
}

/* Runs the guest until it does not end with a reset. */
static int run_all(struct machine *machine, struct waiter *waiter)
{
	/* If a reset reaches the limit, the run ends too. */
	for (unsigned resets = 1; !atomic_load(&machine->full); resets++) {
		int status = run_once(machine, waiter, resets == 1);

		if (status != MACHINE_RESET)
			return status;
		output_flush(&machine->output);
		if (!outputs_have_room(machine))
			status = wait_for_output(waiter, status);
		if (status != MACHINE_RESET)
			return status;
		note_reset(machine, resets);
		record_reset(&machine->record, machine_now(machine));
		status = (int)machine_restart(machine);
		if (status)
			return status;
		atomic_store(&machine->end, -1);
	}
	return STATUS_INPUT;
}

static int worse(int status, enum status other)
{
	return status ? status : (int)other;
}

/* Prints what is left, and waits until all of it is written or no reader takes it. */
static enum status finish(struct machine *machine, struct waiter *waiter, int status)
{
	if (wait_was_ended(status))
		vcpu_states(machine);
	status = outputs_judge(machine, wait_for_output(waiter, status));
	record_end(&machine->record, status, machine_now(machine));
	trace_end(&machine->trace, machine->host, machine_now(machine));
	status = wait_for_output(waiter, status);
	if (machine->told) {
		stats_print(&machine->stats, machine->host, machine->choice, machine->told);
		fflush(machine->told);
	}
	status = worse(status, record_close(&machine->record));
	status = worse(status, trace_close(&machine->trace));
	machine->noutputs = machine->noutputs < 2 ? machine->noutputs : 2; /* those are closed */
	status = wait_for_output(waiter, status);
	fail_through(NULL, NULL);
	return (enum status)status;
}

enum status machine_run(struct machine *machine)
{
	static struct waiter waiter;
	enum status status;

	status = prepare(machine, &waiter);
	if (!status)
		status = enter_jail(machine);
	if (!status)
		status = (enum status)run_all(machine, &waiter);
	status = finish(machine, &waiter, (int)status);
	wait_close(&waiter);
	if (machine->wake_fd >= 0)
		close(machine->wake_fd);
	return status;
}
