/* SPDX-License-Identifier: MIT */
/* Files that are no guest. Loaded as they are they would run as garbage, so each is named. */
#include <ctype.h>
#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "memory/image_load.h"

typedef unsigned long long ull;

/* @bytes at @offset; no @length: always there. */
struct magic {
	unsigned offset, length;
	char bytes[24];
};

#define BYTES(text) sizeof(text) - 1, text

/* The first entry that matches counts. A format that has to be unpacked has a @tool and the
 * packing's name. */
static const struct kind {
	struct magic magic[2];
	/* No pointers, which each start would have to relocate. */
	char name[64], instead[96], tool[16];
} kinds[] = {
	{ { { 0, BYTES("\x1f\x8b\x08") } }, "gzip", .tool = "gunzip" },
	{ { { 0, BYTES("BZh91AY&SY") } }, "bzip2", .tool = "bunzip2" },
	{ { { 0, BYTES("\xfd\x37zXZ") } }, "xz", .tool = "unxz" },
	{ { { 0, BYTES("\x28\xb5\x2f\xfd") } }, "zstd", .tool = "unzstd" },
	{ { { 0, BYTES("\x02\x21\x4c\x18") } }, "lz4", .tool = "unlz4" },
	{ { { 0, BYTES("\x04\x22\x4d\x18") } }, "lz4", .tool = "unlz4" },
	{ { { 0, BYTES("\x89LZO") } }, "lzo", .tool = "lzop -d" },
	/* The first bytes alone may be code; the field for an unknown length follows. */
	{ { { 0, BYTES("\x5d\0\0") }, { 5, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff") } },
	  "lzma",
	  .tool = "unlzma" },

	{ { { 0, BYTES("07070") } },
	  "a cpio archive, as initrds are",
	  .instead = "name a kernel's Image, and this file with --initrd=" },
	{ { { 0, BYTES("\x27\x05\x19\x56") } },
	  "a uImage for U-Boot",
	  .instead = "use the kernel's arch/arm64/boot/Image, or take it out with dumpimage" },
	{ { { 0, BYTES("\xd0\x0d\xfe\xed") } },
	  "a device tree, or a FIT image for U-Boot",
	  .instead = "use the kernel's arch/arm64/boot/Image, or take it out of a FIT with "
		     "dumpimage" },
	{ { { 0, BYTES("ANDROID!") } },
	  "an Android boot image",
	  .instead = "use the kernel in it, which unpack_bootimg takes out" },
	{ { { 0, BYTES("VNDRBOOT") } },
	  "an Android vendor boot image, which has no kernel",
	  .instead = "use the kernel in boot.img, which unpack_bootimg takes out" },
	{ { { 40, BYTES("_FVH") } },
	  "UEFI firmware, which runs from flash",
	  .instead = "use a kernel's Image; this machine has no flash" },

	{ { { 0x202, BYTES("HdrS") } }, "a Linux kernel for x86", .instead = "use an arm64 Image" },
	{ { { 0x24, BYTES("\x18\x28\x6f\x01") } },
	  "a Linux kernel for 32-bit Arm (zImage)",
	  .instead = "use an arm64 Image" },
	{ { { 0x38, BYTES("RSC\x05") } },
	  "a Linux kernel for RISC-V",
	  .instead = "use an arm64 Image" },
	{ { { 0, BYTES(ELFMAG) }, { 18, BYTES("\x3e\0") } },
	  "an ELF file for x86-64",
	  .instead = "build it for aarch64" },
	{ { { 0, BYTES(ELFMAG) }, { 18, BYTES("\3\0") } },
	  "an ELF file for 32-bit x86",
	  .instead = "build it for aarch64" },
	{ { { 0, BYTES(ELFMAG) }, { 18, BYTES("\x28\0") } },
	  "an ELF file for 32-bit Arm",
	  .instead = "build it for aarch64" },
	{ { { 0, BYTES(ELFMAG) }, { 18, BYTES("\xf3\0") } },
	  "an ELF file for RISC-V",
	  .instead = "build it for aarch64" },
	{ { { 0, BYTES(ELFMAG) }, { 16, BYTES("\1\0") } },
	  "an object file, as kernel modules are",
	  .instead = "name the program that it is linked into" },
	{ { { 0, BYTES(ELFMAG) }, { 16, BYTES("\4\0") } },
	  "a core dump",
	  .instead = "name the program itself" },
	{ { { 0, BYTES("\xcf\xfa\xed\xfe") } },
	  "a program for macOS (Mach-O)",
	  .instead = "build it with --target=aarch64-none-elf" },

	{ { { 0, BYTES("!<arch>\n") } },
	  "a package or a static library (ar)",
	  .instead = "use the program in it" },
	{ { { 257, BYTES("ustar") } }, "a tar archive", .instead = "use the program in it" },
	{ { { 0, BYTES("PK\3\4") } }, "a zip archive", .instead = "use the program in it" },
	{ { { 0, BYTES("QFI\xfb") } },
	  "a disk image (qcow2)",
	  .instead = "use the kernel in it; this machine has no disks" },
	{ { { 512, BYTES("EFI PART") } },
	  "a disk image (GPT)",
	  .instead = "use the kernel in it; this machine has no disks" },

	{ { { 0, BYTES("version https://git-lfs") } },
	  "a Git LFS pointer, not the file itself",
	  .instead = "fetch the file: git lfs pull" },
	{ { { 0, BYTES("<!DOCTYPE") } }, "a web page", .instead = "download the file itself" },
	{ { { 0, BYTES("<!doctype") } }, "a web page", .instead = "download the file itself" },
	{ { { 0, BYTES("<html") } }, "a web page", .instead = "download the file itself" },
	{ { { 0, BYTES("\0\0\0\0") } },
	  "no program: it begins with zeroes, which are no instruction",
	  .instead = "name an Image, an ELF file or a flat image" },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Linux, drivers/firmware/efi/libstub/zboot-header.S */
struct zboot_header {
	char mz[4], zimg[4];
	uint32_t payload_offset, payload_size, reserved[2];
	char type[32];
};

static bool matches(const struct magic *magic, const uint8_t *start)
{
	return !memcmp(start + magic->offset, magic->bytes, magic->length);
}

static enum status check_kinds(const struct image_file *file, const uint8_t *start)
{
	for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		if (!matches(&kind->magic[0], start) || !matches(&kind->magic[1], start))
			continue;
		if (kind->tool[0])
			return fail(STATUS_INPUT,
				    "%s is compressed (%s); unpack it: %s <%s >Image (an initrd "
				    "goes to --initrd=)",
				    file->path, kind->name, kind->tool, file->path);
		return fail(STATUS_INPUT, "%s is %s; %s", file->path, kind->name, kind->instead);
	}
	return STATUS_OK;
}

/* The type is a packing's name, perhaps with a level behind it: zstd22. */
static enum status check_zboot(const struct image_file *file, const struct zboot_header *header)
{
	if (memcmp(header->mz, "MZ", 2) || memcmp(header->zimg, "zimg", 4))
		return STATUS_OK;
	for (const struct kind *kind = kinds; kind < kinds + KINDS && kind->tool[0]; kind++)
		if (!strncmp(header->type, kind->name, strlen(kind->name)))
			return fail(STATUS_INPUT,
				    "%s is compressed for EFI (zboot); unpack it: "
				    "tail -c +%llu %s | head -c %u | %s >Image",
				    file->path, header->payload_offset + 1ull, file->path,
				    header->payload_size, kind->tool);
	return fail(STATUS_INPUT,
		    "%s is compressed for EFI (zboot); use the kernel's arch/arm64/boot/Image",
		    file->path);
}

/* "MZ" may be code, as it is in an Image; with what it points to it is not. */
static enum status check_efi(const struct image_file *file, const uint8_t *start)
{
	uint8_t signature[4];
	uint32_t offset;
	enum status status;

	memcpy(&offset, start + 0x3c, sizeof(offset));
	if (memcmp(start, "MZ", 2) || file->size < sizeof(signature) ||
	    offset > file->size - sizeof(signature))
		return STATUS_OK;
	status = image_read(file, offset, signature, sizeof(signature));
	if (status || memcmp(signature, "PE\0\0", sizeof(signature)))
		return status;
	return fail(
		STATUS_INPUT,
		"%s is a program for EFI, which this machine does not have; use a kernel's Image "
		"(out of a unified kernel image: objcopy -O binary -j .linux %s Image)",
		file->path, file->path);
}

/* ASCII has none of the usual branches, moves and calls. */
static bool is_text(const uint8_t *start, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		if (!isprint(start[i]) && !isspace(start[i]))
			return false;
	return true;
}

enum status image_check_foreign(const struct image_file *file, const uint8_t *start)
{
	struct zboot_header header;
	enum status status;

	memcpy(&header, start, sizeof(header));
	status = check_zboot(file, &header);
	if (!status)
		status = check_kinds(file, start);
	if (!status)
		status = check_efi(file, start);
	if (status)
		return status;
	if (is_text(start, file->size < IMAGE_START ? file->size : IMAGE_START))
		return fail(STATUS_INPUT,
			    "%s is text; name an Image, an ELF file or a flat image (objcopy -O "
			    "binary)",
			    file->path);
	return STATUS_OK;
}
