/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/resource.h"
#include "machine/end.h"
#include "options/options.h"
#include "run/outputs.h"

static void add_message(void *machine, const char *text, size_t size)
{
	output_add(&((struct machine *)machine)->messages, text, size);
}

/* All but record and trace may be pipes that others have made, and write to as well: @shared. */
static void add_output(struct machine *machine, struct output *output, bool shared)
{
	machine->outputs[machine->noutputs++] = output;
	if (shared)
		output->alarm = &machine->alarm;
}

enum status outputs_open(struct machine *machine)
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
	if (!machine->options->quiet && !(machine->told = tell_open()))
		return fail_resource("cannot map memory for messages");
	return STATUS_OK;
}

bool outputs_have_room(struct machine *machine)
{
	return (!machine->record.lines.file || lines_room(&machine->record.lines)) &&
	       (!machine->trace.lines.file || lines_room(&machine->trace.lines));
}

int outputs_judge(const struct machine *machine, int status)
{
	const struct output *output = &machine->output;
	int lost = atomic_load(&output->lost);

	if (lost == OUTPUT_UNREAD) {
		fail(STATUS_INPUT,
		     "stdout: the guest's output was not read to its end; its first %llu bytes are "
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
	/* A reader that has gone (head, a pager) wants no more. */
	if (status || !lost || lost == EPIPE)
		return status;
	errno = lost;
	return (int)fail_errno(STATUS_INPUT,
			       "the guest's output is not complete: cannot write to stdout");
}
