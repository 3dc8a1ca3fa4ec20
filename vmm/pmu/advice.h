/* SPDX-License-Identifier: MIT */
/* What to tell other VMMs on this host, so that a guest's PMU counts there too. */
#ifndef MINIVMM_ADVICE_H
#define MINIVMM_ADVICE_H

#include <stdio.h>

#include "host/host.h"

/*
 * Lines for people. They are about one cluster: the host PMU that covers most of
 * the allowed CPUs, the first of those that cover as many. Nothing where there is
 * nothing to advise: no host PMU, or one that covers every allowed CPU.
 */
void advice_print(const struct host *host, FILE *out);

/* A JSON object with the same; null where there is nothing to advise. */
void advice_print_json(const struct host *host, FILE *out);

#endif
