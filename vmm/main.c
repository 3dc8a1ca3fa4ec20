/* SPDX-License-Identifier: MIT */
/* minivmm's main path: every step in the order that KVM demands. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/version.h"
#include "host/host.h"
#include "host/kvm.h"
#include "jail/crash.h"
#include "machine/build.h"
#include "machine/end.h"
#include "machine/tree.h"
#include "options/command_line.h"
#include "output/files.h"
#include "pmu/affinity.h"
#include "pmu/mode.h"
#include "pmu/probe.h"
#include "report/record.h"
#include "run/run.h"

#define STACK_KIB 80ull

static enum status discover(const struct options *options, struct host *host)
{
	struct cpuset affinity, named;
	enum status status;

	if (cpuset_of_thread(0, &affinity) < 0)
		return fail_errno(STATUS_INTERNAL, "sched_getaffinity");
	status = host_discover("/sys", &affinity, host);
	affinity_named(options, &named);
	/* Most runs name no other CPUs, and asking takes three system calls. */
	if (!status && !cpuset_contains(&affinity, &named))
		status = affinity_ask(host);
	return status;
}

/* The counter-timer's, which is the same on all CPUs and for the guest too. */
static uint64_t counter_frequency(void)
{
	uint64_t hertz;

	__asm__("mrs %0, cntfrq_el0" : "=r"(hertz));
	return hertz;
}

static enum status run_guest(struct machine *machine)
{
	const struct options *options = machine->options;
	enum status status = machine_create(machine);

	if (!status && options->dtb_out)
		status = machine_write_dtb(machine, options->dtb_out);
	if (!status) {
		record_run(&machine->record, machine->host, machine->choice, machine->nvcpus,
			   counter_frequency());
		trace_run(&machine->trace, machine->choice, machine->nvcpus, counter_frequency());
		status = machine_run(machine);
	}
	/* The kernel frees the machine with the process, which costs less than taking it apart. */
	return status;
}

/* A result that nobody could read is no success. */
static enum status end_output(enum status status)
{
	if (fflush(stdout) == EOF && !status)
		return fail_errno(STATUS_INPUT, "cannot write to stdout");
	return status;
}

/* Done before the first file is opened: opening empties it. */
static enum status check_files(const struct options *options)
{
	const char *record =
		options->record && strcmp(options->record, "-") ? options->record : NULL;
	const struct named_file files[] = {
		{ "--record", record, -1, true },
		{ "--trace", options->trace, -1, true },
		{ "--dtb-out", options->dtb_out, -1, true },
		{ "the guest", options->image, -1, false },
		{ "--initrd", options->initrd, -1, false },
		{ "stdin", NULL, STDIN_FILENO, false },
		{ "stdout", NULL, STDOUT_FILENO, true },
		{ "stderr", NULL, STDERR_FILENO, true },
	};

	if (!record && !options->trace && !options->dtb_out)
		return STATUS_OK;
	return files_differ(files, sizeof(files) / sizeof(files[0]));
}

/* The host PMUs that are named to KVM, or to a user who asks. */
static enum status read_types(const struct options *options, const struct choice *choice,
			      struct host *host)
{
	enum status status = STATUS_OK;

	for (int i = 0; i < host->npmus && !status; i++)
		if (i == choice->pmu || options->probe)
			status = host_read_type(host, &host->pmus[i]);
	return status;
}

static enum status check_el2(const struct options *options, const struct kvm_offers *offers)
{
	if (options->el2 && !offers->el2)
		return fail(
			STATUS_HOST,
			"--el2: this host's KVM gives no guest an EL2 (KVM_CAP_ARM_EL2 is 0); it "
			"takes CPUs with FEAT_NV2 and Linux 6.16 or later, booted with "
			"kvm-arm.mode=nested");
	if (options->el2 == EL2_E2H0 && !offers->el2_e2h0)
		return fail(STATUS_HOST,
			    "--el2=e2h0: this host's KVM gives guests an EL2 only with VHE "
			    "(KVM_CAP_ARM_EL2_E2H0 is 0); use --el2");
	return STATUS_OK;
}

static enum status start(struct machine *machine, const struct options *options)
{
	static struct host host;
	static struct choice choice;
	struct kvm_offers offers;
	bool asks;
	enum status status, closed;

	if (options->jail != JAIL_OFF)
		crash_catch();
	machine->options = options;
	machine->host = &host;
	machine->choice = &choice;
	machine->nvcpus = options->cpus;

	status = kvm_open(&machine->kvm);
	if (!status)
		status = discover(options, &host);
	if (!status)
		status = choose_cpus(options, &host, &choice);
	if (!status)
		status = kvm_offers(&machine->kvm, &offers);
	if (!status && (options->probe || options->el2))
		status = kvm_ask_el2(&machine->kvm, &offers);
	if (!status && !options->probe)
		status = check_el2(options, &offers);
	asks = !status && (options->probe || choose_needs_probe(options, &host, &offers, &choice));
	/* The host PMU that an older KVM takes can be found out on that PMU's CPUs only. */
	if (asks && (options->probe || !offers.recent))
		status = affinity_ask(&host);
	if (!status && asks)
		status = kvm_ask(&machine->kvm, &host, &offers);
	if (!status)
		status = choose_mode(options, &host, &offers, &choice);
	if (!status)
		status = read_types(options, &choice, &host);
	if (status)
		return status;
	if (options->probe) {
		probe_print(options, &host, &offers, &choice);
		return STATUS_OK;
	}
	if (!options->quiet)
		tell_text(choice.reasons);

	status = check_files(options);
	if (status)
		return status;
	status = record_open(&machine->record, options->record, options->timeout_s);
	if (status)
		return status;
	lines_limit(&machine->record.lines, options->limit, machine_full, machine);
	status = trace_open(&machine->trace, options->trace, options->timeout_s);
	if (!status) {
		lines_limit(&machine->trace.lines, options->limit, machine_full, machine);
		status = image_open(options->image, options->initrd, &machine->files);
		if (!status)
			status = run_guest(machine);
		image_close(&machine->files);
	}
	closed = record_close(&machine->record);
	status = status ? status : closed;
	closed = trace_close(&machine->trace);
	return status ? status : closed;
}

/* The main thread's is as large as this limit. */
static enum status check_stack(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < STACK_KIB << 10)
		return fail(STATUS_HOST,
			    "the stack may have %llu KiB, and minivmm needs %llu; use "
			    "ulimit -s %llu",
			    (unsigned long long)limit.rlim_cur >> 10, STACK_KIB, STACK_KIB);
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	static struct machine machine; /* too large for a stack, as are the options */
	static struct options options;
	enum status status = check_stack();

	if (!files_standard())
		return STATUS_HOST; /* and nowhere to say it */
	if (!status)
		status = options_parse(argc, argv, &options);

	machine.kvm.fd = -1;
	if (status)
		return (int)status;
	if (options.help)
		options_help(stdout);
	else if (options.version)
		version_print(stdout);
	else
		status = start(&machine, &options);
	kvm_close(&machine.kvm);
	return (int)end_output(status);
}
