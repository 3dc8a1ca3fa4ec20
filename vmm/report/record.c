/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "output/files.h"
#include "report/record.h"

enum status record_open(struct record *record, const char *path, unsigned timeout_s)
{
	record->lines.file = NULL;
	record->path = path;
	if (!path || lines_open(&record->lines, strcmp(path, "-") ? path : NULL, timeout_s))
		return STATUS_OK;
	return files_fail_create("--record", path, timeout_s);
}

static void print_pmu(FILE *file, const struct host *host, int pmu)
{
	if (pmu < 0)
		fputs("null", file);
	else
		json_string(file, host->pmus[pmu].name, strlen(host->pmus[pmu].name));
}

void record_run(struct record *record, const struct host *host, const struct choice *choice,
		int vcpus, uint64_t cntfrq)
{
	FILE *file = record->lines.file;

	if (!file)
		return;
	lines_begin(&record->lines);
	fprintf(file, "{\"type\":\"run\",\"mode\":\"%s\",\"pmu\":", pmu_mode_name(choice->mode));
	print_pmu(file, host, choice->pmu);
	fprintf(file, ",\"vcpus\":%d,\"cntfrq\":%" PRIu64 "}\n", vcpus, cntfrq);
	lines_end(&record->lines);
}

/* Event counters have 32 bits, unless the guest uses 64-bit ones (PMCR_EL0.LP). */
static uint64_t event_delta(const struct lab_event *event)
{
	uint64_t delta = event->end - event->start;

	return event->end < event->start && event->start <= UINT32_MAX ? (uint32_t)delta : delta;
}

void record_event_name(const struct lab_record *record, uint32_t index, char name[RECORD_EVENT])
{
	const struct lab_event *event = &record->events[index];
	unsigned number = 1;

	for (uint32_t i = 0; i < index; i++)
		number += record->events[i].event == event->event;
	if (number == 1)
		snprintf(name, RECORD_EVENT, "0x%02" PRIx64, event->event);
	else
		snprintf(name, RECORD_EVENT, "0x%02" PRIx64 "#%u", event->event, number);
}

void record_window(struct record *record, const struct host *host, const struct window *window)
{
	const struct lab_record *guest = window->record;
	FILE *file = record->lines.file;
	char name[RECORD_EVENT];

	if (!file)
		return;
	lines_begin(&record->lines);
	fprintf(file, "{\"type\":\"window\",\"vcpu\":%d,\"window\":%" PRIu32 ",\"cpu\":%d,\"pmu\":",
		window->vcpu, guest->window, window->cpu);
	print_pmu(file, host, window->pmu);
	fprintf(file,
		",\"stayed\":%s,\"hops\":%u,\"time_ns\":%" PRIu64 ",\"cntvct\":%" PRIu64
		",\"cycles\":%" PRIu64 ",\"cntvct_end\":%" PRIu64 ",\"cycles_end\":%" PRIu64
		",\"overflow\":%" PRIu32 ",\"interrupts\":%" PRIu32 ",\"pmcr\":%" PRIu32
		"%s,\"events\":{",
		window->stayed ? "true" : "false", window->hops, window->time_ns,
		guest->cntvct_end - guest->cntvct_start, guest->cycles_end - guest->cycles_start,
		guest->cntvct_end, guest->cycles_end, guest->overflow, guest->interrupts,
		guest->pmcr, guest->flags & LAB_EL2 ? ",\"el\":2" : "");
	for (uint32_t i = 0; i < guest->nevents; i++) {
		record_event_name(guest, i, name);
		fprintf(file, "%s\"%s\":%" PRIu64, i ? "," : "", name,
			event_delta(&guest->events[i]));
	}
	fputs("}}\n", file);
	lines_end(&record->lines);
}

/* One event that is one call of fprintf(). */
__attribute__((format(printf, 2, 3))) static void line(struct record *record, const char *format,
						       ...)
{
	va_list args;

	if (!record->lines.file)
		return;
	lines_begin(&record->lines);
	va_start(args, format);
	vfprintf(record->lines.file, format, args);
	va_end(args);
	lines_end(&record->lines);
}

void record_hop(struct record *record, int vcpu, int from, int to, uint64_t time_ns)
{
	line(record,
	     "{\"type\":\"hop\",\"vcpu\":%d,\"from\":%d,\"to\":%d,\"time_ns\":%" PRIu64 "}\n", vcpu,
	     from, to, time_ns);
}

void record_refusal(struct record *record, int vcpu, int cpu, int back, uint64_t time_ns)
{
	line(record,
	     "{\"type\":\"refusal\",\"vcpu\":%d,\"cpu\":%d,\"back\":%d,\"time_ns\":%" PRIu64 "}\n",
	     vcpu, cpu, back, time_ns);
}

void record_reset(struct record *record, uint64_t time_ns)
{
	line(record, "{\"type\":\"reset\",\"time_ns\":%" PRIu64 "}\n", time_ns);
}

void record_vcpu(struct record *record, int vcpu, const struct vcpu_state *state, uint64_t time_ns)
{
	line(record,
	     "{\"type\":\"vcpu\",\"vcpu\":%d,\"state\":\"%s\",\"pc\":\"0x%" PRIx64
	     "\",\"el\":%d,\"writes\":%" PRIu64 ",\"time_ns\":%" PRIu64 "}\n",
	     vcpu, state->doing, state->pc, state->el, state->writes, time_ns);
}

void record_end(struct record *record, int status, uint64_t time_ns)
{
	line(record, "{\"type\":\"end\",\"status\":%d,\"time_ns\":%" PRIu64 "}\n", status, time_ns);
}

enum status record_close(struct record *record)
{
	if (!record->lines.file)
		return STATUS_OK;
	return lines_close(&record->lines, "--record", record->path, "lines");
}
