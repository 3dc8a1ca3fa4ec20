/* SPDX-License-Identifier: MIT */
/*
 * Makes system calls of a command fail, one in each run of it:
 *
 *     fault --list [-- ] COMMAND...
 *     fault --call=NAME[:REQUEST] --nth=N [--every=N] --errno=E COMMAND...
 *     fault --sweep [--share=N [--seed=N]] [--mem=MIB] [--input=TEXT] COMMAND...
 *
 * --list prints what it calls, and what it holds in the end or more of with each VM. --call has the
 * Nth such call fail (then each Nth again), and exits with the command's status; stdout and stderr
 * are the command's. --errno=KILL is SIGKILL at that moment.
 *
 * --sweep learns the calls of a run, and then makes each of them fail with each errno that
 * it can give (fault_calls.c), and kills the command at each, a run each time. A run must end
 * with one clear line and a documented status, or go on with the same result where that is
 * right, and leave nothing behind: no process, file, thread, descriptor or mapping.
 * --share=N tries about a Nth of these, but each kind of call at least once. --mem: the
 * command's --mem, so that a mapping of that size at its end is found. --input: its stdin.
 *
 * Prints each problem, and last how many calls, faults and verdicts there were; exits with
 * 1 if there was a problem, and with 125 if it cannot work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "fault_calls.h"
#include "fault_judge.h"
#include "fault_trap.h"

#define IN      "fault.in"
#define OUT     "fault.out"
#define ERR     "fault.err"
#define SECONDS 5
#define ALIKE   24 /* calls of a kind that are tried; later ones do not differ */

struct sweep {
	char **argv;
	uint64_t ram;
	unsigned share, seed;
	struct clean clean;
	unsigned faults, unreached;
	unsigned verdicts[WRONG + 1];
};

static void die(const char *what)
{
	fprintf(stderr, "fault: %s\n", what);
	exit(125);
}

static void copy(const char *path, FILE *to)
{
	char data[4096];
	FILE *file = fopen(path, "re");
	size_t got;

	while (file && (got = fread(data, 1, sizeof(data), file)))
		fwrite(data, 1, got, to);
	if (file)
		fclose(file);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file))
		die("cannot write what the command is to read");
}

static const char *name_of(const struct call *call)
{
	static char text[48];
	const struct rule *rule = rule_of(call);

	if (rule)
		return rule->name;
	snprintf(text, sizeof(text), "%d:0x%x", call->nr, call->request);
	return text;
}

static int list(char **argv)
{
	const struct fault none = { 0 };
	struct outcome outcome;

	trap_run(argv, IN, OUT, ERR, &none, SECONDS, 0, &outcome);
	for (unsigned i = 0; i < outcome.ncalls; i++)
		printf("%s %u %s\n", name_of(&outcome.calls[i]), outcome.calls[i].nth,
		       outcome.calls[i].object);
	printf("status %d, %u calls, held: %s\n", outcome.status, outcome.total,
	       *outcome.leak ? outcome.leak : "nothing");
	trap_free(&outcome);
	return 0;
}

static int inject(char **argv, const struct fault *fault)
{
	struct outcome outcome;
	int status;

	trap_run(argv, IN, OUT, ERR, fault, 60, 0, &outcome);
	copy(OUT, stdout);
	copy(ERR, stderr);
	status = outcome.status;
	if (!outcome.faults)
		die("the command made no such call");
	if (outcome.hung)
		die("the command did not end");
	trap_free(&outcome);
	return status;
}

static void try(struct sweep *sweep, const struct call *call, int error)
{
	const struct fault fault = { .nr = call->nr,
				     .request = call->request,
				     .nth = call->nth,
				     .error = error,
				     .object = call->object };
	struct outcome outcome;
	char problem[600];
	enum verdict verdict;

	trap_run(sweep->argv, IN, OUT, ERR, &fault, SECONDS, sweep->ram, &outcome);
	sweep->faults++;
	if (!outcome.faults) {
		/* Threads and timers: another run of it may make fewer such calls. */
		sweep->unreached++;
	} else {
		verdict = judge(&sweep->clean, call, &fault, &outcome, OUT, ERR, problem,
				sizeof(problem));
		sweep->verdicts[verdict]++;
		if (verdict == WRONG)
			printf("%s %u (%s) %s: %s\n", name_of(call), call->nth, call->object,
			       error ? error_name(error) : "KILL", problem);
	}
	trap_free(&outcome);
}

/* A share is drawn, by a generator that gives the same on every machine. */
static bool is_drawn(struct sweep *sweep)
{
	sweep->seed = sweep->seed * 1664525u + 1013904223u;
	return (sweep->seed >> 16) % sweep->share == 0;
}

static unsigned count_bits(uint64_t set)
{
	return (unsigned)__builtin_popcountll(set);
}

static void try_all(struct sweep *sweep, const struct call *call, const struct rule *rule)
{
	/* Each kind of call once, with an errno that the seed decides. */
	unsigned all = count_bits(rule->errors), due = all ? sweep->seed % all : 0, number = 0;

	if (!all)
		return;
	for (int error = 1; error < 64; error++) {
		bool must = call->nth == 1 && number == due;

		if (!(rule->errors & E(error)))
			continue;
		number++;
		if (is_drawn(sweep) || must)
			try(sweep, call, error);
	}
	if (is_drawn(sweep))
		try(sweep, call, 0);
}

static int run_sweep(struct sweep *sweep)
{
	const struct fault none = { 0 };
	struct outcome outcome = { 0 };
	unsigned unknown = 0;

	for (int times = 0; times < 2; times++) {
		trap_free(&outcome);
		trap_run(sweep->argv, IN, OUT, ERR, &none, SECONDS, sweep->ram, &outcome);
		clean_take(&sweep->clean, &outcome, OUT);
	}
	if (outcome.status || outcome.hung || outcome.left || *outcome.leak) {
		copy(ERR, stderr);
		printf("without a fault: status %d%s%s %s\n", outcome.status,
		       outcome.hung ? ", hung" : "", outcome.left ? ", left a process" : "",
		       outcome.leak);
		return 1;
	}
	for (unsigned i = 0; i < outcome.ncalls; i++) {
		const struct rule *rule = rule_of(&outcome.calls[i]);

		if (rule && outcome.calls[i].nth > ALIKE) {
			continue;
		} else if (rule) {
			try_all(sweep, &outcome.calls[i], rule);
		} else {
			printf("no rule for %s (%s)\n", name_of(&outcome.calls[i]),
			       outcome.calls[i].object);
			unknown++;
		}
	}
	printf("calls=%u faults=%u told=%u went-on=%u killed=%u unreached=%u wrong=%u\n",
	       outcome.total, sweep->faults, sweep->verdicts[TOLD], sweep->verdicts[WENT_ON],
	       sweep->verdicts[KILLED], sweep->unreached, sweep->verdicts[WRONG] + unknown);
	trap_free(&outcome);
	free(sweep->clean.out);
	return sweep->verdicts[WRONG] || unknown;
}

static const char *value_of(const char *argument, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(argument, name, length) && argument[length] == '=' ? argument + length + 1
									   : NULL;
}

static unsigned number_of(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	struct sweep sweep = { .share = 1 };
	struct fault fault = { 0 };
	bool listing = false, sweeping = false;
	const char *value, *input = "";
	int i;

	for (i = 1; i < argc && !strncmp(argv[i], "--", 2) && argv[i][2]; i++) {
		if (!strcmp(argv[i], "--list"))
			listing = true;
		else if (!strcmp(argv[i], "--sweep"))
			sweeping = true;
		else if ((value = value_of(argv[i], "--share")))
			sweep.share = number_of(value);
		else if ((value = value_of(argv[i], "--input")))
			input = value;
		else if ((value = value_of(argv[i], "--seed")))
			sweep.seed = number_of(value);
		else if ((value = value_of(argv[i], "--mem")))
			sweep.ram = (uint64_t)number_of(value) << 20;
		else if ((value = value_of(argv[i], "--nth")))
			fault.nth = number_of(value);
		else if ((value = value_of(argv[i], "--every")))
			fault.every = number_of(value);
		else if ((value = value_of(argv[i], "--errno")))
			fault.error = strcmp(value, "KILL") ? error_find(value) : -1;
		else if ((value = value_of(argv[i], "--call"))) {
			if (!rule_find(value, strlen(value), &fault.nr, &fault.request))
				die("--call: there is no such call in fault_calls.c");
		} else
			die("no such option");
	}
	i += i < argc && !strcmp(argv[i], "--");
	if (i == argc || !sweep.share)
		die("fault --list|--call=...|--sweep COMMAND...");
	sweep.argv = argv + i;
	put(IN, input);
	if (listing)
		return list(sweep.argv);
	if (sweeping)
		return run_sweep(&sweep);
	if (!fault.nr || !fault.nth || !fault.error)
		die("--call, --nth and --errno go together");
	fault.error = fault.error < 0 ? 0 : fault.error;
	return inject(sweep.argv, &fault);
}
