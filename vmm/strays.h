/* SPDX-License-Identifier: MIT */
/* Which addresses without a device the guest has accessed, so that each is reported once. */
#ifndef MINIVMM_STRAYS_H
#define MINIVMM_STRAYS_H

#include <stdint.h>

#define STRAYS_MAX 32

struct strays {
	int count;
	uint64_t addresses[STRAYS_MAX];
};

enum stray { STRAY_KNOWN, STRAY_NEW, STRAY_LAST, STRAY_MORE };

/* STRAY_LAST: new, but there is no room for more; from then on every other one is STRAY_MORE. */
enum stray strays_note(struct strays *strays, uint64_t address);

#endif
