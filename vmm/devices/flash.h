/* SPDX-License-Identifier: MIT */
/*
 * QEMU's virt board has flash there. This machine has none, but some programs read all of it, with
 * one exit per byte. Once unmapped addresses are no longer reported, zeroes take its place, which
 * guests read without exits.
 */
#ifndef MINIVMM_FLASH_H
#define MINIVMM_FLASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct flash {
	atomic_bool wanted;
	bool tried;
	void *zeroes; /* MAP_FLASH_SIZE bytes, which nobody writes to; NULL: mapped when wanted */
};

/* A vCPU's thread: the guest has read the unmapped @address. True: call flash_serve(). */
bool flash_read(struct flash *flash, uint64_t address);

/* The main thread: puts the zeroes in place if they are wanted; they go with the VM. */
void flash_serve(struct flash *flash, int vm_fd);
/* The VM is gone: the zeroes stay mapped, and the next guest gets them when it wants them. */
void flash_reset(struct flash *flash);

#endif
