/* SPDX-License-Identifier: MIT */
#ifndef GUEST_ARGS_H
#define GUEST_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/* The decimal number of NAME=NUMBER in the boot arguments; @value if there is none. */
uint64_t boot_argument(const char *args, const char *name, uint64_t value);

/* Whether NAME=VALUE is there, with this value. */
bool boot_argument_is(const char *args, const char *name, const char *value);

#endif
