/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpulist.h"
#include "base/fail.h"
#include "options/option_values.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIB           (1ull << 20)

static const char *const mode_names[] = {
	[PMU_AUTO] = "auto",           [PMU_DEFAULT] = "default", [PMU_EXPLICIT] = "explicit",
	[PMU_COMPOSITE] = "composite", [PMU_STRICT] = "strict",   [PMU_OFF] = "off",
};

const char *pmu_mode_name(enum pmu_mode mode)
{
	return (size_t)mode < ARRAY_SIZE(mode_names) ? mode_names[mode] : "?";
}

/* strtoull() alone would take signs and blanks. Returns NULL if there is no number. */
static const char *number(const char *text, int base, uint64_t *value)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	*value = strtoull(text, &end, base);
	return errno ? NULL : end;
}

static enum status ranged(const struct entry *self, const char *value, uint64_t min, uint64_t max,
			  uint64_t *result)
{
	const char *end = number(value, 10, result);

	if (end && !*end && *result >= min && *result <= max)
		return STATUS_OK;
	return fail(STATUS_USAGE, "--%s=%s: not a number from %llu to %llu", self->name, value,
		    (unsigned long long)min, (unsigned long long)max);
}

enum status option_text(const struct entry *self, struct options *options, const char *value)
{
	if (!*value && self->offset != offsetof(struct options, append))
		return fail(STATUS_USAGE, "--%s= is empty; give a file name", self->name);
	memcpy((char *)options + self->offset, &value, sizeof(value));
	return STATUS_OK;
}

enum status option_flag(const struct entry *self, struct options *options, const char *value)
{
	(void)value;
	*(bool *)((char *)options + self->offset) = true;
	return STATUS_OK;
}

enum status option_pmu(const struct entry *self, struct options *options, const char *value)
{
	size_t length = strcspn(value, ":");
	const char *name = value[length] ? value + length + 1 : NULL;
	const char *end;
	size_t mode;
	uint64_t cpu;

	(void)self;
	for (mode = 0; mode < ARRAY_SIZE(mode_names); mode++)
		if (strlen(mode_names[mode]) == length && !memcmp(mode_names[mode], value, length))
			break;
	if (mode == ARRAY_SIZE(mode_names))
		return fail(STATUS_USAGE, "--pmu=%s: no such mode; use " OPTION_PMU_MODES, value);
	options->pmu = (enum pmu_mode)mode;
	options->pmu_name[0] = '\0';
	options->pmu_cpu = -1;
	if (!name)
		return STATUS_OK;
	if (mode != PMU_EXPLICIT && mode != PMU_STRICT)
		return fail(STATUS_USAGE,
			    "--pmu=%s: %s takes no host PMU; use --pmu=%s or "
			    "--pmu=explicit:%s",
			    value, mode_names[mode], mode_names[mode], name);
	if (!*name || strlen(name) >= sizeof(options->pmu_name))
		return fail(STATUS_USAGE,
			    "--pmu=%s: the host PMU's name is %s; --probe lists the "
			    "names",
			    value, *name ? "too long" : "missing after ':'");
	if (mode == PMU_EXPLICIT && !strncmp(name, "cpu", 3)) {
		end = number(name + 3, 10, &cpu);
		if (end && !*end) {
			if (cpu >= CPUSET_CPUS)
				return fail(STATUS_USAGE, "--pmu=%s: no such CPU; use 0 to %d",
					    value, CPUSET_CPUS - 1);
			options->pmu_cpu = (int)cpu;
			return STATUS_OK;
		}
	}
	strcpy(options->pmu_name, name);
	return STATUS_OK;
}

enum status option_filter(const struct entry *self, struct options *options, const char *value)
{
	const char *at = strchr(value, ':');

	options->pmu_filter_deny = !strncmp(value, "deny:", 5);
	if (!options->pmu_filter_deny && strncmp(value, "allow:", 6))
		return fail(STATUS_USAGE,
			    "--%s=%s: use allow:EVENTS or deny:EVENTS, e.g. "
			    "allow:0x11,0x8-0xb",
			    self->name, value);
	options->nfilters = 0;
	do {
		struct pmu_filter *filter = &options->filters[options->nfilters];
		uint64_t first = 0, last;

		if (options->nfilters == MAX_FILTERS)
			return fail(STATUS_USAGE, "--%s=%s: more than %d ranges; join some",
				    self->name, value, MAX_FILTERS);
		at = number(at + 1, 0, &first);
		last = first;
		if (at && *at == '-')
			at = number(at + 1, 0, &last);
		/* The count has 16 bits as well: the range of all 65536 events does not fit. */
		if (!at || (*at && *at != ',') || last < first || last > UINT16_MAX ||
		    last - first >= UINT16_MAX)
			return fail(STATUS_USAGE,
				    "--%s=%s: malformed list of events; use numbers "
				    "up to 0xffff and ascending ranges, e.g. 0x11,0x8-0xb",
				    self->name, value);
		filter->base = (uint16_t)first;
		filter->count = (uint16_t)(last - first + 1);
		options->nfilters++;
	} while (*at);
	return STATUS_OK;
}

enum status option_counters(const struct entry *self, struct options *options, const char *value)
{
	uint64_t n = 0;
	enum status status = ranged(self, value, 0, 31, &n);

	options->pmu_counters = (int)n;
	return status;
}

enum status option_cpus(const struct entry *self, struct options *options, const char *value)
{
	uint64_t n = 0;
	enum status status = ranged(self, value, 1, MAX_VCPUS, &n);

	options->cpus = (int)n;
	return status;
}

enum status option_timeout(const struct entry *self, struct options *options, const char *value)
{
	uint64_t n = 0;
	const char *end = number(value, 10, &n);

	if (!end || end[*end == 's'] || n < 1 || n > 1000000)
		return fail(STATUS_USAGE,
			    "--%s=%s: not a time; use whole seconds from 1 to 1000000, e.g. 60 or "
			    "60s",
			    self->name, value);
	options->timeout_s = (unsigned)n;
	return STATUS_OK;
}

/* A multiple of @step, up to 1024G. */
static enum status sized(const struct entry *self, const char *value, uint64_t step,
			 const char *step_text, uint64_t *size)
{
	static const char suffixes[] = "kKmMgG";
	const char *end = number(value, 10, size);
	const char *suffix = end && *end ? strchr(suffixes, *end) : NULL;
	unsigned shift = suffix ? 10 * (unsigned)((suffix - suffixes) / 2 + 1) : 0;

	if (!end || end[suffix ? 1 : 0])
		return fail(STATUS_USAGE,
			    "--%s=%s: not a size; use a whole number with K, M or G, "
			    "e.g. 64M",
			    self->name, value);
	if (*size > (MIB << 20) >> shift || *size << shift < step || (*size << shift) % step)
		return fail(STATUS_USAGE, "--%s=%s: use a multiple of %s from %s to 1024G",
			    self->name, value, step_text, step_text);
	*size <<= shift;
	return STATUS_OK;
}

enum status option_mem(const struct entry *self, struct options *options, const char *value)
{
	return sized(self, value, 2 * MIB, "2M", &options->mem);
}

enum status option_limit(const struct entry *self, struct options *options, const char *value)
{
	return sized(self, value, 4 << 10, "4K", &options->limit);
}

/* One part of @text, which is taken apart: LIST for all vCPUs, or V:LIST. */
static enum status add_affinity(const struct entry *self, struct options *options, char *part)
{
	const char *list = part;
	uint64_t vcpu = 0;

	if (options->affinity_each) {
		list = number(part, 10, &vcpu);
		if (!list || *list++ != ':' || vcpu >= MAX_VCPUS)
			return fail(STATUS_USAGE,
				    "--%s: '%.200s' is not V:LIST with a vCPU V below %d; use e.g. "
				    "'0:0-1;1:2'",
				    self->name, part, MAX_VCPUS);
		if (!cpuset_is_empty(&options->affinity[vcpu]))
			return fail(STATUS_USAGE,
				    "--%s: vCPU %d is named twice, in '%.200s' too; give it one "
				    "list",
				    self->name, (int)vcpu, part);
	}
	if (cpulist_parse(list, &options->affinity[vcpu]) ||
	    cpuset_is_empty(&options->affinity[vcpu]))
		return fail(STATUS_USAGE, "--%s: '%.200s' is not a list of CPUs; use e.g. 0-3,6",
			    self->name, list);
	if (options->naffinity <= (int)vcpu)
		options->naffinity = (int)vcpu + 1;
	return STATUS_OK;
}

enum status option_affinity(const struct entry *self, struct options *options, const char *value)
{
	char *text = strdup(value), *next = text;
	enum status status = STATUS_OK;

	if (!text)
		return fail_errno(STATUS_INTERNAL, "--%s", self->name);
	memset(options->affinity, 0, sizeof(options->affinity));
	options->affinity_each = strchr(value, ':');
	options->naffinity = 1;
	while (next && !status)
		status = add_affinity(self, options,
				      strsep(&next, options->affinity_each ? ";" : ""));
	free(text);
	return status;
}

enum status option_migrate(const struct entry *self, struct options *options, const char *value)
{
	(void)self;
	return plan_parse(value, &options->plan);
}

enum status option_refusal(const struct entry *self, struct options *options, const char *value)
{
	options->refusal_return = !strcmp(value, "return");
	if (!options->refusal_return && strcmp(value, "stop"))
		return fail(STATUS_USAGE, "--%s=%s: use stop or return", self->name, value);
	return STATUS_OK;
}

enum status option_gic(const struct entry *self, struct options *options, const char *value)
{
	options->gic = !strcmp(value, "2") ? 2 : !strcmp(value, "3") ? 3 : 0;
	if (!options->gic && strcmp(value, "auto"))
		return fail(STATUS_USAGE, "--%s=%s: use auto, 2 or 3", self->name, value);
	return STATUS_OK;
}

enum status option_el2(const struct entry *self, struct options *options, const char *value)
{
	if (value && strcmp(value, "e2h0"))
		return fail(STATUS_USAGE, "--%s=%s: use --el2 or --el2=e2h0", self->name, value);
	options->el2 = value ? EL2_E2H0 : EL2_VHE;
	return STATUS_OK;
}

enum status option_jail(const struct entry *self, struct options *options, const char *value)
{
	if (!strcmp(value, "on"))
		options->jail = JAIL_ON;
	else if (!strcmp(value, "log"))
		options->jail = JAIL_LOG;
	else if (!strcmp(value, "off"))
		options->jail = JAIL_OFF;
	else
		return fail(STATUS_USAGE, "--%s=%s: use on, log or off", self->name, value);
	return STATUS_OK;
}

enum status option_probe(const struct entry *self, struct options *options, const char *value)
{
	options->probe = true;
	options->probe_json = value != NULL;
	if (value && strcmp(value, "json"))
		return fail(STATUS_USAGE, "--%s=%s: use --probe or --probe=json", self->name,
			    value);
	return STATUS_OK;
}
