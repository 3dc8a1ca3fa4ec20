/* SPDX-License-Identifier: MIT */
/* Page tables that map everything where it is, and caches. */
#ifndef GUEST_MMU_H
#define GUEST_MMU_H

#include "dt.h"

/* Maps @ram, up to 512 GiB, as cacheable memory, and what is below it as devices'. */
void mmu_map(const struct dt_range *ram);

/* MMU and caches on, on this CPU; after mmu_map(), on any. */
void mmu_on(void);

#endif
