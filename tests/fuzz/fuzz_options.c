/* SPDX-License-Identifier: MIT */
/* A command line is refused with one line, or what it became, printed, reads as the same again. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpulist.h"
#include "fuzz.h"
#include "options/command_line.h"

#define MAX_ARGS 40
#define LIST     (CPUSET_CPUS * 5)

/* A command line; its arguments lie one behind the other in @text. */
struct line {
	int argc;
	char *argv[MAX_ARGS + 1];
	char text[MAX_VCPUS * 1600]; /* V:LIST may name each vCPU */
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	va_list args;
	size_t room = sizeof(line->text) - line->used;
	int length;

	va_start(args, format);
	length = vsnprintf(line->text + line->used, room, format, args);
	va_end(args);
	must(line->argc < MAX_ARGS && (size_t)length < room);
	line->argv[line->argc++] = line->text + line->used;
	line->used += (size_t)length + 1;
}

static void add_text(struct line *line, const char *name, const char *value)
{
	if (value)
		add(line, "--%s=%s", name, value);
}

static void add_flag(struct line *line, const char *name, bool on)
{
	if (on)
		add(line, "--%s", name);
}

static void add_affinity(struct line *line, const struct options *options)
{
	static char list[LIST], all[MAX_VCPUS * 1400];
	size_t used = 0;

	for (int i = 0; i < options->naffinity; i++) {
		const struct cpuset *set = &options->affinity[i];
		const char *text = cpulist_format(set, list, sizeof(list));

		if (!options->affinity_each)
			add(line, "--affinity=%s", text);
		else if (cpuset_count(set))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%d:%s",
						 used ? ";" : "", i, text);
	}
	add_text(line, "affinity", used ? all : NULL);
}

static void add_filter(struct line *line, const struct options *options)
{
	char text[512];
	size_t used = 0;

	for (int i = 0; i < options->nfilters; i++) {
		const struct pmu_filter *filter = &options->filters[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s0x%x-0x%x",
					 i                          ? ","
					 : options->pmu_filter_deny ? "deny:"
								    : "allow:",
					 filter->base, filter->base + filter->count - 1);
	}
	add_text(line, "pmu-filter", used ? text : NULL);
}

static void print(const struct options *options, struct line *line)
{
	static const char *const jails[] = { "on", "log", "off" };
	char plan[PLAN_TEXT];

	*line = (struct line){ 0 };
	add(line, "minivmm");
	if (options->pmu_cpu >= 0)
		add(line, "--pmu=explicit:cpu%d", options->pmu_cpu);
	else
		add(line, "--pmu=%s%s%s", pmu_mode_name(options->pmu),
		    options->pmu_name[0] ? ":" : "", options->pmu_name);
	add(line, "--cpus=%d", options->cpus);
	add(line, "--mem=%" PRIu64, options->mem);
	add_affinity(line, options);
	plan_text(&options->plan, plan);
	add(line, "--migrate=%s", plan);
	add_flag(line, "settle", options->settle);
	add_flag(line, "on-refusal=return", options->refusal_return);
	add_text(line, "initrd", options->initrd);
	add_text(line, "append", options->append);
	add_text(line, "dtb-out", options->dtb_out);
	add_text(line, "gic", options->gic == 2 ? "2" : options->gic == 3 ? "3" : "auto");
	add_filter(line, options);
	if (options->pmu_counters >= 0)
		add(line, "--pmu-counters=%d", options->pmu_counters);
	add_text(line, "record", options->record);
	add_text(line, "trace", options->trace);
	add(line, "--limit=%" PRIu64, options->limit);
	if (options->timeout_s)
		add(line, "--timeout=%u", options->timeout_s);
	add(line, "--jail=%s", jails[options->jail]);
	add_flag(line, "no-reboot", options->no_reboot);
	add_flag(line, "strict-mmio", options->strict_mmio);
	add_flag(line, "quiet", options->quiet);
	add_flag(line, options->probe_json ? "probe=json" : "probe", options->probe);
	add(line, "--");
	if (options->image)
		add(line, "%s", options->image);
}

static void must_be_in_range(const struct options *options)
{
	must(options->pmu >= PMU_AUTO && options->pmu <= PMU_OFF);
	must(memchr(options->pmu_name, '\0', sizeof(options->pmu_name)));
	must(options->pmu_cpu >= -1 && options->pmu_cpu < CPUSET_CPUS);
	must(options->nfilters >= 0 && options->nfilters <= MAX_FILTERS);
	for (int i = 0; i < options->nfilters; i++)
		must(options->filters[i].count &&
		     options->filters[i].base + options->filters[i].count - 1 <= UINT16_MAX);
	must(options->pmu_counters >= -1 && options->pmu_counters <= 31);
	must(options->cpus >= 1 && options->cpus <= MAX_VCPUS);
	must(options->mem >= 2 << 20 && options->mem <= 1ull << 40);
	must(options->mem % (2 << 20) == 0);
	must(options->naffinity >= 0 && options->naffinity <= options->cpus);
	must(options->timeout_s <= 1000000);
	must(options->limit >= 4 << 10 && options->limit <= 1ull << 40);
	must(options->jail >= JAIL_ON && options->jail <= JAIL_OFF);
	must(options->image || options->probe);
	must(options->append);
}

static void must_be_same_text(const char *a, const char *b)
{
	must(!a == !b);
	must(!a || !strcmp(a, b));
}

static void must_be_same(const struct options *a, const struct options *b)
{
	must(a->pmu == b->pmu && a->pmu_cpu == b->pmu_cpu);
	must_be_same_text(a->pmu_name, b->pmu_name);
	must(a->nfilters == b->nfilters);
	must(!a->nfilters || a->pmu_filter_deny == b->pmu_filter_deny);
	must(!memcmp(a->filters, b->filters, (size_t)a->nfilters * sizeof(a->filters[0])));
	must(a->pmu_counters == b->pmu_counters);
	must(a->cpus == b->cpus && a->mem == b->mem);
	must(a->naffinity == b->naffinity && a->affinity_each == b->affinity_each);
	must(!memcmp(a->affinity, b->affinity, (size_t)a->naffinity * sizeof(struct cpuset)));
	must_be_same_plan(&a->plan, &b->plan);
	must(a->settle == b->settle && a->refusal_return == b->refusal_return);
	must(a->jail == b->jail);
	must(a->gic == b->gic && a->timeout_s == b->timeout_s && a->limit == b->limit);
	must(a->no_reboot == b->no_reboot && a->strict_mmio == b->strict_mmio);
	must(a->quiet == b->quiet && a->probe == b->probe && a->probe_json == b->probe_json);
	must_be_same_text(a->image, b->image);
	must_be_same_text(a->initrd, b->initrd);
	must_be_same_text(a->append, b->append);
	must_be_same_text(a->dtb_out, b->dtb_out);
	must_be_same_text(a->record, b->record);
	must_be_same_text(a->trace, b->trace);
}

void fuzz_one(struct input *input)
{
	static struct line line, printed;
	static struct options options, again;

	line.argc = 0;
	line.used = 0;
	add(&line, "minivmm");
	while (input_left(input) && line.argc < MAX_ARGS && line.used < 2048) {
		char text[1200];

		input_text(input, text, sizeof(text));
		add(&line, "%s", text);
	}
	line.argv[line.argc] = NULL;
	if (!succeeded(options_parse(line.argc, line.argv, &options), STATUS_USAGE) ||
	    options.help || options.version)
		return;
	must_be_in_range(&options);
	print(&options, &printed);
	must(succeeded(options_parse(printed.argc, printed.argv, &again), STATUS_USAGE));
	must_be_same(&options, &again);
}
