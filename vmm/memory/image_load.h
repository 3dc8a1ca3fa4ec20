/* SPDX-License-Identifier: MIT */
/* What the loaders of the image formats share; image.h is the way in. */
#ifndef MINIVMM_IMAGE_LOAD_H
#define MINIVMM_IMAGE_LOAD_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "memory/memory.h"

#define IMAGE_MAX_PIECES 18

struct image {
	uint64_t entry;        /* guest physical address of the first instruction */
	uint64_t initrd_start; /* equal if there is no initrd */
	uint64_t initrd_end;
	uint64_t dtb; /* where the device tree goes: 2 MiB aligned, IMAGE_DTB_ROOM free bytes */
	int npieces;  /* what the image occupies, for the overlap checks */
	struct image_piece {
		uint64_t start, end;
	} pieces[IMAGE_MAX_PIECES];
};

#define IMAGE_DTB_ROOM 0x20000ull /* 512 CPUs take half of it */

struct image_file {
	const char *path;
	int fd;
	uint64_t size;
};

/* One image on its way into RAM. */
struct image_load {
	struct image_file file;
	struct memory *memory;
	struct image *image;
	uint64_t initrd_size; /* for the advice on --mem */
	bool tree_first;      /* the device tree goes to RAM's start: nothing lies there so far */
};

#define IMAGE_PAGE    4096ull
#define IMAGE_BLOCK   (2ull << 20)
#define IMAGE_WINDOW  (1ull << 35) /* Linux wants its initrd within 32 GiB of the image */
#define IMAGE_MAX_MEM (1ull << 40) /* the most that --mem takes */

static inline uint64_t image_round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* All of @length bytes from @offset, or a message. */
enum status image_read(const struct image_file *file, uint64_t offset, void *to, uint64_t length);

/*
 * Reads @size bytes from @offset to guest address @start, as a piece of @length
 * bytes; the rest is zero. Refuses what is outside RAM or overlaps.
 */
enum status image_load_piece(struct image_load *load, uint64_t offset, uint64_t size,
			     uint64_t start, uint64_t length);

bool image_overlap(uint64_t start, uint64_t end, uint64_t other, uint64_t other_end);

/*
 * What helps where @start to @end is outside RAM or in the way of the tree or the initrd: the least
 * --mem that has room for all of them. None has if that is more than @most, in bytes, or if
 * something lies where the tree goes in large RAM.
 */
#define IMAGE_WAY_OUT 80
const char *image_way_out(const struct image_load *load, uint64_t start, uint64_t end,
			  uint64_t most, char text[IMAGE_WAY_OUT]);

/* image_elf.c; @elf are the file's first bytes, which may be fewer than a header. */
enum status image_load_elf(struct image_load *load, const Elf64_Ehdr *elf);

/*
 * image_foreign.c: refuses what is no guest, and says what to use instead. @start are the file's
 * first IMAGE_START bytes, with zeroes where it has fewer.
 */
#define IMAGE_START 1024
enum status image_check_foreign(const struct image_file *file, const uint8_t *start);

/* What makes a file an arm64 Image: at this offset (Linux, Documentation/arch/arm64/booting.rst).
 */
#define IMAGE_MAGIC_OFFSET 56
#define IMAGE_MAGIC        "ARM\x64"

/* image_place.c: both once all pieces are in RAM. */
enum status image_place_tree(const struct image_load *load);
enum status image_load_initrd(const struct image_load *load, const struct image_file *initrd);

#endif
