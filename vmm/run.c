/* SPDX-License-Identifier: MIT */
/* The run: vCPU threads, and the main thread that waits, moves them and ends them. */
#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "console.h"
#include "fail.h"
#include "machine.h"
#include "options.h"

#define KICK_SIGNAL    SIGUSR1
#define NEVER          UINT64_MAX
#define INPUT_RETRY_NS 10000000ull /* the guest's FIFO is full: look again after 10 ms */
#define NS_PER_S       1000000000ull

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

void machine_end(struct machine *machine, int status)
{
	const uint64_t one = 1;
	int running = -1;

	if (!atomic_compare_exchange_strong(&machine->end, &running, status))
		return;
	kick_all(machine);
	/* An eventfd takes a 1 unless it is about to overflow. */
	while (write(machine->end_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void ignore_kick(int signal)
{
	(void)signal;
}

/* Returns a descriptor that reads SIGINT and SIGTERM, which no thread gets any more. */
static int take_signals(void)
{
	const struct sigaction kick = { .sa_handler = ignore_kick };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigaction(KICK_SIGNAL, &kick, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void move_all(struct machine *machine)
{
	for (int i = 0; i < machine->nvcpus; i++) {
		int tid = atomic_load(&machine->vcpus[i].tid);

		if (tid)
			vcpu_hop(&machine->vcpus[i], tid);
	}
}

static void take_signal(struct machine *machine, int signal_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) == sizeof(info))
		machine_end(machine, STATUS_SIGNAL + (int)info.ssi_signo);
}

/* Sleeps until the next event, at @wake_ns at the latest. */
static void wait_once(struct machine *machine, struct console *console, int signal_fd,
		      uint64_t wake_ns)
{
	struct pollfd fds[] = {
		{ .fd = machine->end_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	uint64_t now = machine_now(machine);
	struct timespec left;

	if (console->open && pl011_room(&machine->uart))
		fds[2].fd = STDIN_FILENO;
	else if (console->open && wake_ns > now + INPUT_RETRY_NS)
		wake_ns = now + INPUT_RETRY_NS;
	if (wake_ns <= now)
		left = (struct timespec){ 0 };
	else
		left = (struct timespec){ .tv_sec = (time_t)((wake_ns - now) / NS_PER_S),
					  .tv_nsec = (long)((wake_ns - now) % NS_PER_S) };
	if (ppoll(fds, 3, wake_ns == NEVER ? NULL : &left, NULL) < 0)
		return;
	if (fds[1].revents)
		take_signal(machine, signal_fd);
	if (fds[2].revents)
		console_feed(console, &machine->uart);
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

static void wait_for_end(struct machine *machine, struct console *console, int signal_fd)
{
	const struct options *options = machine->options;
	uint64_t deadline = options->timeout_s ? options->timeout_s * NS_PER_S : NEVER;
	uint64_t period = machine->plan.period_ns; /* 0 unless the plan is timed */
	uint64_t next_move = period ? period : NEVER;

	while (atomic_load(&machine->end) < 0) {
		uint64_t now = machine_now(machine);

		if (now >= deadline)
			machine_end(machine, fail(STATUS_TIMEOUT,
						  "the guest did not end within %u s "
						  "(--timeout)",
						  options->timeout_s));
		if (now >= next_move) {
			move_all(machine);
			/* A late move is not made up for: the vCPUs get their time on each CPU. */
			next_move = machine_now(machine) + period;
		}
		wait_once(machine, console, signal_fd, next_move < deadline ? next_move : deadline);
	}
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

enum status machine_run(struct machine *machine)
{
	struct console console;
	int signal_fd = take_signals();
	int started;

	machine->end_fd = eventfd(0, EFD_CLOEXEC);
	if (machine->end_fd < 0 || signal_fd < 0)
		return fail_errno(STATUS_INTERNAL, "eventfd and signalfd");
	atomic_store(&machine->end, -1);
	pthread_mutex_init(&machine->lock, NULL);
	machine->start_ns = clock_ns();

	console_open(&console);
	if (machine->plan.period_ns)
		come_first();
	started = start_threads(machine);
	wait_for_end(machine, &console, signal_fd);
	for (int i = 0; i < started; i++)
		join(machine, &machine->vcpus[i]);
	console_close(&console);
	close(signal_fd);
	close(machine->end_fd);
	return (enum status)atomic_load(&machine->end);
}
