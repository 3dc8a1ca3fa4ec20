/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "fuzz.h"
#include "output/lines.h"

static struct output_room room;

char fail_text[4096];
int fail_count;

enum status fail(enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fail_text, sizeof(fail_text), format, args);
	va_end(args);
	fail_count++;
	return status;
}

enum status fail_errno(enum status status, const char *format, ...)
{
	va_list args;

	must(errno);
	va_start(args, format);
	vsnprintf(fail_text, sizeof(fail_text), format, args);
	va_end(args);
	fail_count++;
	return status;
}

bool succeeded(enum status status, enum status expected)
{
	must(!status || status == expected);
	must(fail_count == (status ? 1 : 0));
	fail_count = 0;
	return !status;
}

void fail_line(const char *format, va_list args)
{
	vsnprintf(fail_text, sizeof(fail_text), format, args);
	fail_count++;
}

FILE *lines_in_memory(struct lines *lines, char **text, size_t *size)
{
	output_init(&lines->output, &room, STDOUT_FILENO, NULL, NULL);
	lines->opener = pthread_self();
	lines->file = open_memstream(text, size);
	must(lines->file);
	return lines->file;
}

void broken(const char *file, int line, const char *promise)
{
	fprintf(stderr, "%s:%d: broken: %s (last message: %s)\n", file, line, promise, fail_text);
	abort();
}

bool input_left(const struct input *input)
{
	return input->at < input->end;
}

uint64_t input_number(struct input *input, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes && input_left(input); i++)
		value |= (uint64_t)*input->at++ << 8 * i;
	return value;
}

uint64_t input_below(struct input *input, uint64_t limit)
{
	return input_number(input, limit <= 256 ? 1 : limit <= 65536 ? 2 : 8) % limit;
}

void input_text(struct input *input, char *text, size_t size)
{
	size_t length = 0;
	uint8_t byte;

	while (length < size - 1 && (byte = (uint8_t)input_number(input, 1)))
		text[length++] = (char)byte;
	text[length] = '\0';
}

void plan_text(const struct plan *plan, char text[PLAN_TEXT])
{
	static const char *const kinds[] = { "none", "step", "every", "random" };
	size_t used = (size_t)snprintf(text, PLAN_TEXT, "%s", kinds[plan->kind]);

	if (plan->kind == PLAN_EVERY || plan->kind == PLAN_RANDOM)
		used += (size_t)snprintf(text + used, PLAN_TEXT - used, ":%" PRIu64 "us",
					 plan->period_ns / 1000);
	if (plan->kind == PLAN_RANDOM)
		snprintf(text + used, PLAN_TEXT - used, ":%" PRIu64, plan->seed);
	for (int i = 0; i < plan->ncpus; i++)
		used += (size_t)snprintf(text + used, PLAN_TEXT - used, "%c%d", i ? ',' : ':',
					 plan->cpus[i]);
}

void must_be_same_plan(const struct plan *a, const struct plan *b)
{
	must(a->kind == b->kind);
	must(a->period_ns == b->period_ns);
	must(a->seed == b->seed);
	must(a->ncpus == b->ncpus);
	must(!memcmp(a->cpus, b->cpus, (size_t)a->ncpus * sizeof(a->cpus[0])));
}

/* libFuzzer's entry. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .at = data, .end = data + size };

	fail_text[0] = '\0';
	fail_count = 0;
	fuzz_one(&input);
	return 0;
}
