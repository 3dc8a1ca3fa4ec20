/* SPDX-License-Identifier: MIT */
#include <sys/mman.h>

#include "fail.h"
#include "memory.h"

#define HUGE_PAGE (2ull << 20)
#define HUGE_FROM (256ull << 20)

/* NORESERVE: a guest may have more than the host can promise, as long as it leaves it be. */
static uint8_t *map(uint64_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
}

/*
 * Huge pages save a large guest faults and TLB misses; a small one would only wait for
 * 2 MiB to be cleared where it needs 4 KiB. KVM maps one as a block if host and guest
 * address are congruent, and RAM's base is a multiple of any such size. A host without
 * them refuses the advice, which does no harm.
 */
static uint8_t *map_huge(uint64_t base, uint64_t size)
{
	uint8_t *host = map(size + HUGE_PAGE);
	uint64_t before;

	if (host == MAP_FAILED)
		return host;
	before = (base - (uint64_t)(uintptr_t)host) % HUGE_PAGE;
	if (before)
		munmap(host, before);
	munmap(host + before + size, HUGE_PAGE - before);
	(void)madvise(host + before, size, MADV_HUGEPAGE);
	return host + before;
}

enum status memory_map(struct memory *memory, uint64_t base, uint64_t size)
{
	uint8_t *host = size < HUGE_FROM ? map(size) : map_huge(base, size);

	*memory = (struct memory){ 0 };
	if (host == MAP_FAILED)
		return fail_errno(STATUS_HOST,
				  "cannot map %llu MiB for the guest; use a smaller --mem",
				  (unsigned long long)(size >> 20));
	*memory = (struct memory){ .host = host, .base = base, .size = size };
	return STATUS_OK;
}

void memory_unmap(struct memory *memory)
{
	if (memory->host)
		munmap(memory->host, memory->size);
	*memory = (struct memory){ 0 };
}

void *memory_at(const struct memory *memory, uint64_t gpa, uint64_t length)
{
	/* Nothing here overflows, and an address below RAM wraps to one far above. */
	if (length > memory->size || gpa - memory->base > memory->size - length)
		return NULL;
	return memory->host + (gpa - memory->base);
}
