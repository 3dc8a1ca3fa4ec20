/* SPDX-License-Identifier: MIT */
/* Lists of CPUs as the kernel writes them: "0-3,6". */
#ifndef MINIVMM_CPULIST_H
#define MINIVMM_CPULIST_H

#include <sched.h>
#include <stddef.h>

/* "0-3,6" and a trailing newline; "" is the empty set. -1 if malformed, reversed or >= CPU_SETSIZE.
 */
int cpulist_parse(const char *text, cpu_set_t *set);

/* Writes the shortest list into @text (at least CPULIST_TEXT bytes always fit a sensible host). */
#define CPULIST_TEXT 256
const char *cpulist_format(const cpu_set_t *set, char *text, size_t size);

/* The lowest CPU of @set, -1 if it is empty. */
int cpulist_first(const cpu_set_t *set);

/* True if every CPU of @inner is in @outer. */
int cpulist_contains(const cpu_set_t *outer, const cpu_set_t *inner);

#endif
