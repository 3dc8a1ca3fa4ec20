/* SPDX-License-Identifier: MIT */
/* The tests of family `interface`, which fill several files. */
#ifndef REGRESS_TEST_INTERFACE_H
#define REGRESS_TEST_INTERFACE_H

#include "test.h"

#define FEATURE_PMU (1u << KVM_ARM_VCPU_PMU_V3)

/* test_interface_attrs.c: the errno of each attribute in each state. */
#define INTERFACE_ATTR_ROWS  44
#define INTERFACE_IOCTL_ROWS 6
const char *interface_attr_row(int row);
const char *interface_ioctl_row(int row);
void interface_attr(const struct site *site, struct variant variant);
void interface_ioctl(const struct site *site, struct variant variant);

/* test_interface_choice.c: who chooses the PMU, and what excludes what. */
#define INTERFACE_EXCLUSIVE_ROWS   16
#define INTERFACE_DEFAULT_PMU_ROWS 14
const char *interface_exclusive_row(int row);
const char *interface_default_pmu_row(int row);
void interface_exclusive(const struct site *site, struct variant variant);
void interface_default_pmu(const struct site *site, struct variant variant);

#endif
