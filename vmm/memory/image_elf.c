/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "memory/image_load.h"

typedef unsigned long long ull;

static enum status check_header(const struct image_file *file, const Elf64_Ehdr *elf)
{
	const char *why = NULL;

	if (file->size < sizeof(*elf))
		return fail(STATUS_INPUT,
			    "%s is truncated: an ELF header has %zu bytes, the file %llu; copy it "
			    "again",
			    file->path, sizeof(*elf), (ull)file->size);
	if (elf->e_ident[EI_CLASS] != ELFCLASS64)
		why = "is not a 64-bit ELF file";
	else if (elf->e_ident[EI_DATA] != ELFDATA2LSB)
		why = "is not a little-endian ELF file";
	else if (elf->e_machine != EM_AARCH64)
		why = "is an ELF file for another machine";
	if (why)
		return fail(STATUS_INPUT,
			    "%s %s (class %u, data %u, machine %u); build it for little-endian "
			    "aarch64",
			    file->path, why, elf->e_ident[EI_CLASS], elf->e_ident[EI_DATA],
			    elf->e_machine);
	if (!elf->e_phnum || elf->e_phentsize != sizeof(Elf64_Phdr))
		return fail(STATUS_INPUT,
			    "%s has %u program headers of %u bytes, nothing that can be loaded; "
			    "link it again",
			    file->path, elf->e_phnum, elf->e_phentsize);
	return STATUS_OK;
}

static enum status check_extent(const struct image_file *file, const char *what, uint64_t offset,
				uint64_t size)
{
	if (offset <= file->size && size <= file->size - offset)
		return STATUS_OK;
	return fail(STATUS_INPUT,
		    "%s is truncated: its %s takes 0x%llx bytes from 0x%llx, the file has 0x%llx; "
		    "copy it again",
		    file->path, what, (ull)size, (ull)offset, (ull)file->size);
}

/*
 * What is loaded first begins as an arm64 Image does, and has no physical address. A @first outside
 * the file is told later.
 */
static bool is_vmlinux(const struct image_file *file, const Elf64_Ehdr *elf,
		       const Elf64_Phdr *first)
{
	char magic[sizeof(IMAGE_MAGIC) - 1];
	ssize_t got;

	if (elf->e_type == ET_EXEC && !(first->p_paddr >> 63))
		return false;
	got = pread(file->fd, magic, sizeof(magic), (off_t)(first->p_offset + IMAGE_MAGIC_OFFSET));
	return got == sizeof(magic) && !memcmp(magic, IMAGE_MAGIC, sizeof(magic));
}

static enum status check_type(const struct image_file *file, const Elf64_Ehdr *elf,
			      const Elf64_Phdr *first)
{
	if (is_vmlinux(file, elf, first))
		return fail(STATUS_INPUT,
			    "%s is a vmlinux, a Linux kernel as it is linked; use its Image: "
			    "arch/arm64/boot/Image, or objcopy -O binary %s Image",
			    file->path, file->path);
	if (elf->e_type != ET_EXEC)
		return fail(
			STATUS_INPUT,
			"%s is an ELF file of type %u, a shared object or a position-independent "
			"program; link it with -static -no-pie, or if it relocates itself use its "
			"flat image: objcopy -O binary",
			file->path, elf->e_type);
	return STATUS_OK;
}

static enum status load_segment(struct image_load *load, const Elf64_Phdr *segment)
{
	const struct image_file *file = &load->file;
	enum status status = check_extent(file, "segment", segment->p_offset, segment->p_filesz);

	if (status)
		return status;
	if (segment->p_filesz > segment->p_memsz)
		return fail(STATUS_INPUT,
			    "%s: a segment has 0x%llx bytes in the file but 0x%llx in memory; link "
			    "it again",
			    file->path, (ull)segment->p_filesz, (ull)segment->p_memsz);
	return image_load_piece(load, segment->p_offset, segment->p_filesz, segment->p_paddr,
				segment->p_memsz);
}

/* An entry is virtual, as linkers give it, unless it only makes sense as physical. 0: not found. */
static void find_entry(const Elf64_Phdr *segment, uint64_t entry, uint64_t *found)
{
	if (entry - segment->p_vaddr < segment->p_memsz)
		*found = entry - segment->p_vaddr + segment->p_paddr;
	else if (!*found && entry - segment->p_paddr < segment->p_memsz)
		*found = entry;
}

enum status image_load_elf(struct image_load *load, const Elf64_Ehdr *elf)
{
	const struct image_file *file = &load->file;
	enum status status = check_header(file, elf);

	load->image->entry = 0;
	if (!status)
		status = check_extent(file, "table of program headers", elf->e_phoff,
				      (uint64_t)elf->e_phnum * sizeof(Elf64_Phdr));
	for (unsigned i = 0; !status && i < elf->e_phnum; i++) {
		Elf64_Phdr segment;

		status = image_read(file, elf->e_phoff + i * sizeof(segment), &segment,
				    sizeof(segment));
		if (status || segment.p_type != PT_LOAD || !segment.p_memsz)
			continue;
		status = load->image->npieces ? STATUS_OK : check_type(file, elf, &segment);
		if (!status)
			status = load_segment(load, &segment);
		find_entry(&segment, elf->e_entry, &load->image->entry);
	}
	if (!status && !load->image->entry)
		status = fail(STATUS_INPUT,
			      "%s: its entry 0x%llx is in none of its segments; link it with one "
			      "(ld -e)",
			      file->path, (ull)elf->e_entry);
	return status;
}
