/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>

#include "child.h"
#include "quirks.h"
#include "result.h"
#include "test.h"

#define SECONDS 30

enum verdict { NOT_ASKED, SHOWN, NOT_SHOWN };

static const struct {
	const char *name;
	int finding; /* in docs/kernel-findings.md */
	const struct family *family;
	const char *test; /* in default mode */
	int row;
	const char *fault; /* how it begins to tell of it */
} quirks[QUIRKS] = {
	[QUIRK_SET_ADDS] = { "set-adds", 2, &state_family, "state.set_counter", 0,
			     "what the counter has counted is added" },
	[QUIRK_SET_ENABLE] = { "set-enable", 4, &state_family, "state.set_enable", 0,
			       "a counter turned " },
	[QUIRK_SET_EVENT] = { "set-event", 5, &state_family, "state.set_event", 0,
			      "a counter whose " },
	[QUIRK_LC_LATE] = { "lc-late", 6, &state_family, "state.width", 0,
			    "after a write to PMCR_EL0.LC the cycle counter " },
	[QUIRK_EL0_CLASS] = { "el0-class", 24, &registers_family, "registers.el0-class", 0,
			      "accesses that PMUSERENR_EL0 denies are UNDEFINED" },
	[QUIRK_EL0_STOPS] = { "el0-stops", 42, &counting_el0_family, "counting.el0_written", 0,
			      "after a guest's write to a counter that counts, its EL0 counts "
			      "nothing" },
	[QUIRK_COMMAND_STOPS] = { "command-stops", 42, &counting_el0_family, "counting.el0_written",
				  1,
				  "after a guest's write to a counter that counts, its EL0 counts "
				  "nothing" },
	[QUIRK_HALF_WAY] = { "half-way", 43, &overflow_full_family, "overflow.half_way", 0,
			     "a counter that starts below 2^63 overflows beyond it" },
};

static unsigned char *verdicts;

const char *quirk_name(enum quirk quirk)
{
	return quirks[quirk].name;
}

void quirks_prepare(void)
{
	verdicts = mmap(NULL, QUIRKS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (verdicts == MAP_FAILED)
		fail_test_errno("mmap of %d bytes", (int)QUIRKS);
}

struct call {
	const struct site *site;
	void (*run)(const struct site *site, struct variant variant);
	int row;
};

static void run(const void *argument)
{
	const struct call *call = argument;

	call->run(call->site, (struct variant){ MODE_DEFAULT, HOPS_NONE, call->row });
}

/* Whether @notes are known_fault()'s, of @fault. */
static bool tells_of(const char *notes, const char *fault)
{
	const char *told = strstr(notes, KNOWN_FAULT);

	return told && !strncmp(told + strlen(KNOWN_FAULT), fault, strlen(fault));
}

static enum verdict ask(const struct site *site, enum quirk quirk)
{
	static char notes[CHILD_NOTES];
	struct call call = { .site = site, .row = quirks[quirk].row };
	const struct family *family = quirks[quirk].family;
	enum result result;

	for (int i = 0; i < family->ntests && !call.run; i++)
		if (!strcmp(family->tests[i].name, quirks[quirk].test))
			call.run = family->tests[i].run;
	if (!call.run)
		fail_test("no test %s", quirks[quirk].test);
	result = child_run(run, &call, SECONDS, notes);
	return result == RESULT_SKIPPED && tells_of(notes, quirks[quirk].fault) ? SHOWN : NOT_SHOWN;
}

bool quirk_is_shown(const struct site *site, enum quirk quirk)
{
	if (verdicts[quirk] == NOT_ASKED) {
		verdicts[quirk] = (unsigned char)ask(site, quirk);
		note("quirk %s (docs/kernel-findings.md, %d): %s %s it", quirks[quirk].name,
		     quirks[quirk].finding, quirks[quirk].test,
		     verdicts[quirk] == SHOWN ? "shows" : "does not show");
	}
	return verdicts[quirk] == SHOWN;
}
