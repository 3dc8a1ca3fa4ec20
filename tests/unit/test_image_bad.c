/* SPDX-License-Identifier: MIT */
/* Images that cannot be loaded: each is refused, with what is wrong and the way out. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_files.h"

static struct elf_file good_elf(void)
{
	struct elf_file elf = elf_of(1);

	elf.segments[0] = segment(0x1000, 0x300, RAM + 0x100000, 0x300);
	elf.header.e_entry = RAM + 0x100000;
	return elf;
}

static void assert_elf_refused(const struct elf_file *elf, const char *part)
{
	put_elf("elf", elf, 0x2000);
	assert_refused("elf", NULL, part);
}

static void files_that_are_none(void **state)
{
	(void)state;
	assert_refused("missing", NULL, "No such file");
	put_pattern("empty", 0);
	assert_refused("empty", NULL, "is empty");
	assert_int_equal(mkdir(path_of("folder"), 0755), 0);
	assert_refused("folder", NULL, "is a directory");
	assert_int_equal(mkfifo(path_of("fifo"), 0644), 0);
	assert_refused("fifo", NULL, "not a regular file");
	put_pattern("file", 10);
	assert_refused("file/below", NULL, "Not a directory");
}

static void initrds_that_are_none(void **state)
{
	(void)state;
	put_pattern("flat", 100);
	assert_refused("flat", "missing", "No such file");
	put_pattern("empty", 0);
	assert_refused("flat", "empty", "is empty");
	assert_int_equal(mkdir(path_of("folder"), 0755), 0);
	assert_refused("flat", "folder", "is a directory");
}

static void forbidden_files(void **state)
{
	bool root = geteuid() == 0;

	(void)state;
	put_pattern("secret", 100);
	assert_int_equal(chmod(path_of("secret"), 0), 0);
	/* root may read everything, so be somebody else meanwhile. */
	if (root)
		assert_int_equal(seteuid(65534), 0);
	assert_refused("secret", NULL, "Permission denied");
	if (root)
		assert_int_equal(seteuid(0), 0);
}

static void flat_images_that_do_not_fit(void **state)
{
	(void)state;
	/* RAM 4 MiB, the tree at 2 MiB: it moves out of the way with more RAM. */
	put_pattern("flat", 2 * MIB - 0x80000 + 1);
	assert_refused("flat", NULL,
		       "takes 0x40080000-0x40200001, which overlaps the device tree "
		       "at 0x40200000-0x40220000; use --mem=6M or more");
	use_ram(6 * MIB);
	load_well("flat", NULL);

	put_pattern("flat", 8 * MIB);
	assert_refused("flat", NULL,
		       "takes 0x40080000-0x40880000, but RAM is "
		       "0x40000000-0x40600000; use --mem=12M or more");
	use_ram(12 * MIB);
	load_well("flat", NULL);
}

static void linux_images_that_do_not_fit(void **state)
{
	(void)state;
	put_linux("Image", 0, 4 * MIB + 1, 0x1000);
	assert_refused("Image", NULL, "but RAM is 0x40000000-0x40400000; use --mem=8M or more");
	put_linux("Image", 0, 2 * MIB + 1, 0x1000);
	assert_refused("Image", NULL, "overlaps the device tree");
	put_linux("Image", UINT64_MAX - 0xfff, 0x2000, 0x1000);
	assert_refused("Image", NULL, "text_offset 0xfffffffffffff000");
	put_linux("Image", 0, UINT64_MAX, 0x1000);
	assert_refused("Image", NULL, "image_size 0xffffffffffffffff");
	use_ram(2 * MIB);
	put_linux("Image", 0, 0x1000, 0x1000);
	assert_refused("Image", NULL, "overlaps the device tree at 0x40000000");
}

static void put_bytes(const char *name, const char *bytes, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* Advice that does not help is none: the tree stays in the first 32 GiB, and --mem ends at 1 TiB.
 */
static void images_that_no_mem_is_enough_for(void **state)
{
	struct elf_file elf = elf_of(1);

	(void)state;
	put_linux("Image", 0, 40ull << 30, 0x1000);
	assert_refused("Image", NULL, "no --mem is enough");
	put_linux("Image", 0, (32ull << 30) - 2 * MIB, 0x1000);
	assert_refused("Image", NULL, "use --mem=32768M or more");
	put_linux("Image", 1ull << 40, 0x1000, 0x1000);
	assert_refused("Image", NULL, "no --mem is enough");
	/* Behind where the tree goes there is room again. */
	elf.segments[0] = segment(sizeof(elf), 0x1000, RAM + (33ull << 30), 0x1000);
	put_elf("elf", &elf, sizeof(elf) + 0x1000);
	assert_refused("elf", NULL, "use --mem=33796M or more");
}

static void compressed_kernels(void **state)
{
	static const struct {
		const char start[16], *advice;
	} streams[] = {
		{ "\x1f\x8b\x08 and so on", "is compressed; unpack it: gunzip <" },
		{ "BZh91AY&SY", "is compressed; unpack it: bunzip2 <" },
		{ "\xfd\x37zXZ\0\0", "is compressed; unpack it: unxz <" },
		{ "\x28\xb5\x2f\xfd\x04", "is compressed; unpack it: unzstd <" },
		{ "\x02\x21\x4c\x18", "is compressed; unpack it: unlz4 <" },
		{ "\x89LZO\0\r\n", "is compressed; unpack it: lzop -d <" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		put_bytes("Image.packed", streams[i].start, 10);
		assert_refused("Image.packed", NULL, streams[i].advice);
	}
	/* A branch, as code often begins with; so does a stream of lzma. */
	put_bytes("flat", "\x5d\0\0\x14", 4);
	load_well("flat", NULL);
}

static void kernels_compressed_for_efi(void **state)
{
	/* drivers/firmware/efi/libstub/zboot-header.S: the payload's offset, its size, its type. */
	static const struct {
		const char *type, *tool;
	} types[] = { { "gzip", "gunzip" },
		      { "zstd22", "unzstd" },
		      { "xzkern", "unxz" },
		      { "lzma", "unlzma" } };
	char header[64] = "MZ\0\0zimg\x40\x12\0\0\x00\x80\x10\0", advice[256];

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		strcpy(header + 24, types[i].type);
		put_bytes("vmlinuz", header, sizeof(header));
		snprintf(advice, sizeof(advice),
			 "unpack it: tail -c +4673 %s | head -c 1081344 | %s >Image",
			 path_of("vmlinuz"), types[i].tool);
		assert_refused("vmlinuz", NULL, advice);
	}
	strcpy(header + 24, "new");
	put_bytes("vmlinuz", header, sizeof(header));
	assert_refused("vmlinuz", NULL, "(zboot); use the kernel's arch/arm64/boot/Image");
}

static void elf_for_another_machine(void **state)
{
	struct elf_file elf = good_elf();

	(void)state;
	elf.header.e_machine = EM_X86_64;
	assert_elf_refused(&elf, "for another machine (class 2, data 1, machine 62)");
	elf = good_elf();
	elf.header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_elf_refused(&elf, "not a 64-bit");
	elf = good_elf();
	elf.header.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_elf_refused(&elf, "not a little-endian");
	elf = good_elf();
	elf.header.e_type = ET_DYN;
	assert_elf_refused(&elf, "-no-pie");
	elf.header.e_type = ET_REL;
	assert_elf_refused(&elf, "type 1");
}

static void elf_cut_short(void **state)
{
	struct elf_file elf = good_elf();

	(void)state;
	put_elf("elf", &elf, 0x12ff);
	assert_refused("elf", NULL,
		       "its segment takes 0x300 bytes from 0x1000, the file has 0x12ff");
	put_elf("elf", &elf, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) - 1);
	assert_refused("elf", NULL, "its table of program headers takes 0x38 bytes from 0x40");
	put_elf("elf", &elf, sizeof(Elf64_Ehdr) - 1);
	assert_refused("elf", NULL, "header has 64 bytes, the file 63");
	put_elf("elf", &elf, 4);
	assert_refused("elf", NULL, "header has 64 bytes, the file 4");
	elf.header.e_phoff = UINT64_MAX - 8;
	assert_elf_refused(&elf, "truncated");
	elf = good_elf();
	elf.segments[0].p_offset = UINT64_MAX - 0x80;
	assert_elf_refused(&elf, "truncated");
	elf = good_elf();
	elf.segments[0].p_filesz = elf.segments[0].p_memsz = UINT64_MAX - 0x80;
	assert_elf_refused(&elf, "truncated");
}

static void elf_that_makes_no_sense(void **state)
{
	struct elf_file elf = good_elf();

	(void)state;
	elf.header.e_phnum = 0;
	assert_elf_refused(&elf, "0 program headers");
	elf = good_elf();
	elf.header.e_phentsize = 32;
	assert_elf_refused(&elf, "of 32 bytes");
	elf = good_elf();
	elf.segments[0].p_memsz = 0x2ff;
	assert_elf_refused(&elf, "0x300 bytes in the file but 0x2ff in memory");
	elf = good_elf();
	elf.header.e_entry = RAM + 0x100300;
	assert_elf_refused(&elf, "its entry 0x40100300 is in none of its segments");
	elf = good_elf();
	elf.segments[0].p_type = PT_NOTE;
	assert_elf_refused(&elf, "its entry");
}

static void elf_outside_ram(void **state)
{
	struct elf_file elf = good_elf();

	(void)state;
	elf.segments[0].p_paddr = 0x80000;
	assert_elf_refused(&elf, "0x300 bytes at 0x80000 are outside RAM, which begins at "
				 "0x40000000; link it to run there");
	elf.segments[0].p_paddr = RAM - 1;
	assert_elf_refused(&elf, "outside RAM");
	elf.segments[0].p_paddr = 0xffff000040080000;
	assert_elf_refused(&elf, "outside RAM");
	elf.segments[0].p_paddr = UINT64_MAX - 0x80;
	assert_elf_refused(&elf, "outside RAM");
	elf.segments[0].p_paddr = RAM + 4 * MIB - 0x2ff;
	assert_elf_refused(&elf, "but RAM is 0x40000000-0x40400000; use --mem=8M or more");
	elf = good_elf();
	elf.segments[0].p_memsz = UINT64_MAX - RAM;
	assert_elf_refused(&elf, "outside RAM");
}

static void elf_segments_that_overlap(void **state)
{
	struct elf_file elf = good_elf();

	(void)state;
	elf.header.e_phnum = 2;
	elf.segments[1] = segment(0x1000, 0x10, RAM + 0x1002ff, 0x10);
	assert_elf_refused(&elf, "segments at 0x40100000 and 0x401002ff overlap");
	elf.segments[1] = segment(0x1000, 0x10, RAM + 0x21fff0, 0x20);
	assert_elf_refused(&elf, "overlaps the device tree");
	elf.segments[1] = segment(0x1000, 0x10, RAM + 0x220000, 0x20);
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
}

static void elf_with_too_many_segments(void **state)
{
	struct elf_file elf = elf_of(ELF_MAX_SEGMENTS);

	(void)state;
	for (unsigned i = 0; i < ELF_MAX_SEGMENTS; i++)
		elf.segments[i] = segment(0x1000, 0x10, RAM + i * 0x1000, 0x1000);
	elf.header.e_entry = RAM;
	assert_elf_refused(&elf, "more than 18 segments");
}

static void initrds_that_do_not_fit(void **state)
{
	struct elf_file elf = good_elf();

	(void)state;
	/* 4 MiB of RAM: less than 2 MiB behind the tree, and even less before it. */
	put_pattern("flat", MIB);
	put_pattern("initrd", 2 * MIB);
	assert_refused("flat", "initrd",
		       "its 0x200000 bytes do not fit beside the image, which "
		       "ends at 0x40180000, and the device tree at 0x40200000; "
		       "use --mem=6M or more");
	use_ram(6 * MIB);
	load_well("flat", "initrd");

	put_pattern("initrd", 7 * MIB);
	assert_refused("flat", "initrd", "do not fit");

	/* A page too much for the room below the image, which is the largest. */
	use_ram(2 * MIB); /* the tree is at RAM's start */
	elf.segments[0].p_paddr = RAM + 0x180000;
	elf.header.e_entry = RAM + 0x180000;
	put_elf("elf", &elf, 0x2000);
	put_pattern("initrd", 0x180000 - IMAGE_DTB_ROOM + 1);
	assert_refused("elf", "initrd", "use --mem=6M or more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE_TEST(files_that_are_none),
		IMAGE_TEST(initrds_that_are_none),
		IMAGE_TEST(forbidden_files),
		IMAGE_TEST(flat_images_that_do_not_fit),
		IMAGE_TEST(linux_images_that_do_not_fit),
		IMAGE_TEST(images_that_no_mem_is_enough_for),
		IMAGE_TEST(compressed_kernels),
		IMAGE_TEST(kernels_compressed_for_efi),
		IMAGE_TEST(elf_for_another_machine),
		IMAGE_TEST(elf_cut_short),
		IMAGE_TEST(elf_that_makes_no_sense),
		IMAGE_TEST(elf_outside_ram),
		IMAGE_TEST(elf_segments_that_overlap),
		IMAGE_TEST(elf_with_too_many_segments),
		IMAGE_TEST(initrds_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
