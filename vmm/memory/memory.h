/* SPDX-License-Identifier: MIT */
/* The guest's RAM, and the only way from a guest address to a pointer. */
#ifndef MINIVMM_MEMORY_H
#define MINIVMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct memory {
	uint8_t *host; /* page aligned, owned */
	uint64_t base; /* guest physical */
	uint64_t size; /* bytes */
	uint64_t behind;
};

/*
 * Maps zeroed, lazily backed memory, in huge pages if it is much and the host has them. @behind
 * bytes from host + size on are the VMM's own. Fails with STATUS_HOST, naming --mem.
 */
enum status memory_map(struct memory *memory, uint64_t base, uint64_t size, uint64_t behind);
void memory_unmap(struct memory *memory);

/* All of it is zero again, and backed by nothing. Fails with STATUS_HOST. */
enum status memory_clear(struct memory *memory);

/* Pointer to @length bytes at guest address @gpa; NULL if any byte lies outside RAM. Overflow-safe.
 */
void *memory_at(const struct memory *memory, uint64_t gpa, uint64_t length);

#endif
