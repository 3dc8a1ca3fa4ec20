/* SPDX-License-Identifier: MIT */
/* The user's terminal, or whatever stdin is, as the guest's serial input. */
#ifndef MINIVMM_CONSOLE_H
#define MINIVMM_CONSOLE_H

#include <stdbool.h>
#include <termios.h>

#include "pl011.h"

struct console {
	bool open;     /* there may be more input */
	bool terminal; /* @saved must be restored */
	struct termios saved;
};

/*
 * A terminal gives keys one by one and unechoed from now on; Ctrl-C still ends
 * the run. In the background there is no input: reading would stop the process.
 */
void console_open(struct console *console);

/* Moves what stdin has to @uart, as much as fits. Call it when stdin is readable. */
void console_feed(struct console *console, struct pl011 *uart);

void console_close(struct console *console);

#endif
