/* SPDX-License-Identifier: MIT */
/* Where the device tree and the initrd go, once the image is in RAM. */
#include "base/fail.h"
#include "memory/image_load.h"

typedef unsigned long long ull;

/* Linux finds the device tree and the initrd within this range. It wants RAM to begin at a multiple
 * of 1 GiB. */
static uint64_t window_end(const struct memory *memory)
{
	return memory->base + (memory->size < IMAGE_WINDOW ? memory->size : IMAGE_WINDOW);
}

/* The piece that overlaps @start to @end; NULL if none does. */
static const struct image_piece *piece_at(const struct image *image, uint64_t start, uint64_t end)
{
	for (int i = 0; i < image->npieces; i++)
		if (image_overlap(start, end, image->pieces[i].start, image->pieces[i].end))
			return &image->pieces[i];
	return NULL;
}

enum status image_place_tree(const struct image_load *load)
{
	const struct memory *memory = load->memory;
	struct image *image = load->image;
	const struct image_piece *piece;
	char text[IMAGE_WAY_OUT];

	image->dtb = load->tree_first
			     ? memory->base
			     : (window_end(memory) - IMAGE_DTB_ROOM) / IMAGE_BLOCK * IMAGE_BLOCK;
	piece = piece_at(image, image->dtb, image->dtb + IMAGE_DTB_ROOM);
	if (!piece)
		return STATUS_OK;
	return fail(STATUS_INPUT,
		    "%s takes 0x%llx-0x%llx, which overlaps the device tree at 0x%llx-0x%llx; %s",
		    load->file.path, (ull)piece->start, (ull)piece->end, (ull)image->dtb,
		    (ull)(image->dtb + IMAGE_DTB_ROOM),
		    image_way_out(load, piece->start, piece->end, IMAGE_MAX_MEM, text));
}

static bool is_free(const struct image *image, uint64_t start, uint64_t end)
{
	return !image_overlap(start, end, image->dtb, image->dtb + IMAGE_DTB_ROOM) &&
	       !piece_at(image, start, end);
}

/* The page to put @size bytes on so that they end at @end at the latest; 0 if it is taken. */
static uint64_t room_below(const struct image_load *load, uint64_t end, uint64_t size)
{
	uint64_t base = load->memory->base, start;

	if (size > end - base)
		return 0;
	start = (end - size) / IMAGE_PAGE * IMAGE_PAGE;
	return start >= base && is_free(load->image, start, start + size) ? start : 0;
}

/* Right below the device tree if there is room, otherwise as high as possible; 0 if there is no
 * room at all. */
static uint64_t find_room(const struct image_load *load, uint64_t size)
{
	const struct image *image = load->image;
	uint64_t best = room_below(load, image->dtb, size);

	if (best)
		return best;
	best = room_below(load, window_end(load->memory), size);
	for (int i = 0; i < image->npieces; i++) {
		uint64_t start = room_below(load, image->pieces[i].start, size);

		best = start > best ? start : best;
	}
	return best;
}

enum status image_load_initrd(const struct image_load *load, const struct image_file *initrd)
{
	struct image *image = load->image;
	uint64_t base = load->memory->base, end = base, size = initrd->size;
	uint64_t start = find_room(load, size);
	char text[IMAGE_WAY_OUT];

	for (int i = 0; i < image->npieces; i++)
		if (image->pieces[i].end > end)
			end = image->pieces[i].end;
	if (!start)
		return fail(STATUS_INPUT,
			    "--initrd=%s: its 0x%llx bytes do not fit beside the image, which ends "
			    "at 0x%llx, and the device tree at 0x%llx; %s",
			    initrd->path, (ull)size, (ull)end, (ull)image->dtb,
			    image_way_out(load, base, end, IMAGE_WINDOW, text));
	image->initrd_start = start;
	image->initrd_end = start + size;
	return image_read(initrd, 0, memory_at(load->memory, start, size), size);
}
