/* SPDX-License-Identifier: MIT */
/* cmocka, and fail.h for unit tests: the message is kept, so that a test checks what users read. */
#ifndef MINIVMM_FAIL_CAPTURE_H
#define MINIVMM_FAIL_CAPTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#undef fail /* cmocka has a macro of that name */
#include "base/fail.h"

extern char fail_text[4096]; /* the last message, without "minivmm: " */
extern int fail_count;       /* messages since fail_reset() */

void fail_reset(void);

/*
 * Exactly one message since fail_reset(), one line with @part in it, and
 * @status is @expected. Resets.
 */
__attribute__((nonnull)) void assert_failed(enum status status, enum status expected,
					    const char *part);

/* No message, STATUS_OK. */
void assert_well(enum status status);

#endif
