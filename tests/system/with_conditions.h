/* SPDX-License-Identifier: MIT */
/* The conditions that with's command starts under. */
#ifndef WITH_CONDITIONS_H
#define WITH_CONDITIONS_H

#include <stdbool.h>

/* Sets up a condition of this process, which its command inherits; false if @argument names none.
 */
bool arrange(const char *argument);

#endif
