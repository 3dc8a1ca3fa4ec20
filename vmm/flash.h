/* SPDX-License-Identifier: MIT */
/*
 * Where QEMU's virt board has its flash. There is none here, but some programs read all of it, an
 * exit for each byte. Zeroes that they can read without exits take its place once addresses where
 * nothing is are no longer reported.
 */
#ifndef MINIVMM_FLASH_H
#define MINIVMM_FLASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct machine;

struct flash {
	atomic_bool wanted;
	bool tried;
	void *zeroes; /* NULL until they are in place */
};

/* A vCPU's thread: the guest has read at @address, where nothing is. */
void flash_read(struct machine *machine, uint64_t address);

/* The main thread: puts the zeroes in place if they are wanted; takes them away with the VM. */
void flash_serve(struct machine *machine);
void flash_remove(struct machine *machine);

#endif
