/* SPDX-License-Identifier: MIT */
/* The run: the jail, vCPU threads, their end, and the guest's resets. */
#include <errno.h>
#include <linux/kvm.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "machine.h"
#include "options.h"
#include "resource.h"
#include "wait.h"

#define VCPU_STACK   (256 << 10) /* bytes; it uses a tenth */
#define KICK_SIGNAL  SIGUSR1
#define NS_PER_S     1000000000ull
#define RESETS_NOTED 32

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

/* Whether this is the first to end the run. */
static bool claim_end(struct machine *machine, int status)
{
	int running = -1;

	return atomic_compare_exchange_strong(&machine->end, &running, status);
}

static void hurry_outputs(struct machine *machine, bool hurry)
{
	for (int i = 0; i < machine->noutputs; i++)
		output_hurry(machine->outputs[i], hurry);
}

static void stop(struct machine *machine)
{
	hurry_outputs(machine, true);
	kick_all(machine);
	machine_wake(machine);
}

void machine_end(struct machine *machine, int status)
{
	if (claim_end(machine, status))
		stop(machine);
}

/* The run's end waits for this thread, so that the line comes before what is said there. */
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

bool machine_has_room(struct machine *machine)
{
	return (!machine->record.lines.file || lines_room(&machine->record.lines)) &&
	       (!machine->trace.lines.file || lines_room(&machine->trace.lines));
}

static void add_message(void *machine, const char *text, size_t size)
{
	output_add(&((struct machine *)machine)->messages, text, size);
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

/* Whatever RLIMIT_STACK says, which decides else, and need not be enough. */
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
	/* One heap for all: one of a thread's own would be mapped in the jail. */
	mallopt(M_ARENA_MAX, 1);
	gate_init(&machine->gate, (unsigned)machine->nvcpus);
	for (int i = 0; i < machine->nvcpus; i++) {
		pthread_t thread;

		errno = pthread_create(&thread, &attributes, vcpu_thread, &machine->vcpus[i]);
		if (errno)
			return fail_resource("cannot start the thread of vCPU %d", i);
	}
	return STATUS_OK;
}

/* From here on nothing can be opened, and nothing created but what a reset takes. */
static enum status enter_jail(struct machine *machine)
{
	struct jail *jail = &machine->jail;
	enum status status;

	*jail = (struct jail){ .mode = machine->options->jail,
			       .resets = !machine->options->no_reboot };
	status = jail_process(jail);
	if (!status)
		status = start_threads(machine);
	if (status)
		return status;
	if (machine->plan.period_ns) {
		while (!gate_all_here(&machine->gate)) /* then each has a tid */
			;
		for (int i = 0; i < machine->nvcpus; i++)
			jail->moved[jail->nmoved++] = atomic_load(&machine->vcpus[i].tid);
	}
	return jail_thread(jail, JAIL_MAIN);
}

/* Before they run: afterwards the main thread and theirs would look at @place at once. */
static void place_all(struct machine *machine)
{
	for (int i = 0; i < machine->nvcpus; i++) {
		struct vcpu *vcpu = &machine->vcpus[i];

		vcpu_move(vcpu, atomic_load(&vcpu->tid), plan_cpu(&machine->plan, &vcpu->place));
	}
}

/* One life of the guest, the first or a later one: its status, or MACHINE_RESET. */
static int run_once(struct machine *machine, struct waiter *waiter, bool first)
{
	hurry_outputs(machine, false);
	if (machine->plan.period_ns)
		place_all(machine);
	/* Else a guest that resets at once for ever could not be ended. */
	if (!first)
		wait_look(waiter);
	gate_open(&machine->gate);
	wait_for_end(waiter);
	/* A kick that comes just before a write() that waits for a reader is lost. */
	while (!gate_all_here(&machine->gate))
		kick_all(machine);
	return atomic_load(&machine->end);
}

static void add_output(struct machine *machine, struct output *output, bool waits)
{
	machine->outputs[machine->noutputs++] = output;
	if (waits)
		output->alarm = &machine->alarm;
}

/* All but record and trace may be pipes that others have made, and write to as well. */
static enum status open_outputs(struct machine *machine)
{
	struct sigevent kick = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KICK_SIGNAL };

	output_init(&machine->output, &machine->rooms[0], STDOUT_FILENO, machine_wake, machine);
	output_limit(&machine->output, machine->options->limit, machine_full, machine);
	output_init(&machine->messages, &machine->rooms[1], STDERR_FILENO, machine_wake, machine);
	kick._sigev_un._tid = (int)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &kick, &machine->alarm) < 0)
		return fail_resource("timer_create");
	add_output(machine, &machine->output, true);
	add_output(machine, &machine->messages, true);
	if (machine->record.lines.file)
		add_output(machine, &machine->record.lines.output,
			   machine->record.lines.output.fd == STDOUT_FILENO);
	if (machine->trace.lines.file)
		add_output(machine, &machine->trace.lines.output, false);
	fail_through(add_message, machine);
	return STATUS_OK;
}

static enum status prepare(struct machine *machine, struct waiter *waiter)
{
	const struct sigaction kick = { .sa_handler = ignore_kick };
	enum status status;

	machine->start_ns = clock_ns();
	machine->wake_fd = -1;
	atomic_store(&machine->end, -1);
	pthread_mutex_init(&machine->lock, NULL);
	status = wait_open(waiter, machine);
	if (status)
		return status;
	machine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (machine->wake_fd < 0)
		return fail_resource("eventfd");
	if (sigaction(KICK_SIGNAL, &kick, NULL) < 0)
		return fail_errno(STATUS_INTERNAL, "cannot take signals");
	if (machine->plan.period_ns)
		come_first();
	return open_outputs(machine);
}

/* A guest may reset itself for ever; what is said of it has an end. */
static void note_reset(const struct machine *machine, unsigned resets)
{
	if (machine->options->quiet || resets > RESETS_NOTED)
		return;
	tell("reset %u: the guest starts anew (--no-reboot would end the run)%s", resets,
	     resets == RESETS_NOTED ? "; of further resets nothing is said" : "");
}

/* The guest's lives, until one does not end with a reset. */
static int run_all(struct machine *machine, struct waiter *waiter)
{
	/* A limit that a reset reaches ends the run as well. */
	for (unsigned resets = 1; !atomic_load(&machine->full); resets++) {
		int status = run_once(machine, waiter, resets == 1);

		if (status != MACHINE_RESET)
			return status;
		output_flush(&machine->output);
		if (!machine_has_room(machine))
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

/* A guest that did well is no success if nobody can know what it said. */
static int judge_output(const struct machine *machine, int status)
{
	const struct output *output = &machine->output;
	int lost = atomic_load(&output->lost);

	if (lost == OUTPUT_UNREAD) {
		fail(STATUS_INPUT,
		     "stdout: nobody took the rest of the guest's output; its first %llu bytes are "
		     "written",
		     (unsigned long long)output->written);
		return status ? status : STATUS_INPUT;
	}
	if (atomic_load(&output->full) && (status == STATUS_OK || status == STATUS_INPUT))
		return (int)fail(
			STATUS_INPUT,
			"stdout: the guest's output has reached the limit of %llu bytes (--limit "
			"raises it); %llu of them are written",
			(unsigned long long)output->limit, (unsigned long long)output->taken);
	/* Whose reader has gone (head, a pager) has had enough. */
	if (status || !lost || lost == EPIPE)
		return status;
	errno = lost;
	return (int)fail_errno(STATUS_INPUT,
			       "the guest's output is not complete: cannot write to stdout");
}

static enum status print_summary(struct machine *machine)
{
	FILE *said = tell_open();

	if (!said)
		return fail_errno(STATUS_INTERNAL, "cannot print the summary");
	stats_print(&machine->stats, machine->host, machine->choice, said);
	fclose(said);
	return STATUS_OK;
}

static int worse(int status, enum status other)
{
	return status ? status : (int)other;
}

/* What is left to say, and until all of it is out, or nobody takes it. */
static enum status finish(struct machine *machine, struct waiter *waiter, int status)
{
	if (wait_was_ended(status))
		vcpu_states(machine);
	status = judge_output(machine, wait_for_output(waiter, status));
	record_end(&machine->record, status, machine_now(machine));
	trace_end(&machine->trace, machine->host, machine_now(machine));
	status = wait_for_output(waiter, status);
	if (!machine->options->quiet)
		status = worse(status, print_summary(machine));
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
