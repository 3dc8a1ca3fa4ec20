/* SPDX-License-Identifier: MIT */
/*
 * Files are read straight into guest RAM, and only what a segment holds: RAM is
 * zero already, and a page that nobody touches costs nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fail.h"
#include "memory/image_load.h"

typedef unsigned long long ull;

enum status image_read(const struct image_file *file, uint64_t offset, void *to, uint64_t length)
{
	uint8_t *at = to;

	while (length) {
		ssize_t n = pread(file->fd, at, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(STATUS_INPUT, "cannot read %s", file->path);
		if (!n)
			return fail(STATUS_INPUT, "%s became shorter while it was read; try again",
				    file->path);
		at += n;
		offset += (uint64_t)n;
		length -= (uint64_t)n;
	}
	return STATUS_OK;
}

bool image_overlap(uint64_t start, uint64_t end, uint64_t other, uint64_t other_end)
{
	return start < other_end && end > other;
}

const char *image_way_out(const struct image_load *load, uint64_t start, uint64_t end,
			  uint64_t most, char text[IMAGE_WAY_OUT])
{
	uint64_t base = load->memory->base, last_tree = base + IMAGE_WINDOW - IMAGE_BLOCK;
	uint64_t below = image_round_up(end - base, IMAGE_PAGE) +
			 image_round_up(load->initrd_size, IMAGE_PAGE);
	uint64_t enough = image_round_up(below, IMAGE_BLOCK) + (load->tree_first ? 0 : IMAGE_BLOCK);
	bool blocked = !load->tree_first &&
		       image_overlap(start, end, last_tree, last_tree + IMAGE_DTB_ROOM);

	if (enough > most || blocked)
		return "no --mem is enough; make the image smaller or link it elsewhere";
	snprintf(text, IMAGE_WAY_OUT, "use --mem=%lluM or more", (ull)enough >> 20);
	return text;
}

static enum status check_ram(const struct image_load *load, uint64_t start, uint64_t length)
{
	const struct memory *memory = load->memory;
	const char *path = load->file.path;
	uint64_t end = start + length;
	char text[IMAGE_WAY_OUT];

	/* No --mem is large enough from here on; below this the sums cannot wrap. */
	if (start < memory->base || start - memory->base > IMAGE_MAX_MEM || length > IMAGE_MAX_MEM)
		return fail(STATUS_INPUT,
			    "%s: 0x%llx bytes at 0x%llx are outside RAM, which begins at 0x%llx; "
			    "link it to run there",
			    path, (ull)length, (ull)start, (ull)memory->base);
	if (!memory_at(memory, start, length))
		return fail(STATUS_INPUT, "%s takes 0x%llx-0x%llx, but RAM is 0x%llx-0x%llx; %s",
			    path, (ull)start, (ull)end, (ull)memory->base,
			    (ull)memory->base + memory->size,
			    image_way_out(load, start, end, IMAGE_MAX_MEM, text));
	return STATUS_OK;
}

static enum status take_piece(struct image_load *load, uint64_t start, uint64_t length)
{
	struct image *image = load->image;
	uint64_t end = start + length, ram = load->memory->base;
	const char *path = load->file.path;
	enum status status;

	load->tree_first &= !image_overlap(start, end, ram, ram + IMAGE_DTB_ROOM);
	status = check_ram(load, start, length);
	if (status)
		return status;
	for (int i = 0; i < image->npieces; i++)
		if (image_overlap(start, end, image->pieces[i].start, image->pieces[i].end))
			return fail(STATUS_INPUT,
				    "%s: its segments at 0x%llx and 0x%llx overlap; link it again",
				    path, (ull)image->pieces[i].start, (ull)start);
	if (image->npieces == IMAGE_MAX_PIECES)
		return fail(STATUS_INPUT, "%s has more than %d segments; link it into fewer", path,
			    IMAGE_MAX_PIECES);
	image->pieces[image->npieces++] = (struct image_piece){ start, end };
	return STATUS_OK;
}

enum status image_load_piece(struct image_load *load, uint64_t offset, uint64_t size,
			     uint64_t start, uint64_t length)
{
	enum status status = take_piece(load, start, length);

	if (status)
		return status;
	return image_read(&load->file, offset, memory_at(load->memory, start, size), size);
}
