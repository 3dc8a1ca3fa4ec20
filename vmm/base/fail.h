/* SPDX-License-Identifier: MIT */
/*
 * One clear line for the user. Nothing here exits: a function that fails
 * says so once, where it knows most, and hands the status up to main().
 */
#ifndef MINIVMM_FAIL_H
#define MINIVMM_FAIL_H

#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"

/* Prints "minivmm: TEXT" as one line to stderr; returns @status. */
enum status fail(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with ": " and the text of errno at the end. */
enum status fail_errno(enum status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* fail()'s line, with a va_list. */
void fail_line(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* Prints TEXT as a line that is not an error. */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with lines that are there already. */
void tell_text(const char *text);

/* A stream for text of many lines, which fclose() sends; NULL with errno. */
FILE *tell_open(void);

/* From now on @print gets all of these, with @owner, in place of stderr; NULL: stderr again. */
void fail_through(void (*print)(void *owner, const char *text, size_t size), void *owner);

#endif
