/* SPDX-License-Identifier: MIT */
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "machine.h"
#include "map.h"

#define SLOT 1 /* RAM is 0 */

void flash_read(struct machine *machine, uint64_t address)
{
	if (address - MAP_FLASH_BASE < MAP_FLASH_SIZE &&
	    !atomic_exchange(&machine->flash.wanted, true))
		machine_wake(machine);
}

/* Where it fails, the guest goes on as before, only slower. Nothing is written to the zeroes. */
void flash_serve(struct machine *machine)
{
	struct flash *flash = &machine->flash;
	struct kvm_userspace_memory_region region = { .slot = SLOT,
						      .flags = KVM_MEM_READONLY,
						      .guest_phys_addr = MAP_FLASH_BASE,
						      .memory_size = MAP_FLASH_SIZE };

	if (!atomic_load(&flash->wanted) || flash->tried)
		return;
	flash->tried = true;
	flash->zeroes = mmap(NULL, MAP_FLASH_SIZE, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	region.userspace_addr = (uint64_t)(uintptr_t)flash->zeroes;
	if (flash->zeroes == MAP_FAILED) {
		flash->zeroes = NULL;
	} else if (ioctl(machine->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
		munmap(flash->zeroes, MAP_FLASH_SIZE);
		flash->zeroes = NULL;
	}
}

void flash_remove(struct machine *machine)
{
	struct flash *flash = &machine->flash;

	if (flash->zeroes)
		munmap(flash->zeroes, MAP_FLASH_SIZE);
	flash->zeroes = NULL;
	flash->tried = false;
	atomic_store(&flash->wanted, false);
}
