/* SPDX-License-Identifier: MIT */
#include <sys/mman.h>

#include "fail.h"
#include "memory.h"

enum status memory_map(struct memory *memory, uint64_t base, uint64_t size)
{
	/* NORESERVE: a guest may have more than the host can promise, as long as it leaves it be.
	 */
	void *host = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

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
