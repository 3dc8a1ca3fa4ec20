/* SPDX-License-Identifier: MIT */
/* The option table; parsing and --help use it. */
#include <stddef.h>
#include <string.h>

#include "base/fail.h"
#include "options/command_line.h"
#include "options/option_values.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct entry entries[] = {
	{ "pmu", VALUE_NEEDED, "MODE",
	  "auto, default, explicit[:NAME|:cpuN], composite,\n"
	  "strict[:NAME] or off (default: auto)",
	  option_pmu, 0 },
	{ "cpus", VALUE_NEEDED, "N", "vCPUs (default: 1)", option_cpus, 0 },
	{ "mem", VALUE_NEEDED, "SIZE", "RAM, e.g. 512M or 2G (default: 64M)", option_mem, 0 },
	{ "affinity", VALUE_NEEDED, "LIST",
	  "host CPUs of all vCPUs, or V:LIST[;V:LIST] of each\n"
	  "(default: those that minivmm itself may use)",
	  option_affinity, 0 },
	{ "migrate", VALUE_NEEDED, "PLAN",
	  "none, step:LIST (the guest asks), every:TIME[:LIST]\n"
	  "or random:TIME[:SEED] (default: none)",
	  option_migrate, 0 },
	{ "settle", VALUE_NONE, NULL,
	  "with step:, wait up to 20 ms at the start, the guest's\n"
	  "first call and each hop for other CPUs to be idle",
	  option_flag, offsetof(struct options, settle) },
	{ "on-refusal", VALUE_NEEDED, "ACTION",
	  "when KVM refuses a CPU: stop, or return to a\n"
	  "covered CPU and continue (default: stop)",
	  option_refusal, 0 },
	{ "initrd", VALUE_NEEDED, "FILE", "initial RAM disk", option_text,
	  offsetof(struct options, initrd) },
	{ "append", VALUE_NEEDED, "TEXT", "boot arguments, e.g. 'windows=20 loops=20000'",
	  option_text, offsetof(struct options, append) },
	{ "dtb-out", VALUE_NEEDED, "FILE", "write the guest's device tree to FILE", option_text,
	  offsetof(struct options, dtb_out) },
	{ "gic", VALUE_NEEDED, "VERSION", "auto, 2 or 3 (default: auto, which prefers 3)",
	  option_gic, 0 },
	{ "el2", VALUE_OPTIONAL, "e2h0", "start the guest at EL2, with VHE or (e2h0) without",
	  option_el2, 0 },
	{ "pmu-filter", VALUE_NEEDED, "EVENTS", "allow:LIST or deny:LIST, e.g. allow:0x11,0x8-0xb",
	  option_filter, 0 },
	{ "pmu-counters", VALUE_NEEDED, "N", "event counters to show: 0-31 (default: all)",
	  option_counters, 0 },
	{ "record", VALUE_NEEDED, "FILE",
	  "write windows, hops, refusals as JSON Lines; - is stdout", option_text,
	  offsetof(struct options, record) },
	{ "trace", VALUE_NEEDED, "FILE", "write a timeline for Perfetto or chrome://tracing",
	  option_text, offsetof(struct options, trace) },
	{ "timeout", VALUE_NEEDED, "SECONDS", "give up on a guest that hangs (default: never)",
	  option_timeout, 0 },
	{ "limit", VALUE_NEEDED, "SIZE",
	  "e.g. 100M: end the run when console, record or trace\n"
	  "exceeds SIZE (default: 1G)",
	  option_limit, 0 },
	{ "jail", VALUE_NEEDED, "MODE", "on, log (what it would forbid) or off (default: on)",
	  option_jail, 0 },
	{ "no-reboot", VALUE_NONE, NULL, "a reset by the guest ends the run, with status 0",
	  option_flag, offsetof(struct options, no_reboot) },
	{ "strict-mmio", VALUE_NONE, NULL, "an access to an unmapped address is a guest crash",
	  option_flag, offsetof(struct options, strict_mmio) },
	{ "quiet", VALUE_NONE, NULL, "do not print reasons, notes or the summary", option_flag,
	  offsetof(struct options, quiet) },
	{ "probe", VALUE_OPTIONAL, "json", "print what the host offers and what auto chooses",
	  option_probe, 0 },
	{ "help", VALUE_NONE, NULL, "print this text; -h does too", option_flag,
	  offsetof(struct options, help) },
	{ "version", VALUE_NONE, NULL, "print the version; -V does too", option_flag,
	  offsetof(struct options, version) },
};

static enum status set_named(const char *argument, const char *next, bool *took_next,
			     struct options *options)
{
	size_t length = strcspn(argument, "=");
	const char *value = argument[length] ? argument + length + 1 : NULL;

	*took_next = false;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const struct entry *entry = &entries[i];

		if (strlen(entry->name) != length || memcmp(entry->name, argument, length))
			continue;
		if (entry->kind == VALUE_NONE && value)
			return fail(STATUS_USAGE, "--%s takes no value", entry->name);
		if (entry->kind == VALUE_NEEDED && !value) {
			if (!next)
				return fail(STATUS_USAGE, "--%s needs a value: --%s=%s",
					    entry->name, entry->name, entry->argument);
			value = next;
			*took_next = true;
		}
		return entry->set(entry, options, value);
	}
	return fail(STATUS_USAGE, "--%.*s: no such option; --help lists them", (int)length,
		    argument);
}

/* What contradicts itself on any host. */
static enum status check_together(struct options *options)
{
	if (options->probe) { /* it is about what auto would choose */
		options->pmu = PMU_AUTO;
		options->pmu_name[0] = '\0';
		options->pmu_cpu = -1;
	}
	if (options->naffinity > options->cpus)
		return fail(STATUS_USAGE, "--affinity names vCPU %d, but --cpus=%d; raise --cpus",
			    options->naffinity - 1, options->cpus);
	if (options->pmu == PMU_COMPOSITE && options->nfilters)
		return fail(STATUS_USAGE, "--pmu-filter and --pmu=composite exclude each other: a "
					  "composite PMU has no events to filter; drop one");
	if (options->pmu == PMU_COMPOSITE && options->pmu_counters > 0)
		return fail(STATUS_USAGE,
			    "--pmu-counters=%d and --pmu=composite exclude each "
			    "other: a composite PMU has no event counters; drop one",
			    options->pmu_counters);
	if (options->pmu == PMU_OFF && (options->nfilters || options->pmu_counters >= 0))
		return fail(STATUS_USAGE, "--pmu=off leaves nothing for --pmu-filter or "
					  "--pmu-counters; drop them");
	if (options->el2 && options->gic == 2)
		return fail(STATUS_USAGE, "--el2 and --gic=2 exclude each other: a GICv2 has no "
					  "part for a guest's hypervisor; drop one");
	if (options->settle && options->plan.kind != PLAN_STEP)
		return fail(STATUS_USAGE, "--settle is for the hops that a guest asks for; "
					  "use --migrate=step:LIST with it");
	if (!options->image && !options->probe)
		return fail(STATUS_USAGE, "no guest image given; use minivmm [options] IMAGE, or "
					  "--help");
	return STATUS_OK;
}

/* The option with this short name; NULL if none has it. */
static const char *long_name(const char *argument)
{
	if (!strcmp(argument, "-h"))
		return "--help";
	return strcmp(argument, "-V") ? NULL : "--version";
}

enum status options_parse(int argc, char **argv, struct options *options)
{
	bool only_images = false;

	/* Without lists of CPUs, which are large and seldom given. */
	memset(options, 0, offsetof(struct options, plan.cpus));
	options->pmu = PMU_AUTO;
	options->pmu_cpu = -1;
	options->pmu_counters = -1;
	options->cpus = 1;
	options->mem = 64ull << 20;
	options->limit = 1ull << 30;
	options->append = "";
	for (int i = 1; i < argc; i++) {
		const char *argument = argv[i];
		enum status status;
		bool took_next;

		if (!only_images && !strcmp(argument, "--")) {
			only_images = true;
		} else if (!only_images && argument[0] == '-' && argument[1]) {
			if (argument[1] != '-')
				argument = long_name(argument);
			if (!argument)
				return fail(STATUS_USAGE,
					    "%s: options begin with two dashes; "
					    "--help lists them",
					    argv[i]);
			status = set_named(argument + 2, i + 1 < argc ? argv[i + 1] : NULL,
					   &took_next, options);
			if (status)
				return status;
			i += took_next;
		} else if (options->image) {
			return fail(STATUS_USAGE, "%s: the guest image is already given as %s",
				    argument, options->image);
		} else {
			options->image = argument;
		}
		if (options->help || options->version)
			return STATUS_OK;
	}
	return check_together(options);
}

void options_help(FILE *out)
{
	fprintf(out,
		"usage: minivmm [options] IMAGE\n"
		"Runs an arm64 guest (Linux Image, ELF or flat binary) on /dev/kvm and shows what\n"
		"KVM does to its PMU while its vCPUs hop between CPU clusters.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const struct entry *entry = &entries[i];
		const char *text = entry->help;
		char head[32];

		snprintf(head, sizeof(head),
			 entry->kind == VALUE_NONE     ? "--%s"
			 : entry->kind == VALUE_NEEDED ? "--%s=%s"
						       : "--%s[=%s]",
			 entry->name, entry->argument);
		for (size_t line = 0; text; line++) {
			size_t length = strcspn(text, "\n");

			fprintf(out, "  %-21s%.*s\n", line ? "" : head, (int)length, text);
			text = text[length] ? text + length + 1 : NULL;
		}
	}
	fprintf(out,
		"\nExit status: 0 the guest ended well, 1-63 its own failure, %d usage, %d file,\n"
		"%d host or kernel lacks something, %d internal error, %d KVM refused a CPU,\n"
		"%d guest crash, %d ended by the jail, %d timeout, %d Ctrl-C or Ctrl-A x,\n"
		"%d SIGTERM.\n",
		STATUS_USAGE, STATUS_INPUT, STATUS_HOST, STATUS_INTERNAL, STATUS_REFUSED,
		STATUS_CRASH, STATUS_JAIL, STATUS_TIMEOUT, STATUS_SIGNAL + 2, STATUS_SIGNAL + 15);
}
