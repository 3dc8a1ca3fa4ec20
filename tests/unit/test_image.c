/* SPDX-License-Identifier: MIT */
/* Images that can be loaded land where their format says, with everything else still zero. */
#include <elf.h>
#include <string.h>

#include "image_files.h"

static void flat_goes_to_its_offset(void **state)
{
	(void)state;
	put_pattern("flat", 5000);
	load_well("flat", NULL);
	assert_int_equal(image.entry, RAM + 0x80000);
	assert_pattern(RAM + 0x80000, 0, 5000);
	assert_rest_is_zero();
	assert_int_equal(image.npieces, 1);
	assert_int_equal(image.initrd_start, image.initrd_end);
}

static void shortest_flat_is_one_byte(void **state)
{
	(void)state;
	put_pattern("flat", 1);
	load_well("flat", NULL);
	assert_pattern(RAM + 0x80000, 0, 1);
	assert_rest_is_zero();
}

static void linux_goes_to_its_text_offset(void **state)
{
	(void)state;
	put_linux("Image", 0, 2 * MIB, 0x5000);
	load_well("Image", NULL);
	assert_int_equal(image.entry, RAM);
	assert_pattern(RAM + 64, 64, 0x5000 - 64);
	/* The BSS counts as taken. */
	assert_int_equal(image.pieces[0].start, RAM);
	assert_int_equal(image.pieces[0].end, RAM + 2 * MIB);

	put_linux("Image", 0x80000, 0x6000, 0x5000);
	load_well("Image", NULL);
	assert_int_equal(image.entry, RAM + 0x80000);
	assert_pattern(RAM + 0x80000 + 64, 64, 0x5000 - 64);
	/* The file may hold more than image_size, such as a signature. */
	put_linux("Image", 0, 0x4000, 0x5000);
	load_well("Image", NULL);
	assert_int_equal(image.pieces[0].end, RAM + 0x5000);
}

static void linux_before_3_17_goes_to_512k(void **state)
{
	(void)state;
	put_linux("Image", 0x1234, 0, 0x5000);
	load_well("Image", NULL);
	assert_int_equal(image.entry, RAM + 0x80000);
}

static void elf_goes_to_its_physical_addresses(void **state)
{
	struct elf_file elf = elf_of(2);

	(void)state;
	elf.segments[0] = segment(0x1000, 0x300, RAM + 0x100000, 0x300);
	elf.segments[1] = segment(0x1300, 0x80, RAM + 0x180000, 0x4000);
	elf.header.e_entry = RAM + 0x100010;
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
	assert_int_equal(image.entry, RAM + 0x100010);
	assert_pattern(RAM + 0x100000, 0x1000, 0x300);
	assert_pattern(RAM + 0x180000, 0x1300, 0x80);
	assert_rest_is_zero();
	assert_int_equal(image.npieces, 2);
	assert_int_equal(image.pieces[1].end, RAM + 0x184000);
}

static void elf_entry_is_translated_or_physical(void **state)
{
	struct elf_file elf = elf_of(1);

	(void)state;
	elf.segments[0] = segment(0x1000, 0x300, RAM + 0x100000, 0x300);
	elf.segments[0].p_vaddr = 0xffff000000080000;
	elf.header.e_entry = 0xffff000000080040;
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
	assert_int_equal(image.entry, RAM + 0x100040);

	elf.header.e_entry = RAM + 0x100080;
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
	assert_int_equal(image.entry, RAM + 0x100080);
}

static void elf_loads_nothing_but_pt_load(void **state)
{
	struct elf_file elf = elf_of(3);

	(void)state;
	elf.segments[0] = segment(0, 0x100, 0, 0x100);
	elf.segments[0].p_type = PT_NOTE;
	elf.segments[1] = segment(0x1000, 0x300, RAM + 0x100000, 0x300);
	elf.segments[2] = segment(0, 0, 0, 0); /* some linkers leave an empty one */
	elf.header.e_entry = RAM + 0x100000;
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
	assert_int_equal(image.npieces, 1);
}

static void elf_takes_as_many_segments_as_there_is_room_for(void **state)
{
	struct elf_file elf = elf_of(IMAGE_MAX_PIECES);

	(void)state;
	for (unsigned i = 0; i < IMAGE_MAX_PIECES; i++)
		elf.segments[i] = segment(0x1000, 0x10, RAM + i * 0x1000, 0x1000);
	elf.header.e_entry = RAM;
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
	assert_int_equal(image.npieces, IMAGE_MAX_PIECES);
}

static void linux_gets_the_tree_in_the_last_2_mib(void **state)
{
	static const struct {
		uint64_t mib, dtb;
	} sizes[] = {
		{ 2, RAM }, { 4, RAM + 2 * MIB }, { 6, RAM + 4 * MIB }, { 64, RAM + 62 * MIB }
	};

	(void)state;
	put_linux("Image", 0x80000, 100, 100);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		use_ram(sizes[i].mib * MIB);
		load_well("Image", NULL);
		assert_int_equal(image.dtb, sizes[i].dtb);
		assert_non_null(memory_at(&memory, image.dtb, IMAGE_DTB_ROOM));
	}
}

/* Where QEMU has it, unless a segment is in its way, whichever of them it is. */
static void others_get_the_tree_at_the_start(void **state)
{
	struct elf_file elf = elf_of(2);

	(void)state;
	put_pattern("flat", 100);
	load_well("flat", NULL);
	assert_int_equal(image.dtb, RAM);

	elf.segments[0] = segment(0x1000, 0x300, RAM + MIB, 0x300);
	elf.segments[1] = segment(0x1000, 0x300, RAM + IMAGE_DTB_ROOM, 0x300);
	elf.header.e_entry = RAM + MIB;
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
	assert_int_equal(image.dtb, RAM);
	elf.segments[1].p_paddr--;
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
	assert_int_equal(image.dtb, RAM + 2 * MIB);
	elf.segments[1].p_paddr = RAM;
	put_elf("elf", &elf, 0x2000);
	load_well("elf", NULL);
	assert_int_equal(image.dtb, RAM + 2 * MIB);
}

static void the_initrd_goes_right_below(void **state)
{
	(void)state;
	put_linux("Image", 0x80000, 100, 100);
	put_pattern("initrd", 0x1001);
	load_well("Image", "initrd");
	assert_int_equal(image.initrd_start, image.dtb - 0x2000);
	assert_int_equal(image.initrd_end, image.dtb - 0x2000 + 0x1001);
	assert_pattern(image.initrd_start, 0, 0x1001);
	assert_pattern(RAM + 0x80000 + 64, 64, 100 - 64);

	put_pattern("initrd", 0x1000);
	load_well("Image", "initrd");
	assert_int_equal(image.initrd_start, image.dtb - 0x1000);
	assert_int_equal(image.initrd_end, image.dtb);
}

/* With the tree at RAM's start there is nothing below it. */
static void the_initrd_goes_to_the_end(void **state)
{
	(void)state;
	put_pattern("flat", 100);
	put_pattern("initrd", 0x1001);
	load_well("flat", "initrd");
	assert_int_equal(image.initrd_start, RAM + 4 * MIB - 0x2000);
	assert_pattern(image.initrd_start, 0, 0x1001);
}

/*
 * 4 MiB of RAM and the tree at 2 MiB, as a segment is at RAM's start; the others are where no room
 * is left right below it.
 */
static void the_initrd_goes_where_there_is_room(void **state)
{
	const uint64_t tree = RAM + 2 * MIB;
	struct elf_file elf = elf_of(3);

	(void)state;
	elf.segments[0] = segment(0x1000, 0x300, tree - 0x1000, 0x1000);
	elf.segments[1] = segment(0x1000, 0x300, RAM + 0x80000, 0x1000);
	elf.segments[2] = segment(0x1000, 0x300, RAM, 0x1000);
	elf.header.e_entry = RAM + 0x80000;
	put_elf("elf", &elf, 0x2000);
	/* Behind the tree, which is higher than before the image. */
	put_pattern("initrd", 2 * MIB - IMAGE_DTB_ROOM);
	load_well("elf", "initrd");
	assert_int_equal(image.initrd_start, tree + IMAGE_DTB_ROOM);
	assert_int_equal(image.initrd_end, RAM + 4 * MIB);
	assert_pattern(image.initrd_start, 0, 2 * MIB - IMAGE_DTB_ROOM);

	/* Between the segments: the largest room of all once there is one behind the tree. */
	elf.segments[0] = segment(0x1000, 0x300, tree - 0x2000, 0x1000);
	elf.segments[1] = segment(0x1000, 0x300, RAM + 3 * MIB, 0x1000);
	elf.header.e_entry = tree - 0x2000;
	put_elf("elf", &elf, 0x2000);
	put_pattern("initrd", MIB + MIB / 2);
	load_well("elf", "initrd");
	assert_int_equal(image.initrd_end, tree - 0x2000);
	put_pattern("initrd", 0x2000);
	load_well("elf", "initrd");
	assert_int_equal(image.initrd_end, RAM + 4 * MIB);
	put_pattern("initrd", 0x1000);
	load_well("elf", "initrd");
	assert_int_equal(image.initrd_end, tree);

	/* Not before the first segment where there is room before a higher one. */
	elf.segments[1].p_memsz = MIB;
	put_elf("elf", &elf, 0x2000);
	put_pattern("initrd", MIB / 2);
	load_well("elf", "initrd");
	assert_int_equal(image.initrd_end, RAM + 3 * MIB);
}

static void the_initrd_fits_with_the_tree_at_the_start(void **state)
{
	(void)state;
	use_ram(2 * MIB);
	put_pattern("flat", 100);
	put_pattern("initrd", MIB);
	load_well("flat", "initrd");
	assert_int_equal(image.dtb, RAM);
	assert_int_equal(image.initrd_start, RAM + MIB);
	assert_pattern(RAM + MIB, 0, MIB);
}

static void the_last_byte_of_room_can_be_used(void **state)
{
	(void)state;
	/* 4 MiB of RAM, the tree at 2 MiB. */
	put_linux("Image", 0x80000, 100, 2 * MIB - 0x80000);
	load_well("Image", NULL);
	put_linux("Image", 0x80000, 100, 2 * MIB - 0x80000 - 0x3000);
	put_pattern("initrd", 0x3000);
	load_well("Image", "initrd");
	use_ram(2 * MIB);
	put_pattern("flat", 2 * MIB - 0x80000 - 0x3000);
	load_well("flat", "initrd");
	put_pattern("flat", 2 * MIB - 0x80000);
	load_well("flat", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE_TEST(flat_goes_to_its_offset),
		IMAGE_TEST(shortest_flat_is_one_byte),
		IMAGE_TEST(linux_goes_to_its_text_offset),
		IMAGE_TEST(linux_before_3_17_goes_to_512k),
		IMAGE_TEST(elf_goes_to_its_physical_addresses),
		IMAGE_TEST(elf_entry_is_translated_or_physical),
		IMAGE_TEST(elf_loads_nothing_but_pt_load),
		IMAGE_TEST(elf_takes_as_many_segments_as_there_is_room_for),
		IMAGE_TEST(linux_gets_the_tree_in_the_last_2_mib),
		IMAGE_TEST(others_get_the_tree_at_the_start),
		IMAGE_TEST(the_initrd_goes_right_below),
		IMAGE_TEST(the_initrd_goes_to_the_end),
		IMAGE_TEST(the_initrd_goes_where_there_is_room),
		IMAGE_TEST(the_initrd_fits_with_the_tree_at_the_start),
		IMAGE_TEST(the_last_byte_of_room_can_be_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
