/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fail.h"
#include "options.h"
#include "resource.h"
#include "wait.h"

#define NEVER       UINT64_MAX
#define FLUSH_NS    10000000ull /* how long output without a newline is kept at most */
#define PATIENCE    1000        /* milliseconds */
#define NS_PER_S    1000000000ull
#define NS_PER_MS   1000000ull
#define ENDED_BY(s) ((s) == STATUS_TIMEOUT || (s) > STATUS_SIGNAL)

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* No thread gets these any more. nohup has SIGHUP ignored, which a descriptor would undo. */
static enum status take_signals(int *fd)
{
	struct sigaction hangup;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	if (sigaction(SIGHUP, NULL, &hangup) < 0)
		return fail_errno(STATUS_INTERNAL, "cannot take signals");
	if (hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (errno)
		return fail_errno(STATUS_INTERNAL, "cannot block signals");
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? fail_resource("signalfd") : STATUS_OK;
}

enum status wait_open(struct waiter *waiter, struct machine *machine)
{
	unsigned timeout = machine->options->timeout_s;
	enum status status;

	*waiter = (struct waiter){ .machine = machine,
				   .signal_fd = -1,
				   .deadline = timeout ? timeout * NS_PER_S : NEVER,
				   .next_move = NEVER,
				   .next_flush = NEVER };
	status = take_signals(&waiter->signal_fd);
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

/* All of its threads; what it was told meanwhile is in the queue of signals. */
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

/* Sleeps until something happens, until @until at the latest, and sees to it. */
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
		flash_serve(machine);
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

	if (now >= waiter->next_flush)
		waiter->next_flush = output_flush(output) ? NEVER : now + FLUSH_NS;
	else if (waiter->next_flush == NEVER && atomic_load(&output->asked))
		waiter->next_flush = now + FLUSH_NS;
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
	check_deadline(waiter, machine_now(waiter->machine));
	wait_once(waiter, 0);
}

static void move_all(struct machine *machine)
{
	for (int i = 0; i < machine->nvcpus; i++) {
		int tid = atomic_load(&machine->vcpus[i].tid);

		if (tid)
			vcpu_hop(&machine->vcpus[i], tid);
	}
}

void wait_for_end(struct waiter *waiter)
{
	struct machine *machine = waiter->machine;
	uint64_t period = machine->plan.period_ns; /* 0 unless the plan is timed */

	waiter->next_move = period ? machine_now(machine) + period : NEVER;
	while (atomic_load(&machine->end) < 0) {
		uint64_t now = machine_now(machine);

		check_deadline(waiter, now);
		flush_when_due(waiter, now);
		if (now >= waiter->next_move) {
			move_all(machine);
			/* A late move is not made up for: the vCPUs get their time on each CPU. */
			waiter->next_move = machine_now(machine) + period;
		}
		wait_once(waiter,
			  sooner(waiter->deadline, sooner(waiter->next_move, waiter->next_flush)));
	}
}

/* In milliseconds, as poll() wants it; -1 is for ever. */
static int patience(const struct waiter *waiter, int status)
{
	uint64_t now = machine_now(waiter->machine);

	if (ENDED_BY(status))
		return PATIENCE;
	if (waiter->deadline == NEVER)
		return -1;
	return now < waiter->deadline ? (int)((waiter->deadline - now) / NS_PER_MS) + 1 : 0;
}

int wait_for_output(struct waiter *waiter, int status)
{
	struct machine *machine = waiter->machine;

	while (!output_flush(&machine->output)) {
		struct pollfd fds[] = {
			{ .fd = machine->output.fd, .events = POLLOUT },
			{ .fd = waiter->signal_fd, .events = POLLIN },
		};

		if (poll(fds, 2, patience(waiter, status)) == 0) {
			if (ENDED_BY(status))
				return status;
			return fail(STATUS_TIMEOUT,
				    "nobody took the guest's last output within %u s (--timeout)",
				    machine->options->timeout_s);
		}
		if (fds[1].revents) {
			atomic_store(&machine->end, -1);
			take_signal(waiter);
			if (atomic_load(&machine->end) >= 0)
				return atomic_load(&machine->end);
		}
	}
	return status;
}
