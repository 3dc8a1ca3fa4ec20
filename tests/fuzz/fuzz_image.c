/* SPDX-License-Identifier: MIT */
/*
 * Any file as a guest image, any as an initrd, RAM of any size: it is refused with one line,
 * and the --mem that the line advises does help; or RAM holds the file where it belongs and
 * nothing else. RAM is a file in memory, so that what was touched can be told.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "guest/abi/map.h"
#include "memory/image.h"

#define MIB      (1ull << 20)
#define MAX_RAM  (1ull << 40)
#define MAX_FILE 4096 /* bytes that the input gives; zeroes may follow */

struct file {
	int fd;
	char path[32];
	uint8_t bytes[MAX_FILE];
	size_t used;
	uint64_t size;
};

static struct memory ram; /* of MAX_RAM; the memory that is loaded into is its beginning */
static int ram_fd;

static void file_open(struct file *file, const char *name)
{
	file->fd = memfd_create(name, MFD_CLOEXEC);
	must(file->fd >= 0);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

/* Zeroes at its end make it up to 8 KiB larger, or about as large as the smallest RAM. */
static void file_fill(struct file *file, struct input *input, size_t used, uint64_t ram_size)
{
	uint64_t more = input_number(input, 1);

	file->used = 0;
	while (file->used < used && input_left(input))
		file->bytes[file->used++] = *input->at++;
	file->size = file->used + (more < 128 ? more * 64 : 0);
	if (more >= 240 && ram_size == 2 * MIB)
		file->size = ram_size + (more - 248) * 4096;
	must(!ftruncate(file->fd, 0));
	must(pwrite(file->fd, file->bytes, file->used, 0) == (ssize_t)file->used);
	must(!ftruncate(file->fd, (off_t)file->size));
}

static void prepare(struct file *image, struct file *initrd)
{
	if (ram.host)
		return;
	file_open(image, "image");
	file_open(initrd, "initrd");
	ram_fd = memfd_create("ram", MFD_CLOEXEC);
	must(ram_fd >= 0 && !ftruncate(ram_fd, (off_t)MAX_RAM));
	ram = (struct memory){ .base = MAP_RAM_BASE, .size = MAX_RAM };
	ram.host =
		mmap(NULL, MAX_RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, ram_fd, 0);
	must(ram.host != MAP_FAILED);
}

/* Piece by piece: to unmap all of it takes longer than all the rest. */
static void clear_ram(void)
{
	off_t start = 0, end;

	for (; (start = lseek(ram_fd, start, SEEK_DATA)) >= 0; start = end) {
		end = lseek(ram_fd, start, SEEK_HOLE);
		must(!fallocate(ram_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start,
				end - start));
	}
}

/* RAM at @gpa holds @file's bytes from @offset; what was checked becomes zero. */
static void must_hold(const struct file *file, uint64_t offset, uint64_t gpa, uint64_t length)
{
	uint8_t *at = ram.host + (gpa - ram.base);
	uint64_t some = offset < file->used ? file->used - offset : 0;

	some = some < length ? some : length;
	must(!memcmp(at, file->bytes + (some ? offset : 0), some));
	memset(at, 0, some);
}

static void must_hold_segments(const struct file *file)
{
	Elf64_Ehdr elf;

	memcpy(&elf, file->bytes, sizeof(elf));
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		uint64_t at = elf.e_phoff + i * sizeof(Elf64_Phdr);
		Elf64_Phdr segment = { 0 };

		if (at < file->used)
			memcpy(&segment, file->bytes + at,
			       file->used - at < sizeof(segment) ? file->used - at
								 : sizeof(segment));
		if (segment.p_type == PT_LOAD && segment.p_memsz)
			must_hold(file, segment.p_offset, segment.p_paddr, segment.p_filesz);
	}
}

/* Every page that was ever touched is in the file. */
static void rest_must_be_zero(void)
{
	static const uint8_t zeroes[4096];
	off_t start = 0, end;

	while ((start = lseek(ram_fd, start, SEEK_DATA)) >= 0) {
		end = lseek(ram_fd, start, SEEK_HOLE);
		for (; start < end; start += (off_t)sizeof(zeroes))
			must(!memcmp(ram.host + start, zeroes, sizeof(zeroes)));
	}
}

static bool inside(uint64_t start, uint64_t end, const struct memory *memory)
{
	return start >= memory->base && start <= end && end - memory->base <= memory->size;
}

static bool apart(uint64_t start, uint64_t end, uint64_t other, uint64_t other_end)
{
	return end <= other || other_end <= start;
}

static bool is_linux(const struct file *file)
{
	return file->used >= 60 && !memcmp(file->bytes + 56, "ARM\x64", 4);
}

/* At RAM's start for all but an Image, unless something is there. */
static bool tree_is_first(const struct image *image, const struct memory *memory)
{
	uint64_t end = memory->base + IMAGE_DTB_ROOM;

	for (int i = 0; i < image->npieces; i++)
		if (!apart(image->pieces[i].start, image->pieces[i].end, memory->base, end))
			return false;
	return true;
}

static void must_be_laid_out(const struct image *image, const struct memory *memory)
{
	uint64_t dtb_end = image->dtb + IMAGE_DTB_ROOM;
	bool entered = false;

	must(image->npieces > 0 && image->npieces <= IMAGE_MAX_PIECES);
	must(image->dtb % (2 * MIB) == 0 && inside(image->dtb, dtb_end, memory));
	must(inside(image->initrd_start, image->initrd_end, memory) || !image->initrd_end);
	must(apart(image->initrd_start, image->initrd_end, image->dtb, dtb_end));
	for (int i = 0; i < image->npieces; i++) {
		const struct image_piece *piece = &image->pieces[i];

		must(piece->start < piece->end && inside(piece->start, piece->end, memory));
		must(apart(piece->start, piece->end, image->dtb, dtb_end));
		must(apart(piece->start, piece->end, image->initrd_start, image->initrd_end));
		for (int j = 0; j < i; j++)
			must(apart(piece->start, piece->end, image->pieces[j].start,
				   image->pieces[j].end));
		entered |= image->entry >= piece->start && image->entry < piece->end;
	}
	must(entered);
}

static void must_be_loaded(const struct file *file, const struct file *initrd,
			   const struct image *image, const struct memory *memory)
{
	must_be_laid_out(image, memory);
	must(is_linux(file) || image->dtb == memory->base || !tree_is_first(image, memory));
	if (!is_linux(file) && file->used >= sizeof(Elf64_Ehdr) &&
	    !memcmp(file->bytes, ELFMAG, SELFMAG)) {
		must_hold_segments(file);
	} else {
		must(image->npieces == 1 && image->entry == image->pieces[0].start);
		must_hold(file, 0, image->entry, file->size);
	}
	if (initrd) {
		must(image->initrd_start % 4096 == 0);
		must(image->initrd_end - image->initrd_start == initrd->size);
		must_hold(initrd, 0, image->initrd_start, initrd->size);
	}
	rest_must_be_zero();
}

static bool load(const struct file *file, const struct file *initrd, struct memory *memory,
		 struct image *image)
{
	struct image_files files;
	enum status status = image_open(file->path, initrd ? initrd->path : NULL, &files);

	if (!status)
		status = image_load(&files, memory, image);
	image_close(&files);
	return succeeded(status, STATUS_INPUT);
}

/* Taking the advice on --mem, more for each piece of the image perhaps, ends where RAM is enough.
 */
static void advice_must_help(const struct file *file, const struct file *initrd, uint64_t size)
{
	const char *advice;

	for (int i = 0; (advice = strstr(fail_text, "--mem=")); i++) {
		struct memory more = ram;
		struct image image;

		must(i < IMAGE_MAX_PIECES + 2);
		more.size = strtoull(advice + strlen("--mem="), NULL, 10) * MIB;
		must(more.size > size && more.size <= MAX_RAM && more.size % (2 * MIB) == 0);
		size = more.size;
		fail_text[0] = '\0';
		load(file, initrd, &more, &image);
	}
}

void fuzz_one(struct input *input)
{
	static struct file file, other;
	uint64_t size = input_number(input, 1), used = input_number(input, 2);
	struct file *initrd = used & 0x8000 ? &other : NULL;
	struct memory memory;
	struct image image;

	prepare(&file, &other);
	memory = ram;
	memory.size = (1 + size % 16) * 2 * MIB << (size / 16);
	file_fill(&other, input, initrd ? used % 64 : 0, memory.size);
	file_fill(&file, input, MAX_FILE, memory.size);
	if (load(&file, initrd, &memory, &image))
		must_be_loaded(&file, initrd, &image, &memory);
	else
		advice_must_help(&file, initrd, memory.size);
	clear_ram();
}
