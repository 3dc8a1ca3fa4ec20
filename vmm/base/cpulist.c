/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpulist.h"

/* strtol() alone would take signs and blanks. */
static int parse_cpu(const char **text)
{
	char *end;
	long cpu;

	if (!isdigit((unsigned char)**text))
		return -1;
	cpu = strtol(*text, &end, 10);
	*text = end;
	return cpu < CPUSET_CPUS ? (int)cpu : -1;
}

int cpulist_parse(const char *text, struct cpuset *set)
{
	cpuset_clear(set);
	if (!*text || !strcmp(text, "\n"))
		return 0;

	for (;;) {
		int first = parse_cpu(&text);
		int last = first;

		if (*text == '-') {
			text++;
			last = parse_cpu(&text);
		}
		if (first < 0 || last < first)
			return -1;
		for (int cpu = first; cpu <= last; cpu++)
			cpuset_add(set, cpu);
		if (*text != ',')
			break;
		text++;
	}
	return !*text || !strcmp(text, "\n") ? 0 : -1;
}

const char *cpulist_format(const struct cpuset *set, char *text, size_t size)
{
	static const char more[] = ",...";
	size_t used = 0, cut = 0; /* there is room for more[] behind the first @cut bytes */

	if (size)
		text[0] = '\0';
	for (int first = cpuset_first(set), last; first >= 0; first = cpuset_next(set, last)) {
		char part[32];
		size_t length;

		last = first;
		while (cpuset_has(set, last + 1))
			last++;
		if (last == first)
			snprintf(part, sizeof(part), "%s%d", used ? "," : "", first);
		else
			snprintf(part, sizeof(part), "%s%d-%d", used ? "," : "", first, last);
		length = strlen(part);
		if (used + length >= size) {
			snprintf(text + cut, size - cut, "%s", cut ? more : more + 1);
			break;
		}
		memcpy(text + used, part, length + 1);
		used += length;
		if (used + sizeof(more) <= size)
			cut = used;
	}
	return text;
}
