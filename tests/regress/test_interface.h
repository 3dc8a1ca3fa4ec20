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
#define INTERFACE_EXCLUSIVE_ROWS   19
#define INTERFACE_DEFAULT_PMU_ROWS 14
const char *interface_exclusive_row(int row);
const char *interface_default_pmu_row(int row);
void interface_exclusive(const struct site *site, struct variant variant);
void interface_default_pmu(const struct site *site, struct variant variant);

/* test_interface_run.c: where a VM may run, and what its first run asks for. */
#define INTERFACE_REFUSED_ROWS   4
#define INTERFACE_FIRST_RUN_ROWS 6
#define INTERFACE_FROZEN_ROWS    4
const char *interface_refused_row(int row);
const char *interface_first_run_row(int row);
const char *interface_frozen_row(int row);
void interface_refused(const struct site *site, struct variant variant);
void interface_anywhere(const struct site *site, struct variant variant);
/*
 * Windows on CPU @own. KVM refuses each CPU that @pmu does not cover: before the guest's first
 * instruction, or between two halves of a window, which then counts what it
 * counts when nothing comes between.
 */
#define INTERFACE_ANY_PMU (-1)
void interface_refusals(const struct site *site, struct vcpu *vcpu, int pmu, int own, bool first);
void interface_first_run(const struct site *site, struct variant variant);
void interface_frozen(const struct site *site, struct variant variant);

/* test_interface_strict.c: feature STRICT, without which KVM chooses a PMU itself. */
#define INTERFACE_STRICT_ROWS 8
const char *interface_strict_row(int row);
void interface_strict(const struct site *site, struct variant variant);
void interface_strict_capability(const struct site *site, struct variant variant);

/* test_interface_limit.c: the number of event counters. */
#define INTERFACE_LIMIT_ROWS 10
const char *interface_limit_row(int row);
void interface_limit(const struct site *site, struct variant variant);

/* test_interface_rules.c: of interrupts, features, CPUs without a PMU, N. */
#define INTERFACE_IRQ_ROWS     6
#define INTERFACE_FEATURE_ROWS 5
#define INTERFACE_NO_PMU_ROWS  5
const char *interface_irq_row(int row);
const char *interface_feature_row(int row);
const char *interface_no_pmu_row(int row);
void interface_irq(const struct site *site, struct variant variant);
void interface_feature(const struct site *site, struct variant variant);
void interface_no_pmu(const struct site *site, struct variant variant);
void interface_n_restored(const struct site *site, struct variant variant);
void interface_filter_end(const struct site *site, struct variant variant);

#endif
