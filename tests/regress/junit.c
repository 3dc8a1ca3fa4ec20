/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "junit.h"

void junit_open(struct junit *junit, const char *path)
{
	*junit = (struct junit){ .path = path };
	if (!path)
		return;
	junit->cases = open_memstream(&junit->text, &junit->size);
	if (!junit->cases)
		abort();
}

static void escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default: /* XML 1.0 has no other control characters than these */
			fputc((unsigned char)*text < ' ' && *text != '\t' ? ' ' : *text, out);
		}
	}
}

void junit_case(struct junit *junit, const char *name, enum result result, const char *reason,
		double seconds)
{
	if (!junit->path)
		return;
	junit->tests++;
	fprintf(junit->cases, "  <testcase classname=\"pmu-regress\" name=\"");
	escape(junit->cases, name);
	fprintf(junit->cases, "\" time=\"%.3f\"", seconds);
	if (result == RESULT_OK) {
		fprintf(junit->cases, "/>\n");
		return;
	}
	junit->failures += result == RESULT_FAILED;
	junit->skipped += result == RESULT_SKIPPED;
	fprintf(junit->cases, "><%s message=\"", result == RESULT_FAILED ? "failure" : "skipped");
	escape(junit->cases, reason);
	fprintf(junit->cases, "\"/></testcase>\n");
}

bool junit_close(struct junit *junit)
{
	FILE *out;
	bool written;

	if (!junit->path)
		return true;
	fclose(junit->cases);
	out = fopen(junit->path, "w");
	if (out) {
		fprintf(out,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<testsuite name=\"pmu-regress\" tests=\"%d\" failures=\"%d\" "
			"skipped=\"%d\">\n%s</testsuite>\n",
			junit->tests, junit->failures, junit->skipped, junit->text);
		written = !ferror(out);
		written = !fclose(out) && written;
	}
	free(junit->text);
	if (!out || !written)
		fprintf(stderr, "pmu-regress: --junit=%s: cannot write it: %s\n", junit->path,
			strerror(errno));
	return out && written;
}
