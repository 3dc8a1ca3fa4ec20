/* SPDX-License-Identifier: MIT */
/*
 * The summary for people. Its sentence says only what the windows show: no
 * mode is believed to have kept its promise.
 */
#include <string.h>

#include "cpulist.h"
#include "stats.h"

typedef unsigned long long ull;

#define NPMUS (HOST_MAX_PMUS + 1)

/* A window this many times shorter than the usual one has lost cycles, whatever the core. */
#define SHORT 16

/* All vCPUs together. */
struct sum {
	struct {
		uint64_t windows, stopped, median; /* the largest median of any vCPU */
	} pmu[NPMUS];
	uint64_t windows, stopped, hops, refusals;
	uint64_t min, max, median; /* of all; the median is the largest of any PMU */
	bool timed;
};

static const char *pmu_text(const struct host *host, int pmu, char *text, size_t size)
{
	char list[CPULIST_TEXT];

	if (pmu == HOST_MAX_PMUS)
		snprintf(text, size, "CPUs without a PMU");
	else
		snprintf(text, size, "%s (cpus %s)", host->pmus[pmu].name,
			 cpulist_format(&host->pmus[pmu].cpus, list, sizeof(list)));
	return text;
}

#define PMU_TEXT (CPULIST_TEXT + 80)

static void add(struct sum *sum, int index, struct pmu_stats *pmu)
{
	uint64_t median = stats_median(pmu);

	if (!pmu->windows)
		return;
	if (!sum->windows || pmu->min < sum->min)
		sum->min = pmu->min;
	if (pmu->max > sum->max)
		sum->max = pmu->max;
	if (median > sum->median)
		sum->median = median;
	if (median > sum->pmu[index].median)
		sum->pmu[index].median = median;
	sum->pmu[index].windows += pmu->windows;
	sum->pmu[index].stopped += pmu->stopped;
	sum->timed |= pmu->timed;
	sum->windows += pmu->windows;
	sum->stopped += pmu->stopped;
}

static void sum_up(struct stats *stats, struct sum *sum)
{
	*sum = (struct sum){ 0 };
	for (int vcpu = 0; vcpu < stats->nvcpus; vcpu++) {
		for (int pmu = 0; pmu < NPMUS; pmu++)
			add(sum, pmu, &stats->vcpu[vcpu].pmu[pmu]);
		sum->hops += stats->vcpu[vcpu].hops;
		sum->refusals += stats->vcpu[vcpu].refusals;
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

	for (int i = 0; i < NPMUS; i++) {
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

	for (int i = 0; i < NPMUS; i++) {
		size_t length = strlen(pmu_text(host, i, name, sizeof(name)));

		if (sum->pmu[i].windows && length > width)
			width = length;
	}
	fprintf(out, "vCPU  %-*s %8s %12s %12s %12s %8s %9s %8s %8s\n", (int)width, "host PMU",
		"windows", "cycles: min", "median", "max", "stopped", "overflows", "hops",
		"refusals");
	for (int vcpu = 0; vcpu < stats->nvcpus; vcpu++)
		print_vcpu(out, (int)width, host, vcpu, &stats->vcpu[vcpu]);
}

/* "A", "A and B", "A, B and C" of the bits of @pmus. */
static void print_names(FILE *out, const struct host *host, unsigned pmus)
{
	for (int i = 0; pmus; i++) {
		if (!(pmus & 1u << i))
			continue;
		fputs(i == HOST_MAX_PMUS ? "CPUs without a PMU" : host->pmus[i].name, out);
		pmus &= ~(1u << i);
		if (pmus)
			fputs(pmus & (pmus - 1) ? ", " : " and ", out);
	}
}

/* Windows that hopped cannot stand still by definition: there the median tells. */
static void judge(const struct sum *sum, unsigned *counted, unsigned *stopped, unsigned *shorter)
{
	*counted = *stopped = *shorter = 0;
	for (int i = 0; i < NPMUS; i++) {
		if (sum->pmu[i].stopped)
			*stopped |= 1u << i;
		else if (sum->pmu[i].median < sum->median / SHORT || !sum->max)
			*shorter |= sum->pmu[i].windows ? 1u << i : 0;
		else
			*counted |= sum->pmu[i].windows ? 1u << i : 0;
	}
}

static void print_failure(FILE *out, const struct host *host, const struct sum *sum,
			  unsigned counted, unsigned stopped, unsigned shorter)
{
	uint64_t most = 0;

	if (stopped) {
		fprintf(out, "%llu of %llu windows stood still, on ", (ull)sum->stopped,
			(ull)sum->windows);
		print_names(out, host, stopped);
	}
	for (int i = 0; i < NPMUS; i++)
		if (shorter & 1u << i && sum->pmu[i].median > most)
			most = sum->pmu[i].median;
	if (shorter) {
		fputs(stopped ? ", and windows that ended on " : "windows that ended on ", out);
		print_names(out, host, shorter);
		fprintf(out, " have a median of %llu cycles, where the largest is %llu", (ull)most,
			(ull)sum->median);
	}
	if (counted) {
		fputs("; it counted on ", out);
		print_names(out, host, counted);
	}
}

static void print_success(FILE *out, const struct host *host, const struct sum *sum,
			  unsigned counted)
{
	/* In a span of time the host may have been at work instead of the guest. */
	if (!sum->timed && sum->min < sum->median / SHORT)
		fputs("CYCLES MAY BE MISSING on ", out);
	else
		fputs("the cycle counter counted on ", out);
	print_names(out, host, counted);
	fprintf(out,
		": no window of %llu stood still over %llu hop%s (%llu to %llu cycles a window)",
		(ull)sum->windows, (ull)sum->hops, sum->hops == 1 ? "" : "s", (ull)sum->min,
		(ull)sum->max);
	if (!(counted & (counted - 1)) && host->npmus > 1)
		fputs(", and none ended on another host PMU", out);
}

static void print_judgement(FILE *out, const struct host *host, const struct choice *choice,
			    const struct sum *sum)
{
	unsigned counted, stopped, shorter;

	judge(sum, &counted, &stopped, &shorter);
	if (!sum->windows) {
		fputs("the guest handed over no window, so nothing is known of its counters", out);
	} else if (!stopped && !shorter) {
		print_success(out, host, sum, counted);
	} else if (choice->mode == PMU_DEFAULT) {
		fputs("the cycle counter did not count everywhere: ", out);
		print_failure(out, host, sum, counted, stopped, shorter);
		fputs("; --pmu=composite or --pmu=explicit is there to prevent this", out);
	} else {
		fputs("THE CYCLE COUNTER FAILED, which this mode is there to prevent: ", out);
		print_failure(out, host, sum, counted, stopped, shorter);
	}
}

static void print_off(FILE *out, const struct sum *sum)
{
	if (sum->max)
		fprintf(out, "the guest was given no PMU, yet reports up to %llu cycles a window",
			(ull)sum->max);
	else
		fprintf(out, "the guest has no PMU, so its %llu windows counted no cycles",
			(ull)sum->windows);
}

static void print_refusals(FILE *out, const struct host *host, const struct choice *choice,
			   const struct sum *sum)
{
	char name[PMU_TEXT];
	struct cpuset covered;

	if (!sum->refusals)
		return;
	host_covered_cpus(host, &covered);
	fprintf(out, "KVM refused %llu time%s to run a vCPU", (ull)sum->refusals,
		sum->refusals == 1 ? "" : "s");
	if (choice->pmu >= 0)
		fprintf(out, " off %s", pmu_text(host, choice->pmu, name, sizeof(name)));
	else
		fprintf(out, " off the host PMUs (cpus %s)",
			cpulist_format(&covered, name, sizeof(name)));
	fputs("; ", out);
}

void stats_print(struct stats *stats, const struct host *host, const struct choice *choice,
		 FILE *out)
{
	struct sum sum;

	sum_up(stats, &sum);
	if (!sum.windows && !sum.hops && !sum.refusals)
		return;
	print_table(out, stats, host, &sum);
	fprintf(out, "%s: ", pmu_mode_name(choice->mode));
	print_refusals(out, host, choice, &sum);
	if (choice->mode == PMU_OFF)
		print_off(out, &sum);
	else
		print_judgement(out, host, choice, &sum);
	fputs(".\n", out);
}
