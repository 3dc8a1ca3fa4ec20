/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "base/fail.h"
#include "fdt/guest_fdt.h"
#include "machine/tree.h"
#include "options/options.h"
#include "output/files.h"

enum status machine_add_tree(struct machine *machine)
{
	const struct guest_fdt tree = {
		.cpus = machine->nvcpus,
		.gic = machine->gic.version,
		.pmu = machine->choice->mode != PMU_OFF,
		.el2 = machine->options->el2 != EL2_NONE,
		.vhe = machine->options->el2 == EL2_VHE,
		.mem_base = machine->memory.base,
		.mem_size = machine->memory.size,
		.initrd_start = machine->image.initrd_start,
		.initrd_end = machine->image.initrd_end,
		.bootargs = machine->options->append,
	};
	void *dtb = memory_at(&machine->memory, machine->image.dtb, IMAGE_DTB_ROOM);
	int size = guest_fdt_write(&tree, dtb, IMAGE_DTB_ROOM);

	machine->dtb_size = (size_t)size;
	if (size >= 0)
		return STATUS_OK;
	if (guest_fdt_error(size))
		return fail(STATUS_INTERNAL, "the device tree: %s", guest_fdt_error(size));
	return fail(STATUS_USAGE,
		    "the device tree needs more than %llu bytes; shorten "
		    "--append",
		    IMAGE_DTB_ROOM);
}

enum status machine_write_dtb(const struct machine *machine, const char *path)
{
	const void *dtb = memory_at(&machine->memory, machine->image.dtb, machine->dtb_size);
	unsigned timeout_s = machine->options->timeout_s;
	int fd = files_create(path, timeout_s);

	if (fd < 0)
		return files_fail_create("--dtb-out", path, timeout_s);
	if (!files_write(fd, dtb, machine->dtb_size, timeout_s)) {
		int error = errno;

		close(fd);
		errno = error;
		return fail_errno(error == ETIMEDOUT ? STATUS_TIMEOUT : STATUS_INPUT,
				  "--dtb-out=%s: cannot write %zu bytes", path, machine->dtb_size);
	}
	if (close(fd) < 0)
		return fail_errno(STATUS_INPUT, "--dtb-out=%s: cannot close it", path);
	return STATUS_OK;
}
