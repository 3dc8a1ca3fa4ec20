/* SPDX-License-Identifier: MIT */
#include <linux/version.h>

#include "base/version.h"
#include "commit.h"

void version_print(FILE *out)
{
	fprintf(out, "minivmm %s (commit %s, Linux headers %d.%d.%d)\n", MINIVMM_VERSION,
		MINIVMM_COMMIT, LINUX_VERSION_MAJOR, LINUX_VERSION_PATCHLEVEL,
		LINUX_VERSION_SUBLEVEL);
}
