/* SPDX-License-Identifier: MIT */
/* No mode is believed to have kept its promise: the sentence says only what the windows show. */
#include "report/verdict.h"

typedef unsigned long long ull;

/* A window this many times shorter than the shortest one that stayed has lost cycles. */
#define SHORT 16
/* Noise only adds cycles. If it adds this much to most windows, the shortest has some too. */
#define NOISY  4
#define FEWEST 5 /* windows that stayed, to compare with */

/* Bits of rows. */
struct verdict {
	unsigned counted; /* in all windows that stayed there */
	unsigned stopped; /* in all of them */
	unsigned mixed;   /* in some of them */
	unsigned untold;  /* windows were there, but none is known to have stayed */
	unsigned foreign; /* KVM must not run a vCPU there in this mode, but did */
};

/* "A", "A and B", "A, B and C" of the bits of @rows. */
static void print_names(FILE *out, const struct host *host, unsigned rows)
{
	for (int i = 0; rows; i++) {
		if (!(rows & 1u << i))
			continue;
		fputs(i == STATS_NO_PMU ? "CPUs without a PMU" : host->pmus[i].name, out);
		rows &= ~(1u << i);
		if (rows)
			fputs(rows & (rows - 1) ? ", " : " and ", out);
	}
}

/* The host PMUs whose CPUs may be used. */
static unsigned usable_pmus(const struct host *host)
{
	unsigned rows = 0;

	for (int i = 0; i < host->npmus; i++) {
		struct cpuset cpus;

		cpuset_and(&cpus, &host->pmus[i].cpus, &host->granted);
		rows |= cpuset_is_empty(&cpus) ? 0 : 1u << i;
	}
	return rows;
}

/* Where KVM runs a vCPU in this mode. */
static unsigned runnable(const struct host *host, const struct choice *choice)
{
	if (choice->pmu >= 0)
		return 1u << choice->pmu;
	return ((1u << host->npmus) - 1) | (choice->mode == PMU_DEFAULT ? 1u << STATS_NO_PMU : 0);
}

static void judge(const struct sum *sum, unsigned run, struct verdict *verdict)
{
	*verdict = (struct verdict){ 0 };
	for (int i = 0; i < STATS_MOVED; i++) {
		unsigned bit = 1u << i;

		if (!sum->row[i].windows)
			verdict->untold |= bit & run & sum->moved;
		else if (!(bit & run))
			verdict->foreign |= bit;
		else if (!sum->row[i].stopped)
			verdict->counted |= bit;
		else if (sum->row[i].stopped == sum->row[i].windows)
			verdict->stopped |= bit;
		else
			verdict->mixed |= bit;
	}
}

/* Each host PMU's first CPU twice: a window without a hop on each. */
static void print_plan(FILE *out, const struct host *host)
{
	const char *before = "--migrate=step:";

	for (int i = 0; i < host->npmus; i++) {
		struct cpuset cpus;
		int cpu;

		cpuset_and(&cpus, &host->pmus[i].cpus, &host->granted);
		cpu = cpuset_first(&cpus);
		if (cpu < 0)
			continue;
		fprintf(out, "%s%d,%d", before, cpu, cpu);
		before = ",";
	}
}

static void print_untold(FILE *out, const struct host *host, unsigned rows)
{
	fputs("whether the cycle counter counted on ", out);
	print_names(out, host, rows);
	fputs(" cannot be told, because no window is known to have stayed there: ", out);
	print_plan(out, host);
	fputs(" would tell", out);
}

static void print_zeros(FILE *out, const struct host *host, const struct sum *sum,
			const struct verdict *verdict, unsigned run)
{
	unsigned usable = usable_pmus(host);

	fprintf(out, "the cycle counter counted nothing in %llu window%s", (ull)sum->windows,
		sum->windows == 1 ? "" : "s");
	if (verdict->stopped) {
		fputs(" on ", out);
		print_names(out, host, verdict->stopped);
	}
	if (!(usable & ~verdict->stopped))
		fputs(". It counts nowhere, and no --pmu mode prevents that", out);
	else if (!(usable & run & ~verdict->stopped))
		fputs(", where this mode should count", out);
	else {
		fputs("; ", out);
		print_plan(out, host);
		fputs(" would tell whether it counts elsewhere", out);
	}
}

static void print_stop(FILE *out, const struct host *host, const struct choice *choice,
		       const struct sum *sum, const struct verdict *verdict)
{
	bool promised = choice->mode != PMU_DEFAULT;
	unsigned where = verdict->stopped | verdict->mixed;

	fprintf(out, "%s ", promised ? "THE CYCLE COUNTER STOPPED" : "the cycle counter stopped");
	if (where) {
		fputs("on ", out);
		print_names(out, host, where);
	} else {
		fputs("between host PMUs", out);
	}
	fprintf(out, " (%llu of %llu windows)", (ull)sum->stopped, (ull)sum->windows);
	if (promised)
		fputs(", where this mode should count", out);
	if (verdict->counted) {
		fputs(promised ? "; it counted on " : " and counted on ", out);
		print_names(out, host, verdict->counted);
	}
	if (verdict->untold) {
		fputs("; ", out);
		print_untold(out, host, verdict->untold);
	}
	if (!promised && verdict->stopped && verdict->counted)
		fputs(". --pmu=composite and --pmu=explicit avoid this", out);
}

/* For windows of the same work: a window that lost cycles in a hop is shorter than all others. */
static void print_lost(FILE *out, const struct sum *sum)
{
	uint64_t moved = sum->row[STATS_MOVED].windows, stayed = sum->windows - moved;

	if (!moved || !stayed || sum->timed)
		return;
	if (stayed < FEWEST || sum->median / NOISY > sum->stayed_min)
		fputs("; too noisy to judge whether hops lose cycles: use --icount or more "
		      "windows",
		      out);
	else if (sum->shortest < sum->stayed_min / SHORT)
		fprintf(out,
			"; CYCLES ARE MISSING: a window that hopped counted %llu, one that stayed "
			"at least %llu",
			(ull)sum->shortest, (ull)sum->stayed_min);
}

static void print_count(FILE *out, const struct host *host, const struct sum *sum,
			const struct verdict *verdict)
{
	unsigned counted = verdict->counted;

	fputs("the cycle counter counted on ", out);
	print_names(out, host, counted);
	if (sum->windows == 1)
		fprintf(out, ": the only window counted %llu", (ull)sum->min);
	else
		fprintf(out, ": all %llu windows counted %llu", (ull)sum->windows, (ull)sum->min);
	if (sum->max != sum->min)
		fprintf(out, " to %llu", (ull)sum->max);
	fputs(" cycles", out);
	if (sum->hops)
		fprintf(out, ", across %llu hop%s", (ull)sum->hops, sum->hops == 1 ? "" : "s");
	if (!(counted & (counted - 1)) && !verdict->foreign && !sum->row[STATS_MOVED].windows &&
	    host->npmus > 1)
		fprintf(out, ", %son this PMU", sum->windows == 1 ? "" : "all ");
	print_lost(out, sum);
	if (verdict->untold) {
		fputs("; ", out);
		print_untold(out, host, verdict->untold);
	}
}

static void print_judgement(FILE *out, const struct host *host, const struct choice *choice,
			    const struct sum *sum)
{
	unsigned run = runnable(host, choice);
	struct verdict verdict;

	judge(sum, run, &verdict);
	if (sum->back)
		fprintf(out, "THE CYCLE COUNTER WENT BACK in %llu of %llu windows; ",
			(ull)sum->back, (ull)(sum->back + sum->windows));
	if (verdict.foreign) {
		fputs("KVM RAN A vCPU on ", out);
		print_names(out, host, verdict.foreign);
		fputs(", where this mode must be refused; ", out);
	}
	if (!sum->windows)
		fputs(sum->back ? "no other window was reported"
				: "the guest reported no windows, so its counters are unknown",
		      out);
	else if (sum->stopped == sum->windows)
		print_zeros(out, host, sum, &verdict, run);
	else if (sum->stopped)
		print_stop(out, host, choice, sum, &verdict);
	else if (verdict.counted)
		print_count(out, host, sum, &verdict);
	else
		print_untold(out, host, verdict.untold ? verdict.untold : run);
}

static void print_off(FILE *out, const struct sum *sum)
{
	if (sum->max)
		fprintf(out, "the guest was given no PMU, yet reports up to %llu cycles per window",
			(ull)sum->max);
	else
		fprintf(out, "the guest has no PMU, so its %llu windows counted no cycles",
			(ull)sum->windows);
}

static void print_refusals(FILE *out, const struct host *host, const struct choice *choice,
			   const struct sum *sum)
{
	char owner[sizeof(host->pmus[0].name) + 2];

	snprintf(owner, sizeof(owner), "%s%s",
		 choice->pmu < 0 ? "the host PMUs" : host->pmus[choice->pmu].name,
		 choice->pmu < 0 ? "'" : "'s");
	if (!sum->refusals)
		return;
	fprintf(out, "KVM refused %llu time%s to run a vCPU outside %s CPUs", (ull)sum->refusals,
		sum->refusals == 1 ? "" : "s", owner);
	fputs("; ", out);
}

void verdict_print(const struct sum *sum, const struct host *host, const struct choice *choice,
		   FILE *out)
{
	print_refusals(out, host, choice, sum);
	if (choice->mode == PMU_OFF)
		print_off(out, sum);
	else
		print_judgement(out, host, choice, sum);
}
