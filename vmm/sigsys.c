/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "sigsys.h"

int sigsys_filters(pid_t pid)
{
	static const char name[] = "Seccomp_filters:";
	char text[256];
	int filters = -1;
	FILE *file;

	snprintf(text, sizeof(text), "/proc/%d/status", (int)pid);
	file = fopen(text, "re");
	if (!file)
		return -1;
	while (fgets(text, sizeof(text), file))
		if (!strncmp(text, name, sizeof(name) - 1))
			filters = (int)strtol(text + sizeof(name) - 1, NULL, 10);
	fclose(file);
	return filters;
}

enum status sigsys_judge(enum jail_mode jail, int own, int vmm)
{
	/*
	 * With log the jail kills nobody. Without a filter of its own the VMM was not in the jail
	 * yet: the main thread takes its filter last, before the guest's first instruction.
	 */
	if (jail == JAIL_LOG || (own >= 0 && vmm == own))
		return fail(STATUS_HOST,
			    "a system call filter that minivmm was started with killed the VMM; "
			    "allow seccomp, landlock_create_ruleset and landlock_restrict_self "
			    "there (systemd: SystemCallFilter=, containers: the seccomp profile), "
			    "or use --jail=off; the kernel's log may have the call's number");
	if (own == 0)
		return fail(STATUS_JAIL, "the jail killed the VMM: a thread made a system call "
					 "that its rules do not allow; --jail=log tells which");
	return fail(STATUS_JAIL, "the jail killed the VMM, or a system call filter that minivmm "
				 "was started with: a thread made a system call that one of them "
				 "does not allow; with --jail=log it can only be the latter");
}
