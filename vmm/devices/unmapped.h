/* SPDX-License-Identifier: MIT */
/* Which addresses without a device the guest has accessed, so that each is reported once. */
#ifndef MINIVMM_UNMAPPED_H
#define MINIVMM_UNMAPPED_H

#include <stdint.h>

#define UNMAPPED_MAX 32

struct unmapped {
	int count;
	uint64_t addresses[UNMAPPED_MAX];
};

enum unmapped_seen { UNMAPPED_KNOWN, UNMAPPED_NEW, UNMAPPED_LAST, UNMAPPED_MORE };

/* UNMAPPED_LAST: new, but there is no room for more; from then on every other one is UNMAPPED_MORE.
 */
enum unmapped_seen unmapped_note(struct unmapped *unmapped, uint64_t address);

#endif
