/* SPDX-License-Identifier: MIT */
#include "args.h"
#include "runtime.h"

/* What follows NAME=; NULL if there is none. */
static const char *find(const char *args, const char *name)
{
	size_t n = strlen(name);

	for (;; args++) {
		if (!memcmp(args, name, n) && args[n] == '=')
			return args + n + 1;
		while (*args && *args != ' ')
			args++;
		if (!*args)
			return NULL;
	}
}

uint64_t boot_argument(const char *args, const char *name, uint64_t value)
{
	const char *digit = find(args, name);

	if (!digit)
		return value;
	for (value = 0; *digit >= '0' && *digit <= '9'; digit++)
		value = value * 10 + (uint64_t)(*digit - '0');
	return value;
}

bool boot_argument_is(const char *args, const char *name, const char *value)
{
	const char *text = find(args, name);
	size_t n = strlen(value);

	return text && !memcmp(text, value, n) && (!text[n] || text[n] == ' ');
}
