/* SPDX-License-Identifier: MIT */
/* The summary for people: a table, and the sentence of verdict.c. */
#include <string.h>

#include "cpulist.h"
#include "verdict.h"

typedef unsigned long long ull;

#define PMU_TEXT (CPULIST_TEXT + 80)

static const char *pmu_text(const struct host *host, int row, char *text, size_t size)
{
	char list[CPULIST_TEXT];

	if (row == STATS_MOVED)
		snprintf(text, size, "several or unknown");
	else if (row == STATS_NO_PMU)
		snprintf(text, size, "CPUs without a PMU");
	else
		snprintf(text, size, "%s (cpus %s)", host->pmus[row].name,
			 cpulist_format(&host->pmus[row].cpus, list, sizeof(list)));
	return text;
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
static void print_row(FILE *out, int width, int vcpu, const char *name, struct pmu_stats *pmu,
		      const struct vcpu_stats *own)
{
	fprintf(out, "%4d  %-*s", vcpu, width, name);
	if (pmu)
		fprintf(out, " %8llu %12llu %12llu %12llu %8llu %9llu", (ull)pmu->windows,
			(ull)pmu->min, (ull)stats_median(pmu), (ull)pmu->max, (ull)pmu->stopped,
			(ull)pmu->overflows);
	else
		fprintf(out, " %8d %12s %12s %12s %8s %9s", 0, "-", "-", "-", "-", "-");
	if (own)
		fprintf(out, " %8llu %8llu", (ull)own->hops, (ull)own->refusals);
	putc('\n', out);
}

static void print_vcpu(FILE *out, int width, const struct host *host, int index,
		       struct vcpu_stats *vcpu)
{
	const struct vcpu_stats *own = vcpu;
	char name[PMU_TEXT];

	for (int i = 0; i < STATS_ROWS; i++) {
		if (!vcpu->pmu[i].windows)
			continue;
		print_row(out, width, index, pmu_text(host, i, name, sizeof(name)), &vcpu->pmu[i],
			  own);
		own = NULL;
	}
	if (own && (own->hops || own->refusals))
		print_row(out, width, index, "-", NULL, own);
}

static void print_table(FILE *out, struct stats *stats, const struct host *host,
			const struct sum *sum)
{
	char name[PMU_TEXT];
	size_t width = strlen("host PMU");

	for (int i = 0; i < STATS_ROWS; i++) {
		size_t length = strlen(pmu_text(host, i, name, sizeof(name)));

		if (sum->row[i].windows && length > width)
			width = length;
	}
	fprintf(out, "vCPU  %-*s %8s %12s %12s %12s %8s %9s %8s %8s\n", (int)width, "host PMU",
		"windows", "cycles: min", "median", "max", "stopped", "overflows", "hops",
		"refusals");
	for (int vcpu = 0; vcpu < stats->nvcpus; vcpu++)
		print_vcpu(out, (int)width, host, vcpu, &stats->vcpu[vcpu]);
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
	fputs(".\n", out);
}
