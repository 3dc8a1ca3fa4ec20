/* SPDX-License-Identifier: MIT */
#include "usage.h"

void usage(FILE *out)
{
	fprintf(out,
		"usage: pmu-regress [options]\n"
		"Tests what this host's KVM promises about a guest's PMU, in every mode and while\n"
		"vCPUs hop between CPUs. Writes KTAP to stdout.\n\n"
		"  --list          print the names of the cases\n"
		"  --explain=NAME  print what a test or case promises, and which document says so\n"
		"  --run=GLOB      run only the cases whose names match, e.g.\n"
		"                  'counting.*/composite/*'\n"
		"  --repeat=N      run all cases N times\n"
		"  --failures=N    end after N failures\n"
		"  --seed=N        seed of all that is random (default: from the clock; it is\n"
		"                  printed)\n"
		"  --minutes=M     length of storm and of each case of model (default: seconds)\n"
		"  --programs=N    random programs in each case of model (default: 40)\n"
		"  --replay=FILE   run this program of model alone; --verbose shows what it reads\n"
		"  --keep=DIR      save the programs of model that differ, as text\n"
		"  --exact[=no]    demand exact counts, or not, instead of finding out\n"
		"  --junit=FILE    write the results as JUnit XML too\n"
		"  --progress      write the number of cases done into the kernel's log\n"
		"  --verbose       print the diagnostics of tests that pass, too\n"
		"  --help          print this text\n\n"
		"Exit status: 0 all passed, 1 some failed, 2 usage, 4 nothing could run.\n");
}
