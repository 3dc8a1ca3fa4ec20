/* SPDX-License-Identifier: MIT */
/* A test, and the variants of it that make its cases. */
#ifndef REGRESS_TEST_H
#define REGRESS_TEST_H

#include "hops.h"
#include "mode.h"
#include "site.h"

/* What a case is called after the test's name, and what the test gets. */
struct variant {
	enum mode mode;
	enum hops hops;
	int row;
};

#define IN(mode) (1u << (mode))
/* These run in every case of most tests; the other modes where a test says so, in a few. */
#define EVERY_MODE  (IN(MODE_DEFAULT) | IN(MODE_EXPLICIT) | IN(MODE_COMPOSITE))
#define WITH_EVENTS (IN(MODE_DEFAULT) | IN(MODE_EXPLICIT))
#define STRICT      IN(MODE_STRICT)
#define LIMITED     IN(MODE_LIMITED)
#define STILL       (1u << HOPS_NONE)
#define SYNC        (1u << HOPS_SYNC)
#define ASYNC       (1u << HOPS_ASYNC)
#define EVERY_HOP   (STILL | SYNC | ASYNC)

struct test {
	const char *name; /* family.promise */
	void (*run)(const struct site *site, struct variant variant);
	unsigned modes; /* IN() of each mode it has a case for; 0: it chooses itself */
	unsigned hops;  /* likewise STILL, SYNC, ASYNC */
	int rows;       /* of a table in its source; 0: none */
	const char *(*row_name)(int row);
	unsigned seconds; /* time limit; 0: the usual one */
};

struct family {
	const struct test *tests;
	int ntests;
};

extern const struct family interface_family, counting_family, counting_control_family,
	counting_width_family, counting_filters_family, counting_el0_family, overflow_family,
	overflow_level_family, overflow_lines_family, overflow_asleep_family, overflow_full_family,
	registers_family, state_family, many_family, host_family, storm_family,
	el2_registers_family, el2_counting_family, el2_live_family, el2_state_family,
	el2_overflow_family, model_family, replay_family;

#define FAMILY(name, table)                                                                        \
	const struct family name = { table, (int)(sizeof(table) / sizeof((table)[0])) }

#endif
