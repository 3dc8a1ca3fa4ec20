/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "with_common.h"

int number(const char *argument, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(argument, name, length) || argument[length] != '=')
		return -1;
	return atoi(argument + length + 1);
}

void die(const char *what)
{
	perror(what);
	exit(125);
}
