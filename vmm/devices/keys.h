/* SPDX-License-Identifier: MIT */
/* What the keys of the user's terminal mean: the guest gets all but Ctrl-A and the next one. */
#ifndef MINIVMM_KEYS_H
#define MINIVMM_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum key {
	KEY_NONE,
	KEY_SEND, /* the byte is for the guest */
	KEY_END,
	KEY_BREAK,
	KEY_STOP, /* minivmm, as Ctrl-Z does to other programs */
	KEY_HELP,
};

struct keys {
	bool escaped; /* the last one was Ctrl-A */
	/* SIGINT, SIGTSTP are ignored, and so is what these keys do to any program. */
	bool no_interrupt, no_stop;
};

/*
 * While the guest does not listen to its UART, Ctrl-C and Ctrl-Z do to minivmm what they
 * do to any program; after that, or where both signals are ignored, they are the guest's.
 */
enum key keys_take(struct keys *keys, uint8_t byte, bool guest_listens);

extern const char keys_help[];

#endif
