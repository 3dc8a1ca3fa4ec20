/* SPDX-License-Identifier: MIT */
/*
 * Files are read straight into guest RAM, and only what a segment holds: RAM is
 * zero already, and a page that nobody touches costs nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "image_load.h"
#include "map.h"

#define PAGE    4096ull
#define BLOCK   (2ull << 20)
#define MAX_MEM (1ull << 40) /* the most that --mem takes */
#define WINDOW  (1ull << 35) /* Linux wants its initrd within 32 GiB of the image */

typedef unsigned long long ull;

/* Linux, Documentation/arch/arm64/booting.rst */
struct linux_header {
	uint32_t code[2];
	uint64_t text_offset, image_size, flags, reserved[3];
	uint32_t magic, reserved2;
};

#define LINUX_MAGIC 0x644d5241u /* "ARM\x64" */

union header {
	uint8_t bytes[64];
	Elf64_Ehdr elf;
	struct linux_header linux_image;
};

_Static_assert(sizeof(struct linux_header) == 64 && sizeof(Elf64_Ehdr) == 64, "read at once");

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static enum status open_file(const char *path, struct image_file *file)
{
	enum status status = STATUS_OK;
	struct stat stat;

	/* NONBLOCK: a FIFO without a writer is refused below, not waited for. */
	*file = (struct image_file){ .path = path,
				     .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	if (file->fd < 0 || fstat(file->fd, &stat) < 0)
		status = fail_errno(STATUS_INPUT, "cannot open %s", path);
	else if (S_ISDIR(stat.st_mode))
		status = fail(STATUS_INPUT, "%s is a directory; name a file in it", path);
	else if (!S_ISREG(stat.st_mode))
		status = fail(STATUS_INPUT, "%s is not a regular file; copy it into one", path);
	else if (!stat.st_size)
		status = fail(STATUS_INPUT, "%s is empty; build or copy it again", path);
	else
		file->size = (uint64_t)stat.st_size;
	return status;
}

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

static bool overlap(uint64_t start, uint64_t end, uint64_t other, uint64_t other_end)
{
	return start < other_end && end > other;
}

/*
 * What helps where @start to @end is outside RAM or in the tree's way: the least --mem that has
 * room for it, the initrd and the tree. None has if it is where the tree goes in large RAM.
 */
static const char *way_out(const struct image_load *load, uint64_t start, uint64_t end,
			   uint64_t initrd_size, char text[64])
{
	uint64_t base = load->memory->base, highest_dtb = base + WINDOW - BLOCK;
	uint64_t below = round_up(end - base, PAGE) + round_up(initrd_size, PAGE);
	uint64_t enough = round_up(below, BLOCK) + BLOCK;

	if (enough > MAX_MEM || overlap(start, end, highest_dtb, highest_dtb + IMAGE_DTB_ROOM))
		return "no --mem is enough; make it smaller or link it elsewhere";
	snprintf(text, 64, "use --mem=%lluM or more", (ull)enough >> 20);
	return text;
}

static enum status check_ram(const struct image_load *load, uint64_t start, uint64_t length)
{
	const struct memory *memory = load->memory;
	const char *path = load->file.path;
	uint64_t end = start + length;
	char text[64];

	/* Where no --mem helps; below this the sums cannot wrap. */
	if (start < memory->base || start - memory->base > MAX_MEM || length > MAX_MEM)
		return fail(STATUS_INPUT,
			    "%s: 0x%llx bytes at 0x%llx are outside RAM, which begins at 0x%llx; "
			    "link it to run there",
			    path, (ull)length, (ull)start, (ull)memory->base);
	if (!memory_at(memory, start, length))
		return fail(STATUS_INPUT, "%s takes 0x%llx-0x%llx, but RAM is 0x%llx-0x%llx; %s",
			    path, (ull)start, (ull)end, (ull)memory->base,
			    (ull)memory->base + memory->size,
			    way_out(load, start, end, load->initrd_size, text));
	return STATUS_OK;
}

static enum status take_piece(struct image_load *load, uint64_t start, uint64_t length)
{
	struct image *image = load->image;
	uint64_t end = start + length, dtb_end = image->dtb + IMAGE_DTB_ROOM;
	const char *path = load->file.path;
	enum status status = check_ram(load, start, length);
	char text[64];

	if (status)
		return status;
	if (overlap(start, end, image->dtb, dtb_end))
		return fail(STATUS_INPUT,
			    "%s takes 0x%llx-0x%llx, which overlaps the device tree at "
			    "0x%llx-0x%llx; %s",
			    path, (ull)start, (ull)end, (ull)image->dtb, (ull)dtb_end,
			    way_out(load, start, end, load->initrd_size, text));
	for (int i = 0; i < image->npieces; i++)
		if (overlap(start, end, image->pieces[i].start, image->pieces[i].end))
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

static enum status load_flat(struct image_load *load)
{
	load->image->entry = load->memory->base + MAP_FLAT_OFFSET;
	return image_load_piece(load, 0, load->file.size, load->image->entry, load->file.size);
}

/* image_size counts the BSS, which the file does not hold. */
static enum status load_linux(struct image_load *load, const struct linux_header *header)
{
	uint64_t size = load->file.size, length = header->image_size;
	uint64_t text_offset = header->text_offset;

	/* Before Linux 3.17 it was 0, and the byte order of text_offset unknown. */
	if (!length)
		text_offset = MAP_FLAT_OFFSET;
	if (text_offset > MAX_MEM || length > MAX_MEM)
		return fail(STATUS_INPUT,
			    "%s: its header gives text_offset 0x%llx and image_size 0x%llx, which "
			    "cannot be; copy it again",
			    load->file.path, (ull)text_offset, (ull)length);
	load->image->entry = load->memory->base + text_offset;
	return image_load_piece(load, 0, size, load->image->entry, length > size ? length : size);
}

static enum status load_image(struct image_load *load)
{
	const struct image_file *file = &load->file;
	union header header = { { 0 } };
	enum status status = image_read(file, 0, &header,
					file->size < sizeof(header) ? file->size : sizeof(header));

	if (!status)
		status = image_check_packed(file, header.bytes);
	if (status)
		return status;
	if (!memcmp(header.bytes, ELFMAG, SELFMAG))
		return image_load_elf(load, &header.elf);
	if (header.linux_image.magic == LINUX_MAGIC)
		return load_linux(load, &header.linux_image);
	return load_flat(load);
}

/* Where what Linux must find may lie; RAM begins at a multiple of 1 GiB, as it wants. */
static uint64_t window_end(const struct memory *memory)
{
	return memory->base + (memory->size < WINDOW ? memory->size : WINDOW);
}

static bool is_free(const struct image *image, uint64_t start, uint64_t end)
{
	if (overlap(start, end, image->dtb, image->dtb + IMAGE_DTB_ROOM))
		return false;
	for (int i = 0; i < image->npieces; i++)
		if (overlap(start, end, image->pieces[i].start, image->pieces[i].end))
			return false;
	return true;
}

/* The page to put @size bytes on so that they end at @end at the latest; 0 if it is taken. */
static uint64_t room_below(const struct image_load *load, uint64_t end, uint64_t size)
{
	uint64_t base = load->memory->base, start;

	if (size > end - base)
		return 0;
	start = (end - size) / PAGE * PAGE;
	return start >= base && is_free(load->image, start, start + size) ? start : 0;
}

/* Right below the tree if it can be, else as high as possible; 0 if nowhere. */
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

static enum status load_initrd(const struct image_load *load, const struct image_file *initrd)
{
	struct image *image = load->image;
	uint64_t base = load->memory->base, end = base, size = initrd->size;
	uint64_t start = find_room(load, size);
	char text[64];

	for (int i = 0; i < image->npieces; i++)
		if (image->pieces[i].end > end)
			end = image->pieces[i].end;
	if (!start)
		return fail(
			STATUS_INPUT,
			"--initrd=%s: its 0x%llx bytes do not fit beside the image, which ends "
			"at 0x%llx, and the device tree at 0x%llx; %s",
			initrd->path, (ull)size, (ull)end, (ull)image->dtb,
			way_out(load, base, round_up(end, PAGE) + round_up(size, PAGE), 0, text));
	image->initrd_start = start;
	image->initrd_end = start + size;
	return image_read(initrd, 0, memory_at(load->memory, start, size), size);
}

enum status image_open(const char *path, const char *initrd, struct image_files *files)
{
	enum status status;

	*files = (struct image_files){ .image.fd = -1, .initrd.fd = -1 };
	status = open_file(path, &files->image);
	if (!status && initrd)
		status = open_file(initrd, &files->initrd);
	return status;
}

void image_close(struct image_files *files)
{
	if (files->image.fd >= 0)
		close(files->image.fd);
	if (files->initrd.fd >= 0)
		close(files->initrd.fd);
}

enum status image_load(const struct image_files *files, struct memory *memory, struct image *image)
{
	struct image_load load = { .file = files->image,
				   .memory = memory,
				   .image = image,
				   .initrd_size = files->initrd.size };
	enum status status;

	*image = (struct image){ .dtb = (window_end(memory) - IMAGE_DTB_ROOM) / BLOCK * BLOCK };
	status = load_image(&load);
	if (!status && files->initrd.path)
		status = load_initrd(&load, &files->initrd);
	return status;
}
