/* SPDX-License-Identifier: MIT */
/* Prints the --help of a program that may not run on the machine that builds it. */
#include <stdio.h>
#include <string.h>

#include "options/command_line.h"
#include "tests/regress/usage.h"

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "minivmm"))
		options_help(stdout);
	else if (argc == 2 && !strcmp(argv[1], "pmu-regress"))
		usage(stdout);
	else
		return 1;
	return fflush(stdout) == EOF;
}
