/* SPDX-License-Identifier: MIT */
/*
 * How a test says what it found. Each test runs in a process of its own, so
 * the first failure ends it, and what is left open goes with the process.
 */
#ifndef REGRESS_RESULT_H
#define REGRESS_RESULT_H

#include <stdint.h>

/* The process's exit status. */
enum result { RESULT_OK = 0, RESULT_FAILED = 1, RESULT_SKIPPED = 4 };

/* A line of diagnostics; shown if the test fails, or with --verbose. */
__attribute__((format(printf, 1, 2))) void note(const char *format, ...);

/* The test has failed, with what was seen. */
__attribute__((format(printf, 1, 2), noreturn)) void fail_test(const char *format, ...);

/* What was tried, and errno. */
__attribute__((format(printf, 1, 2), noreturn)) void fail_test_errno(const char *format, ...);

/* The promise cannot be judged here; says what is missing. */
__attribute__((format(printf, 1, 2), noreturn)) void skip_test(const char *format, ...);

/* A fault of this kernel that was seen: skips the test, with KNOWN_FAULT and what was seen. */
#define KNOWN_FAULT "known fault of this kernel: "
__attribute__((format(printf, 1, 2), noreturn)) void known_fault(const char *format, ...);

/* @format says what it is that is compared. */
__attribute__((format(printf, 3, 4))) void expect_equal(uint64_t got, uint64_t wanted,
							const char *format, ...);
__attribute__((format(printf, 4, 5))) void expect_between(uint64_t got, uint64_t low, uint64_t high,
							  const char *format, ...);
__attribute__((format(printf, 2, 3))) void expect(int condition, const char *format, ...);

#endif
