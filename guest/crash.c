/* SPDX-License-Identifier: MIT */
#include "runtime.h"

void guest_main(const void *dt)
{
	(void)dt;
	__asm__ volatile("udf #0");
	lab_exit(1);
}
