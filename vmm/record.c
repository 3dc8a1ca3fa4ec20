/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "json.h"
#include "record.h"

/* One record a process; stdio takes a buffer's size from nothing but a buffer of one's own. */
static char buffer[1 << 16];

enum status record_open(struct record *record, const char *path)
{
	bool console = path && !strcmp(path, "-");

	*record = (struct record){ .path = path };
	if (!path)
		return STATUS_OK;
	if (console) {
		int fd = dup(STDOUT_FILENO);

		record->file = fd < 0 ? NULL : fdopen(fd, "w");
		if (!record->file && fd >= 0)
			close(fd);
	} else {
		record->file = fopen(path, "we");
	}
	if (!record->file)
		return fail_errno(STATUS_INPUT, "--record=%s: cannot be written", path);
	/* The guest's console goes to stdout too: a line at a time, so that neither cuts the other.
	 */
	setvbuf(record->file, buffer, console ? _IOLBF : _IOFBF, sizeof(buffer));
	return STATUS_OK;
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
	FILE *file = record->file;

	if (!file)
		return;
	flockfile(file);
	fprintf(file, "{\"type\":\"run\",\"mode\":\"%s\",\"pmu\":", pmu_mode_name(choice->mode));
	print_pmu(file, host, choice->pmu);
	fprintf(file, ",\"vcpus\":%d,\"cntfrq\":%" PRIu64 "}\n", vcpus, cntfrq);
	funlockfile(file);
}

/* Event counters have 32 bits, unless the guest uses 64-bit ones (PMCR_EL0.LP). */
static uint64_t event_delta(const struct lab_event *event)
{
	uint64_t delta = event->end - event->start;

	return event->end < event->start && event->start <= UINT32_MAX ? (uint32_t)delta : delta;
}

void record_window(struct record *record, const struct host *host, const struct window *window)
{
	const struct lab_record *guest = window->record;
	FILE *file = record->file;

	if (!file)
		return;
	flockfile(file);
	fprintf(file, "{\"type\":\"window\",\"vcpu\":%d,\"window\":%" PRIu32 ",\"cpu\":%d,\"pmu\":",
		window->vcpu, guest->window, window->cpu);
	print_pmu(file, host, window->pmu);
	fprintf(file,
		",\"hops\":%u,\"time_ns\":%" PRIu64 ",\"cntvct\":%" PRIu64 ",\"cycles\":%" PRIu64
		",\"cntvct_end\":%" PRIu64 ",\"cycles_end\":%" PRIu64 ",\"overflow\":%" PRIu32
		",\"interrupts\":%" PRIu32 ",\"pmcr\":%" PRIu32 ",\"events\":{",
		window->hops, window->time_ns, guest->cntvct_end - guest->cntvct_start,
		guest->cycles_end - guest->cycles_start, guest->cntvct_end, guest->cycles_end,
		guest->overflow, guest->interrupts, guest->pmcr);
	for (uint32_t i = 0; i < guest->nevents; i++)
		fprintf(file, "%s\"0x%02" PRIx64 "\":%" PRIu64, i ? "," : "",
			guest->events[i].event, event_delta(&guest->events[i]));
	fputs("}}\n", file);
	funlockfile(file);
}

void record_hop(struct record *record, int vcpu, int from, int to, uint64_t time_ns)
{
	if (record->file)
		fprintf(record->file,
			"{\"type\":\"hop\",\"vcpu\":%d,\"from\":%d,\"to\":%d,\"time_ns\":%" PRIu64
			"}\n",
			vcpu, from, to, time_ns);
}

void record_refusal(struct record *record, int vcpu, int cpu, int back, uint64_t time_ns)
{
	if (record->file)
		fprintf(record->file,
			"{\"type\":\"refusal\",\"vcpu\":%d,\"cpu\":%d,\"back\":%d,"
			"\"time_ns\":%" PRIu64 "}\n",
			vcpu, cpu, back, time_ns);
}

void record_reset(struct record *record, uint64_t time_ns)
{
	if (record->file)
		fprintf(record->file, "{\"type\":\"reset\",\"time_ns\":%" PRIu64 "}\n", time_ns);
}

void record_end(struct record *record, int status, uint64_t time_ns)
{
	if (record->file)
		fprintf(record->file, "{\"type\":\"end\",\"status\":%d,\"time_ns\":%" PRIu64 "}\n",
			status, time_ns);
}

enum status record_close(struct record *record)
{
	FILE *file = record->file;
	int lost;

	record->file = NULL;
	if (!file)
		return STATUS_OK;
	/* An error of an earlier flush is no longer in errno. */
	lost = ferror(file);
	if (fclose(file))
		return fail_errno(STATUS_INPUT, "--record=%s: lines are missing from it",
				  record->path);
	if (lost)
		return fail(STATUS_INPUT,
			    "--record=%s: lines are missing from it; is there room enough?",
			    record->path);
	return STATUS_OK;
}
