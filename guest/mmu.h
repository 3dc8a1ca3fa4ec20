/* SPDX-License-Identifier: MIT */
/* Page tables that map each address to itself, and caches. */
#ifndef GUEST_MMU_H
#define GUEST_MMU_H

#include "dt.h"

/* Maps @ram, up to 512 GiB, as cacheable memory, and everything below it as devices. */
void mmu_map(const struct dt_range *ram);

/* Maps everything below RAM as memory too, so that it can be accessed unaligned and executed. */
void mmu_devices_as_memory(void);

/* MMU and caches on, on this CPU; after mmu_map(), on any. */
void mmu_on(void);

#endif
