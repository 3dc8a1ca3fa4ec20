/* SPDX-License-Identifier: MIT */
#include <linux/kvm.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "devices/flash.h"
#include "guest/abi/map.h"

#define SLOT 1 /* RAM is 0 */

bool flash_read(struct flash *flash, uint64_t address)
{
	return address - MAP_FLASH_BASE < MAP_FLASH_SIZE && !atomic_exchange(&flash->wanted, true);
}

static void *map_zeroes(void)
{
	void *zeroes = mmap(NULL, MAP_FLASH_SIZE, PROT_READ,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return zeroes == MAP_FAILED ? NULL : zeroes;
}

/* If this fails the guest runs as before, only slower. Nothing is written to the zeroes. */
void flash_serve(struct flash *flash, int vm_fd)
{
	struct kvm_userspace_memory_region region = {
		.slot = SLOT,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = MAP_FLASH_BASE,
		.memory_size = MAP_FLASH_SIZE,
	};

	if (!atomic_load(&flash->wanted) || flash->tried)
		return;
	flash->tried = true;
	if (!flash->zeroes)
		flash->zeroes = map_zeroes();
	region.userspace_addr = (uint64_t)(uintptr_t)flash->zeroes;
	if (!flash->zeroes)
		return;
	(void)ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
}

void flash_reset(struct flash *flash)
{
	flash->tried = false;
	atomic_store(&flash->wanted, false);
}
