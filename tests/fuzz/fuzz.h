/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: the input taken apart, and what is said when a promise is broken. */
#ifndef MINIVMM_FUZZ_H
#define MINIVMM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"
#include "options/plan.h"

/* What is left of the input; past its end all bytes are zero. */
struct input {
	const uint8_t *at, *end;
};

/* A target is one file that defines this; everything it finds wrong it says with must(). */
void fuzz_one(struct input *input);

bool input_left(const struct input *input);
uint64_t input_number(struct input *input, unsigned bytes); /* little-endian */
uint64_t input_below(struct input *input, uint64_t limit);
/* Up to the next NUL byte or @size - 1 bytes, into @text. */
void input_text(struct input *input, char *text, size_t size);

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			broken(__FILE__, __LINE__, #condition);                                    \
	} while (0)
__attribute__((noreturn)) void broken(const char *file, int line, const char *promise);

/* fail() keeps its line here: a failure says so once, and a success says nothing. */
extern char fail_text[4096];
extern int fail_count;
/* Whether @status is a success; a failure must be @expected and have had its one line. */
bool succeeded(enum status status, enum status expected);

struct lines;

/* Has @lines gather in memory all that is written to it. To be closed after @lines, and @text
 * freed. */
FILE *lines_in_memory(struct lines *lines, char **text, size_t *size);

/* @plan as the value of --migrate. */
#define PLAN_TEXT (64 + PLAN_MAX_CPUS * 5)
void plan_text(const struct plan *plan, char text[PLAN_TEXT]);
void must_be_same_plan(const struct plan *a, const struct plan *b);

/* Whether @text is one JSON value, in printable ASCII but for blanks between tokens. */
bool json_valid(const char *text, size_t length);

#endif
