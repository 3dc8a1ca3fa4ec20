/* SPDX-License-Identifier: MIT */
#ifndef MINIVMM_EVENT_NAMES_H
#define MINIVMM_EVENT_NAMES_H

#include <stdint.h>

/* The architecture's name of a PMU event, e.g. INST_RETIRED for 0x08; NULL if minivmm knows none.
 */
const char *event_name(uint64_t event);

#endif
