/* SPDX-License-Identifier: MIT */
#include "usage.h"

void usage(FILE *out)
{
	fprintf(out,
		"Usage: pmu-regress [options]\n"
		"Tests what this host's KVM promises about a guest's PMU, in every mode and while\n"
		"vCPUs hop between CPUs. KTAP on stdout.\n\n"
		"  --list          the names of the cases\n"
		"  --explain=NAME  what a test or case promises, and which document says so\n"
		"  --run=GLOB      only the cases whose names match, e.g. "
		"'counting.*/composite/*'\n"
		"  --repeat=N      all of them N times\n"
		"  --failures=N    end after N failures\n"
		"  --seed=N        of whatever is random (default: from the clock; it is printed)\n"
		"  --minutes=M     how long the storm lasts (default: a few seconds)\n"
		"  --exact[=no]    take counts to be exact, or not, instead of finding out\n"
		"  --junit=FILE    the results as JUnit XML too\n"
		"  --progress      how many cases are done, in the kernel's log\n"
		"  --verbose       diagnostics of tests that pass, too\n"
		"  --help          this text\n\n"
		"Exit status: 0 all passed, 1 some failed, 2 usage, 4 nothing could run.\n");
}
