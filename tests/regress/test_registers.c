/* SPDX-License-Identifier: MIT */
#include "test_registers.h"

static const struct test tests[] = {
	{ "registers.undefined", registers_undefined, EVERY_MODE, 0, REGISTERS_PATHS,
	  registers_path, 0 },
	{ "registers.undefined", registers_undefined, LIMITED, 0, REGISTERS_PATHS, registers_path,
	  0 },
	{ "registers.lowered", registers_lowered, WITH_EVENTS | LIMITED, 0, REGISTERS_LOWERED,
	  registers_lowered_row, 0 },
	{ "registers.raised", registers_raised, EVERY_MODE | STRICT, 0, 0, NULL, 0 },
	{ "registers.bitmap", registers_bitmap, EVERY_MODE | LIMITED, 0, REGISTERS_BITMAPS,
	  registers_bitmap_name, 0 },
	{ "registers.absent", registers_absent, 0, 0, REGISTERS_ABSENT_ROWS, registers_absent_row,
	  0 },
	{ "registers.pmcr", registers_pmcr, EVERY_MODE | STRICT | LIMITED, 0, 0, NULL, 0 },
	{ "registers.pmceid", registers_pmceid, EVERY_MODE | STRICT, 0, 0, NULL, 0 },
	{ "registers.pmceid-filtered", registers_pmceid_filtered, WITH_EVENTS | STRICT, 0, 0, NULL,
	  0 },
	{ "registers.pmceid-moves", registers_pmceid_moves, IN(MODE_DEFAULT) | IN(MODE_COMPOSITE),
	  0, 0, NULL, 0 },
	{ "registers.pmmir", registers_pmmir, EVERY_MODE | STRICT, 0, 0, NULL, 0 },
	{ "registers.slots", registers_slots, STRICT, 0, 0, NULL, 0 },
	{ "registers.pmuver", registers_pmuver, EVERY_MODE, 0, 0, NULL, 0 },
	{ "registers.pmuver-lowered", registers_pmuver_lowered, EVERY_MODE, 0, 0, NULL, 0 },
	{ "registers.pmuver-impdef", registers_pmuver_impdef, 0, 0, 0, NULL, 0 },
	{ "registers.pmuver-raised", registers_pmuver_raised, EVERY_MODE, 0, 0, NULL, 0 },
	{ "registers.reset", registers_reset, EVERY_MODE | STRICT | LIMITED, 0, 0, NULL, 0 },
	{ "registers.writes", registers_writes, EVERY_MODE | STRICT | LIMITED, 0, 0, NULL, 0 },
	{ "registers.selector", registers_selector, EVERY_MODE | LIMITED, 0, 0, NULL, 0 },
	{ "registers.el0", registers_el0, EVERY_MODE, 0, REGISTERS_EL0_ROWS, registers_el0_row, 0 },
	{ "registers.el0-class", registers_el0_class, EVERY_MODE, 0, 0, NULL, 0 },
	{ "registers.el0-aarch32", registers_el0_aarch32, EVERY_MODE, 0, REGISTERS_AARCH32_ROWS,
	  registers_aarch32_row, 0 },
};

FAMILY(registers_family, tests);
