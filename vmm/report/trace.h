/* SPDX-License-Identifier: MIT */
/*
 * --trace: the run as a timeline in the Chrome trace-event format, which Perfetto's
 * viewer opens. Each vCPU has a track with a slice for each stay on a host CPU, a track with a
 * slice for each window, its counters as counter tracks, and refusals and overflow interrupts
 * as instants.
 * Any thread may write.
 */
#ifndef MINIVMM_TRACE_H
#define MINIVMM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"
#include "host/host.h"
#include "output/lines.h"
#include "pmu/choice.h"
#include "report/stats.h"

struct trace {
	struct {
		int cpu; /* of the slice that is open, -1: none */
		uint64_t since_ns;
	} stay[MAX_VCPUS];
	uint64_t window_ns[MAX_VCPUS]; /* the end of its last window */
	uint64_t cntfrq;               /* of the guest's time, in Hz */
	const char *path;
	struct lines lines; /* not open: nothing is traced */
	bool begun;         /* an event is there, so that the next one needs a comma */
};

/* As record_open(), without "-". */
enum status trace_open(struct trace *trace, const char *path, unsigned timeout_s);

/* Names the tracks. */
void trace_run(struct trace *trace, const struct choice *choice, int vcpus, uint64_t cntfrq);

/* The vCPU is on @cpu from @time_ns (since the run's start) on; nothing if it was already. */
void trace_cpu(struct trace *trace, const struct host *host, int vcpu, int cpu, uint64_t time_ns);

/* The window, the counters at its end, its overflow interrupts, and the CPU that it ended on. */
void trace_window(struct trace *trace, const struct host *host, const struct window *window);

void trace_refusal(struct trace *trace, int vcpu, int cpu, uint64_t time_ns);

/* Ends the open slices, and the timeline. */
void trace_end(struct trace *trace, const struct host *host, uint64_t time_ns);

/* STATUS_INPUT if any of it could not be written: it ends before that, without the closing
 * brackets. */
enum status trace_close(struct trace *trace);

#endif
