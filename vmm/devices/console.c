/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "devices/console.h"

static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void console_resume(struct console *console)
{
	struct termios raw;

	if (!console->terminal || console->raw)
		return;
	console->open = in_foreground();
	if (!console->open || tcgetattr(STDIN_FILENO, &console->saved) < 0)
		return;
	raw = console->saved;
	cfmakeraw(&raw);
	raw.c_oflag = console->saved.c_oflag; /* a payload's \n, and our own, start a line */
	console->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void console_restore(struct console *console)
{
	if (console->raw && in_foreground())
		tcsetattr(STDIN_FILENO, TCSANOW, &console->saved);
	console->raw = false;
}

/* Ignored by the program that started minivmm, such as a script that continues after Ctrl-C. */
static bool is_ignored(int signal)
{
	struct sigaction now;

	return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void console_open(struct console *console)
{
	*console = (struct console){ .open = true, .terminal = isatty(STDIN_FILENO) == 1 };
	console->keys.no_interrupt = is_ignored(SIGINT);
	console->keys.no_stop = is_ignored(SIGTSTP);
	console_resume(console);
}

static enum key take(struct console *console, uint8_t byte, struct pl011 *uart)
{
	enum key key = KEY_SEND;

	if (console->terminal)
		key = keys_take(&console->keys, byte, pl011_listens(uart));
	if (key == KEY_SEND)
		console->queue[console->count++] = byte;
	else if (key == KEY_BREAK)
		console->queue[console->count++] = PL011_BREAK;
	else if (key == KEY_HELP)
		tell_text(keys_help);
	return key;
}

enum key console_read(struct console *console, struct pl011 *uart)
{
	uint8_t bytes[CONSOLE_ROOM];
	size_t room = CONSOLE_ROOM - console->count;
	ssize_t got;

	if (!room)
		return KEY_NONE;
	got = read(STDIN_FILENO, bytes, room);
	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
		console->open = false;
	for (ssize_t i = 0; i < got; i++) {
		enum key key = take(console, bytes[i], uart);

		if (key == KEY_END || key == KEY_STOP)
			return key;
	}
	return KEY_NONE;
}

void console_feed(struct console *console, struct pl011 *uart)
{
	size_t taken;

	if (!console->count)
		return;
	taken = pl011_input(uart, console->queue, console->count);
	console->count -= taken;
	memmove(console->queue, console->queue + taken, console->count * sizeof(console->queue[0]));
}
