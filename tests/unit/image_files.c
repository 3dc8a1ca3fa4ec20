/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "image_files.h"

struct memory memory;
struct image image;
static char root[FAKE_ROOT];

int image_setup(void **state)
{
	(void)state;
	fail_reset();
	fake_tree(root);
	use_ram(4 * MIB);
	return 0;
}

int image_teardown(void **state)
{
	(void)state;
	memory_unmap(&memory);
	fake_tree_remove(root);
	return 0;
}

void use_ram(uint64_t size)
{
	memory_unmap(&memory);
	assert_well(memory_map(&memory, RAM, size, 0));
}

const char *path_of(const char *name)
{
	static char paths[2][FAKE_ROOT + 64];
	static int turn;

	turn = !turn;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", root, name);
	return paths[turn];
}

uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i % 251 + 1); /* never zero, and no period of a page */
}

static void put_file(const char *name, const void *start, uint64_t length, uint64_t size)
{
	uint8_t *bytes = malloc(size + length);
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(bytes);
	assert_non_null(file);
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = pattern(i);
	if (length)
		memcpy(bytes, start, length);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	free(bytes);
}

void put_pattern(const char *name, uint64_t size)
{
	put_file(name, NULL, 0, size);
}

void put_linux(const char *name, uint64_t text_offset, uint64_t image_size, uint64_t size)
{
	/* booting.rst: two instructions, text_offset, image_size, flags, 3 reserved, magic. */
	uint64_t header[8] = { 0xd503201f, text_offset, image_size, 0xa, 0, 0, 0, 0x644d5241 };

	put_file(name, header, sizeof(header), size);
}

void put_linux_at(const char *name, uint64_t offset)
{
	const uint32_t magic = 0x644d5241;
	FILE *file = fopen(path_of(name), "r+");

	assert_non_null(file);
	assert_int_equal(fseek(file, (long)offset + 56, SEEK_SET), 0);
	assert_int_equal(fwrite(&magic, 1, sizeof(magic), file), sizeof(magic));
	assert_int_equal(fclose(file), 0);
}

void put_bytes(const char *name, const char *bytes, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

struct elf_file elf_of(unsigned nsegments)
{
	struct elf_file elf = { .header = {
					.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
						     ELFDATA2LSB, EV_CURRENT },
					.e_type = ET_EXEC,
					.e_machine = EM_AARCH64,
					.e_version = EV_CURRENT,
					.e_phoff = sizeof(Elf64_Ehdr),
					.e_ehsize = sizeof(Elf64_Ehdr),
					.e_phentsize = sizeof(Elf64_Phdr),
					.e_phnum = (Elf64_Half)nsegments,
				} };

	assert_true(nsegments <= ELF_MAX_SEGMENTS);
	return elf;
}

Elf64_Phdr segment(uint64_t offset, uint64_t filesz, uint64_t address, uint64_t memsz)
{
	return (Elf64_Phdr){ .p_type = PT_LOAD,
			     .p_offset = offset,
			     .p_vaddr = address,
			     .p_paddr = address,
			     .p_filesz = filesz,
			     .p_memsz = memsz };
}

void put_elf(const char *name, const struct elf_file *elf, uint64_t size)
{
	put_file(name, elf, sizeof(*elf), size);
}

static enum status load(const char *name, const char *initrd)
{
	struct image_files files;
	enum status status;

	assert_well(memory_clear(&memory));
	memset(&image, 0xff, sizeof(image));
	status = image_open(path_of(name), initrd ? path_of(initrd) : NULL, &files);
	if (!status)
		status = image_load(&files, &memory, &image);
	image_close(&files);
	return status;
}

void load_well(const char *name, const char *initrd)
{
	assert_well(load(name, initrd));
}

void assert_refused(const char *name, const char *initrd, const char *part)
{
	enum status status = load(name, initrd);

	if (!strstr(fail_text, path_of(initrd ? initrd : name)))
		print_error("no name in: %s\n", fail_text);
	assert_non_null(strstr(fail_text, path_of(initrd ? initrd : name)));
	assert_failed(status, STATUS_INPUT, part);
}

void assert_pattern(uint64_t gpa, uint64_t offset, uint64_t length)
{
	uint8_t *bytes = memory_at(&memory, gpa, length);

	assert_non_null(bytes);
	for (uint64_t i = 0; i < length; i++) {
		assert_int_equal(bytes[i], pattern(offset + i));
		bytes[i] = 0;
	}
}

void assert_rest_is_zero(void)
{
	for (uint64_t i = 0; i < memory.size; i++)
		assert_int_equal(memory.host[i], 0);
}
