/* SPDX-License-Identifier: MIT */
/* What command_line.c and option_values.c share: an entry of the option table, and the parsers of
 * values. */
#ifndef MINIVMM_OPTION_VALUES_H
#define MINIVMM_OPTION_VALUES_H

#include "options/options.h"

enum value_kind { VALUE_NONE, VALUE_OPTIONAL, VALUE_NEEDED };

struct entry {
	const char *name;
	enum value_kind kind;
	const char *argument; /* as --help shows it */
	const char *help;     /* lines divided by '\n' */
	enum status (*set)(const struct entry *self, struct options *options, const char *value);
	size_t offset; /* for option_text() and option_flag() */
};

#define OPTION_PMU_MODES "auto, default, explicit[:NAME|:cpuN], composite, strict[:NAME], off"

/* Each puts @value into @options, or fails with STATUS_USAGE and names the option. */
enum status option_text(const struct entry *self, struct options *options, const char *value);
enum status option_flag(const struct entry *self, struct options *options, const char *value);
enum status option_pmu(const struct entry *self, struct options *options, const char *value);
enum status option_filter(const struct entry *self, struct options *options, const char *value);
enum status option_counters(const struct entry *self, struct options *options, const char *value);
enum status option_cpus(const struct entry *self, struct options *options, const char *value);
enum status option_timeout(const struct entry *self, struct options *options, const char *value);
enum status option_mem(const struct entry *self, struct options *options, const char *value);
enum status option_limit(const struct entry *self, struct options *options, const char *value);
enum status option_affinity(const struct entry *self, struct options *options, const char *value);
enum status option_migrate(const struct entry *self, struct options *options, const char *value);
enum status option_refusal(const struct entry *self, struct options *options, const char *value);
enum status option_gic(const struct entry *self, struct options *options, const char *value);
enum status option_el2(const struct entry *self, struct options *options, const char *value);
enum status option_jail(const struct entry *self, struct options *options, const char *value);
enum status option_probe(const struct entry *self, struct options *options, const char *value);

#endif
