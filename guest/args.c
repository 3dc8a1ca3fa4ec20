/* SPDX-License-Identifier: MIT */
#include "args.h"
#include "runtime.h"

uint64_t boot_argument(const char *args, const char *name, uint64_t value)
{
	size_t n = strlen(name);

	for (; *args; args++) {
		if (memcmp(args, name, n) || args[n] != '=')
			goto next;
		value = 0;
		for (args += n + 1; *args >= '0' && *args <= '9'; args++)
			value = value * 10 + (uint64_t)(*args - '0');
next:
		while (*args && *args != ' ')
			args++;
		if (!*args)
			break;
	}
	return value;
}
