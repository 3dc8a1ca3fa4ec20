/* SPDX-License-Identifier: MIT */
/* Cuts a program down to what still shows the same difference. */
#ifndef SHRINK_H
#define SHRINK_H

#include "program.h"

struct shrinking {
	/* Whether a candidate shows it too. */
	bool (*differs)(void *context, const struct program *program);
	/* Whether there is no time left. */
	bool (*late)(void *context);
	void *context;
};

void program_shrink(struct program *program, const struct shrinking *shrinking);

#endif
