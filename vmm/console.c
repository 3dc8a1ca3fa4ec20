/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "console.h"

void console_open(struct console *console)
{
	struct termios raw;

	*console = (struct console){ .open = true };
	if (tcgetattr(STDIN_FILENO, &console->saved) < 0)
		return;
	if (tcgetpgrp(STDIN_FILENO) != getpgrp()) {
		console->open = false;
		return;
	}
	raw = console->saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	console->terminal = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void console_feed(struct console *console, struct pl011 *uart)
{
	uint8_t bytes[PL011_FIFO];
	size_t room = pl011_room(uart);
	ssize_t got;

	if (!room)
		return;
	got = read(STDIN_FILENO, bytes, room);
	if (got > 0)
		pl011_input(uart, bytes, (size_t)got);
	else if (got == 0 || (errno != EINTR && errno != EAGAIN))
		console->open = false;
}

void console_close(struct console *console)
{
	if (console->terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &console->saved);
}
