/* SPDX-License-Identifier: MIT */
/* The tests of the family that are not in test_host.c. */
#ifndef REGRESS_TEST_HOST_H
#define REGRESS_TEST_HOST_H

#include "scene.h"

void host_cpuset(const struct site *site, struct variant variant);
void host_cpuset_refused(const struct site *site, struct variant variant);

#endif
