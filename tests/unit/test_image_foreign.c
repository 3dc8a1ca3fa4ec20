/* SPDX-License-Identifier: MIT */
/* Files that are no guest: each is named, with what to use instead. Code that looks alike runs. */
#include <stdio.h>
#include <string.h>

#include "image_files.h"

static void compressed_kernels(void **state)
{
	static const struct {
		const char start[16], *name, *tool;
	} streams[] = {
		{ "\x1f\x8b\x08 and so on", "gzip", "gunzip" },
		{ "BZh91AY&SY", "bzip2", "bunzip2" },
		{ "\xfd\x37zXZ\0\0", "xz", "unxz" },
		{ "\x28\xb5\x2f\xfd\x04", "zstd", "unzstd" },
		{ "\x02\x21\x4c\x18", "lz4", "unlz4" },
		{ "\x04\x22\x4d\x18", "lz4", "unlz4" },
		{ "\x89LZO\0\r\n", "lzo", "lzop -d" },
		{ "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff", "lzma", "unlzma" },
	};
	char advice[256];

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		put_bytes("Image.packed", streams[i].start, 13);
		snprintf(advice, sizeof(advice),
			 "is compressed (%s); unpack it: %s <%s >Image (an initrd goes to "
			 "--initrd=)",
			 streams[i].name, streams[i].tool, path_of("Image.packed"));
		assert_refused("Image.packed", NULL, advice);
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

/* A file of code that would run, with @bytes at @offset, and @flip in the last of them. */
static void put_with(const char *name, size_t offset, const char *bytes, size_t length, char flip)
{
	char file[2048];

	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (char)pattern(i);
	memcpy(file + offset, bytes, length);
	file[offset + length - 1] ^= flip;
	put_bytes(name, file, sizeof(file));
}

static void files_of_others(void **state)
{
	static const struct {
		size_t offset, length;
		const char *bytes, *advice;
	} files[] = {
		{ 0, 5, "070701", "is a cpio archive, as initrds are; name a kernel's Image, and" },
		{ 0, 4, "\x27\x05\x19\x56", "is a uImage for U-Boot; use the kernel's arch/" },
		{ 0, 4, "\xd0\x0d\xfe\xed", "is a device tree, or a FIT image for U-Boot; use" },
		{ 0, 8, "ANDROID!", "is an Android boot image; use the kernel in it" },
		{ 0, 8, "VNDRBOOT", "is an Android vendor boot image" },
		{ 40, 4, "_FVH", "is UEFI firmware, which runs from flash; use a kernel's Image" },
		{ 0x202, 4, "HdrS", "is a Linux kernel for x86; use an arm64 Image" },
		{ 0x24, 4, "\x18\x28\x6f\x01", "is a Linux kernel for 32-bit Arm (zImage); use" },
		{ 0x38, 4, "RSC\x05", "is a Linux kernel for RISC-V; use an arm64 Image" },
		{ 0, 4, "\xcf\xfa\xed\xfe", "is a program for macOS (Mach-O); build it with" },
		{ 0, 8, "!<arch>\n", "is a package or a static library (ar); use the program" },
		{ 257, 5, "ustar", "is a tar archive; use the program in it" },
		{ 0, 4, "PK\3\4", "is a zip archive; use the program in it" },
		{ 0, 4, "QFI\xfb", "is a disk image (qcow2); use the kernel in it" },
		{ 512, 8, "EFI PART", "is a disk image (GPT); use the kernel in it" },
		{ 0, 4, "\0\0\0\0", "is no program: it begins with zeroes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		put_with("file", files[i].offset, files[i].bytes, files[i].length, 0);
		assert_refused("file", NULL, files[i].advice);
		/* All of the magic counts. */
		put_with("file", files[i].offset, files[i].bytes, files[i].length, 1);
		load_well("file", NULL);
	}
}

static void elf_files_of_others(void **state)
{
	static const struct {
		Elf64_Half type, machine;
		const char *advice;
	} files[] = {
		{ ET_EXEC, EM_X86_64, "is an ELF file for x86-64; build it for aarch64" },
		{ ET_EXEC, EM_386, "is an ELF file for 32-bit x86; build it for aarch64" },
		{ ET_EXEC, EM_ARM, "is an ELF file for 32-bit Arm; build it for aarch64" },
		{ ET_DYN, EM_RISCV, "is an ELF file for RISC-V; build it for aarch64" },
		{ ET_REL, EM_AARCH64, "is an object file, as kernel modules are; name the" },
		{ ET_CORE, EM_AARCH64, "is a core dump; name the program itself" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct elf_file elf = elf_of(0);

		elf.header.e_type = files[i].type;
		elf.header.e_machine = files[i].machine;
		put_elf("elf", &elf, sizeof(elf));
		assert_refused("elf", NULL, files[i].advice);
	}
}

/* As it is built, and what systemd's ukify makes of it: "MZ", and where that points to "PE". */
static void programs_for_efi(void **state)
{
	char file[512] = "MZ";

	(void)state;
	for (size_t i = 2; i < sizeof(file); i++)
		file[i] = (char)pattern(i);
	memcpy(file + 0x3c, "\x80\0\0", 4);
	memcpy(file + 0x80, "PE\0", 4);
	put_bytes("uki.efi", file, sizeof(file));
	assert_refused("uki.efi", NULL,
		       "is a program for EFI, which this machine does not have; use a kernel's "
		       "Image (out of a unified kernel image: objcopy -O binary -j .linux ");
	put_bytes("uki.efi", file, 0x84);
	assert_refused("uki.efi", NULL, "is a program for EFI");

	/* An Image is one too. */
	memcpy(file + 56, "ARM\x64", 4);
	memset(file + 8, 0, 16);
	put_bytes("Image", file, sizeof(file));
	load_well("Image", NULL);
}

static void code_that_begins_with_mz(void **state)
{
	char file[512] = "MZ";

	(void)state;
	for (size_t i = 2; i < sizeof(file); i++)
		file[i] = (char)pattern(i);
	put_bytes("flat", file, sizeof(file)); /* points outside the file */
	load_well("flat", NULL);
	memcpy(file + 0x3c, "\x80\0\0", 4);
	put_bytes("flat", file, sizeof(file));
	load_well("flat", NULL);
	put_bytes("flat", file, 0x83);
	load_well("flat", NULL);
	put_bytes("flat", file, 2);
	assert_refused("flat", NULL, "is text");
}

static void texts(void **state)
{
	static const struct {
		const char *text, *advice;
	} texts[] = {
		{ "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
		  "is a Git LFS pointer, not the file itself; fetch the file: git lfs pull" },
		{ "<!DOCTYPE html>\n<html>404</html>\n",
		  "is a web page; download the file itself" },
		{ "<!doctype html>", "is a web page" },
		{ "<html>", "is a web page" },
		{ "#!/bin/sh\nexec true\n", "is text; name an Image, an ELF file or a flat image" },
		{ "\tmov\tx0, #0\r\n", "is text" },
	};
	char code[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put_bytes("file", texts[i].text, strlen(texts[i].text));
		assert_refused("file", NULL, texts[i].advice);
	}
	/* One byte makes the difference, unless it comes late. */
	memset(code, 'a', sizeof(code));
	code[1023] = 1;
	put_bytes("flat", code, sizeof(code));
	load_well("flat", NULL);
	code[1023] = 'a';
	code[1024] = 1;
	put_bytes("flat", code, sizeof(code));
	assert_refused("flat", NULL, "is text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE_TEST(compressed_kernels),
		IMAGE_TEST(kernels_compressed_for_efi),
		IMAGE_TEST(files_of_others),
		IMAGE_TEST(elf_files_of_others),
		IMAGE_TEST(programs_for_efi),
		IMAGE_TEST(code_that_begins_with_mz),
		IMAGE_TEST(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
