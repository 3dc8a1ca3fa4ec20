/* SPDX-License-Identifier: MIT */
#include "strays.h"

enum stray strays_note(struct strays *strays, uint64_t address)
{
	for (int i = 0; i < strays->count; i++)
		if (strays->addresses[i] == address)
			return STRAY_KNOWN;
	if (strays->count == STRAYS_MAX)
		return STRAY_MORE;
	strays->addresses[strays->count++] = address;
	return strays->count == STRAYS_MAX ? STRAY_LAST : STRAY_NEW;
}
