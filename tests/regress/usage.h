/* SPDX-License-Identifier: MIT */
/* pmu-regress's --help, of which its man page and completions are made too. */
#ifndef REGRESS_USAGE_H
#define REGRESS_USAGE_H

#include <stdio.h>

void usage(FILE *out);

#endif
