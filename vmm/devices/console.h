/* SPDX-License-Identifier: MIT */
/* The user's terminal, or whatever stdin is, as the guest's serial input. */
#ifndef MINIVMM_CONSOLE_H
#define MINIVMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "devices/keys.h"
#include "devices/pl011.h"

#define CONSOLE_ROOM 1024

struct console {
	bool open;     /* there may be more input */
	bool terminal; /* stdin is one */
	bool raw;      /* @saved must be restored */
	struct termios saved;
	struct keys keys;
	size_t count; /* input that the UART had no room for yet */
	uint16_t queue[CONSOLE_ROOM];
};

/*
 * A terminal gives every key unchanged, unechoed and at once from now on, keys.h says to
 * whom. In the background it is left alone: touching it would stop the process.
 */
void console_open(struct console *console);

/*
 * Reads stdin, which must be readable, unless the queue is full. Returns KEY_END or
 * KEY_STOP if the user asked for it.
 */
enum key console_read(struct console *console, struct pl011 *uart);

/* Moves to @uart what it has room for. */
void console_feed(struct console *console, struct pl011 *uart);

/* Gives the terminal back as it was; console_resume() takes it again, if it is ours. */
void console_restore(struct console *console);
void console_resume(struct console *console);

#endif
