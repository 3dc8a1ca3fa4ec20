/* SPDX-License-Identifier: MIT */
/* The command line. One table (command_line.c) feeds parsing and --help. */
#ifndef MINIVMM_COMMAND_LINE_H
#define MINIVMM_COMMAND_LINE_H

#include <stdio.h>

#include "base/status.h"
#include "options/options.h"

/*
 * Fills @options, defaults included. Every error is STATUS_USAGE and names the
 * option, what is wrong and what would work. IMAGE is required unless --help,
 * --version or --probe is given. Conflicts between options are found here;
 * what depends on the host (CPUs, PMUs) is checked by mode.c.
 */
enum status options_parse(int argc, char **argv, struct options *options);

/* What --help prints: usage, every option with its default, the exit statuses. One screen. */
void options_help(FILE *out);

#endif
