/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "report/odd.h"

#define CYCLE_COUNTER (1u << 31) /* in PMOVSSET_EL0 */

/* A counter that overflows goes back too. If an interrupt came, its handler has cleared the flag.
 */
static bool overflowed(const struct lab_record *record, uint32_t counters)
{
	return record->overflow & counters || record->interrupts;
}

/* The event counter that went back; nevents if none did. The guest decides which overflow bit
 * belongs to which event. */
static uint32_t event_back(const struct lab_record *record)
{
	uint32_t i;

	for (i = 0; i < record->nevents; i++)
		if (record->events[i].end < record->events[i].start)
			break;
	return overflowed(record, ~CYCLE_COUNTER) ? record->nevents : i;
}

unsigned odd_find(const struct lab_record *record, bool pmu)
{
	unsigned kinds = 0;

	if (record->cycles_end < record->cycles_start && !overflowed(record, CYCLE_COUNTER))
		kinds |= ODD_CYCLES;
	if (event_back(record) < record->nevents)
		kinds |= ODD_EVENT;
	if (record->cntvct_end < record->cntvct_start)
		kinds |= ODD_TIME;
	if (pmu && !record->pmcr)
		kinds |= ODD_PMCR;
	return kinds;
}

static void print_back(FILE *out, const char *counter, uint64_t start, uint64_t end)
{
	fprintf(out, "%s went back from 0x%" PRIx64 " to 0x%" PRIx64, counter, start, end);
}

static void print_event(FILE *out, const struct lab_event *event)
{
	char name[32];

	snprintf(name, sizeof(name), "event counter 0x%02x", (unsigned)event->event & 0xffff);
	print_back(out, name, event->start, event->end);
	fputs(" without an overflow", out);
}

static void print_one(enum odd kind, const struct lab_record *record, FILE *out)
{
	switch (kind) {
	case ODD_CYCLES:
		print_back(out, "PMCCNTR_EL0", record->cycles_start, record->cycles_end);
		fputs(" without an overflow", out);
		break;
	case ODD_EVENT:
		print_event(out, &record->events[event_back(record)]);
		break;
	case ODD_TIME:
		print_back(out, "CNTVCT_EL0", record->cntvct_start, record->cntvct_end);
		break;
	case ODD_PMCR:
		fputs("PMCR_EL0 is 0: the guest's PMU is off, or the guest has not read PMCR_EL0",
		      out);
		break;
	}
}

void odd_print(unsigned kinds, int vcpu, const struct lab_record *record, FILE *out)
{
	for (unsigned kind = ODD_CYCLES; kind <= ODD_PMCR; kind <<= 1) {
		if (!(kinds & kind))
			continue;
		fprintf(out, "record: vCPU %d, window %" PRIu32 ": ", vcpu, record->window);
		print_one((enum odd)kind, record, out);
		fputs("; further windows like this are not reported\n", out);
	}
}
