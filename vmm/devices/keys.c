/* SPDX-License-Identifier: MIT */
#include "devices/keys.h"

#define CTRL(letter) ((letter)&0x1f)

const char keys_help[] = "\n"
			 "Ctrl-A x       end minivmm\n"
			 "Ctrl-A b       send a BREAK, which Linux takes for SysRq\n"
			 "Ctrl-A z       stop minivmm; fg continues\n"
			 "Ctrl-A Ctrl-A  send Ctrl-A\n"
			 "Ctrl-A h       this text\n"
			 "Ctrl-C and Ctrl-Z are the guest's once it listens to its UART.\n";

static enum key command(uint8_t byte)
{
	switch (byte) {
	case CTRL('a'):
		return KEY_SEND;
	case 'x':
		return KEY_END;
	case 'b':
		return KEY_BREAK;
	case 'z':
		return KEY_STOP;
	case 'h':
	case '?':
		return KEY_HELP;
	default:
		return KEY_NONE;
	}
}

enum key keys_take(struct keys *keys, uint8_t byte, bool guest_listens)
{
	if (keys->escaped) {
		keys->escaped = false;
		return command(byte);
	}
	if (byte == CTRL('a')) {
		keys->escaped = true;
		return KEY_NONE;
	}
	if (byte == CTRL('c') && !guest_listens && !keys->no_interrupt)
		return KEY_END;
	if (byte == CTRL('z') && !guest_listens && !keys->no_stop)
		return KEY_STOP;
	return KEY_SEND;
}
