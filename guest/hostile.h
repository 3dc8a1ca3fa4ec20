/* SPDX-License-Identifier: MIT */
/* What the parts of hostile.bin share. */
#ifndef GUEST_HOSTILE_H
#define GUEST_HOSTILE_H

#include "dt.h"

#define SCRATCH (MAP_RAM_BASE + 0x1000000) /* where no image, stack or device tree is */

/* hostile_common.c */
extern struct dt dt;
extern volatile uint64_t survived; /* exceptions; survive.S */

/* Makes CPU @index run @body. */
void start_cpu(uint64_t index, void (*body)(uint64_t index));

void say(const char *what, uint64_t number);

/* From here on the guest survives exceptions, and the MMU treats device addresses as memory:
 * unaligned accesses and instruction fetches are possible there. */
void dare(void);

/* hostile_mmio.c */
void poke_devices(void);
void execute_devices(void);
void access_oddly(void); /* at=N: an instruction that KVM gets no syndrome for */
void fail_together(void);

/* hostile_lab.c */
void ring_bad(void); /* at=ADDRESS, size=, nevents=: of a record */
void ring_fault(void);
void ring_good(void);
void race(void);
void flood_records(void);
void flood_hops(void);

/* hostile_calls.c */
void storm_psci(void);
void sweep_calls(void);
void sleep_all(void);

#endif
