/* SPDX-License-Identifier: MIT */
/* The tests of family `registers`, which fill several files. */
#ifndef REGRESS_TEST_REGISTERS_H
#define REGRESS_TEST_REGISTERS_H

#include "probes.h"
#include "test.h"

/* test_registers_access.c: what is UNDEFINED, and what is read as zero. */
#define REGISTERS_PATHS       8
#define REGISTERS_BITMAPS     3
#define REGISTERS_LOWERED     6
#define REGISTERS_ABSENT_ROWS 3
const char *registers_path(int row);
const char *registers_bitmap_name(int row);
const char *registers_lowered_row(int row);
const char *registers_absent_row(int row);
void registers_undefined(const struct site *site, struct variant variant);
void registers_lowered(const struct site *site, struct variant variant);
void registers_raised(const struct site *site, struct variant variant);
void registers_bitmap(const struct site *site, struct variant variant);
void registers_absent(const struct site *site, struct variant variant);

/* The hexadecimal number in sysfs's file @path; 0 if there is none. */
uint64_t registers_sysfs(const char *path);

/* test_registers_values.c: what reads as what. */
void registers_pmcr(const struct site *site, struct variant variant);
void registers_pmmir(const struct site *site, struct variant variant);
void registers_slots(const struct site *site, struct variant variant);
void registers_pmuver(const struct site *site, struct variant variant);
void registers_pmuver_lowered(const struct site *site, struct variant variant);
void registers_pmuver_impdef(const struct site *site, struct variant variant);
void registers_pmuver_raised(const struct site *site, struct variant variant);
void registers_reset(const struct site *site, struct variant variant);
void registers_writes(const struct site *site, struct variant variant);
void registers_selector(const struct site *site, struct variant variant);

/* test_registers_events.c: which events there are. */
void registers_pmceid(const struct site *site, struct variant variant);
void registers_pmceid_filtered(const struct site *site, struct variant variant);
void registers_pmceid_moves(const struct site *site, struct variant variant);

/* test_registers_el0.c: PMUSERENR_EL0. */
#define REGISTERS_EL0_ROWS 8
const char *registers_el0_row(int row);
void registers_el0(const struct site *site, struct variant variant);
void registers_el0_class(const struct site *site, struct variant variant);

/* Whether KVM sees an EL0 that reads the cycle counter, as on hardware: QEMU may let it through. */
bool registers_el0_reads_trap(const struct site *site);

/* test_registers_aarch32.c: the same, of AArch32. */
#define REGISTERS_AARCH32_ROWS 5
const char *registers_aarch32_row(int row);
void registers_el0_aarch32(const struct site *site, struct variant variant);

#endif
