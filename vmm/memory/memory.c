/* SPDX-License-Identifier: MIT */
#include <sys/mman.h>
#include <unistd.h>

#include "base/fail.h"
#include "memory/memory.h"

#define HUGE_FROM (256ull << 20)

/* NORESERVE: a guest may have more than the host can promise, as long as it leaves it be. */
static uint8_t *map(uint64_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
}

/*
 * What one entry of the second lowest table maps, which is the kernel's hpage_pmd_size: 2 MiB with
 * pages of 4 KiB, 32 MiB with 16 KiB, 512 MiB with 64 KiB. Reading that file would cost each start.
 */
static uint64_t huge_page(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return page * (page / sizeof(uint64_t));
}

/*
 * Huge pages save a large guest faults and TLB misses; a small one would only wait for
 * a huge page to be cleared where it needs a page. KVM maps one as a block if host and guest
 * address are congruent, and RAM's base is a multiple of any such size. A host without
 * them refuses the advice, which does no harm.
 */
static uint8_t *map_huge(uint64_t base, uint64_t size, uint64_t behind)
{
	uint64_t huge = huge_page(), before;
	uint8_t *host = map(size + behind + huge);

	if (host == MAP_FAILED)
		return host;
	before = (base - (uint64_t)(uintptr_t)host) % huge;
	if (before)
		munmap(host, before);
	munmap(host + before + size + behind, huge - before);
	(void)madvise(host + before, size, MADV_HUGEPAGE);
	return host + before;
}

enum status memory_map(struct memory *memory, uint64_t base, uint64_t size, uint64_t behind)
{
	uint8_t *host = size < HUGE_FROM ? map(size + behind) : map_huge(base, size, behind);

	*memory = (struct memory){ 0 };
	if (host == MAP_FAILED)
		return fail_errno(STATUS_HOST,
				  "cannot map %llu MiB for the guest; use a smaller --mem",
				  (unsigned long long)(size >> 20));
	*memory = (struct memory){ .host = host, .base = base, .size = size, .behind = behind };
	return STATUS_OK;
}

enum status memory_clear(struct memory *memory)
{
	if (madvise(memory->host, memory->size, MADV_DONTNEED) < 0)
		return fail_errno(STATUS_HOST, "cannot clear the guest's memory (madvise)");
	return STATUS_OK;
}

void memory_unmap(struct memory *memory)
{
	if (memory->host)
		munmap(memory->host, memory->size + memory->behind);
	*memory = (struct memory){ 0 };
}

void *memory_at(const struct memory *memory, uint64_t gpa, uint64_t length)
{
	/* Nothing here overflows, and an address below RAM wraps to one far above. */
	if (length > memory->size || gpa - memory->base > memory->size - length)
		return NULL;
	return memory->host + (gpa - memory->base);
}
