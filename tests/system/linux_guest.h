/* SPDX-License-Identifier: MIT */
/* The parts of the Linux guest's init. */
#ifndef LINUX_GUEST_H
#define LINUX_GUEST_H

/* Counts and samples fixed work on vCPU 0 with perf_event_open(), and prints the numbers. */
void perf_rounds(void);

#endif
