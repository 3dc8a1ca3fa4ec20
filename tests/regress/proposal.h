/* SPDX-License-Identifier: MIT */
/*
 * FIXED_COUNTERS_ONLY is proposed, and versions of the proposal differ in places
 * (docs/pmu-modes.md). Which of them a kernel is like is asked of a VM that is thrown away; tests
 * take either for right, and pmu-regress --explain names the places.
 */
#ifndef REGRESS_PROPOSAL_H
#define REGRESS_PROPOSAL_H

#include <stdio.h>

#include "site.h"

/* Sets site->last_wins and site->runs_uncovered; without composite mode to false. */
void proposal_ask(struct site *site);

/* As a KTAP comment, if there is composite mode. */
void proposal_describe(const struct site *site, FILE *out);

#endif
