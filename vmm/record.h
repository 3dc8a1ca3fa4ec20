/* SPDX-License-Identifier: MIT */
/* --record: one JSON object a line. Any thread may write; each line is whole. */
#ifndef MINIVMM_RECORD_H
#define MINIVMM_RECORD_H

#include <stdint.h>
#include <stdio.h>

#include "host.h"
#include "lines.h"
#include "choice.h"
#include "stats.h"
#include "status.h"

#define RECORD_EVENT 32 /* bytes of a record_event_name() */

struct record {
	FILE *file; /* NULL: nothing is recorded */
	const char *path;
	struct lines lines;
};

/* @path NULL: no recording. "-" is stdout. STATUS_INPUT if it cannot be written. */
enum status record_open(struct record *record, const char *path);

/* {"type":"run","mode":...,"pmu":...,"vcpus":...,"cntfrq":...}; @cntfrq: CNTFRQ_EL0, in Hz */
void record_run(struct record *record, const struct host *host, const struct choice *choice,
		int vcpus, uint64_t cntfrq);
/* {"type":"window","vcpu":..,"window":..,"cpu":..,"pmu":"..","stayed":true,"hops":..,"time_ns":..,
 *  "cntvct":delta,"cycles":delta,"cntvct_end":..,"cycles_end":..,"overflow":..,"interrupts":..,
 *  "pmcr":..,"events":{"0x08":delta,..}}
 */
void record_window(struct record *record, const struct host *host, const struct window *window);
/* What record and trace call counter @index: "0x11", the second one of the same event "0x11#2". */
void record_event_name(const struct lab_record *record, uint32_t index, char name[RECORD_EVENT]);
/* {"type":"hop","vcpu":..,"from":..,"to":..,"time_ns":..} */
void record_hop(struct record *record, int vcpu, int from, int to, uint64_t time_ns);
/* {"type":"refusal","vcpu":..,"cpu":..,"back":..,"time_ns":..}; back -1: the run ends */
void record_refusal(struct record *record, int vcpu, int cpu, int back, uint64_t time_ns);
/* {"type":"reset","time_ns":..}; from here on the guest runs anew, and its windows begin at 0 */
void record_reset(struct record *record, uint64_t time_ns);
/* {"type":"end","status":..,"time_ns":..} */
void record_end(struct record *record, int status, uint64_t time_ns);

/* STATUS_INPUT if a line could not be written (disk full, limit): the record ends before it. */
enum status record_close(struct record *record);

#endif
