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
	put_pattern("flat", 4 * MIB - 0x80000 + 1);
	assert_refused("flat", NULL,
		       "takes 0x40080000-0x40400001, but RAM is "
		       "0x40000000-0x40400000; use --mem=6M or more");
	use_ram(6 * MIB);
	load_well("flat", NULL);
}

static void linux_images_that_do_not_fit(void **state)
{
	(void)state;
	put_linux("Image", 0, 4 * MIB + 1, 0x1000);
	assert_refused("Image", NULL, "but RAM is 0x40000000-0x40400000; use --mem=8M or more");
	put_linux("Image", 0, 2 * MIB + 1, 0x1000);
	assert_refused("Image", NULL,
		       "takes 0x40000000-0x40200001, which overlaps the device tree "
		       "at 0x40200000-0x40220000; use --mem=6M or more");
	/* It moves out of the way with more RAM. */
	use_ram(6 * MIB);
	load_well("Image", NULL);
	put_linux("Image", UINT64_MAX - 0xfff, 0x2000, 0x1000);
	assert_refused("Image", NULL, "text_offset 0xfffffffffffff000");
	put_linux("Image", 0, UINT64_MAX, 0x1000);
	assert_refused("Image", NULL, "image_size 0xffffffffffffffff");
	use_ram(2 * MIB);
	put_linux("Image", 0, 0x1000, 0x1000);
	assert_refused("Image", NULL, "overlaps the device tree at 0x40000000");
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
	/* Behind where an Image's tree goes there is room again. */
	put_linux("Image", 33ull << 30, 0x1000, 0x1000);
	assert_refused("Image", NULL, "use --mem=33796M or more");
	/* Where the tree is at RAM's start, nothing is in the way. */
	elf.segments[0] = segment(sizeof(elf), 0x1000, RAM + (32ull << 30) - 2 * MIB, 0x1000);
	put_elf("elf", &elf, sizeof(elf) + 0x1000);
	assert_refused("elf", NULL, "use --mem=32768M or more");
}

/* Linux finds its initrd in the first 32 GiB; an image that fills them leaves no room in any RAM.
 */
static void initrds_that_no_mem_is_enough_for(void **state)
{
	struct elf_file elf = elf_of(1);

	(void)state;
	put_pattern("initrd", 1);
	elf.header.e_entry = RAM + IMAGE_DTB_ROOM;
	elf.segments[0] = segment(sizeof(elf), 0x1000, RAM + IMAGE_DTB_ROOM,
				  (32ull << 30) - IMAGE_DTB_ROOM - 0x1000);
	put_elf("elf", &elf, sizeof(elf) + 0x1000);
	assert_refused("elf", NULL, "use --mem=32768M or more");
	elf.segments[0].p_memsz += 0x1000;
	put_elf("elf", &elf, sizeof(elf) + 0x1000);
	use_ram(34ull << 30);
	assert_refused("elf", "initrd", "no --mem is enough");
}

static void elf_for_another_machine(void **state)
{
	struct elf_file elf = good_elf();

	(void)state;
	elf.header.e_machine = EM_ALPHA;
	assert_elf_refused(&elf, "for another machine (class 2, data 1, machine 36902)");
	elf = good_elf();
	elf.header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_elf_refused(&elf, "not a 64-bit");
	elf = good_elf();
	elf.header.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_elf_refused(&elf, "not a little-endian");
	elf = good_elf();
	elf.header.e_type = ET_DYN;
	assert_elf_refused(&elf,
			   "of type 3, a shared object or a position-independent program; link it "
			   "with -static -no-pie, or");
	/* What only looks like a vmlinux from far away. */
	elf.segments[0].p_offset = UINT64_MAX - 0x80;
	assert_elf_refused(&elf, "of type 3");
}

/* As Linux is linked: the first segment begins with the Image's header. */
static void a_vmlinux(void **state)
{
	static const struct {
		Elf64_Half type;
		uint64_t address;
	} links[] = { { ET_DYN, 0xffff800080000000 }, { ET_EXEC, 0xffff800008000000 } };
	char advice[256];

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct elf_file elf = elf_of(2);

		elf.header.e_type = links[i].type;
		elf.header.e_entry = links[i].address;
		elf.segments[0] = segment(0x40 + 56, 0x10, links[i].address, 0x10);
		elf.segments[0].p_type = PT_NOTE;
		elf.segments[1] = segment(sizeof(elf), 0x300, links[i].address, 0x300);
		put_elf("vmlinux", &elf, 0x2000);
		put_linux_at("vmlinux", sizeof(elf));
		snprintf(advice, sizeof(advice),
			 "is a vmlinux, a Linux kernel as it is linked; use its Image: "
			 "arch/arm64/boot/Image, or objcopy -O binary %s Image",
			 path_of("vmlinux"));
		assert_refused("vmlinux", NULL, advice);
	}
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
	assert_elf_refused(&elf, "but RAM is 0x40000000-0x40400000; use --mem=6M or more");
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
	/* One at RAM's start, so that the tree is at 2 MiB. */
	elf.header.e_phnum = 3;
	elf.segments[2] = segment(0x1000, 0x10, RAM, 0x10);
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
	put_linux("Image", 0x80000, MIB, MIB);
	put_pattern("initrd", 2 * MIB);
	assert_refused("Image", "initrd",
		       "its 0x200000 bytes do not fit beside the image, which "
		       "ends at 0x40180000, and the device tree at 0x40200000; "
		       "use --mem=6M or more");
	use_ram(6 * MIB);
	load_well("Image", "initrd");

	put_pattern("initrd", 7 * MIB);
	assert_refused("Image", "initrd", "do not fit");

	/* Without a tree in the way it takes less. */
	use_ram(4 * MIB);
	put_pattern("flat", MIB);
	put_pattern("initrd", 3 * MIB - 0x80000 + 1);
	assert_refused("flat", "initrd",
		       "ends at 0x40180000, and the device tree at 0x40000000; "
		       "use --mem=6M or more");
	put_pattern("initrd", 3 * MIB - 0x80000);
	load_well("flat", "initrd");

	/* A page too much for the room below the image, which is the largest. */
	use_ram(2 * MIB); /* the tree is at RAM's start */
	elf.segments[0].p_paddr = RAM + 0x180000;
	elf.header.e_entry = RAM + 0x180000;
	put_elf("elf", &elf, 0x2000);
	put_pattern("initrd", 0x180000 - IMAGE_DTB_ROOM + 1);
	assert_refused("elf", "initrd", "use --mem=4M or more");
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
		IMAGE_TEST(initrds_that_no_mem_is_enough_for),
		IMAGE_TEST(elf_for_another_machine),
		IMAGE_TEST(a_vmlinux),
		IMAGE_TEST(elf_cut_short),
		IMAGE_TEST(elf_that_makes_no_sense),
		IMAGE_TEST(elf_outside_ram),
		IMAGE_TEST(elf_segments_that_overlap),
		IMAGE_TEST(elf_with_too_many_segments),
		IMAGE_TEST(initrds_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
