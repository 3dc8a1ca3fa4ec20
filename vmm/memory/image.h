/* SPDX-License-Identifier: MIT */
/* Loads a guest image: Linux arm64 Image, ELF64, or flat. */
#ifndef MINIVMM_IMAGE_H
#define MINIVMM_IMAGE_H

#include "memory/image_load.h"

/* What a guest is loaded from. It stays open: a guest that resets itself is loaded again. */
struct image_files {
	struct image_file image;
	struct image_file initrd; /* without a path if there is none */
};

/* Opens regular files that are not empty. image_close() is due even after a failure. */
enum status image_open(const char *path, const char *initrd, struct image_files *files);
void image_close(struct image_files *files);

/*
 * Loads @files into @memory. The device tree goes to RAM's start, where programs for QEMU's virt
 * board look for it. The tree of an Image, or of a program that lies there itself, goes to the last
 * 2 MiB boundary of RAM (of its first 32 GiB) with room for it. The initrd goes right below the
 * tree, or where there is room; an Image's text_offset and image_size (BSS) are honoured (Linux,
 * Documentation/arch/arm64/booting.rst). Anything missing, empty, truncated,
 * for another machine, outside RAM or overlapping is STATUS_INPUT with the
 * file's name, the numbers and the way out (for instance a larger --mem).
 */
enum status image_load(const struct image_files *files, struct memory *memory, struct image *image);

#endif
