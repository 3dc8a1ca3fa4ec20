/* SPDX-License-Identifier: MIT */
/* --record: one JSON object per line. Any thread may write; each line is whole. */
#ifndef MINIVMM_RECORD_H
#define MINIVMM_RECORD_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"
#include "host/host.h"
#include "output/lines.h"
#include "pmu/choice.h"
#include "report/stats.h"

#define RECORD_EVENT 32 /* bytes of a record_event_name() */

struct record {
	const char *path;
	struct lines lines; /* not open: nothing is recorded */
};

/*
 * @path NULL: no recording. "-" is stdout. STATUS_INPUT if it cannot be written, STATUS_TIMEOUT if
 * it is a FIFO that nobody reads within @timeout_s (0: no limit).
 */
enum status record_open(struct record *record, const char *path, unsigned timeout_s);

/* {"type":"run","mode":...,"pmu":...,"vcpus":...,"cntfrq":...}; @cntfrq: CNTFRQ_EL0, in Hz */
void record_run(struct record *record, const struct host *host, const struct choice *choice,
		int vcpus, uint64_t cntfrq);
/* {"type":"window","vcpu":..,"window":..,"cpu":..,"pmu":"..","stayed":true,"hops":..,"time_ns":..,
 *  "cntvct":delta,"cycles":delta,"cntvct_end":..,"cycles_end":..,"overflow":..,"interrupts":..,
 *  "pmcr":..,"el":2,"events":{"0x08":delta,..}}; el only of windows at EL2
 */
void record_window(struct record *record, const struct host *host, const struct window *window);
/* What record and trace call counter @index: "0x11", the second one of the same event "0x11#2". */
void record_event_name(const struct lab_record *record, uint32_t index, char name[RECORD_EVENT]);
/* {"type":"hop","vcpu":..,"from":..,"to":..,"time_ns":..} */
void record_hop(struct record *record, int vcpu, int from, int to, uint64_t time_ns);
/* {"type":"refusal","vcpu":..,"cpu":..,"back":..,"time_ns":..}; back -1: the run ends */
void record_refusal(struct record *record, int vcpu, int cpu, int back, uint64_t time_ns);
/* {"type":"reset","time_ns":..}; the guest restarts, and its windows begin at 0 again */
void record_reset(struct record *record, uint64_t time_ns);
/* What a vCPU was doing when a signal or the timeout ended the run. */
struct vcpu_state {
	const char *doing; /* "runs", "waits" (in WFI) or "off" */
	uint64_t pc;
	int el;
	uint64_t writes; /* to devices */
};

/* {"type":"vcpu","vcpu":..,"state":"..","pc":"0x..","el":..,"writes":..,"time_ns":..} */
void record_vcpu(struct record *record, int vcpu, const struct vcpu_state *state, uint64_t time_ns);
/* {"type":"end","status":..,"time_ns":..} */
void record_end(struct record *record, int status, uint64_t time_ns);

/* STATUS_INPUT if a line could not be written (disk full, limit, no reader): the record ends before
 * it. */
enum status record_close(struct record *record);

#endif
