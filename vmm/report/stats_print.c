/* SPDX-License-Identifier: MIT */
/* The summary for people: a table, and the sentence of verdict.c. */
#include <string.h>

#include "report/verdict.h"

typedef unsigned long long ull;

/* How wide the columns are that depend on the run: 80 columns in all, if counts have six digits. */
struct widths {
	int name, cycles;
};

static const char *row_text(const struct host *host, int row)
{
	if (row == STATS_MOVED)
		return "several or unknown";
	if (row == STATS_NO_PMU)
		return "CPUs without a PMU";
	return host->pmus[row].name;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void add(struct sum *sum, int row, struct pmu_stats *pmu)
{
	if (!pmu->windows)
		return;
	sum->min = least(sum->min, pmu->min);
	sum->max = most(sum->max, pmu->max);
	if (row == STATS_MOVED) {
		sum->shortest = least(sum->shortest, pmu->min);
	} else {
		sum->stayed_min = least(sum->stayed_min, pmu->min);
		sum->median = most(sum->median, stats_median(pmu));
	}
	sum->row[row].windows += pmu->windows;
	sum->row[row].stopped += pmu->stopped;
	sum->levels |= pmu->levels;
	sum->timed |= pmu->timed;
	sum->windows += pmu->windows;
	sum->stopped += pmu->stopped;
}

static void sum_up(struct stats *stats, struct sum *sum)
{
	*sum = (struct sum){ .min = UINT64_MAX, .stayed_min = UINT64_MAX, .shortest = UINT64_MAX };
	for (int i = 0; i < stats->nvcpus; i++) {
		struct vcpu_stats *vcpu = &stats->vcpu[i];

		for (int row = 0; row < STATS_ROWS; row++)
			add(sum, row, &vcpu->pmu[row]);
		sum->moved |= vcpu->moved;
		sum->back += vcpu->back;
		sum->hops += vcpu->hops;
		sum->refusals += vcpu->refusals;
	}
}

/* One row. Hops and refusals belong to the vCPU, so only its first row has them. */
static void print_row(FILE *out, struct widths widths, int vcpu, const char *name,
		      struct pmu_stats *pmu, const struct vcpu_stats *own)
{
	int width = widths.cycles;

	fprintf(out, "%4d  %-*s", vcpu, widths.name, name);
	if (pmu)
		fprintf(out, " %7llu %*llu %*llu %*llu %7llu %4llu", (ull)pmu->windows, width,
			(ull)pmu->min, width, (ull)stats_median(pmu), width, (ull)pmu->max,
			(ull)pmu->stopped, (ull)pmu->overflows);
	else
		fprintf(out, " %7d %*s %*s %*s %7s %4s", 0, width, "-", width, "-", width, "-", "-",
			"-");
	if (own)
		fprintf(out, " %4llu %8llu", (ull)own->hops, (ull)own->refusals);
	putc('\n', out);
}

static void print_vcpu(FILE *out, struct widths widths, const struct host *host, int index,
		       struct vcpu_stats *vcpu)
{
	const struct vcpu_stats *own = vcpu;

	for (int i = 0; i < STATS_ROWS; i++) {
		if (!vcpu->pmu[i].windows)
			continue;
		print_row(out, widths, index, row_text(host, i), &vcpu->pmu[i], own);
		own = NULL;
	}
	if (own && (own->hops || own->refusals))
		print_row(out, widths, index, "-", NULL, own);
}

static void print_table(FILE *out, struct stats *stats, const struct host *host,
			const struct sum *sum)
{
	struct widths widths = { .name = strlen("host PMU"), .cycles = strlen("median") };
	int digits = snprintf(NULL, 0, "%llu", (ull)sum->max);

	if (digits > widths.cycles)
		widths.cycles = digits;
	for (int i = 0; i < STATS_ROWS; i++) {
		int length = sum->row[i].windows ? (int)strlen(row_text(host, i)) : 0;

		if (length > widths.name)
			widths.name = length;
	}
	fprintf(out, "%*s\n", widths.name + 14 + 3 * (widths.cycles + 1), "cycles per window");
	fprintf(out, "vCPU  %-*s windows %*s %*s %*s stopped irqs hops refusals\n", widths.name,
		"host PMU", widths.cycles, "min", widths.cycles, "median", widths.cycles, "max");
	for (int vcpu = 0; vcpu < stats->nvcpus; vcpu++)
		print_vcpu(out, widths, host, vcpu, &stats->vcpu[vcpu]);
}

void stats_print(struct stats *stats, const struct host *host, const struct choice *choice,
		 FILE *out)
{
	struct sum sum;

	sum_up(stats, &sum);
	if (!sum.windows && !sum.back && !sum.hops && !sum.refusals)
		return;
	print_table(out, stats, host, &sum);
	fprintf(out, "%s: ", pmu_mode_name(choice->mode));
	verdict_print(&sum, host, choice, out);
	fputs(sum.levels == STATS_AT_EL2  ? ". The windows ran at EL2.\n"
	      : sum.levels & STATS_AT_EL2 ? ". Some windows ran at EL2.\n"
					  : ".\n",
	      out);
}
