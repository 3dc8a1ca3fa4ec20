/* SPDX-License-Identifier: MIT */
/*
 * Whether a vCPU ran only on the CPUs of one host PMU from one reading of the guest's counters to
 * the next. The VMM sees it only at exits, and the main thread or the scheduler may move its thread
 * at any time, also between an exit and the look at where that was. So a window counts as stayed
 * only if nothing can have moved the thread.
 */
#ifndef MINIVMM_STAY_H
#define MINIVMM_STAY_H

#include <stdbool.h>
#include <stdint.h>

/* Where a vCPU's thread is at an exit, and how often it may have left. */
struct spot {
	unsigned pmu;   /* a bit: the host PMU of its CPU */
	unsigned moves; /* begun and ended by another thread: odd while one is under way */
	uint64_t
		switches; /* context switches, each a chance to be moved; 0 if it is pinned there */
};

/* Since one of the guest's exits. */
struct stay {
	struct spot since;
	unsigned pmus; /* bits of all host PMUs on which it was seen */
};

/* Of one vCPU. Before its first window record.since is where it is; the rest is 0. */
struct stays {
	struct stay record; /* since LAB_RECORD */
	struct stay hop;    /* since LAB_HOP */
	bool moved;         /* in the window before: the next one begins before that one's exit */
};

/* LAB_HOP was written at @before, and is done at @after. */
void stays_hop(struct stays *stays, const struct spot *before, const struct spot *after);

/*
 * A window ends at @end; @after_hop: it began after the last LAB_HOP, else before the last
 * LAB_RECORD. Returns whether all of it ran on one host PMU. *@pmus: all on which it was seen.
 */
bool stays_window(struct stays *stays, const struct spot *end, bool after_hop, unsigned *pmus);

#endif
