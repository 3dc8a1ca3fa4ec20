/* SPDX-License-Identifier: MIT */
/* pmu-regress: does this host's KVM keep its promises about the guest's PMU? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output/files.h"
#include "discover.h"
#include "kernel_log.h"
#include "perf_limit.h"
#include "promises.h"
#include "quirks.h"
#include "runner.h"
#include "usage.h"

static const struct family *const families[] = {
	&interface_family,
	&counting_family,
	&counting_control_family,
	&counting_width_family,
	&counting_filters_family,
	&counting_el0_family,
	&overflow_family,
	&overflow_level_family,
	&overflow_lines_family,
	&overflow_asleep_family,
	&overflow_full_family,
	&registers_family,
	&state_family,
	&many_family,
	&host_family,
	&storm_family,
	&el2_registers_family,
	&el2_counting_family,
	&el2_live_family,
	&el2_state_family,
	&el2_overflow_family,
	&model_family,
};

static const struct family *const replayed = &replay_family;

/* A number without anything after it. */
static bool number(const char *text, unsigned long long *value)
{
	char *end;

	*value = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end;
}

struct arguments {
	struct run_options run;
	unsigned long long seed, minutes, repeat, failures, programs;
	bool exact, not_exact; /* instead of finding out */
	const char *explain;   /* NAME or GLOB */
	const char *keep, *replay;
	bool help;
};

static bool take(const char *argument, struct arguments *arguments)
{
	if (!strcmp(argument, "--list"))
		return arguments->run.list = true;
	if (!strcmp(argument, "--verbose"))
		return arguments->run.verbose = true;
	if (!strcmp(argument, "--progress"))
		return arguments->run.progress = true;
	if (!strcmp(argument, "--help"))
		return arguments->help = true;
	if (!strcmp(argument, "--exact"))
		return arguments->exact = true;
	if (!strcmp(argument, "--exact=no"))
		return arguments->not_exact = true;
	if (!strncmp(argument, "--explain=", 10))
		return (arguments->explain = argument + 10);
	if (!strncmp(argument, "--run=", 6))
		return (arguments->run.pattern = argument + 6);
	if (!strncmp(argument, "--junit=", 8))
		return (arguments->run.junit = argument + 8);
	if (!strncmp(argument, "--seed=", 7))
		return number(argument + 7, &arguments->seed);
	if (!strncmp(argument, "--minutes=", 10))
		return number(argument + 10, &arguments->minutes) && arguments->minutes <= 10000;
	if (!strncmp(argument, "--programs=", 11))
		return number(argument + 11, &arguments->programs) &&
		       arguments->programs <= 100000000;
	if (!strncmp(argument, "--replay=", 9))
		return (arguments->replay = argument + 9);
	if (!strncmp(argument, "--keep=", 7))
		return (arguments->keep = argument + 7);
	if (!strncmp(argument, "--failures=", 11))
		return number(argument + 11, &arguments->failures) && arguments->failures > 0 &&
		       arguments->failures <= 10000;
	if (!strncmp(argument, "--repeat=", 9))
		return number(argument + 9, &arguments->repeat) && arguments->repeat > 0 &&
		       arguments->repeat <= 10000;
	return false;
}

/* A result that nobody could read is none. */
static int end_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "pmu-regress: cannot write to stdout: %s\n", strerror(errno));
	return status == RUN_PASSED || status == RUN_NOTHING ? RUN_FAILED : status;
}

int main(int argc, char **argv)
{
	const int nfamilies = (int)(sizeof(families) / sizeof(families[0]));
	static struct site site;
	struct arguments arguments = { .repeat = 1, .seed = (unsigned long long)time(NULL) };
	char reason[256] = "";
	struct kernel_log log;
	struct warden warden;
	bool usable;
	int status;

	if (!files_standard())
		return RUN_FAILED;
	for (int i = 1; i < argc; i++)
		if (!take(argv[i], &arguments)) {
			fprintf(stderr,
				"pmu-regress: %s: no such option or value; --help lists them\n",
				argv[i]);
			return RUN_USAGE;
		}
	if (arguments.help) {
		usage(stdout);
		return end_output(RUN_PASSED);
	}
	if (arguments.explain) {
		if (explain(arguments.explain, stdout))
			return RUN_PASSED;
		fprintf(stderr,
			"pmu-regress: --explain=%s: no test has such a name; --list shows the "
			"cases\n",
			arguments.explain);
		return RUN_USAGE;
	}
	arguments.run.repeat = (int)arguments.repeat;
	arguments.run.failures = (int)arguments.failures;
	site.seed = arguments.seed;
	site.minutes = (unsigned)arguments.minutes;
	site.programs = (unsigned)arguments.programs;
	site.keep = arguments.keep;
	site.replay = arguments.replay;
	if (arguments.run.list)
		return end_output(run_cases(&site, families, nfamilies, &arguments.run));
	kernel_log_open(&log);
	arguments.run.log = &log;
	usable = site_discover(&site, reason, sizeof(reason));
	if (!usable)
		return end_output(skip_everything(reason));
	site.exact = arguments.exact || (!arguments.not_exact && site_is_exact(&site));
	quirks_prepare();
	warden_start(&warden);
	perf_limit_lift(&warden);
	if (site.exact)
		site_stay_exact(&warden);
	if (site.replay)
		status = run_cases(&site, &replayed, 1, &arguments.run);
	else
		status = run_cases(&site, families, nfamilies, &arguments.run);
	warden_end(&warden);
	kernel_log_close(&log);
	return end_output(status);
}
