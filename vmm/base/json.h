/* SPDX-License-Identifier: MIT */
/* Untrusted text as a JSON string. */
#ifndef MINIVMM_JSON_H
#define MINIVMM_JSON_H

#include <stddef.h>
#include <stdio.h>

/* Names come from sysfs, in no promised encoding: a byte beyond ASCII is written as U+0080-U+00FF.
 */
void json_string(FILE *file, const char *text, size_t length);

#endif
