/* SPDX-License-Identifier: MIT */
/* A list of CPUs says what it says, printed it reads as the same set, and cut off as a part of it.
 */
#include <ctype.h>
#include <string.h>

#include "base/cpulist.h"
#include "fuzz.h"

/* Every CPU has at most 5 characters. */
#define ALL_TEXT (CPUSET_CPUS * 5)

/* The grammar again, without a number's library: -1 if @text is not in it. */
static int read_number(const char **text)
{
	int value = 0;

	if (!isdigit((unsigned char)**text))
		return -1;
	for (; isdigit((unsigned char)**text); ++*text)
		value = value < CPUSET_CPUS ? value * 10 + **text - '0' : value;
	return value < CPUSET_CPUS ? value : -1;
}

static int reference(const char *text, bool *set)
{
	if (!*text || !strcmp(text, "\n"))
		return 0;
	for (;; text++) {
		int first = read_number(&text), last = first;

		if (*text == '-') {
			text++;
			last = read_number(&text);
		}
		if (first < 0 || last < first)
			return -1;
		memset(set + first, true, (size_t)(last - first) + 1);
		if (*text != ',')
			break;
	}
	return !*text || !strcmp(text, "\n") ? 0 : -1;
}

void fuzz_one(struct input *input)
{
	size_t size = input_number(input, 1);
	bool expected[CPUSET_CPUS] = { false };
	char text[2048], whole[ALL_TEXT], part[256];
	struct cpuset set, again;
	int first = -1;

	input_text(input, text, sizeof(text));
	must(cpulist_parse(text, &set) == reference(text, expected));
	if (cpulist_parse(text, &set))
		return;
	for (int cpu = CPUSET_CPUS - 1; cpu >= 0; cpu--) {
		must(!cpuset_has(&set, cpu) == !expected[cpu]);
		first = expected[cpu] ? cpu : first;
	}
	must(cpuset_first(&set) == first);
	must(!cpulist_parse(cpulist_format(&set, whole, sizeof(whole)), &again));
	must(cpuset_equal(&set, &again));
	must(strlen(whole) <= strlen(text));

	memset(part, '#', sizeof(part));
	cpulist_format(&set, part, size);
	must(size == sizeof(part) || part[size] == '#');
	if (!size)
		return;
	if (!strcmp(part, whole))
		return;
	/* A cut list ends in dots, behind a whole number if there is room for one. */
	must(!strncmp(part + strlen(part) - strspn(part + strcspn(part, "."), "."), "...",
		      size - 1) ||
	     size < 4);
	part[strcspn(part, ".")] = '\0';
	if (*part) {
		must(part[strlen(part) - 1] == ',' && !strncmp(part, whole, strlen(part)));
		part[strlen(part) - 1] = '\0';
	}
	must(!cpulist_parse(part, &again) && cpuset_contains(&set, &again));
}
