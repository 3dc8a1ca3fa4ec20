/* SPDX-License-Identifier: MIT */
/* What with's parts share. */
#ifndef WITH_COMMON_H
#define WITH_COMMON_H

/* The number of NAME=NUMBER; -1 if @argument is another. */
int number(const char *argument, const char *name);

/* Says what failed, with errno, and exits with status 125. */
void die(const char *what);

#endif
