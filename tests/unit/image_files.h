/* SPDX-License-Identifier: MIT */
/* Image files in a temporary folder, and 4 MiB of RAM to load them into. */
#ifndef MINIVMM_IMAGE_FILES_H
#define MINIVMM_IMAGE_FILES_H

#include <elf.h>

#include "fail_capture.h"
#include "guest/abi/map.h"
#include "memory/image.h"
#include "memory/memory.h"

#define RAM MAP_RAM_BASE
#define MIB (1ull << 20)

extern struct memory memory;
extern struct image image;

/* A fresh folder and fresh RAM for every test. */
int image_setup(void **state);
int image_teardown(void **state);
#define IMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, image_setup, image_teardown)

void use_ram(uint64_t size);

/* The path of @name in the folder, good until the next call but one. */
const char *path_of(const char *name);

/* Files of @size bytes: byte i is pattern(i), but for the header. */
uint8_t pattern(uint64_t i);
void put_pattern(const char *name, uint64_t size);
void put_linux(const char *name, uint64_t text_offset, uint64_t image_size, uint64_t size);

void put_bytes(const char *name, const char *bytes, size_t size);

/* In the file @name, what tells an Image that begins at @offset. */
void put_linux_at(const char *name, uint64_t offset);

#define ELF_MAX_SEGMENTS (IMAGE_MAX_PIECES + 1)

struct elf_file {
	Elf64_Ehdr header;
	Elf64_Phdr segments[ELF_MAX_SEGMENTS];
};

/* A good header for @nsegments, and a segment at a physical (and virtual) address. */
struct elf_file elf_of(unsigned nsegments);
Elf64_Phdr segment(uint64_t offset, uint64_t filesz, uint64_t address, uint64_t memsz);
void put_elf(const char *name, const struct elf_file *elf, uint64_t size);

/* Loads @name, and @initrd unless NULL, into zeroed RAM. */
void load_well(const char *name, const char *initrd);

/* Loading fails with STATUS_INPUT, and the one message names @name and has @part in it. */
void assert_refused(const char *name, const char *initrd, const char *part);

/* RAM at @gpa holds @length bytes of the file from @offset; checked bytes become zero. */
void assert_pattern(uint64_t gpa, uint64_t offset, uint64_t length);
void assert_rest_is_zero(void);

#endif
