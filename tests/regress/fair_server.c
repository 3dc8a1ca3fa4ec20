/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "fair_server.h"

#define NS_PER_S    1000000000ll
#define AWAY_NS     25000000ll  /* from now to the end of windows after settle() */
#define KNOWN_NS    900000000ll /* for so long there is no other than those that were seen */
#define NAME        "dl_task_timer,"
#define LINE_LENGTH 256

int64_t fair_server_due(FILE *timers)
{
	char line[LINE_LENGTH];
	int64_t first = FAIR_SERVER_NEVER;
	bool named = false;
	long long due;

	/* A line with the timer's function, and one with when it expires. */
	while (fgets(line, sizeof(line), timers)) {
		if (named && sscanf(line, " # expires at %lld-", &due) == 1 && due < first)
			first = due;
		named = strstr(line, NAME);
	}
	return first;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

bool fair_server_disturbs(void)
{
	/* To read takes milliseconds of the machine on which a board is emulated. */
	static _Thread_local int64_t none_until;
	int64_t due;
	FILE *timers;

	if (now_ns() + AWAY_NS <= none_until)
		return false;
	timers = fopen("/proc/timer_list", "re");
	/* Only root may, and there counts may differ. */
	due = timers ? fair_server_due(timers) : FAIR_SERVER_NEVER;
	if (timers)
		fclose(timers);
	none_until = now_ns() + KNOWN_NS;
	if (due < none_until)
		none_until = due;
	return now_ns() + AWAY_NS > due;
}
