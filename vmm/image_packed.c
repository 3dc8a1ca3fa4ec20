/* SPDX-License-Identifier: MIT */
/* Packed kernels: loaded as they are they would run as garbage, so each is told how to unpack it.
 */
#include <string.h>

#include "fail.h"
#include "image_load.h"

/* Linux, drivers/firmware/efi/libstub/zboot-header.S */
struct zboot_header {
	char mz[4], zimg[4];
	uint32_t payload_offset, payload_size, reserved[2];
	char type[32];
};

/* An lzma stream alone is not told from code: it may begin as a branch does. */
static const struct stream {
	const char *magic, *name, *tool;
	size_t length; /* of the magic; 0: only found in a zboot image */
} streams[] = {
	{ "\x1f\x8b\x08", "gzip", "gunzip", 3 },
	{ "BZh91AY&SY", "bzip2", "bunzip2", 10 },
	{ "\xfd\x37zXZ", "xz", "unxz", 5 },
	{ "\x28\xb5\x2f\xfd", "zstd", "unzstd", 4 },
	{ "\x02\x21\x4c\x18", "lz4", "unlz4", 4 },
	{ "\x89LZO", "lzo", "lzop -d", 4 },
	{ "", "lzma", "unlzma", 0 },
};

#define STREAMS (sizeof(streams) / sizeof(streams[0]))

static enum status check_stream(const struct image_file *file, const uint8_t *start)
{
	for (size_t i = 0; i < STREAMS; i++)
		if (streams[i].length && !memcmp(start, streams[i].magic, streams[i].length))
			return fail(STATUS_INPUT, "%s is compressed; unpack it: %s <%s >Image",
				    file->path, streams[i].tool, file->path);
	return STATUS_OK;
}

/* The type is a stream's name, perhaps with a level behind it: zstd22. */
static enum status check_zboot(const struct image_file *file, const struct zboot_header *header)
{
	if (memcmp(header->mz, "MZ", 2) || memcmp(header->zimg, "zimg", 4))
		return STATUS_OK;
	for (size_t i = 0; i < STREAMS; i++)
		if (!strncmp(header->type, streams[i].name, strlen(streams[i].name)))
			return fail(STATUS_INPUT,
				    "%s is compressed for EFI (zboot); unpack it: "
				    "tail -c +%llu %s | head -c %u | %s >Image",
				    file->path, header->payload_offset + 1ull, file->path,
				    header->payload_size, streams[i].tool);
	return fail(STATUS_INPUT,
		    "%s is compressed for EFI (zboot); use the kernel's arch/arm64/boot/Image",
		    file->path);
}

enum status image_check_packed(const struct image_file *file, const uint8_t *start)
{
	enum status status = check_stream(file, start);
	struct zboot_header header;

	memcpy(&header, start, sizeof(header));
	return status ? status : check_zboot(file, &header);
}
