/* SPDX-License-Identifier: MIT */
/* What the tests hold the kernel to, in a sentence each, for reports too. */
#ifndef REGRESS_PROMISES_H
#define REGRESS_PROMISES_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Prints "TEST: SENTENCE [DOCUMENT]" for each test whose name matches @pattern, of which what
 * follows the first slash is ignored: it is a case's. False: there is none.
 */
bool explain(const char *pattern, FILE *out);

#endif
