/* SPDX-License-Identifier: MIT */
/* What each test demands of the kernel, in one sentence, also for reports. */
#ifndef REGRESS_PROMISES_H
#define REGRESS_PROMISES_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Prints "TEST: SENTENCE [DOCUMENT]" for each test whose name matches @pattern. What follows
 * the pattern's first slash belongs to a case and is ignored. False: there is none. Where versions
 * of a proposed attribute differ and the test accepts either, an indented line says so.
 */
bool explain(const char *pattern, FILE *out);

#endif
