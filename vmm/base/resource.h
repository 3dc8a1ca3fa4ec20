/* SPDX-License-Identifier: MIT */
/* Calls that fail because the host has run out of something. */
#ifndef MINIVMM_RESOURCE_H
#define MINIVMM_RESOURCE_H

#include "base/status.h"

/*
 * fail_errno() for a call that needs descriptors, memory or threads: STATUS_HOST and what
 * helps if the host has too few of them, else STATUS_INTERNAL.
 */
enum status fail_resource(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
