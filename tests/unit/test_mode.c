/* SPDX-License-Identifier: MIT */
/* The mode choice: for each host, KVM and command line the promised mode, reason or message. */
#include <stdio.h>
#include <string.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "options/command_line.h"
#include "pmu/affinity.h"
#include "pmu/mode.h"
#include "pmu/mode_choice.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Host CPUs and PMUs. */
static const struct fake {
	const char *cpus, *offline, *forbidden;
	struct {
		const char *name, *cpus;
	} pmus[3];
} fakes[] = {
#define NOPMU 0
	{ "0-3", "", "", { { 0 } } },
#define ONE 1
	{ "0-3", "", "", { { "armv8_pmuv3_0", "0-3" } } },
#define TWO 2
	{ "0-3", "", "", { { "a53", "0-1" }, { "a72", "2-3" } } },
#define MORE_BIG 3 /* the second PMU covers more CPUs */
	{ "0-5", "", "", { { "a53", "0-1" }, { "a72", "2-5" } } },
#define THREE 4
	{ "0-7", "", "", { { "a510", "0-2" }, { "a710", "3-6" }, { "x2", "7" } } },
#define PARTLY 5 /* CPUs 2-3 have no PMU */
	{ "0-3", "", "", { { "a53", "0-1" } } },
#define HINDERED 6 /* a72 covers more CPUs, but fewer that can be used */
	{ "0-6", "4-5", "6", { { "a53", "0-2" }, { "a72", "3-6" } } },
#define BARE_FIRST 7
	{ "0-3", "", "", { { "a72", "2-3" } } },
};

static void make_host(struct host *host, size_t which)
{
	const struct fake *fake = &fakes[which];
	struct cpuset set;

	fake_host(host, fake->cpus);
	for (size_t i = 0; i < ARRAY_SIZE(fake->pmus) && fake->pmus[i].name; i++)
		fake_host_pmu(host, fake->pmus[i].name, fake->pmus[i].cpus);
	set = cpus(fake->offline);
	cpuset_minus(&host->allowed, &host->allowed, &set);
	set = cpus(fake->forbidden);
	cpuset_minus(&host->allowed, &host->allowed, &set);
	host->granted = host->allowed;
}

/*
 * What KVM offers: P (PMU), S (SET_PMU), C (composite), T (strict), O (older than 6.7); a digit:
 * the host PMU of every guest.
 */
static struct kvm_offers make_offers(const char *letters)
{
	return (struct kvm_offers){
		.recent = !strchr(letters, 'O'),
		.only_pmu = strpbrk(letters, "012") ? *strpbrk(letters, "012") - '0' : -1,
		.pmu = strchr(letters, 'P'),
		.set_pmu = strchr(letters, 'S'),
		.composite = strchr(letters, 'C'),
		.strict = strchr(letters, 'T'),
	};
}

/* The options that the command line @line gives; words end at blanks. */
static void make_options(struct options *options, const char *line)
{
	static char text[256];
	char *argv[16] = { text, NULL };
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		assert_true(argc < 15);
		argv[argc++] = word;
	}
	argv[argc++] = (char *)(uintptr_t) "image";
	assert_well(options_parse(argc, argv, options));
}

struct run {
	struct host host;
	struct options options;
	struct kvm_offers offers;
	struct choice choice;
	bool needs_probe;
};

static enum status choose(struct run *run, size_t host, const char *offers, const char *line)
{
	enum status status;

	fail_reset();
	memset(&run->choice, 0x55, sizeof(run->choice));
	make_host(&run->host, host);
	make_options(&run->options, line);
	run->offers = make_offers(offers);
	status = choose_cpus(&run->options, &run->host, &run->choice);
	if (status)
		return status;
	run->needs_probe =
		choose_needs_probe(&run->options, &run->host, &run->offers, &run->choice);
	return choose_mode(&run->options, &run->host, &run->offers, &run->choice);
}

struct expected {
	size_t host;
	const char *offers, *line;
	enum pmu_mode mode;
	const char *pmu;  /* NULL: none is named */
	const char *left; /* what vCPU 0 was narrowed to; NULL: not narrowed */
	const char *reasons;
};

static void check(const struct expected *expected, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct expected *want = &expected[i];
		struct run run;
		enum status status = choose(&run, want->host, want->offers, want->line);
		const struct choice *choice = &run.choice;

		if (status || strcmp(choice->reasons, want->reasons))
			print_error("entry %zu: host %zu, KVM %s, %s\n", i, want->host,
				    want->offers, want->line);
		assert_well(status);
		assert_string_equal(choice->reasons, want->reasons);
		assert_int_equal(choice->mode, want->mode);
		assert_int_equal(choice->pmu >= 0, want->pmu != NULL);
		if (want->pmu)
			assert_string_equal(run.host.pmus[choice->pmu].name, want->pmu);
		assert_int_equal(choice->narrowed, want->left != NULL);
		if (want->left)
			assert_cpus(&choice->cpus[0], want->left);
	}
}

#define NONE_OF_TWO                                                                                \
	"not explicit: no single host PMU covers cpus 0-3 (a53 (cpus 0-1), a72 (cpus 2-3))\n"
#define NO_SET_PMU     "not explicit: KVM does not offer SET_PMU (Linux 5.18)\n"
#define NO_COMPOSITE   "not composite: KVM does not offer FIXED_COUNTERS_ONLY\n"
#define COMPOSITE      "auto chose composite: KVM offers FIXED_COUNTERS_ONLY\n"
#define NARROWED(c, p) "auto chose explicit and keeps the vCPUs on cpus " c ", which " p " covers\n"

static void auto_without_pmu_is_off(void **state)
{
	static const struct expected expected[] = {
		{ NOPMU, "", "", PMU_OFF, NULL, NULL,
		  "auto chose off: this host has no core PMU\n" },
		{ NOPMU, "PSCT", "", PMU_OFF, NULL, NULL,
		  "auto chose off: this host has no core PMU\n" },
		{ TWO, "", "", PMU_OFF, NULL, NULL,
		  "auto chose off: this host's KVM has no PMU for guests (KVM_CAP_ARM_PMU_V3)\n" },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

static void auto_is_explicit_where_one_pmu_covers_all(void **state)
{
	static const struct expected expected[] = {
		{ ONE, "PS", "", PMU_EXPLICIT, "armv8_pmuv3_0", NULL,
		  "auto chose explicit: armv8_pmuv3_0 covers cpus 0-3\n" },
		{ TWO, "PSCT", "--affinity=2-3", PMU_EXPLICIT, "a72", NULL,
		  "auto chose explicit: a72 covers cpus 2-3\n" },
		{ TWO, "PS", "--affinity=1", PMU_EXPLICIT, "a53", NULL,
		  "auto chose explicit: a53 covers cpus 1\n" },
		{ TWO, "PSC", "--cpus=2 --affinity=0:0;1:1", PMU_EXPLICIT, "a53", NULL,
		  "auto chose explicit: a53 covers cpus 0-1\n" },
		{ THREE, "PSC", "--cpus=4 --affinity=3-6", PMU_EXPLICIT, "a710", NULL,
		  "auto chose explicit: a710 covers cpus 3-6\n" },
		{ PARTLY, "PS", "--affinity=0-1", PMU_EXPLICIT, "a53", NULL,
		  "auto chose explicit: a53 covers cpus 0-1\n" },
		{ ONE, "PSC", "--pmu-filter=deny:0x11 --pmu-counters=2", PMU_EXPLICIT,
		  "armv8_pmuv3_0", NULL, "auto chose explicit: armv8_pmuv3_0 covers cpus 0-3\n" },
		{ TWO, "PSC", "--affinity=2-3 --migrate=step:3,2", PMU_EXPLICIT, "a72", NULL,
		  "auto chose explicit: a72 covers cpus 2-3\n" },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

static void auto_is_composite_else(void **state)
{
	static const struct expected expected[] = {
		{ TWO, "PSC", "", PMU_COMPOSITE, NULL, NULL, NONE_OF_TWO COMPOSITE },
		{ TWO, "PSC", "--cpus=2 --affinity=0:0;1:2", PMU_COMPOSITE, NULL, NULL,
		  "not explicit: no single host PMU covers cpus 0,2 (a53 (cpus 0-1), a72 (cpus "
		  "2-3))\n" COMPOSITE },
		{ THREE, "PSC", "--affinity=0,3,7", PMU_COMPOSITE, NULL, NULL,
		  "not explicit: no single host PMU covers cpus 0,3,7 (a510 (cpus 0-2), a710 (cpus "
		  "3-6), "
		  "x2 (cpus 7))\n" COMPOSITE },
		{ TWO, "PC", "", PMU_COMPOSITE, NULL, NULL, NO_SET_PMU COMPOSITE },
		/* The plan takes the vCPUs to where their affinity does not. */
		{ TWO, "PSC", "--affinity=0-1 --migrate=step:0,2", PMU_COMPOSITE, NULL, NULL,
		  "not explicit: no single host PMU covers cpus 0-2 (a53 (cpus 0-1), a72 (cpus "
		  "2-3))\n" COMPOSITE },
		/* vCPU 1 is not named and may go anywhere. */
		{ TWO, "PSC", "--cpus=3 --affinity=0:0;2:1", PMU_COMPOSITE, NULL, NULL,
		  NONE_OF_TWO COMPOSITE },
		{ TWO, "PSC", "--migrate=every:5ms", PMU_COMPOSITE, NULL, NULL,
		  NONE_OF_TWO COMPOSITE },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

static void auto_narrows_else(void **state)
{
	static const struct expected expected[] = {
		{ TWO, "PS", "", PMU_EXPLICIT, "a53", "0-1",
		  NONE_OF_TWO NO_COMPOSITE NARROWED("0-1", "a53") },
		{ TWO, "PS", "--affinity=1-3", PMU_EXPLICIT, "a72", "2-3",
		  "not explicit: no single host PMU covers cpus 1-3 (a53 (cpus 0-1), a72 (cpus "
		  "2-3))\n" NO_COMPOSITE NARROWED("2-3", "a72") },
		{ MORE_BIG, "PS", "", PMU_EXPLICIT, "a72", "2-5",
		  "not explicit: no single host PMU covers cpus 0-5 (a53 (cpus 0-1), a72 (cpus "
		  "2-5))\n" NO_COMPOSITE NARROWED("2-5", "a72") },
		{ HINDERED, "PS", "", PMU_EXPLICIT, "a53", "0-2",
		  "not explicit: no single host PMU covers cpus 0-3 (a53 (cpus 0-2), a72 (cpus "
		  "3-6))\n" NO_COMPOSITE NARROWED("0-2", "a53") },
		{ TWO, "PS", "--migrate=step:0,1", PMU_EXPLICIT, "a53", "0-1",
		  NONE_OF_TWO NO_COMPOSITE NARROWED("0-1", "a53") },
		/* CPUs without a PMU are left: composite does not run there either. */
		{ PARTLY, "PSC", "", PMU_EXPLICIT, "a53", "0-1",
		  "not explicit: no single host PMU covers cpus 0-3 (a53 (cpus 0-1))\n"
		  "not composite: cpus 2-3 have no host PMU\n" NARROWED("0-1", "a53") },
		/* a53 covers more, but vCPU 1 would be left with none. */
		{ MORE_BIG, "PS", "--cpus=2 --affinity=0:0-2;1:2", PMU_EXPLICIT, "a72", "2",
		  "not explicit: no single host PMU covers cpus 0-2 (a53 (cpus 0-1), a72 (cpus "
		  "2-5))\n" NO_COMPOSITE NARROWED("2", "a72") },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

static void filter_and_counters_rule_composite_out(void **state)
{
	static const struct expected expected[] = {
		{ TWO, "PSC", "--pmu-filter=allow:0x11", PMU_EXPLICIT, "a53", "0-1",
		  NONE_OF_TWO "not composite: ruled out by --pmu-filter\n" NARROWED("0-1", "a53") },
		{ TWO, "PSC", "--pmu-counters=4", PMU_EXPLICIT, "a53", "0-1",
		  NONE_OF_TWO
		  "not composite: ruled out by --pmu-counters\n" NARROWED("0-1", "a53") },
		{ TWO, "PSC", "--pmu-counters=0", PMU_EXPLICIT, "a53", "0-1",
		  NONE_OF_TWO
		  "not composite: ruled out by --pmu-counters\n" NARROWED("0-1", "a53") },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

static void auto_is_off_at_last(void **state)
{
	static const struct expected expected[] = {
		{ TWO, "PO", "", PMU_OFF, NULL, NULL,
		  NO_SET_PMU NO_COMPOSITE
		  "auto chose off: perf_event_open did not show which host PMU KVM takes\n" },
		{ TWO, "PO0", "--affinity=2-3", PMU_OFF, NULL, NULL,
		  NO_SET_PMU NO_COMPOSITE
		  "not default: KVM takes a53, which covers no CPU of some vCPU\n"
		  "auto chose off: no other mode is left\n" },
		{ TWO, "PO1", "--cpus=2 --affinity=0:1-3;1:1", PMU_OFF, NULL, NULL,
		  NO_SET_PMU NO_COMPOSITE
		  "not default: KVM takes a72, which covers no CPU of some vCPU\n"
		  "auto chose off: no other mode is left\n" },
		{ TWO, "PS", "--cpus=2 --affinity=0:0-1;1:2-3", PMU_OFF, NULL, NULL,
		  NONE_OF_TWO NO_COMPOSITE
		  "auto chose off: no host PMU covers a CPU of every vCPU\n" },
		/* Also where a probe on such CPUs found nothing that KVM offers. */
		{ PARTLY, "PSC", "--affinity=2-3", PMU_OFF, NULL, NULL,
		  "auto chose off: none of the vCPUs' CPUs has a host PMU\n" },
		{ PARTLY, "P", "--affinity=2-3", PMU_OFF, NULL, NULL,
		  "auto chose off: none of the vCPUs' CPUs has a host PMU\n" },
		{ PARTLY, "PSC", "--cpus=2 --affinity=0:1;1:2", PMU_OFF, NULL, NULL,
		  "not explicit: no single host PMU covers cpus 1-2 (a53 (cpus 0-1))\n"
		  "not composite: cpus 2 have no host PMU\n"
		  "auto chose off: no host PMU covers a CPU of every vCPU\n" },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

/* There the vCPUs' CPUs are all of the host PMU that KVM takes, and the counters count. */
static void auto_is_default_without_set_pmu(void **state)
{
	static const struct expected expected[] = {
		{ ONE, "PO0", "", PMU_DEFAULT, NULL, NULL,
		  NO_SET_PMU NO_COMPOSITE
		  "auto chose default: KVM takes armv8_pmuv3_0, which covers cpus 0-3\n" },
		{ TWO, "PO1", "", PMU_DEFAULT, NULL, "2-3",
		  NO_SET_PMU NO_COMPOSITE "auto chose default and keeps the vCPUs on cpus 2-3: KVM "
					  "takes a72, which covers them\n" },
		{ TWO, "PO0", "--affinity=0-1", PMU_DEFAULT, NULL, NULL,
		  NO_SET_PMU NO_COMPOSITE
		  "auto chose default: KVM takes a53, which covers cpus 0-1\n" },
		{ PARTLY, "PO0", "", PMU_DEFAULT, NULL, "0-1",
		  NO_SET_PMU "not composite: cpus 2-3 have no host PMU\n"
			     "auto chose default and keeps the vCPUs on cpus 0-1: KVM takes a53, "
			     "which covers them\n" },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

/* What the reasons say of vCPU 0's first CPU, the machine does. */
static void one_place_decides_where_vcpu_0_starts(void **state)
{
	static const struct {
		size_t host;
		const char *line;
		int start;
		const char *reason;
	} runs[] = {
		{ TWO, "", -1, "composite" },
		{ TWO, "--pmu=off", -1, "off" },
		{ TWO, "--pmu=off --migrate=step:1", 1, "off" },
		{ TWO, "--pmu=default", 0, "PMU of CPU 0, where vCPU 0 starts: a53" },
		{ TWO, "--pmu=default --affinity=2-3", 2, "CPU 2, where vCPU 0 starts: a72" },
		{ TWO, "--pmu=default --migrate=step:3,0", 3, "CPU 3, where vCPU 0 starts: a72" },
		/* The plan begins with a CPU that vCPU 0 has not. */
		{ TWO, "--pmu=default --cpus=2 --affinity=0:2-3;1:0-1 --migrate=every:50ms", 0,
		  "CPU 0, where vCPU 0 starts: a53" },
		{ TWO, "--pmu=default --affinity=2-3 --migrate=random:50ms", 2,
		  "CPU 2, where vCPU 0 starts: a72" },
		{ TWO, "--pmu=explicit --cpus=2 --affinity=0:2-3;1:0-1 --migrate=every:50ms", 0,
		  "PMU of CPU 0, where vCPU 0 starts: a53" },
		{ TWO, "--pmu=explicit:a72", -1, "explicit" },
		{ TWO, "--pmu=explicit:a72 --affinity=0-3", 2, "explicit" },
		{ TWO, "--pmu=explicit:a72 --affinity=0-1", 0, "explicit" },
		{ PARTLY, "--pmu=composite --affinity=1-2", 1, "composite" },
		{ BARE_FIRST, "--pmu=default", 2, "PMU of CPU 2, where vCPU 0 starts: a72" },
		{ BARE_FIRST, "--pmu=composite --affinity=0-3", 2, "composite" },
		{ BARE_FIRST, "--pmu=explicit:a72 --affinity=0-3", 2, "explicit" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct run run;

		assert_well(choose(&run, runs[i].host, "PSCT", runs[i].line));
		if (run.choice.start != runs[i].start ||
		    !strstr(run.choice.reasons, runs[i].reason))
			print_error("entry %zu: %s\n%s", i, runs[i].line, run.choice.reasons);
		assert_int_equal(run.choice.start, runs[i].start);
		assert_non_null(strstr(run.choice.reasons, runs[i].reason));
		if (run.choice.plan.ncpus)
			assert_int_equal(run.choice.start, run.choice.plan.cpus[0]);
		assert_true(run.options.plan.kind == PLAN_NONE || run.choice.plan.ncpus > 0);
	}
}

/* Kernels before 6.7: their default PMU need not be that of any vCPU's CPU. */
static void older_default_says_only_what_is_known(void **state)
{
	static const struct expected expected[] = {
		{ TWO, "PSO", "--pmu=default", PMU_DEFAULT, NULL, NULL,
		  "default: asked for; before Linux 6.7 KVM takes a host PMU by a rule of its own, "
		  "one of a53 (cpus 0-1), a72 (cpus 2-3)\n" },
		{ TWO, "PO1", "--pmu=default", PMU_DEFAULT, NULL, NULL,
		  "default: asked for; KVM takes a72 (cpus 2-3) wherever vCPU 0 starts\n" },
		{ ONE, "PSO", "--pmu=default", PMU_DEFAULT, NULL, NULL,
		  "default: asked for; KVM takes armv8_pmuv3_0 (cpus 0-3) wherever vCPU 0 "
		  "starts\n" },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

/* Whatever host, KVM and options: auto never takes a mode that is not offered, and the vCPUs stay
 * where the counters count.
 */
static void auto_keeps_to_what_there_is(void **state)
{
	static const char *const offers[] = { "",    "P",    "PS",  "PC", "PSC",
					      "PST", "PSCT", "PO0", "PO", "PSO" };
	static const char *const lines[] = { "",
					     "--affinity=0",
					     "--affinity=1-2",
					     "--affinity=3",
					     "--cpus=4",
					     "--pmu-filter=deny:0x8",
					     "--pmu-counters=1",
					     "--cpus=2 --affinity=1:3",
					     "--migrate=random:1ms" };

	(void)state;
	for (size_t host = 0; host < ARRAY_SIZE(fakes); host++)
		for (size_t o = 0; o < ARRAY_SIZE(offers); o++)
			for (size_t l = 0; l < ARRAY_SIZE(lines); l++) {
				const struct host_pmu *pmu;
				struct run run;
				bool explicit;

				assert_well(choose(&run, host, offers[o], lines[l]));
				explicit = run.choice.mode == PMU_EXPLICIT;
				assert_true(explicit || run.choice.mode == PMU_COMPOSITE ||
					    run.choice.mode == PMU_DEFAULT ||
					    run.choice.mode == PMU_OFF);
				if (run.choice.mode == PMU_DEFAULT)
					assert_true(!run.offers.set_pmu &&
						    run.offers.only_pmu >= 0);
				if (run.choice.mode == PMU_COMPOSITE)
					assert_true(run.offers.pmu && run.offers.composite);
				assert_int_equal(run.choice.pmu >= 0, explicit);
				for (int i = 0; i < run.options.cpus; i++) {
					assert_true(cpuset_count(&run.choice.cpus[i]) > 0);
					if (!explicit && run.choice.mode != PMU_DEFAULT)
						continue;
					assert_true(run.offers.set_pmu == explicit);
					pmu = &run.host.pmus[explicit ? run.choice.pmu
								      : run.offers.only_pmu];
					assert_true(
						cpuset_contains(&pmu->cpus, &run.choice.cpus[i]));
				}
			}
}

static void narrowing_keeps_each_vcpus_affinity(void **state)
{
	struct run run;

	(void)state;
	assert_well(choose(&run, MORE_BIG, "PS", "--cpus=3 --affinity=0:1-3;1:0,4"));
	assert_cpus(&run.choice.cpus[0], "2-3");
	assert_cpus(&run.choice.cpus[1], "4");
	assert_cpus(&run.choice.cpus[2], "2-5");
}

static void affinity_is_kept_for_each_vcpu(void **state)
{
	struct run run;

	(void)state;
	assert_well(choose(&run, HINDERED, "", "--cpus=512"));
	for (int i = 0; i < MAX_VCPUS; i++)
		assert_cpus(&run.choice.cpus[i], "0-3");
	assert_well(choose(&run, TWO, "", "--cpus=512 --affinity=1-2"));
	for (int i = 0; i < MAX_VCPUS; i++)
		assert_cpus(&run.choice.cpus[i], "1-2");
	assert_well(choose(&run, TWO, "", "--cpus=4 --affinity=2:3;0:0-1"));
	assert_cpus(&run.choice.cpus[0], "0-1");
	assert_cpus(&run.choice.cpus[1], "0-3");
	assert_cpus(&run.choice.cpus[2], "3");
	assert_cpus(&run.choice.cpus[3], "0-3");
}

static void named_modes_are_kept(void **state)
{
	static const struct expected expected[] = {
		{ TWO, "PSCT", "--pmu=off", PMU_OFF, NULL, NULL, "off: asked for\n" },
		{ NOPMU, "", "--pmu=off", PMU_OFF, NULL, NULL, "off: asked for\n" },
		{ TWO, "PS", "--pmu=default", PMU_DEFAULT, NULL, NULL,
		  "default: asked for; KVM takes the PMU of CPU 0, where vCPU 0 starts: a53 (cpus "
		  "0-1)\n" },
		{ TWO, "P", "--pmu=default --affinity=2-3", PMU_DEFAULT, NULL, NULL,
		  "default: asked for; KVM takes the PMU of CPU 2, where vCPU 0 starts: a72 (cpus "
		  "2-3)\n" },
		{ TWO, "P", "--pmu=default --migrate=step:3,0", PMU_DEFAULT, NULL, NULL,
		  "default: asked for; KVM takes the PMU of CPU 3, where vCPU 0 starts: a72 (cpus "
		  "2-3)\n" },
		{ TWO, "PSC", "--pmu=composite", PMU_COMPOSITE, NULL, NULL,
		  "composite: asked for\n" },
		{ ONE, "PC", "--pmu=composite", PMU_COMPOSITE, NULL, NULL,
		  "composite: asked for\n" },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

/* With --affinity or --migrate, to see KVM's refusal may be what is wanted; else it would be
 * chance. */
static void explicit_takes_the_pmu_asked_for(void **state)
{
	static const struct expected expected[] = {
		{ TWO, "PS", "--pmu=explicit:a72", PMU_EXPLICIT, "a72", "2-3",
		  "explicit: asked for, with a72 (cpus 2-3)\n"
		  "explicit: minivmm keeps the vCPUs on cpus 2-3; --affinity allows other CPUs\n" },
		{ TWO, "PS", "--pmu=explicit:a72 --affinity=0-1", PMU_EXPLICIT, "a72", NULL,
		  "explicit: asked for, with a72 (cpus 2-3)\n" },
		{ TWO, "PS", "--pmu=explicit:cpu3", PMU_EXPLICIT, "a72", "2-3",
		  "explicit: asked for, with a72 (cpus 2-3)\n"
		  "explicit: minivmm keeps the vCPUs on cpus 2-3; --affinity allows other CPUs\n" },
		{ TWO, "PS", "--pmu=explicit:cpu0", PMU_EXPLICIT, "a53", "0-1",
		  "explicit: asked for, with a53 (cpus 0-1)\n"
		  "explicit: minivmm keeps the vCPUs on cpus 0-1; --affinity allows other CPUs\n" },
		{ TWO, "PS", "--pmu=explicit:cpu0 --affinity=0-3", PMU_EXPLICIT, "a53", NULL,
		  "explicit: asked for, with a53 (cpus 0-1)\n" },
		{ ONE, "PS", "--pmu=explicit", PMU_EXPLICIT, "armv8_pmuv3_0", NULL,
		  "explicit: asked for; armv8_pmuv3_0 covers cpus 0-3\n" },
		{ TWO, "PS", "--pmu=explicit --affinity=2-3", PMU_EXPLICIT, "a72", NULL,
		  "explicit: asked for; a72 covers cpus 2-3\n" },
		{ TWO, "PS", "--pmu=explicit", PMU_EXPLICIT, "a53", "0-1",
		  "explicit: asked for; no host PMU covers cpus 0-3, so minivmm takes the PMU of "
		  "CPU 0, where vCPU 0 starts: a53 (cpus 0-1)\n"
		  "explicit: minivmm keeps the vCPUs on cpus 0-1; --affinity allows other CPUs\n" },
		{ TWO, "PS", "--pmu=explicit --migrate=step:2,0", PMU_EXPLICIT, "a72", NULL,
		  "explicit: asked for; no host PMU covers cpus 0-3, so minivmm takes the PMU of "
		  "CPU 2, where vCPU 0 starts: a72 (cpus 2-3)\n" },
		{ TWO, "PS", "--pmu=explicit --affinity=0-1 --migrate=step:2,3", PMU_EXPLICIT,
		  "a72", NULL,
		  "explicit: asked for; no host PMU covers cpus 0-3, so minivmm takes the PMU of "
		  "CPU 2, where vCPU 0 starts: a72 (cpus 2-3)\n" },
		{ TWO, "PST", "--pmu=strict:a72", PMU_STRICT, "a72", "2-3",
		  "strict: asked for, with a72 (cpus 2-3)\n"
		  "strict: minivmm keeps the vCPUs on cpus 2-3; --affinity allows other CPUs\n" },
		{ TWO, "PST", "--pmu=strict --affinity=1", PMU_STRICT, "a53", NULL,
		  "strict: asked for; a53 covers cpus 1\n" },
		/* strict has no default PMU to find where vCPU 0 starts. */
		{ PARTLY, "PST", "--pmu=strict:a53 --affinity=2", PMU_STRICT, "a53", NULL,
		  "strict: asked for, with a53 (cpus 0-1)\n" },
		{ PARTLY, "PSC", "--pmu=composite", PMU_COMPOSITE, NULL, "0-1",
		  "composite: asked for\n"
		  "composite: minivmm keeps the vCPUs on cpus 0-1; --affinity allows other "
		  "CPUs\n" },
		{ PARTLY, "PSC", "--pmu=composite --migrate=step:0,2", PMU_COMPOSITE, NULL, NULL,
		  "composite: asked for\n" },
		{ TWO, "PST", "--pmu=strict --cpus=2 --affinity=0:2;1:0", PMU_STRICT, "a72", NULL,
		  "strict: asked for; no host PMU covers cpus 0,2, so minivmm takes the PMU of CPU "
		  "2, where vCPU 0 starts: a72 (cpus 2-3)\n" },
	};

	(void)state;
	check(expected, ARRAY_SIZE(expected));
}

static void what_is_not_to_be_had_is_an_error(void **state)
{
	static const struct {
		size_t host;
		const char *offers, *line;
		enum status status;
		const char *message;
	} errors[] = {
		{ NOPMU, "PSCT", "--pmu=default", STATUS_HOST,
		  "--pmu=default: this host has no core PMU; use --pmu=auto or --pmu=off" },
		{ NOPMU, "", "--pmu=explicit", STATUS_HOST,
		  "--pmu=explicit: this host has no core PMU" },
		{ NOPMU, "", "--pmu=strict", STATUS_HOST,
		  "--pmu=strict: this host has no core PMU" },
		{ NOPMU, "", "--pmu=composite", STATUS_HOST,
		  "--pmu=composite: this host has no core PMU" },
		{ ONE, "", "--pmu=default", STATUS_HOST,
		  "--pmu=default: this host's KVM has no PMU for guests (KVM_CAP_ARM_PMU_V3); use "
		  "--pmu=auto or --pmu=off" },
		{ ONE, "SCT", "--pmu=explicit", STATUS_HOST, "(KVM_CAP_ARM_PMU_V3)" },
		{ ONE, "SCT", "--pmu=composite", STATUS_HOST, "(KVM_CAP_ARM_PMU_V3)" },
		{ TWO, "PST", "--pmu=composite", STATUS_HOST,
		  "--pmu=composite: this kernel's KVM has no "
		  "KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY "
		  "(attribute 5); use --pmu=explicit, --pmu=auto or a kernel with the patch" },
		{ TWO, "PSC", "--pmu=strict:a53", STATUS_HOST,
		  "--pmu=strict: this kernel's KVM has no vCPU feature "
		  "KVM_ARM_VCPU_PMU_V3_STRICT" },
		{ TWO, "PC", "--pmu=explicit:a53", STATUS_HOST,
		  "--pmu=explicit: this kernel's KVM has no KVM_ARM_VCPU_PMU_V3_SET_PMU" },
		{ TWO, "PCT", "--pmu=strict", STATUS_HOST,
		  "--pmu=strict: this kernel's KVM has no KVM_ARM_VCPU_PMU_V3_SET_PMU" },
		{ TWO, "PS", "--pmu=explicit:a57", STATUS_USAGE,
		  "--pmu=explicit:a57: no such host PMU; host PMUs: a53 (cpus 0-1), a72 (cpus "
		  "2-3)" },
		{ TWO, "PS", "--pmu=explicit:a5", STATUS_USAGE,
		  "--pmu=explicit:a5: no such host PMU" },
		{ TWO, "PS", "--pmu=explicit:a533", STATUS_USAGE, "no such host PMU" },
		{ TWO, "PST", "--pmu=strict:a57", STATUS_USAGE,
		  "--pmu=strict:a57: no such host PMU" },
		{ TWO, "PS", "--pmu=explicit:cpu4", STATUS_USAGE,
		  "--pmu=explicit:cpu4: no host PMU covers this CPU; host PMUs: a53 (cpus 0-1), "
		  "a72 "
		  "(cpus 2-3)" },
		{ PARTLY, "PS", "--pmu=explicit:cpu2", STATUS_USAGE,
		  "no host PMU covers this CPU" },
		{ PARTLY, "PS", "--pmu=explicit --affinity=2-3", STATUS_HOST,
		  "--pmu=explicit: CPU 2, where vCPU 0 starts, has no host PMU; use --affinity or "
		  "--migrate to start on a CPU of one: a53 (cpus 0-1)" },
		{ PARTLY, "PS", "--pmu=explicit:a53 --migrate=step:2,0", STATUS_HOST,
		  "--pmu=explicit: CPU 2, where vCPU 0 starts, has no host PMU" },
		{ PARTLY, "PSC", "--pmu=composite --affinity=3", STATUS_HOST,
		  "--pmu=composite: CPU 3, where vCPU 0 starts, has no host PMU" },
		{ PARTLY, "PST", "--pmu=strict --affinity=3", STATUS_HOST,
		  "--pmu=strict: CPU 3, where vCPU 0 starts, has no host PMU" },
		{ PARTLY, "PS", "--pmu=default --affinity=3", STATUS_HOST,
		  "--pmu=default: CPU 3, where vCPU 0 starts, has no host PMU" },
		{ TWO, "PS", "--migrate=step:0,2", STATUS_USAGE,
		  "--migrate: the plan's cpus 0,2 leave a53 (cpus 0-1), where --pmu=auto keeps "
		  "the vCPUs" },
		{ TWO, "PS", "--affinity=0-1 --migrate=step:0,2", STATUS_USAGE,
		  "the plan's cpus 0,2 leave a53" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct run run;

		assert_failed(choose(&run, errors[i].host, errors[i].offers, errors[i].line),
			      errors[i].status, errors[i].message);
	}
}

/* The same for the affinity, the V:LIST form and plans, in every mode. */
static void unusable_cpus_are_named(void **state)
{
	static const char *const modes[] = { "auto",      "default", "explicit",
					     "composite", "strict",  "off" };
	static const struct {
		const char *line, *message;
	} errors[] = {
		{ "--affinity=0,9", "--affinity: CPU 9 does not exist on this host "
				    "(/sys/devices/system/cpu/present); usable: cpus 0-3" },
		{ "--affinity=3-4", "--affinity: CPU 4 is offline "
				    "(/sys/devices/system/cpu/online); usable: cpus 0-3" },
		{ "--affinity=6",
		  "--affinity: CPU 6 is not granted to this process by the kernel (cpuset)" },
		{ "--cpus=2 --affinity=0:1;1:5",
		  "--affinity, vCPU 1: CPU 5 is offline (/sys/devices/system/cpu/online); usable: "
		  "cpus 0-3" },
		{ "--migrate=step:0,9", "--migrate: CPU 9 does not exist on this host "
					"(/sys/devices/system/cpu/present); usable: cpus 0-3" },
		{ "--migrate=every:5ms:0-4", "--migrate: CPU 4 is offline" },
		{ "--migrate=step:6",
		  "--migrate: CPU 6 is not granted to this process by the kernel (cpuset)" },
	};

	char root[FAKE_ROOT];

	(void)state;
	fake_tree(root);
	fake_file(root, "devices/system/cpu/present", "0-6\n");
	fake_file(root, "devices/system/cpu/online", "0-3,6\n");
	fake_sysfs = root;
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
		for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
			struct run run;
			char line[128];

			snprintf(line, sizeof(line), "--pmu=%s %s", modes[m], errors[i].line);
			assert_failed(choose(&run, HINDERED, "PSCT", line), STATUS_USAGE,
				      errors[i].message);
		}
	fake_sysfs = "/nonexistent";
	fake_tree_remove(root);
}

/* In explicit mode the plan may leave the PMU: to show the refusal is its purpose. */
static void named_modes_leave_the_plan_alone(void **state)
{
	static const char *const lines[] = {
		"--pmu=explicit:a53 --migrate=step:0,2", "--pmu=strict:a53 --migrate=step:2,3",
		"--pmu=default --migrate=every:1ms:0,2", "--pmu=composite --migrate=step:0-3",
		"--pmu=off --migrate=step:0-3",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct run run;

		assert_well(choose(&run, TWO, "PSCT", lines[i]));
		assert_false(run.choice.narrowed);
	}
}

static void probes_only_where_composite_is_in_question(void **state)
{
	static const struct {
		size_t host;
		const char *line;
		bool probe, probe_older;
	} runs[] = {
		{ NOPMU, "", false, false },
		{ ONE, "", false, true },
		{ ONE, "--affinity=1", false, true },
		{ TWO, "", true, true },
		{ TWO, "--affinity=0-1", false, true },
		{ TWO, "--affinity=1-2", true, true },
		{ TWO, "--affinity=0-1 --migrate=step:0,2", true, true },
		{ TWO, "--cpus=2 --affinity=0:0;1:3", true, true },
		{ TWO, "--pmu-filter=deny:0x8", false, true },
		{ TWO, "--pmu-counters=2", false, true },
		{ PARTLY, "", false, true },
		{ TWO, "--pmu=default", false, true },
		{ TWO, "--pmu=explicit", false, true },
		{ TWO, "--pmu=composite", false, true },
		{ TWO, "--pmu=strict", false, true },
		{ TWO, "--pmu=off", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct run run;

		assert_well(choose(&run, runs[i].host, "PSCT", runs[i].line));
		if (run.needs_probe != runs[i].probe)
			print_error("entry %zu: %s\n", i, runs[i].line);
		assert_int_equal(run.needs_probe, runs[i].probe);
		/* Whether there is SET_PMU, only a VM tells then. */
		choose(&run, runs[i].host, "PSCTO", runs[i].line);
		assert_int_equal(run.needs_probe, runs[i].probe_older);
	}
}

/* Without the probe KVM's offers are guessed: the choice must not depend on the guess. */
static void no_probe_no_difference(void **state)
{
	static const char *const lines[] = { "",
					     "--affinity=0-1",
					     "--affinity=1-2",
					     "--pmu-filter=deny:0x8",
					     "--pmu-counters=2",
					     "--cpus=2 --affinity=0:0;1:3" };

	(void)state;
	for (size_t host = 0; host < ARRAY_SIZE(fakes); host++)
		for (size_t l = 0; l < ARRAY_SIZE(lines); l++) {
			struct run guess, told;

			assert_well(choose(&guess, host, "PSCT", lines[l]));
			assert_well(choose(&told, host, "PS", lines[l]));
			if (guess.needs_probe)
				continue;
			assert_string_equal(guess.choice.reasons, told.choice.reasons);
			assert_int_equal(guess.choice.mode, told.choice.mode);
		}
}

/* On the host that has most to say. */
static void the_longest_reasons_are_whole(void **state)
{
	static struct run run;
	char list[CPULIST_WHOLE] = "";
	size_t used = 0;

	(void)state;
	for (int cpu = 0; cpu < CPUSET_CPUS - 2; cpu += 2)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d", cpu ? "," : "",
					 cpu);
	for (size_t offers = 0; offers < 2; offers++) {
		choose(&run, THREE, offers ? "PO0" : "PS", "");
		fake_host(&run.host, list);
		for (int i = 0; i < HOST_MAX_PMUS; i++) {
			struct cpuset one = cpus(i ? "0" : "2");

			fake_host_pmu(&run.host, "", "1");
			memset(run.host.pmus[i].name, 'a' + i, sizeof(run.host.pmus[i].name) - 1);
			cpuset_minus(&run.host.pmus[i].cpus, &run.host.allowed, &one);
		}
		assert_well(choose_cpus(&run.options, &run.host, &run.choice));
		assert_well(choose_mode(&run.options, &run.host, &run.offers, &run.choice));
		assert_null(strstr(run.choice.reasons, "...\n"));
		assert_true(strlen(run.choice.reasons) > CPULIST_TEXT);
	}
}

/* What does not fit is cut off, and told so; what nobody is told is not written. */
static void reasons_stay_lines(void **state)
{
	struct choice choice = { .reasons = "" };
	struct options options = { .quiet = true };
	const struct mode_context c = { .options = &options, .choice = &choice };

	(void)state;
	mode_reason(&c, "nobody hears this\n");
	assert_string_equal(choice.reasons, "");
	options.quiet = false;
	for (int i = 0; i < 200; i++)
		mode_reason(&c, "step %d: %s\n", i, "no host PMU covers it");
	assert_int_equal(strlen(choice.reasons), sizeof(choice.reasons) - 1);
	assert_string_equal(choice.reasons + sizeof(choice.reasons) - 5, "...\n");
	assert_memory_equal(choice.reasons, "step 0: no host PMU covers it\n", 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_without_pmu_is_off),
		cmocka_unit_test(auto_is_explicit_where_one_pmu_covers_all),
		cmocka_unit_test(auto_is_composite_else),
		cmocka_unit_test(auto_narrows_else),
		cmocka_unit_test(filter_and_counters_rule_composite_out),
		cmocka_unit_test(auto_is_off_at_last),
		cmocka_unit_test(auto_is_default_without_set_pmu),
		cmocka_unit_test(one_place_decides_where_vcpu_0_starts),
		cmocka_unit_test(older_default_says_only_what_is_known),
		cmocka_unit_test(auto_keeps_to_what_there_is),
		cmocka_unit_test(narrowing_keeps_each_vcpus_affinity),
		cmocka_unit_test(affinity_is_kept_for_each_vcpu),
		cmocka_unit_test(named_modes_are_kept),
		cmocka_unit_test(explicit_takes_the_pmu_asked_for),
		cmocka_unit_test(what_is_not_to_be_had_is_an_error),
		cmocka_unit_test(unusable_cpus_are_named),
		cmocka_unit_test(named_modes_leave_the_plan_alone),
		cmocka_unit_test(probes_only_where_composite_is_in_question),
		cmocka_unit_test(no_probe_no_difference),
		cmocka_unit_test(the_longest_reasons_are_whole),
		cmocka_unit_test(reasons_stay_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
