/* SPDX-License-Identifier: MIT */
/* The tests of the family that are not in test_host.c. */
#ifndef REGRESS_TEST_HOST_H
#define REGRESS_TEST_HOST_H

#include "scene.h"

void host_cpuset(const struct site *site, struct variant variant);
void host_cpuset_refused(const struct site *site, struct variant variant);

enum { HOST_PERF_ROWS = 3 };

void host_perf(const struct site *site, struct variant variant);
const char *host_perf_name(int row);
void host_starved(const struct site *site, struct variant variant);
void host_throttled(const struct site *site, struct variant variant);

/* How many pinned events find a counter on @cpu. */
int host_capacity(const struct site *site, int cpu);

enum { HOST_COUNTED_ROWS = 2 };

void host_counted(const struct site *site, struct variant variant);
const char *host_counted_name(int row);
void host_left_behind(const struct site *site, struct variant variant);
void host_user_access(const struct site *site, struct variant variant);

#endif
