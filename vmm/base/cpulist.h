/* SPDX-License-Identifier: MIT */
/* Lists of CPUs as the kernel writes them: "0-3,6". */
#ifndef MINIVMM_CPULIST_H
#define MINIVMM_CPULIST_H

#include <stddef.h>

#include "base/cpuset.h"

/* "0-3,6" and a trailing newline; "" is the empty set. -1 if malformed, reversed or >= CPUSET_CPUS.
 */
int cpulist_parse(const char *text, struct cpuset *set);

/*
 * Writes the shortest list into @text. One that does not fit ends in ",...": only after a whole
 * number, as "10" cut to "1" would be another CPU. Programs get room for the whole list; a line
 * for people is long enough with CPULIST_TEXT.
 */
#define CPULIST_TEXT  256
#define CPULIST_WHOLE (CPUSET_CPUS * 4) /* the longest is "0-1,3-4,...": 10 bytes for 3 CPUs */
const char *cpulist_format(const struct cpuset *set, char *text, size_t size);

#endif
