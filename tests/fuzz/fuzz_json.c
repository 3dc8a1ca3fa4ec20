/* SPDX-License-Identifier: MIT */
/*
 * Whatever the numbers, the names of host PMUs and what is said about them: each line of
 * --record, the whole of --trace and of --probe=json is JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "pmu/probe.h"
#include "report/record.h"
#include "report/trace.h"

#define MAX_EVENTS 32

static struct host host;
static struct choice choice;

static void make_host(struct input *input)
{
	memset(&host, 0, sizeof(host));
	host.sysfs = "/nowhere";
	host.npmus = (int)input_below(input, 4);
	memset(&host.allowed, 0xff, 2);
	for (int i = 0; i < host.npmus; i++) {
		input_text(input, host.pmus[i].name, sizeof(host.pmus[i].name));
		memset((char *)&host.pmus[i].cpus + i, (int)input_number(input, 1), 1);
	}
	choice.mode = (enum pmu_mode)input_below(input, 6);
	choice.pmu = (int)input_below(input, (uint64_t)host.npmus + 1) - 1;
	input_text(input, choice.reasons, 256);
}

/* It writes to stdout, which glibc lets one put elsewhere. */
static void probe(void)
{
	static const struct options options = { .probe_json = true };
	static const struct kvm_offers offers = { .pmu = true, .strict = true };
	FILE *console = stdout;
	char *text = NULL;
	size_t size;

	stdout = open_memstream(&text, &size);
	must(stdout);
	probe_print(&options, &host, &offers, &choice);
	must(!fclose(stdout));
	stdout = console;
	must(json_valid(text, size));
	free(text);
}

/* Numbers of every size; a guest chooses its own. */
static uint64_t number(struct input *input)
{
	return input_number(input, input_number(input, 1) & 8 ? 8 : 1);
}

static void window(struct record *record, struct trace *trace, struct input *input)
{
	struct lab_record guest = { .size = sizeof(guest) };
	struct window window = { .vcpu = (int)input_below(input, 2),
				 .cpu = (int)input_below(input, 24),
				 .record = &guest };

	window.pmu = host_pmu_of_cpu(&host, window.cpu);
	window.hops = (unsigned)number(input);
	window.time_ns = number(input);
	guest.window = (uint32_t)number(input);
	guest.overflow = (uint32_t)number(input);
	guest.interrupts = (uint32_t)number(input);
	guest.pmcr = (uint32_t)number(input);
	guest.cntvct_start = number(input);
	guest.cntvct_end = number(input);
	guest.cycles_start = number(input);
	guest.cycles_end = number(input);
	guest.nevents = (uint16_t)input_below(input, LAB_MAX_EVENTS + 1);
	for (int i = 0; i < guest.nevents; i++)
		guest.events[i] = (struct lab_event){ number(input), number(input), number(input) };
	record_window(record, &host, &window);
	trace_window(trace, &host, &window);
}

static void event(struct record *record, struct trace *trace, struct input *input)
{
	uint64_t what = input_number(input, 1);
	int vcpu = (int)(what >> 4 & 1), cpu = (int)input_below(input, 24);

	switch (what % 6) {
	case 0:
		window(record, trace, input);
		break;
	case 1:
		record_hop(record, vcpu, (int)input_number(input, 4), cpu, number(input));
		trace_cpu(trace, &host, vcpu, cpu, number(input));
		break;
	case 2:
		record_refusal(record, vcpu, cpu, (int)input_number(input, 4), number(input));
		trace_refusal(trace, vcpu, cpu, number(input));
		break;
	case 3:
		record_reset(record, number(input));
		break;
	case 4:
		record_run(record, &host, &choice, (int)input_number(input, 4), number(input));
		break;
	default:
		record_end(record, (int)input_number(input, 4), number(input));
	}
}

static void must_be_lines(const char *text, size_t size)
{
	for (const char *end; size; size -= (size_t)(end + 1 - text), text = end + 1) {
		end = memchr(text, '\n', size);
		must(end && json_valid(text, (size_t)(end - text)));
	}
}

void fuzz_one(struct input *input)
{
	char *lines = NULL, *timeline = NULL;
	size_t lines_size, timeline_size;
	FILE *recorded, *traced;
	static struct record record;
	static struct trace trace;

	must(trace_open(&trace, NULL, 0) == STATUS_OK);
	traced = lines_in_memory(&trace.lines, &timeline, &timeline_size);
	recorded = lines_in_memory(&record.lines, &lines, &lines_size);
	fputs("{\"traceEvents\":[\n", trace.lines.file);
	make_host(input);
	trace_run(&trace, &choice, 2, number(input));
	for (int i = 0; i < MAX_EVENTS && input_left(input); i++)
		event(&record, &trace, input);
	trace_end(&trace, &host, number(input));
	must(!record_close(&record) && !trace_close(&trace));
	fclose(recorded);
	fclose(traced);
	must_be_lines(lines, lines_size);
	must(json_valid(timeline, timeline_size));
	free(lines);
	free(timeline);
	if (choice.reasons[0])
		probe();
}
