/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "child.h"
#include "discover.h"
#include "junit.h"
#include "kernel_log.h"
#include "protected.h"
#include "result.h"
#include "runner.h"

#define USUAL_SECONDS 30
#define NAME_SIZE     128

/* Cases between two lines of --progress. */
#define PROGRESS_STEP 8

/* Of a case on an emulated board of wall time, before it counts as failed. */
#define EMULATED_TRIES 3

struct cased {
	const struct test *test;
	struct variant variant;
	char name[NAME_SIZE];
};

struct cases {
	struct cased *list;
	int n;
};

static void add_case(struct cases *cases, const struct test *test, struct variant variant,
		     const char *pattern)
{
	struct cased new = { .test = test, .variant = variant };
	struct cased *list;

	snprintf(new.name, sizeof(new.name), "%s%s%s%s%s%s%s", test->name, test->modes ? "/" : "",
		 test->modes ? mode_name(variant.mode) : "", test->hops ? "/" : "",
		 test->hops ? hops_name(variant.hops) : "", test->rows ? "/" : "",
		 test->rows ? test->row_name(variant.row) : "");
	if (pattern && fnmatch(pattern, new.name, 0))
		return;
	list = realloc(cases->list, (size_t)(cases->n + 1) * sizeof(*list));
	if (!list)
		abort();
	cases->list = list;
	cases->list[cases->n++] = new;
}

static void add_test(struct cases *cases, const struct test *test, const char *pattern)
{
	unsigned modes = test->modes ? test->modes : 1, hops = test->hops ? test->hops : 1;

	for (unsigned mode = 0; mode < MODES; mode++)
		for (unsigned hop = 0; hop <= HOPS_ASYNC; hop++)
			for (int row = 0; row < (test->rows ? test->rows : 1); row++)
				if (modes >> mode & 1 && hops >> hop & 1)
					add_case(cases, test,
						 (struct variant){ (enum mode)mode, (enum hops)hop,
								   row },
						 pattern);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Cuts the last line off @notes: the reason of a failure or skip. */
static const char *last_line(char *notes)
{
	size_t length = strlen(notes);
	char *line;

	while (length && notes[length - 1] == '\n')
		notes[--length] = '\0';
	line = strrchr(notes, '\n');
	if (!line)
		return notes;
	*line = '\0';
	return line + 1;
}

static void print_notes(const char *notes)
{
	for (const char *line = notes; *line;) {
		size_t length = strcspn(line, "\n");

		if (length)
			printf("# %.*s\n", (int)length, line);
		line += length + (line[length] != '\0');
	}
}

/* The case's KTAP lines: what it said comes before its result, as KTAP's readers expect. */
static void report(int number, const struct cased *cased, enum result result, char *notes,
		   const struct run_options *options, struct junit *junit, double seconds)
{
	const char *reason = "";

	if (result != RESULT_OK) {
		reason = last_line(notes);
		if (reason == notes)
			notes = (char *)(uintptr_t) "";
	}
	if (result == RESULT_FAILED || options->verbose)
		print_notes(notes);
	if (result == RESULT_FAILED)
		printf("# %s\n", reason);
	if (result == RESULT_SKIPPED)
		printf("ok %d %s # SKIP %s\n", number, cased->name, reason);
	else
		printf("%s %d %s\n", result == RESULT_OK ? "ok" : "not ok", number, cased->name);
	fflush(stdout);
	junit_case(junit, cased->name, result, reason, seconds);
}

struct call {
	const struct site *site;
	const struct cased *cased;
};

static void run_test(const void *argument)
{
	const struct call *call = argument;

	call->cased->test->run(call->site, call->cased->variant);
}

static enum result run_case(const struct site *site, const struct cased *cased, char *notes)
{
	const struct call call = { site, cased };
	unsigned limit = cased->test->seconds;

	/* Minutes are only for tests that have a limit of their own, as the storm has. */
	return child_run(run_test, &call, limit ? limit + site->minutes * 60 : USUAL_SECONDS,
			 notes);
}

/* Only OK and SKIPPED are not failures, and only if the kernel logs no warning. */
static enum result judge_once(const struct site *site, const struct cased *cased, char *notes,
			      size_t size)
{
	enum result result = run_case(site, cased, notes);
	char reason[512];

	if (result == RESULT_OK || result == RESULT_SKIPPED)
		return result;
	if (!site->uncounted)
		return RESULT_FAILED;
	snprintf(reason, sizeof(reason), "%s", last_line(notes));
	snprintf(notes, size, KNOWN_FAULT PROTECTED_FAULT ": %s", reason);
	return RESULT_SKIPPED;
}

/*
 * QEMU loses a counter's value if the timer of an overflow fires while the CPU returns from
 * an exception (docs/qemu-faults.md); with instruction counting it cannot. What such a
 * board does not fail every time is not judged; what it fails each time has failed.
 */
static enum result judge(const struct site *site, const struct cased *cased, struct kernel_log *log,
			 char *notes, size_t size)
{
	enum result result;
	char reason[512];

	if (site->uncounted && !protected_judges(cased->name)) {
		snprintf(notes, size, "%s", KNOWN_FAULT PROTECTED_FAULT);
		return RESULT_SKIPPED;
	}
	result = judge_once(site, cased, notes, size);
	/* Most warnings are logged once per boot: a second try would pass. */
	if (kernel_log_warned(log, notes, size))
		return RESULT_FAILED;
	if (result != RESULT_FAILED || !site->emulated || site->exact)
		return result;
	snprintf(reason, sizeof(reason), "%s", last_line(notes));
	for (int tries = 1; tries < EMULATED_TRIES && result == RESULT_FAILED; tries++)
		result = judge_once(site, cased, notes, size);
	if (kernel_log_warned(log, notes, size))
		return RESULT_FAILED;
	if (result != RESULT_OK)
		return result;
	snprintf(notes, size,
		 "it did not fail again; the emulator may have lost a counter's value the first "
		 "time: %s",
		 reason);
	return RESULT_SKIPPED;
}

static int run_all(const struct site *site, const struct cases *cases,
		   const struct run_options *options)
{
	static char notes[CHILD_NOTES + 512];
	int counts[RESULT_SKIPPED + 1] = { 0 }, number = 0;
	struct junit junit;
	bool enough = false, warned;

	if (!junit_open(&junit, options->junit))
		return RUN_USAGE;
	printf("KTAP version 1\n1..%d\n", cases->n * options->repeat);
	site_describe(site, stdout);
	if (options->log->fd < 0)
		printf("# /dev/kmsg cannot be read (%s): kernel warnings go unseen\n",
		       strerror(-options->log->fd));
	fflush(stdout);
	/* What came of finding out about the host has no case: the first one fails instead. */
	snprintf(notes, sizeof(notes), "while pmu-regress found out what this host has:");
	warned = kernel_log_warned(options->log, notes, sizeof(notes));
	for (int round = 0; round < options->repeat && !enough; round++)
		for (int i = 0; i < cases->n && !enough; i++) {
			double start_time = now();
			enum result result;

			/* Such a board keeps its output back until the end. */
			if (site->exact && site->emulated)
				kernel_log_case(cases->list[i].name);
			result = warned ? RESULT_FAILED
					: judge(site, &cases->list[i], options->log, notes,
						sizeof(notes));
			warned = false;
			counts[result]++;
			report(++number, &cases->list[i], result, notes, options, &junit,
			       now() - start_time);
			if (options->progress &&
			    (number % PROGRESS_STEP == 0 || number == cases->n * options->repeat))
				kernel_log_progress(number, cases->n * options->repeat);
			enough = options->failures && counts[RESULT_FAILED] == options->failures;
		}
	if (enough)
		printf("# ended after %d failures\n", counts[RESULT_FAILED]);
	printf("# Totals: pass:%d fail:%d skip:%d\n", counts[RESULT_OK], counts[RESULT_FAILED],
	       counts[RESULT_SKIPPED]);
	if (!junit_close(&junit))
		return RUN_FAILED;
	if (counts[RESULT_FAILED])
		return RUN_FAILED;
	return counts[RESULT_OK] ? RUN_PASSED : RUN_NOTHING;
}

int run_cases(const struct site *site, const struct family *const *families, int nfamilies,
	      const struct run_options *options)
{
	struct cases cases = { 0 };
	int status = RUN_PASSED;

	for (int i = 0; i < nfamilies; i++)
		for (int j = 0; j < families[i]->ntests; j++)
			add_test(&cases, &families[i]->tests[j], options->pattern);
	if (options->list)
		for (int i = 0; i < cases.n; i++)
			printf("%s\n", cases.list[i].name);
	else if (!cases.n)
		fprintf(stderr,
			"pmu-regress: --run=%s: no test has such a name; --list shows them\n",
			options->pattern);
	else
		status = run_all(site, &cases, options);
	if (!options->list && !cases.n)
		status = RUN_USAGE;
	free(cases.list);
	return status;
}

/* Not a plan of no tests: the kernel's kunit.py takes 1..0 for an error, whatever follows it. */
int skip_everything(const char *reason)
{
	printf("KTAP version 1\n1..1\nok 1 pmu-regress # SKIP %s\n# Totals: pass:0 fail:0 skip:1\n",
	       reason);
	return RUN_NOTHING;
}
