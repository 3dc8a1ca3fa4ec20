/* SPDX-License-Identifier: MIT */
/* Which minivmm this is. */
#ifndef MINIVMM_VERSION_H
#define MINIVMM_VERSION_H

#include <stdio.h>

/* One line: the version, the commit, the kernel headers whose KVM interface was compiled in. */
void version_print(FILE *out);

#endif
