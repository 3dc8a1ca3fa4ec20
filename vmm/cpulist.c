/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpulist.h"

/* strtol() alone would take signs and blanks. */
static int parse_cpu(const char **text)
{
	char *end;
	long cpu;

	if (!isdigit((unsigned char)**text))
		return -1;
	cpu = strtol(*text, &end, 10);
	*text = end;
	return cpu < CPU_SETSIZE ? (int)cpu : -1;
}

int cpulist_parse(const char *text, cpu_set_t *set)
{
	CPU_ZERO(set);
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
			CPU_SET((size_t)cpu, set);
		if (*text != ',')
			break;
		text++;
	}
	return !*text || !strcmp(text, "\n") ? 0 : -1;
}

const char *cpulist_format(const cpu_set_t *set, char *text, size_t size)
{
	int left = CPU_COUNT(set);
	size_t used = 0;

	if (size)
		text[0] = '\0';
	for (int first = 0; left && first < CPU_SETSIZE; first++) {
		char part[32];
		int last = first;
		size_t length;

		if (!CPU_ISSET((size_t)first, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET((size_t)last + 1, set))
			last++;
		if (last == first)
			snprintf(part, sizeof(part), "%s%d", used ? "," : "", first);
		else
			snprintf(part, sizeof(part), "%s%d-%d", used ? "," : "", first, last);
		length = strlen(part);
		/* A cut-off number would be another CPU: stop before it. */
		if (used + length >= size)
			break;
		memcpy(text + used, part, length + 1);
		used += length;
		left -= last - first + 1;
		first = last;
	}
	return text;
}

int cpulist_first(const cpu_set_t *set)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, set))
			return cpu;
	return -1;
}

int cpulist_contains(const cpu_set_t *outer, const cpu_set_t *inner)
{
	cpu_set_t both;

	CPU_AND(&both, outer, inner);
	return CPU_EQUAL(&both, inner);
}
