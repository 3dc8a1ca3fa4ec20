/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/resource.h"
#include "jail/crash.h"
#include "machine/end.h"
#include "machine/hop.h"
#include "options/options.h"
#include "run/outputs.h"
#include "run/wait.h"

#define NEVER       UINT64_MAX
#define FLUSH_NS    10000000ull /* how long output without a newline is kept at most */
#define PATIENCE_NS 1000000000ull
#define GRACE_NS    (10 * PATIENCE_NS)
#define NS_PER_S    1000000000ull
#define NS_PER_MS   1000000ull

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * These are blocked in every thread. One that was ignored when minivmm was started (nohup, a
 * script's background job) stays so, which a descriptor would undo. Ignoring SIGCONT
 * has no effect: the process continues.
 */
static enum status take_signals(int *fd)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP };
	struct sigaction before;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], NULL, &before) < 0)
			return fail_errno(STATUS_INTERNAL, "cannot take signals");
		if (before.sa_handler != SIG_IGN)
			sigaddset(&set, signals[i]);
	}
	errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (errno)
		return fail_errno(STATUS_INTERNAL, "cannot block signals");
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? fail_resource("signalfd") : STATUS_OK;
}

static void give_back(void *console)
{
	console_restore(console);
}

enum status wait_open(struct waiter *waiter, struct machine *machine)
{
	unsigned timeout = machine->options->timeout_s;
	enum status status;

	*waiter = (struct waiter){ .machine = machine,
				   .signal_fd = -1,
				   .deadline = timeout ? timeout * NS_PER_S : NEVER,
				   .next_move = NEVER,
				   .next_flush = NEVER,
				   .give_up = NEVER };
	status = take_signals(&waiter->signal_fd);
	crash_before(give_back, &waiter->console);
	if (!status)
		console_open(&waiter->console);
	return status;
}

void wait_close(struct waiter *waiter)
{
	console_restore(&waiter->console);
	if (waiter->signal_fd >= 0)
		close(waiter->signal_fd);
}

/* Stops the whole process; signals that come meanwhile stay queued. */
static void stop(struct waiter *waiter)
{
	console_restore(&waiter->console);
	raise(SIGSTOP);
}

static void take_signal(struct waiter *waiter)
{
	struct signalfd_siginfo info;

	if (read(waiter->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTSTP)
		stop(waiter);
	else if (info.ssi_signo == SIGCONT)
		console_resume(&waiter->console);
	else
		machine_end(waiter->machine, STATUS_SIGNAL + (int)info.ssi_signo);
}

static void take_input(struct waiter *waiter)
{
	enum key key = console_read(&waiter->console, &waiter->machine->uart);

	if (key == KEY_END)
		machine_end(waiter->machine, STATUS_SIGNAL + SIGINT);
	else if (key == KEY_STOP)
		stop(waiter);
}

static void take_wake(int fd)
{
	uint64_t times;

	while (read(fd, &times, sizeof(times)) < 0 && errno == EINTR)
		;
}

/* Sleeps until something happens, or until @until, and handles it. */
static void wait_once(struct waiter *waiter, uint64_t until)
{
	struct machine *machine = waiter->machine;
	const struct console *console = &waiter->console;
	bool reads = console->open && console->count < CONSOLE_ROOM;
	struct pollfd fds[] = {
		{ .fd = machine->wake_fd, .events = POLLIN },
		{ .fd = waiter->signal_fd, .events = POLLIN },
		{ .fd = reads ? STDIN_FILENO : -1, .events = POLLIN },
	};
	uint64_t now = machine_now(machine), left = until > now ? until - now : 0;
	const struct timespec sleep = { .tv_sec = (time_t)(left / NS_PER_S),
					.tv_nsec = (long)(left % NS_PER_S) };

	if (ppoll(fds, 3, until == NEVER ? NULL : &sleep, NULL) < 0)
		return;
	if (fds[0].revents) {
		take_wake(machine->wake_fd);
		flash_serve(&machine->flash, machine->vm_fd);
	}
	if (fds[1].revents)
		take_signal(waiter);
	if (fds[2].revents)
		take_input(waiter);
	console_feed(&waiter->console, &machine->uart);
}

static void flush_when_due(struct waiter *waiter, uint64_t now)
{
	struct output *output = &waiter->machine->output;
	struct output *messages = &waiter->machine->messages;

	if (now >= waiter->next_flush)
		waiter->next_flush = output_flush(output) ? NEVER : now + FLUSH_NS;
	else if (waiter->next_flush == NEVER && atomic_load(&output->asked))
		waiter->next_flush = now + FLUSH_NS;
	if (atomic_load(&messages->asked) && !output_flush(messages))
		waiter->next_flush = sooner(waiter->next_flush, now + FLUSH_NS);
}

static void check_deadline(struct waiter *waiter, uint64_t now)
{
	struct machine *machine = waiter->machine;

	if (now >= waiter->deadline && atomic_load(&machine->end) < 0)
		machine_fail(machine, STATUS_TIMEOUT,
			     "the guest did not end within %u s (--timeout)",
			     machine->options->timeout_s);
}

void wait_look(struct waiter *waiter)
{
	uint64_t now = machine_now(waiter->machine);

	check_deadline(waiter, now);
	flush_when_due(waiter, now);
	wait_once(waiter, 0);
}

/* A hop that the record has no room for is put off: this thread does not wait for its reader. */
static void move_all(struct machine *machine)
{
	for (int i = 0; i < machine->nvcpus; i++) {
		int tid = atomic_load(&machine->vcpus[i].tid);

		if (tid && outputs_have_room(machine))
			vcpu_hop(&machine->vcpus[i], tid);
	}
}

void wait_for_end(struct waiter *waiter)
{
	struct machine *machine = waiter->machine;
	uint64_t period = machine->choice->plan.period_ns; /* 0 unless the plan is timed */

	waiter->next_move = period ? machine_now(machine) + period : NEVER;
	while (atomic_load(&machine->end) < 0) {
		uint64_t now = machine_now(machine);

		check_deadline(waiter, now);
		flush_when_due(waiter, now);
		if (now >= waiter->next_move) {
			move_all(machine);
			/* The moves after a late one are not brought forward: the vCPUs get their
			 * time on each CPU. */
			waiter->next_move = machine_now(machine) + period;
		}
		wait_once(waiter,
			  sooner(waiter->deadline, sooner(waiter->next_move, waiter->next_flush)));
	}
}

/* Which outputs are not out yet, to be polled. */
static int left(struct machine *machine, struct pollfd *fds, struct output **outputs)
{
	int count = 0;

	for (int i = 0; i < machine->noutputs; i++) {
		if (output_flush(machine->outputs[i]))
			continue;
		outputs[count] = machine->outputs[i];
		fds[count++] = (struct pollfd){ .fd = machine->outputs[i]->fd, .events = POLLOUT };
	}
	return count;
}

static void end_by(struct waiter *waiter, int *status, int by)
{
	*status = by;
	waiter->give_up = machine_now(waiter->machine) + GRACE_NS;
}

bool wait_was_ended(int status)
{
	return status == STATUS_TIMEOUT || (status > STATUS_SIGNAL && status != MACHINE_RESET);
}

/* A second copy of a signal, or another one, changes nothing: the end is near anyway. */
static void look_at_signals(struct waiter *waiter, int *status)
{
	atomic_int *end = &waiter->machine->end;
	int before = atomic_exchange(end, -1), by;

	take_signal(waiter);
	by = atomic_load(end);
	atomic_store(end, before);
	if (by >= 0 && !wait_was_ended(*status))
		end_by(waiter, status, by);
}

/* In milliseconds, as poll() wants it; -1 is for ever. */
static int patience(const struct waiter *waiter, int status)
{
	uint64_t now = machine_now(waiter->machine), until = waiter->deadline;

	if (wait_was_ended(status))
		until = sooner(now + PATIENCE_NS, waiter->give_up);
	if (until == NEVER)
		return -1;
	return now < until ? (int)((until - now) / NS_PER_MS) + 1 : 0;
}

int wait_for_output(struct waiter *waiter, int status)
{
	struct machine *machine = waiter->machine;
	struct pollfd fds[MAX_OUTPUTS + 1];
	struct output *outputs[MAX_OUTPUTS];
	int count;

	if (wait_was_ended(status) && waiter->give_up == NEVER)
		end_by(waiter, &status, status);
	while ((count = left(machine, fds, outputs))) {
		int wait = patience(waiter, status);

		fds[count] = (struct pollfd){ .fd = waiter->signal_fd, .events = POLLIN };
		if (wait == 0 || poll(fds, (nfds_t)count + 1, wait) == 0) {
			if (!wait_was_ended(status))
				end_by(waiter, &status,
				       (int)fail(STATUS_TIMEOUT,
						 "the last output was not read within %u s "
						 "(--timeout)",
						 machine->options->timeout_s));
			else
				for (int i = 0; i < count; i++)
					output_abandon(outputs[i]);
		} else if (fds[count].revents) {
			look_at_signals(waiter, &status);
		}
	}
	return status;
}
