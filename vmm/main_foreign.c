/* SPDX-License-Identifier: MIT */
/* minivmm where it cannot run: --help and --version work, everything else says why. */
#include <stdio.h>
#include <sys/utsname.h>

#include "base/fail.h"
#include "base/version.h"
#include "options/command_line.h"

int main(int argc, char **argv)
{
	struct options options;
	struct utsname system = { .machine = "unknown" };
	enum status status = options_parse(argc, argv, &options);

	if (status)
		return (int)status;
	if (options.help) {
		options_help(stdout);
		return STATUS_OK;
	}
	if (options.version) {
		version_print(stdout);
		return STATUS_OK;
	}
	uname(&system);
	return (int)fail(
		STATUS_HOST,
		"minivmm runs arm64 guests on the KVM of an arm64 host, and this is %s; use "
		"scripts/board to run the arm64 build on an emulated board",
		system.machine);
}
