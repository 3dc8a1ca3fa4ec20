/* SPDX-License-Identifier: MIT */
/* The command line: each option does what --help says, and what is wrong is named. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_capture.h"
#include "fake_host.h"
#include "options/command_line.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIB           (1ull << 20)

/* Parses "minivmm " and the words of @line, which end at '|'. Pointers stay good until the next. */
static enum status parse(const char *line, struct options *options)
{
	static char text[8192];
	char *argv[64] = { (char *)(uintptr_t) "minivmm", NULL };
	char *next = text;
	int argc = 1;

	fail_reset();
	memset(options, 0x55, sizeof(*options));
	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	while (*line && next && argc < 63)
		argv[argc++] = strsep(&next, "|");
	return options_parse(argc, argv, options);
}

static struct options parsed(const char *line)
{
	struct options options;
	enum status status = parse(line, &options);

	if (status)
		print_error("command line: %s\n", line);
	assert_well(status);
	return options;
}

static void assert_wrong(const char *line, const char *message)
{
	struct options options;
	enum status status = parse(line, &options);

	if (!status)
		print_error("taken: %s\n", line);
	assert_failed(status, STATUS_USAGE, message);
}

static void defaults_are_as_written(void **state)
{
	struct options options = parsed("guest.elf");

	(void)state;
	assert_string_equal(options.image, "guest.elf");
	assert_int_equal(options.pmu, PMU_AUTO);
	assert_string_equal(options.pmu_name, "");
	assert_int_equal(options.pmu_cpu, -1);
	assert_int_equal(options.nfilters, 0);
	assert_int_equal(options.pmu_counters, -1);
	assert_int_equal(options.cpus, 1);
	assert_int_equal(options.mem, 64 * MIB);
	assert_int_equal(options.naffinity, 0);
	assert_false(options.affinity_each);
	assert_int_equal(options.plan.kind, PLAN_NONE);
	assert_int_equal(options.plan.ncpus, 0);
	assert_false(options.refusal_return);
	assert_int_equal(options.gic, 0);
	assert_null(options.initrd);
	assert_string_equal(options.append, "");
	assert_null(options.dtb_out);
	assert_null(options.record);
	assert_int_equal(options.timeout_s, 0);
	assert_false(options.quiet);
	assert_false(options.no_reboot || options.strict_mmio);
	assert_false(options.probe);
	assert_false(options.probe_json);
	assert_false(options.help);
	assert_false(options.version);
}

static void pmu_modes(void **state)
{
	static const struct {
		const char *line;
		enum pmu_mode mode;
		const char *name;
		int cpu;
	} modes[] = {
		{ "--pmu=auto|i", PMU_AUTO, "", -1 },
		{ "--pmu=default|i", PMU_DEFAULT, "", -1 },
		{ "--pmu=explicit|i", PMU_EXPLICIT, "", -1 },
		{ "--pmu=composite|i", PMU_COMPOSITE, "", -1 },
		{ "--pmu=strict|i", PMU_STRICT, "", -1 },
		{ "--pmu=off|i", PMU_OFF, "", -1 },
		{ "--pmu=explicit:armv8_cortex_a72|i", PMU_EXPLICIT, "armv8_cortex_a72", -1 },
		{ "--pmu=strict:armv8_cortex_a72|i", PMU_STRICT, "armv8_cortex_a72", -1 },
		{ "--pmu=explicit:cpu0|i", PMU_EXPLICIT, "", 0 },
		{ "--pmu=explicit:cpu4095|i", PMU_EXPLICIT, "", 4095 },
		/* Names that only begin like a CPU. */
		{ "--pmu=explicit:cpu|i", PMU_EXPLICIT, "cpu", -1 },
		{ "--pmu=explicit:cpu_core|i", PMU_EXPLICIT, "cpu_core", -1 },
		{ "--pmu=explicit:cpu1x|i", PMU_EXPLICIT, "cpu1x", -1 },
		{ "--pmu=explicit:a:b|i", PMU_EXPLICIT, "a:b", -1 },
		/* The last one counts, wholly. */
		{ "--pmu=explicit:a|--pmu=strict|i", PMU_STRICT, "", -1 },
		{ "--pmu=explicit:cpu3|--pmu=explicit:a|i", PMU_EXPLICIT, "a", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct options options = parsed(modes[i].line);

		assert_int_equal(options.pmu, modes[i].mode);
		assert_string_equal(options.pmu_name, modes[i].name);
		assert_int_equal(options.pmu_cpu, modes[i].cpu);
	}
	for (enum pmu_mode mode = PMU_AUTO; mode <= PMU_OFF; mode++) {
		char line[64];

		snprintf(line, sizeof(line), "--pmu=%s|i", pmu_mode_name(mode));
		assert_int_equal(parsed(line).pmu, mode);
	}
}

static void pmu_modes_that_are_none(void **state)
{
	char name[80], line[128];

	(void)state;
	assert_wrong("--pmu=|i", "--pmu=: no such mode; use auto, default, explicit");
	assert_wrong("--pmu=Auto|i", "--pmu=Auto: no such mode");
	assert_wrong("--pmu=comp|i", "--pmu=comp: no such mode");
	assert_wrong("--pmu=explicits|i", "--pmu=explicits: no such mode");
	assert_wrong("--pmu=:a53|i", "--pmu=:a53: no such mode");
	assert_wrong("--pmu=auto:a53|i", "--pmu=auto:a53: auto takes no host PMU");
	assert_wrong("--pmu=default:a53|i", "use --pmu=default or --pmu=explicit:a53");
	assert_wrong("--pmu=composite:|i", "composite takes no host PMU");
	assert_wrong("--pmu=off:a53|i", "off takes no host PMU");
	assert_wrong("--pmu=explicit:|i", "--pmu=explicit:: the host PMU's name is missing");
	assert_wrong("--pmu=strict:|i", "--pmu=strict:: the host PMU's name is missing");
	assert_wrong("--pmu=explicit:cpu4096|i", "--pmu=explicit:cpu4096: no such CPU");
	assert_wrong("--pmu=explicit:cpu4294967296|i", "no such CPU");
	memset(name, 'n', sizeof(name));
	name[63] = '\0';
	snprintf(line, sizeof(line), "--pmu=explicit:%s|i", name);
	assert_string_equal(parsed(line).pmu_name, name);
	name[63] = 'n';
	name[64] = '\0';
	snprintf(line, sizeof(line), "--pmu=explicit:%s|i", name);
	assert_wrong(line, "the host PMU's name is too long");
}

static void numbers_in_their_ranges(void **state)
{
	(void)state;
	assert_int_equal(parsed("--cpus=1|i").cpus, 1);
	assert_int_equal(parsed("--cpus=512|i").cpus, 512);
	assert_int_equal(parsed("--pmu-counters=0|i").pmu_counters, 0);
	assert_int_equal(parsed("--pmu-counters=31|i").pmu_counters, 31);
	assert_int_equal(parsed("--timeout=1|i").timeout_s, 1);
	assert_int_equal(parsed("--timeout=1000000|i").timeout_s, 1000000);
	assert_int_equal(parsed("--timeout=90s|i").timeout_s, 90);
}

static void numbers_out_of_their_ranges(void **state)
{
	static const struct {
		const char *option, *low, *high;
	} options[] = {
		{ "--cpus", "0", "513" },        { "--pmu-counters", "-1", "32" },
		{ "--timeout", "0", "1000001" }, { "--timeout", "0s", "1ss" },
		{ "--timeout", "s", "1m" },
	};
	static const char *const never[] = { "",
					     "x",
					     "1x",
					     " 1",
					     "1 ",
					     "+1",
					     "-1",
					     "1.5",
					     "0x1",
					     "1e3",
					     "99999999999999999999",
					     "4294967297" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		char line[128], message[128];

		for (size_t n = 0; n < ARRAY_SIZE(never) + 2; n++) {
			const char *value = n < ARRAY_SIZE(never)    ? never[n]
					    : n == ARRAY_SIZE(never) ? options[i].low
								     : options[i].high;

			snprintf(line, sizeof(line), "%s=%s|i", options[i].option, value);
			snprintf(message, sizeof(message), "%s=%s: not a %s", options[i].option,
				 value,
				 strcmp(options[i].option, "--timeout") ? "number from "
									: "time; ");
			assert_wrong(line, message);
		}
	}
	assert_wrong("--cpus=513|i", "from 1 to 512");
	assert_wrong("--pmu-counters=32|i", "from 0 to 31");
}

static void sizes(void **state)
{
	static const struct {
		const char *line;
		uint64_t mem;
	} good[] = {
		{ "--mem=2M|i", 2 * MIB },
		{ "--mem=512m|i", 512 * MIB },
		{ "--mem=2G|i", 2048 * MIB },
		{ "--mem=1g|i", 1024 * MIB },
		{ "--mem=2048K|i", 2 * MIB },
		{ "--mem=4096k|i", 4 * MIB },
		{ "--mem=2097152|i", 2 * MIB },
		{ "--mem=1024G|i", MIB << 20 },
		{ "--mem=1099511627776|i", MIB << 20 },
	};
	static const char *const malformed[] = { "",     "M",    "x",   "64MB",
						 "64T",  "64 M", "-2M", "1.5G",
						 "64M ", "0x2M", "+2M", "99999999999999999999" };
	static const char *const range[] = { "0",
					     "0M",
					     "1M",
					     "3M",
					     "64",
					     "2097153",
					     "2047K",
					     "1026G",
					     "1099513724928",
					     "18446744073709551615",
					     "17179869184G",
					     "18014398509481984K" };
	char line[64], message[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(parsed(good[i].line).mem, good[i].mem);
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		snprintf(line, sizeof(line), "--mem=%s|i", malformed[i]);
		snprintf(message, sizeof(message), "--mem=%s: not a size", malformed[i]);
		assert_wrong(line, message);
	}
	for (size_t i = 0; i < ARRAY_SIZE(range); i++) {
		snprintf(line, sizeof(line), "--mem=%s|i", range[i]);
		snprintf(message, sizeof(message), "--mem=%s: use a multiple of 2M", range[i]);
		assert_wrong(line, message);
	}
}

static void limits(void **state)
{
	(void)state;
	assert_int_equal(parsed("i").limit, 1ull << 30);
	assert_int_equal(parsed("--limit=4K|i").limit, 4096);
	assert_int_equal(parsed("--limit=8192|i").limit, 8192);
	assert_int_equal(parsed("--limit=1024G|i").limit, 1ull << 40);
	assert_wrong("--limit=many|i", "--limit=many: not a size");
	assert_wrong("--limit=0|i", "--limit=0: use a multiple of 4K from 4K to 1024G");
	assert_wrong("--limit=4097|i", "--limit=4097: use a multiple of 4K");
	assert_wrong("--limit=1025G|i", "--limit=1025G: use a multiple of 4K");
}

static void affinity_for_all(void **state)
{
	struct options options = parsed("--affinity=0-3,6|--cpus=4|i");

	(void)state;
	assert_int_equal(options.naffinity, 1);
	assert_false(options.affinity_each);
	assert_cpus(&options.affinity[0], "0-3,6");
}

static void affinity_for_each(void **state)
{
	struct options options = parsed("--cpus=4|--affinity=2:4;0:0-1,3|i");

	(void)state;
	assert_true(options.affinity_each);
	assert_int_equal(options.naffinity, 3);
	assert_cpus(&options.affinity[0], "0-1,3");
	assert_cpus(&options.affinity[1], "");
	assert_cpus(&options.affinity[2], "4");

	options = parsed("--affinity=0:5|i");
	assert_true(options.affinity_each);
	assert_int_equal(options.naffinity, 1);
	assert_cpus(&options.affinity[0], "5");

	options = parsed("--cpus=512|--affinity=511:5|i");
	assert_int_equal(options.naffinity, 512);
	assert_cpus(&options.affinity[511], "5");

	/* The last one counts, wholly. */
	options = parsed("--cpus=2|--affinity=0:1;1:2|--affinity=3|i");
	assert_false(options.affinity_each);
	assert_int_equal(options.naffinity, 1);
	assert_cpus(&options.affinity[0], "3");
	assert_cpus(&options.affinity[1], "");
}

static void affinities_that_are_none(void **state)
{
	(void)state;
	assert_wrong("--affinity=|i", "--affinity: '' is not a list of CPUs");
	assert_wrong("--affinity=0-|i", "--affinity: '0-' is not a list of CPUs");
	assert_wrong("--affinity=3-1|i", "is not a list of CPUs");
	assert_wrong("--affinity=0;1|i", "'0;1' is not a list of CPUs");
	assert_wrong("--affinity=4096|i", "is not a list of CPUs");
	assert_wrong("--affinity=0:|i", "'' is not a list of CPUs");
	assert_wrong("--affinity=0:x|i", "'x' is not a list of CPUs");
	assert_wrong("--affinity=:0|i", "':0' is not V:LIST");
	assert_wrong("--affinity=x:0|i", "'x:0' is not V:LIST");
	assert_wrong("--affinity=-1:0|i", "'-1:0' is not V:LIST");
	assert_wrong("--affinity=512:0|i", "'512:0' is not V:LIST with a vCPU V below 512");
	assert_wrong("--affinity=0:0;|i", "'' is not V:LIST");
	assert_wrong("--affinity=0:0;;1:0|i", "'' is not V:LIST");
	assert_wrong("--affinity=0:0;1|i", "'1' is not V:LIST");
	assert_wrong("--cpus=2|--affinity=1:0;1:1|i", "vCPU 1 is named twice");
	assert_wrong("--affinity=1:0|i", "--affinity names vCPU 1, but --cpus=1");
	assert_wrong("--affinity=0:0;3:1|--cpus=3|i", "--affinity names vCPU 3, but --cpus=3");
}

/* As many vCPUs as CPUs, each on its own: a server's. */
static void affinities_of_many_vcpus(void **state)
{
	static const int counts[] = { 128, 160, 256, 512 };
	static char line[8192];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		int length = sprintf(line, "--cpus=%d|i|--affinity=", counts[i]);
		static struct options options;

		for (int vcpu = 0; vcpu < counts[i]; vcpu++)
			length += sprintf(line + length, "%s%d:%d", vcpu ? ";" : "", vcpu,
					  1151 - 2 * vcpu);
		assert_well(parse(line, &options));
		assert_int_equal(options.naffinity, counts[i]);
		for (int vcpu = 0; vcpu < counts[i]; vcpu++) {
			assert_int_equal(cpuset_count(&options.affinity[vcpu]), 1);
			assert_int_equal(cpuset_first(&options.affinity[vcpu]), 1151 - 2 * vcpu);
		}
		strcpy(line + length, ";x");
		assert_wrong(line, "'x' is not V:LIST");
	}
}

static void filters(void **state)
{
	struct options options = parsed("--pmu-filter=allow:0x11|i");

	(void)state;
	assert_false(options.pmu_filter_deny);
	assert_int_equal(options.nfilters, 1);
	assert_int_equal(options.filters[0].base, 0x11);
	assert_int_equal(options.filters[0].count, 1);

	options = parsed("--pmu-filter=deny:8-0xb,0xffff,17-17|i");
	assert_true(options.pmu_filter_deny);
	assert_int_equal(options.nfilters, 3);
	assert_int_equal(options.filters[0].base, 8);
	assert_int_equal(options.filters[0].count, 4);
	assert_int_equal(options.filters[1].base, 0xffff);
	assert_int_equal(options.filters[1].count, 1);
	assert_int_equal(options.filters[2].base, 17);
	assert_int_equal(options.filters[2].count, 1);

	options = parsed("--pmu-filter=allow:0-0xfffe|i");
	assert_int_equal(options.filters[0].base, 0);
	assert_int_equal(options.filters[0].count, 0xffff);

	options = parsed("--pmu-filter=deny:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15|i");
	assert_int_equal(options.nfilters, MAX_FILTERS);

	/* The last one counts, wholly. */
	options = parsed("--pmu-filter=deny:1,2,3|--pmu-filter=allow:4|i");
	assert_false(options.pmu_filter_deny);
	assert_int_equal(options.nfilters, 1);
	assert_int_equal(options.filters[0].base, 4);
}

static void filters_that_are_none(void **state)
{
	static const char *const lists[] = { "",
					     ",",
					     "1,",
					     ",1",
					     "1,,2",
					     "x",
					     "0x",
					     "-1",
					     " 1",
					     "1 ",
					     "2-1",
					     "1-",
					     "-",
					     "1-2-3",
					     "0x10000",
					     "65536",
					     "0-0xffff",
					     "1:2",
					     "99999999999999999999" };

	(void)state;
	assert_wrong("--pmu-filter=|i", "--pmu-filter=: use allow:EVENTS or deny:EVENTS");
	assert_wrong("--pmu-filter=0x11|i", "use allow:EVENTS");
	assert_wrong("--pmu-filter=allow|i", "use allow:EVENTS");
	assert_wrong("--pmu-filter=Allow:1|i", "use allow:EVENTS");
	assert_wrong("--pmu-filter=permit:1|i", "use allow:EVENTS");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		char line[128], message[128];

		snprintf(line, sizeof(line), "--pmu-filter=deny:%s|i", lists[i]);
		snprintf(message, sizeof(message), "--pmu-filter=deny:%s: malformed list",
			 lists[i]);
		assert_wrong(line, message);
	}
	assert_wrong("--pmu-filter=deny:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16|i",
		     "more than 16 ranges");
}

static void plans(void **state)
{
	struct options options = parsed("--migrate=step:0,2,0|i");

	(void)state;
	assert_int_equal(options.plan.kind, PLAN_STEP);
	assert_int_equal(options.plan.ncpus, 3);
	assert_int_equal(options.plan.cpus[1], 2);
	options = parsed("--migrate=random:5ms:42|i");
	assert_int_equal(options.plan.kind, PLAN_RANDOM);
	assert_int_equal(options.plan.seed, 42);
	options = parsed("--migrate=step:0|--migrate=none|i");
	assert_int_equal(options.plan.kind, PLAN_NONE);
	assert_int_equal(options.plan.ncpus, 0);
	assert_wrong("--migrate=|i", "--migrate=: not a plan; use none, step:LIST");
	assert_wrong("--migrate=step:|i", "--migrate=step:: the list of CPUs is malformed");
}

static void words(void **state)
{
	(void)state;
	assert_true(parsed("--on-refusal=return|i").refusal_return);
	assert_false(parsed("--on-refusal=stop|i").refusal_return);
	assert_false(parsed("--on-refusal=return|--on-refusal=stop|i").refusal_return);
	assert_true(parsed("--settle|--migrate=step:0,1|i").settle);
	assert_wrong("--on-refusal=|i", "--on-refusal=: use stop or return");
	assert_wrong("--on-refusal=retry|i", "--on-refusal=retry: use stop or return");
	assert_int_equal(parsed("--gic=2|i").gic, 2);
	assert_int_equal(parsed("--gic=3|i").gic, 3);
	assert_int_equal(parsed("--gic=3|--gic=auto|i").gic, 0);
	assert_wrong("--gic=4|i", "--gic=4: use auto, 2 or 3");
	assert_wrong("--gic=|i", "--gic=: use auto, 2 or 3");
	assert_wrong("--gic=33|i", "--gic=33: use auto, 2 or 3");
}

static void levels_to_begin_at(void **state)
{
	(void)state;
	assert_int_equal(parsed("i").el2, EL2_NONE);
	assert_int_equal(parsed("--el2|i").el2, EL2_VHE);
	assert_int_equal(parsed("--el2=e2h0|i").el2, EL2_E2H0);
	assert_int_equal(parsed("--el2=e2h0|--el2|--gic=3|i").el2, EL2_VHE);
	/* Its value is optional: the next word is the image. */
	assert_string_equal(parsed("--el2|e2h0").image, "e2h0");
	assert_wrong("--el2=|i", "--el2=: use --el2 or --el2=e2h0");
	assert_wrong("--el2=vhe|i", "--el2=vhe: use --el2 or --el2=e2h0");
	assert_wrong("--el2=e2h01|i", "--el2=e2h01: use --el2 or --el2=e2h0");
}

static void files_and_texts(void **state)
{
	static const char *const names[] = { "initrd", "dtb-out", "record" };
	struct options options =
		parsed("--initrd=a.cpio|--append=windows=20 loops=5|--dtb-out=x.dtb|"
		       "--record=-|kernel");

	(void)state;
	assert_string_equal(options.initrd, "a.cpio");
	assert_string_equal(options.append, "windows=20 loops=5");
	assert_string_equal(options.dtb_out, "x.dtb");
	assert_string_equal(options.record, "-");
	assert_string_equal(options.image, "kernel");
	assert_string_equal(parsed("--append=a|--append=|i").append, "");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char line[64], message[64];

		snprintf(line, sizeof(line), "--%s=|i", names[i]);
		snprintf(message, sizeof(message), "--%s= is empty; give a file name", names[i]);
		assert_wrong(line, message);
	}
}

static void flags(void **state)
{
	struct options options = parsed("--quiet|i");

	(void)state;
	assert_true(options.quiet);
	assert_false(options.probe || options.help || options.version);
	options = parsed("--no-reboot|i");
	assert_true(options.no_reboot);
	assert_false(options.strict_mmio || options.quiet);
	options = parsed("--strict-mmio|i");
	assert_true(options.strict_mmio);
	assert_false(options.no_reboot || options.quiet);
	options = parsed("--jail=log|i");
	assert_int_equal(options.jail, JAIL_LOG);
	options = parsed("--jail|off|--jail=on|i");
	assert_int_equal(options.jail, JAIL_ON);
	options = parsed("--jail=off|i");
	assert_int_equal(options.jail, JAIL_OFF);
	assert_wrong("--jail=no|i", "--jail=no: use on, log or off");
	options = parsed("--probe|i");
	assert_true(options.probe);
	assert_false(options.probe_json || options.quiet);
	options = parsed("--probe=json");
	assert_true(options.probe && options.probe_json);
	/* It is about what auto would choose, whatever mode is named. */
	options = parsed("--pmu=explicit:cpu2|--probe");
	assert_true(options.pmu == PMU_AUTO && options.pmu_cpu == -1);
	options = parsed("--probe|--pmu=strict:armv8_cortex_a53");
	assert_true(options.pmu == PMU_AUTO && !options.pmu_name[0]);
	assert_wrong("--probe=xml", "--probe=xml: use --probe or --probe=json");
	assert_wrong("--probe=", "--probe=: use --probe or --probe=json");
	assert_wrong("--quiet=yes|i", "--quiet takes no value");
	assert_wrong("--help=", "--help takes no value");
	assert_wrong("--version=2", "--version takes no value");
}

static void values_in_the_next_word(void **state)
{
	struct options options = parsed("--cpus|2|--pmu|explicit:cpu1|--append|--odd|--mem|4M|i");

	(void)state;
	assert_int_equal(options.cpus, 2);
	assert_int_equal(options.pmu_cpu, 1);
	assert_string_equal(options.append, "--odd");
	assert_int_equal(options.mem, 4 * MIB);
	assert_string_equal(options.image, "i");
	/* --probe's value is optional: the next word is not taken for it. */
	options = parsed("--probe|json");
	assert_false(options.probe_json);
	assert_string_equal(options.image, "json");
}

/* Each option that needs a value says so, with the form of the value. */
static void missing_values_are_named(void **state)
{
	static const struct {
		const char *line, *message;
	} lines[] = {
		{ "i|--pmu", "--pmu needs a value: --pmu=MODE" },
		{ "i|--cpus", "--cpus needs a value: --cpus=N" },
		{ "i|--mem", "--mem needs a value: --mem=SIZE" },
		{ "i|--affinity", "--affinity needs a value: --affinity=LIST" },
		{ "i|--migrate", "--migrate needs a value: --migrate=PLAN" },
		{ "i|--on-refusal", "--on-refusal needs a value" },
		{ "i|--initrd", "--initrd needs a value: --initrd=FILE" },
		{ "i|--append", "--append needs a value: --append=TEXT" },
		{ "i|--dtb-out", "--dtb-out needs a value: --dtb-out=FILE" },
		{ "i|--gic", "--gic needs a value" },
		{ "i|--pmu-filter", "--pmu-filter needs a value" },
		{ "i|--pmu-counters", "--pmu-counters needs a value: --pmu-counters=N" },
		{ "i|--record", "--record needs a value: --record=FILE" },
		{ "i|--timeout", "--timeout needs a value: --timeout=SECONDS" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_wrong(lines[i].line, lines[i].message);
}

static void unknown_options_are_named(void **state)
{
	(void)state;
	assert_wrong("--pmus=auto|i", "--pmus: no such option; --help lists them");
	assert_wrong("--pm=auto|i", "--pm: no such option");
	assert_wrong("--CPUS=1|i", "--CPUS: no such option");
	assert_wrong("--=1|i", "--: no such option");
	assert_wrong("-c|2|i", "-c: options begin with two dashes");
	assert_wrong("-help", "-help: options begin with two dashes");
}

static void one_image(void **state)
{
	(void)state;
	assert_wrong("", "no guest image given");
	assert_wrong("--cpus=2", "no guest image given");
	assert_wrong("a|b", "b: the guest image is already given as a");
	assert_wrong("a|--quiet|b", "b: the guest image is already given as a");
	assert_string_equal(parsed("--|--odd-name").image, "--odd-name");
	assert_string_equal(parsed("--quiet|--|-x").image, "-x");
	assert_string_equal(parsed("-").image, "-");
	assert_null(parsed("--probe").image);
	assert_null(parsed("--help").image);
	assert_null(parsed("--version").image);
	assert_true(parsed("--help").help);
	assert_true(parsed("-h").help);
	assert_true(parsed("-V").version);
	assert_true(parsed("--version").version);
}

static void conflicts_are_named(void **state)
{
	static const struct {
		const char *line, *first, *second;
	} lines[] = {
		{ "--pmu=composite|--pmu-filter=deny:1|i", "--pmu=composite", "--pmu-filter" },
		{ "--pmu-filter=allow:1|--pmu=composite|i", "--pmu=composite", "--pmu-filter" },
		{ "--pmu=composite|--pmu-counters=1|i", "--pmu=composite", "--pmu-counters=1" },
		{ "--pmu=off|--pmu-filter=deny:1|i", "--pmu=off", "--pmu-filter" },
		{ "--pmu=off|--pmu-counters=0|i", "--pmu=off", "--pmu-counters" },
		{ "--affinity=0:1;1:2|i", "--affinity", "--cpus=1" },
		{ "--el2|--gic=2|i", "--el2", "--gic=2" },
		{ "--gic=2|--el2=e2h0|i", "--el2", "--gic=2" },
		{ "--settle|i", "--settle", "--migrate=step:LIST" },
		{ "--settle|--migrate=every:1ms|i", "--settle", "--migrate=step:LIST" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct options options;
		enum status status = parse(lines[i].line, &options);

		assert_non_null(strstr(fail_text, lines[i].second));
		assert_failed(status, STATUS_USAGE, lines[i].first);
	}
	/* Composite has no event counters: 0 asks for nothing else. */
	assert_int_equal(parsed("--pmu=composite|--pmu-counters=0|i").pmu_counters, 0);
	assert_int_equal(parsed("--pmu=explicit|--pmu-filter=deny:1|--pmu-counters=2|i").nfilters,
			 1);
}

/* Every option and every exit status, within 40 lines of 100 columns. */
static void help_tells_everything_on_one_screen(void **state)
{
	static const char *const needed[] = {
		"usage: minivmm", "IMAGE",         "--pmu=",        "--cpus=",
		"--mem=",         "--affinity=",   "--migrate=",    "--settle",
		"--trace=",       "--on-refusal=", "--initrd=",     "--append=",
		"--dtb-out=",     "--gic=",        "--pmu-filter=", "--pmu-counters=",
		"--record=",      "--timeout=",    "--quiet",       "--probe",
		"--help",         "--version",     "auto",          "default",
		"explicit",       "composite",     "strict",        "off",
		"every:",         "random:",       "step:",         "64M",
		" 64 ",           " 65 ",          "69 ",           " 70 ",
		" 71 ",           "72 ",           "124 ",          "130 ",
		"--jail=",        " 73 ",          "143 ",          "1-63",
		"--no-reboot",    "--strict-mmio", "--el2[=e2h0]",
	};
	char *text = NULL;
	size_t size = 0, width = 0, lines = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	options_help(out);
	assert_int_equal(fclose(out), 0);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!strstr(text, needed[i]))
			print_error("not in --help: %s\n", needed[i]);
		assert_non_null(strstr(text, needed[i]));
	}
	for (const char *at = text; *at; at++) {
		width = *at == '\n' ? 0 : width + 1;
		lines += *at == '\n';
		assert_true(width <= 100);
	}
	assert_true(lines >= 20 && lines <= 40);
	assert_int_equal(text[size - 1], '\n');
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_as_written),
		cmocka_unit_test(pmu_modes),
		cmocka_unit_test(pmu_modes_that_are_none),
		cmocka_unit_test(numbers_in_their_ranges),
		cmocka_unit_test(numbers_out_of_their_ranges),
		cmocka_unit_test(sizes),
		cmocka_unit_test(limits),
		cmocka_unit_test(affinity_for_all),
		cmocka_unit_test(affinity_for_each),
		cmocka_unit_test(affinities_that_are_none),
		cmocka_unit_test(affinities_of_many_vcpus),
		cmocka_unit_test(filters),
		cmocka_unit_test(filters_that_are_none),
		cmocka_unit_test(plans),
		cmocka_unit_test(words),
		cmocka_unit_test(levels_to_begin_at),
		cmocka_unit_test(files_and_texts),
		cmocka_unit_test(flags),
		cmocka_unit_test(values_in_the_next_word),
		cmocka_unit_test(missing_values_are_named),
		cmocka_unit_test(unknown_options_are_named),
		cmocka_unit_test(one_image),
		cmocka_unit_test(conflicts_are_named),
		cmocka_unit_test(help_tells_everything_on_one_screen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
