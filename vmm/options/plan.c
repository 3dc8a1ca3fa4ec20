/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/random.h"
#include "options/plan.h"

#define FORMS  "use none, step:LIST, every:TIME[:LIST] or random:TIME[:SEED], e.g. every:5ms:0,2"
#define MIN_NS 100000ull
#define MAX_NS (3600ull * 1000000000ull)

static int parse_number(const char **text, int base, uint64_t *value)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return -1;
	errno = 0;
	*value = strtoull(*text, &end, base);
	*text = end;
	return errno ? -1 : 0;
}

/* Not cpulist_parse(): here the order and the repeats count. */
static enum status parse_list(const char *plan_text, const char *text, struct plan *plan)
{
	for (;;) {
		uint64_t first, last;

		if (parse_number(&text, 10, &first))
			goto malformed;
		last = first;
		if (*text == '-') {
			text++;
			if (parse_number(&text, 10, &last))
				goto malformed;
		}
		if (last < first || last >= CPUSET_CPUS)
			goto malformed;
		for (uint64_t cpu = first; cpu <= last; cpu++) {
			if (plan->ncpus == PLAN_MAX_CPUS)
				return fail(STATUS_USAGE,
					    "--migrate=%.200s: the list has more than %d entries; "
					    "shorten it",
					    plan_text, PLAN_MAX_CPUS);
			plan->cpus[plan->ncpus++] = (uint16_t)cpu;
		}
		if (*text != ',')
			break;
		text++;
	}
	if (!*text)
		return STATUS_OK;
malformed:
	return fail(STATUS_USAGE,
		    "--migrate=%.200s: the list of CPUs is malformed at '%.100s'; "
		    "use numbers below %d and ascending ranges, e.g. 0-3,1,6",
		    plan_text, text, CPUSET_CPUS);
}

/* Leaves *text behind the unit. */
static enum status parse_time(const char *plan_text, const char **text, uint64_t *ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };
	const char *start = *text;
	uint64_t value;

	if (!isdigit((unsigned char)*start))
		goto malformed;
	/* Too large for 64 bits is no worse than too large for an hour. */
	if (parse_number(text, 10, &value))
		value = UINT64_MAX;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(*text, units[i].name, length) ||
		    ((*text)[length] && (*text)[length] != ':'))
			continue;
		*text += length;
		if (value > MAX_NS / units[i].ns || value * units[i].ns < MIN_NS)
			return fail(STATUS_USAGE,
				    "--migrate=%s: the time is out of range; "
				    "use 100us to 3600s",
				    plan_text);
		*ns = value * units[i].ns;
		return STATUS_OK;
	}
malformed:
	return fail(STATUS_USAGE,
		    "--migrate=%s: '%s' is not a time; use a whole number with the "
		    "unit us, ms or s, e.g. 5ms",
		    plan_text, start);
}

enum status plan_parse(const char *text, struct plan *plan)
{
	const char *rest = text;
	enum status status;

	memset(plan, 0, offsetof(struct plan, cpus));
	if (!strcmp(text, "none"))
		return STATUS_OK;
	if (!strncmp(text, "step:", 5)) {
		plan->kind = PLAN_STEP;
		return parse_list(text, text + 5, plan);
	}
	if (!strncmp(text, "every:", 6)) {
		plan->kind = PLAN_EVERY;
		rest += 6;
	} else if (!strncmp(text, "random:", 7)) {
		plan->kind = PLAN_RANDOM;
		rest += 7;
	} else {
		return fail(STATUS_USAGE, "--migrate=%s: not a plan; " FORMS, text);
	}

	status = parse_time(text, &rest, &plan->period_ns);
	if (status || !*rest)
		return status;
	rest++;
	if (plan->kind == PLAN_EVERY)
		return parse_list(text, rest, plan);
	if (parse_number(&rest, 0, &plan->seed) || *rest)
		return fail(STATUS_USAGE,
			    "--migrate=%s: the seed is not a 64-bit number; "
			    "use e.g. random:5ms:42",
			    text);
	return STATUS_OK;
}

void plan_copy(struct plan *to, const struct plan *from)
{
	memcpy(to, from, offsetof(struct plan, cpus) + (size_t)from->ncpus * sizeof(*from->cpus));
}

void plan_fill(struct plan *plan, const struct cpuset *candidates)
{
	if ((plan->kind != PLAN_EVERY && plan->kind != PLAN_RANDOM) || plan->ncpus)
		return;
	for (int cpu = cpuset_first(candidates); cpu >= 0; cpu = cpuset_next(candidates, cpu))
		plan->cpus[plan->ncpus++] = (uint16_t)cpu;
}

void plan_cpus(const struct plan *plan, struct cpuset *set)
{
	cpuset_clear(set);
	for (int i = 0; i < plan->ncpus; i++)
		cpuset_add(set, plan->cpus[i]);
}

void plan_start(const struct plan *plan, int vcpu, struct plan_place *place)
{
	uint64_t state = plan->seed ^ ((uint64_t)vcpu << 32);

	place->index = plan->ncpus ? vcpu % plan->ncpus : -1;
	/* Mixed once: states a multiple of the increment apart would repeat each other. */
	place->random = random_next(&state);
}

int plan_cpu(const struct plan *plan, const struct plan_place *place)
{
	return place->index < 0 ? -1 : plan->cpus[place->index];
}

int plan_next(const struct plan *plan, struct plan_place *place)
{
	uint64_t step = 1;

	if (place->index < 0)
		return -1;
	if (plan->kind == PLAN_RANDOM && plan->ncpus > 1)
		step += random_next(&place->random) % (uint64_t)(plan->ncpus - 1);
	place->index = (int)(((uint64_t)place->index + step) % (uint64_t)plan->ncpus);
	return plan->cpus[place->index];
}
