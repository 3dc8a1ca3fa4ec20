/* SPDX-License-Identifier: MIT */
/* The results as JUnit XML, as CI systems read it. */
#ifndef REGRESS_JUNIT_H
#define REGRESS_JUNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "result.h"

struct junit {
	const char *path; /* NULL: nothing is written */
	FILE *out;
	FILE *cases; /* into memory: the counts come before them in the file */
	char *text;
	size_t size;
	int tests, failures, skipped;
};

/* Makes the file, before any case has taken its time; false, with a line on stderr, if it cannot.
 */
bool junit_open(struct junit *junit, const char *path);
void junit_case(struct junit *junit, const char *name, enum result result, const char *reason,
		double seconds);

/* Writes the file; false, with a line on stderr, if that fails. */
bool junit_close(struct junit *junit);

#endif
