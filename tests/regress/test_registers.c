/* SPDX-License-Identifier: MIT */
#include "test_registers.h"

static const struct test tests[] = {
	{ "registers.undefined", registers_undefined, EVERY_MODE, 0, REGISTERS_PATHS,
	  registers_path, 0 },
	{ "registers.lowered", registers_lowered, WITH_EVENTS, 0, REGISTERS_LOWERED,
	  registers_lowered_row, 0 },
	{ "registers.raised", registers_raised, EVERY_MODE, 0, 0, NULL, 0 },
	{ "registers.bitmap", registers_bitmap, EVERY_MODE, 0, REGISTERS_BITMAPS,
	  registers_bitmap_name, 0 },
	{ "registers.absent", registers_absent, 0, 0, REGISTERS_ABSENT_ROWS, registers_absent_row,
	  0 },
};

FAMILY(registers_family, tests);
