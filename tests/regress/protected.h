/* SPDX-License-Identifier: MIT */
/* Protected KVM (kvm-arm.mode=protected), which does not switch the PMU for its guests. */
#ifndef REGRESS_PROTECTED_H
#define REGRESS_PROTECTED_H

#include "site.h"

/*
 * docs/kernel-findings.md, 50: whether the guests of a protected KVM count nothing, although
 * every call for their PMU succeeds. Found out by counting, in a process of its own. False
 * where KVM is not protected: there the cases show what does not count.
 */
bool protected_counts_nothing(const struct site *site);

/* Whether @name, a case, is judged where guests count nothing: only if it needs no counts. */
bool protected_judges(const char *name);

#define PROTECTED_FAULT "guests of a protected KVM count nothing"

#endif
