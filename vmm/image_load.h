/* SPDX-License-Identifier: MIT */
/* What the loaders of the image formats share; image.h is the way in. */
#ifndef MINIVMM_IMAGE_LOAD_H
#define MINIVMM_IMAGE_LOAD_H

#include <elf.h>
#include <stdint.h>

#include "image.h"

/* One image on its way into RAM. */
struct image_load {
	struct image_file file;
	struct memory *memory;
	struct image *image;
	uint64_t initrd_size; /* for the advice on --mem */
};

/* All of @length bytes from @offset, or a message. */
enum status image_read(const struct image_file *file, uint64_t offset, void *to, uint64_t length);

/*
 * Reads @size bytes from @offset to guest address @start, as a piece of @length
 * bytes; the rest is zero. Refuses what is outside RAM or overlaps.
 */
enum status image_load_piece(struct image_load *load, uint64_t offset, uint64_t size,
			     uint64_t start, uint64_t length);

/* image_elf.c; @elf are the file's first bytes, which may be fewer than a header. */
enum status image_load_elf(struct image_load *load, const Elf64_Ehdr *elf);

/* image_packed.c: refuses what has to be unpacked first. @start are the file's first 64 bytes. */
enum status image_check_packed(const struct image_file *file, const uint8_t *start);

#endif
