/* SPDX-License-Identifier: MIT */
/*
 * Whatever a guest writes to the lab device, from whatever its RAM holds: its RAM stays as it
 * is, the run ends only by what lab.h says, and the record and the trace stay JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "guest/abi/lab.h"
#include "guest/abi/map.h"
#include "machine/end.h"
#include "machine/hop.h"
#include "machine/lab.h"
#include "options/options.h"

#define RAM_SIZE 1024
#define VCPUS    2
#define MAX_OPS  64

static int ended, hops, windows;

void machine_end(struct machine *machine, int status)
{
	must(status >= 0 && status <= STATUS_GUEST_MAX);
	machine->end = status;
	ended++;
}

/* What is not an exit of the guest's own has a line. */
void machine_fail(struct machine *machine, enum status status, const char *format, ...)
{
	must(status == STATUS_CRASH && *format);
	machine->end = (int)status;
	ended++;
}

uint64_t machine_now(const struct machine *machine)
{
	return machine->start_ns;
}

void vcpu_hop(struct vcpu *vcpu, int tid)
{
	must(!tid);
	vcpu->hops++;
	hops++;
}

/* Whether the device must take a record there. */
static bool good_record(const struct machine *machine, uint64_t gpa)
{
	struct lab_record record;
	uint64_t offset = gpa - MAP_RAM_BASE;

	if (gpa < MAP_RAM_BASE || offset > RAM_SIZE - sizeof(record))
		return false;
	memcpy(&record, machine->memory.host + offset, sizeof(record));
	return record.size == sizeof(record) && record.nevents <= LAB_MAX_EVENTS;
}

static void do_access(struct machine *machine, struct bus_access access)
{
	int ended_before = ended, hops_before = hops;
	uint64_t value = access.value;
	bool whole = access.length == 8, half = access.length == 4, ends = false, hop = false;

	lab_access(machine, &access);
	if (!access.write) {
		must(access.value == (half && access.offset == LAB_ID ? LAB_ID_VALUE : 0));
	} else if (whole && access.offset == LAB_RECORD) {
		ends = !good_record(machine, value);
		windows += !ends;
		must(!ends || machine->end == STATUS_CRASH);
	} else if (whole && access.offset == LAB_FAULT) {
		ends = true;
		must(machine->end == STATUS_CRASH);
	} else if (half && access.offset == LAB_EXIT) {
		ends = true;
		must((uint64_t)machine->end == (value > 63 ? 63 : value));
	} else if (half && access.offset == LAB_HOP) {
		hop = machine->choice->plan.kind == PLAN_STEP;
	}
	must(ended == ended_before + ends && hops == hops_before + hop);
	must(!fail_count);
}

static uint64_t counted(const struct stats *stats)
{
	uint64_t sum = 0;

	for (int vcpu = 0; vcpu < VCPUS; vcpu++) {
		sum += stats->vcpu[vcpu].back;
		for (int pmu = 0; pmu < STATS_ROWS; pmu++)
			sum += stats->vcpu[vcpu].pmu[pmu].windows;
	}
	return sum;
}

static void must_be_lines(const char *text, size_t size)
{
	int lines = 0;

	for (const char *end; size; lines++, size -= (size_t)(end + 1 - text), text = end + 1) {
		end = memchr(text, '\n', size);
		must(end && json_valid(text, (size_t)(end - text)));
	}
	must(lines == windows);
}

static void play(struct machine *machine, struct input *input)
{
	for (int i = 0; i < MAX_OPS && input_left(input); i++) {
		static const uint64_t registers[] = { LAB_ID,  LAB_RECORD, LAB_RECORD,
						      LAB_HOP, LAB_EXIT,   LAB_FAULT };
		uint64_t what = input_number(input, 1);
		struct bus_access access = { .write = what & 1,
					     .length = 1u << (what >> 1 & 3),
					     .vcpu = what >> 3 & 1 };

		access.offset = what & 0x80 ? input_number(input, 2) % (MAP_LAB_SIZE - 7)
					    : registers[(what >> 4 & 7) % 6];
		if (access.write)
			access.value = what & 0x80 ? input_number(input, 8)
						   : MAP_RAM_BASE + input_number(input, 2) % 2048;
		do_access(machine, access);
	}
}

void fuzz_one(struct input *input)
{
	static struct machine machine;
	static struct host host;
	static const struct options options = { .quiet = true };
	struct choice choice = { .mode = (enum pmu_mode)input_below(input, 2) };
	uint8_t *ram = malloc(RAM_SIZE), *before = malloc(RAM_SIZE); /* ASan sees their ends */
	char *text = NULL, *timeline = NULL;
	size_t size = 0, timeline_size = 0;
	FILE *recorded, *traced;
	struct lab_record good = { .size = sizeof(good) };

	void *room = calloc(1, stats_room(VCPUS, HOST_MAX_PMUS));

	must(ram && before && room);
	ended = hops = windows = 0;
	/* Not all of it: most is for vCPUs that are not there. */
	memset(machine.vcpus, 0, VCPUS * sizeof(machine.vcpus[0]));
	machine.end = -1;
	machine.host = &host;
	machine.options = &options;
	machine.choice = &choice;
	machine.odd = 0;
	choice.plan.kind = (enum plan_kind)input_below(input, 4);
	machine.start_ns = input_number(input, 8);
	machine.memory = (struct memory){ .host = ram, .base = MAP_RAM_BASE, .size = RAM_SIZE };
	machine.nvcpus = VCPUS;
	stats_open(&machine.stats, VCPUS, HOST_MAX_PMUS, room);
	pthread_mutex_init(&machine.lock, NULL);
	host.npmus = 1;
	memset(&host.pmus[0].cpus, 0xff, input_below(input, 2) ? sizeof(struct cpuset) : 0);
	for (int i = 0; i < RAM_SIZE; i++)
		ram[i] = (uint8_t)(i * 7);
	memcpy(ram, &good, sizeof(good));
	for (size_t i = input_below(input, 256); i > 0; i--)
		ram[i] = (uint8_t)input_number(input, 1);
	memcpy(before, ram, RAM_SIZE);
	must(trace_open(&machine.trace, NULL, 0) == STATUS_OK);
	traced = lines_in_memory(&machine.trace.lines, &timeline, &timeline_size);
	recorded = lines_in_memory(&machine.record.lines, &text, &size);
	fputs("{\"traceEvents\":[\n", machine.trace.lines.file);

	play(&machine, input);

	must(!memcmp(before, ram, RAM_SIZE));
	must(counted(&machine.stats) == (uint64_t)windows);
	trace_end(&machine.trace, &host, machine.start_ns);
	must(!record_close(&machine.record) && !trace_close(&machine.trace));
	fclose(recorded);
	fclose(traced);
	must_be_lines(text, size);
	must(json_valid(timeline, timeline_size));
	free(room);
	pthread_mutex_destroy(&machine.lock);
	free(text);
	free(timeline);
	free(ram);
	free(before);
}
