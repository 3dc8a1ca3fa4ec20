/* SPDX-License-Identifier: MIT */
/* Gathers bytes: the guest's, one by one, and lines. */
#include <string.h>

#include "output/output.h"

enum gathered { GATHERED, GATHERED_FIRST, FULL };

/* With the lock held: whether these are the first bytes since the last flush. */
static inline enum gathered note_gathered(struct output *output)
{
	if (atomic_load_explicit(&output->asked, memory_order_relaxed))
		return GATHERED;
	atomic_store_explicit(&output->asked, true, memory_order_relaxed);
	return GATHERED_FIRST;
}

/* With the lock held, which it gives up. */
static inline enum gathered gather(struct output *output, uint8_t byte)
{
	struct output_bytes *gathered = &output->gathered;
	enum gathered result = FULL;

	if (gathered->count < OUTPUT_SOON) {
		gathered->bytes[gathered->count++] = byte;
		result = note_gathered(output);
	}
	spinlock_release(&output->lock);
	return result;
}

static __attribute__((noinline)) void put_on(struct output *output, uint8_t byte,
					     enum gathered result)
{
	while (result == FULL) {
		/* The run is over, and this byte came after its end, or beyond its limit. */
		if (atomic_load(&output->nonblocking) || output_shut(output))
			return;
		output_write(output);
		spinlock_take(&output->lock);
		result = gather(output, byte);
	}
	if (result == GATHERED_FIRST)
		output->ask(output->owner);
	if (byte == '\n')
		output_write(output);
}

static __attribute__((noinline)) void put_slowly(struct output *output, uint8_t byte)
{
	enum gathered result;

	spinlock_wait(&output->lock);
	result = gather(output, byte);
	if (result != GATHERED || byte == '\n')
		put_on(output, byte, result);
}

/* Every call in it is a tail call, so it saves no registers: ten instructions per byte. */
void output_put(struct output *output, uint8_t byte)
{
	enum gathered result;

	if (!spinlock_try(&output->lock)) {
		put_slowly(output, byte);
		return;
	}
	result = gather(output, byte);
	if (result != GATHERED || byte == '\n')
		put_on(output, byte, result);
}

void output_add(struct output *output, const void *bytes, size_t size)
{
	struct output_bytes *gathered = &output->gathered;
	enum gathered result = FULL;
	int none = 0;

	spinlock_take(&output->lock);
	if (size <= OUTPUT_ROOM - gathered->count) {
		memcpy(gathered->bytes + gathered->count, bytes, size);
		gathered->count += size;
		result = note_gathered(output);
	} else if (!output_shut(output)) {
		atomic_compare_exchange_strong(&output->lost, &none, OUTPUT_UNREAD);
	}
	spinlock_release(&output->lock);
	if (result == GATHERED_FIRST && output->ask)
		output->ask(output->owner);
}

size_t output_room(struct output *output)
{
	size_t room;

	spinlock_take(&output->lock);
	room = OUTPUT_ROOM - output->gathered.count;
	spinlock_release(&output->lock);
	return room;
}
