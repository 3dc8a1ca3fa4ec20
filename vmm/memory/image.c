/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "guest/abi/map.h"
#include "memory/image.h"

typedef unsigned long long ull;

/* Linux, Documentation/arch/arm64/booting.rst */
struct linux_header {
	uint32_t code[2];
	uint64_t text_offset, image_size, flags, reserved[3];
	uint32_t magic, reserved2;
};

_Static_assert(offsetof(struct linux_header, magic) == IMAGE_MAGIC_OFFSET, "as Linux has it");

static enum status open_file(const char *path, struct image_file *file)
{
	enum status status = STATUS_OK;
	struct stat stat;

	/* NONBLOCK: a FIFO without a writer is refused below, not waited for. */
	*file = (struct image_file){ .path = path,
				     .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	if (file->fd < 0 || fstat(file->fd, &stat) < 0)
		status = fail_errno(STATUS_INPUT, "cannot open %s", path);
	else if (S_ISDIR(stat.st_mode))
		status = fail(STATUS_INPUT, "%s is a directory; name a file in it", path);
	else if (!S_ISREG(stat.st_mode))
		status = fail(STATUS_INPUT, "%s is not a regular file; copy it into one", path);
	else if (!stat.st_size)
		status = fail(STATUS_INPUT, "%s is empty; build or copy it again", path);
	else
		file->size = (uint64_t)stat.st_size;
	return status;
}

static enum status load_flat(struct image_load *load)
{
	load->image->entry = load->memory->base + MAP_FLAT_OFFSET;
	return image_load_piece(load, 0, load->file.size, load->image->entry, load->file.size);
}

/* image_size counts the BSS, which the file does not hold. */
static enum status load_linux(struct image_load *load, const struct linux_header *header)
{
	uint64_t size = load->file.size, length = header->image_size;
	uint64_t text_offset = header->text_offset;

	load->tree_first = false;
	/* Before Linux 3.17 it was 0, and the byte order of text_offset unknown. */
	if (!length)
		text_offset = MAP_FLAT_OFFSET;
	if (text_offset > IMAGE_MAX_MEM || length > IMAGE_MAX_MEM)
		return fail(STATUS_INPUT,
			    "%s: its header gives text_offset 0x%llx and image_size 0x%llx, which "
			    "cannot be; copy it again",
			    load->file.path, (ull)text_offset, (ull)length);
	load->image->entry = load->memory->base + text_offset;
	return image_load_piece(load, 0, size, load->image->entry, length > size ? length : size);
}

static enum status load_image(struct image_load *load)
{
	const struct image_file *file = &load->file;
	union {
		uint8_t bytes[IMAGE_START];
		Elf64_Ehdr elf;
		struct linux_header linux_image;
	} start = { { 0 } };
	enum status status = image_read(file, 0, &start,
					file->size < sizeof(start) ? file->size : sizeof(start));

	if (status)
		return status;
	if (!memcmp(start.bytes + IMAGE_MAGIC_OFFSET, IMAGE_MAGIC, strlen(IMAGE_MAGIC)))
		return load_linux(load, &start.linux_image);
	status = image_check_foreign(file, start.bytes);
	if (status)
		return status;
	if (!memcmp(start.bytes, ELFMAG, SELFMAG))
		return image_load_elf(load, &start.elf);
	return load_flat(load);
}

enum status image_open(const char *path, const char *initrd, struct image_files *files)
{
	enum status status;

	*files = (struct image_files){ .image.fd = -1, .initrd.fd = -1 };
	status = open_file(path, &files->image);
	if (!status && initrd)
		status = open_file(initrd, &files->initrd);
	return status;
}

void image_close(struct image_files *files)
{
	if (files->image.fd >= 0)
		close(files->image.fd);
	if (files->initrd.fd >= 0)
		close(files->initrd.fd);
}

enum status image_load(const struct image_files *files, struct memory *memory, struct image *image)
{
	struct image_load load = { .file = files->image,
				   .memory = memory,
				   .image = image,
				   .initrd_size = files->initrd.size,
				   .tree_first = true };
	enum status status;

	*image = (struct image){ 0 };
	status = load_image(&load);
	if (!status)
		status = image_place_tree(&load);
	if (!status && files->initrd.path)
		status = image_load_initrd(&load, &files->initrd);
	return status;
}
