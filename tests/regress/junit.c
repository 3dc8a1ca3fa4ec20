/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "junit.h"

static bool cannot_write(const struct junit *junit, int error)
{
	fprintf(stderr, "pmu-regress: --junit=%s: cannot write it: %s\n", junit->path,
		strerror(error));
	return false;
}

bool junit_open(struct junit *junit, const char *path)
{
	*junit = (struct junit){ .path = path };
	if (!path)
		return true;
	junit->out = fopen(path, "we");
	if (!junit->out)
		return cannot_write(junit, errno);
	junit->cases = open_memstream(&junit->text, &junit->size);
	if (!junit->cases)
		abort();
	return true;
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
	fprintf(junit->cases, "  <testcase classname=\"%.*s\" name=\"", (int)strcspn(name, "."),
		name);
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
	int error = 0;

	if (!junit->path)
		return true;
	if (fclose(junit->cases))
		abort();
	errno = 0;
	if (fprintf(junit->out,
		    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		    "<testsuite name=\"pmu-regress\" tests=\"%d\" failures=\"%d\" "
		    "skipped=\"%d\">\n%s</testsuite>\n",
		    junit->tests, junit->failures, junit->skipped, junit->text) < 0)
		error = errno;
	if (fclose(junit->out) && !error)
		error = errno;
	free(junit->text);
	return !error || cannot_write(junit, error);
}
