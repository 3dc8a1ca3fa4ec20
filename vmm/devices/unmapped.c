/* SPDX-License-Identifier: MIT */
#include "devices/unmapped.h"

enum unmapped_seen unmapped_note(struct unmapped *unmapped, uint64_t address)
{
	for (int i = 0; i < unmapped->count; i++)
		if (unmapped->addresses[i] == address)
			return UNMAPPED_KNOWN;
	if (unmapped->count == UNMAPPED_MAX)
		return UNMAPPED_MORE;
	unmapped->addresses[unmapped->count++] = address;
	return unmapped->count == UNMAPPED_MAX ? UNMAPPED_LAST : UNMAPPED_NEW;
}
