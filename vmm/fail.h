/* SPDX-License-Identifier: MIT */
/*
 * One clear line for the user. Nothing here exits: a function that fails
 * says so once, where it knows most, and hands the status up to main().
 */
#ifndef MINIVMM_FAIL_H
#define MINIVMM_FAIL_H

#include <stdarg.h>

#include "status.h"

/* Prints "minivmm: TEXT" as one line to stderr; returns @status. */
enum status fail(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with ": " and the text of errno at the end. */
enum status fail_errno(enum status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* fail() for who is given the arguments. */
void fail_line(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
