/* SPDX-License-Identifier: MIT */
/* The guest's device tree, written with libfdt. */
#ifndef MINIVMM_GUEST_FDT_H
#define MINIVMM_GUEST_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest_fdt {
	int cpus; /* MPIDR affinities 0..cpus-1, see guest_mpidr() */
	int gic;  /* 2 or 3 */
	bool pmu; /* a guest without a PMU gets no pmu node */
	uint64_t mem_base, mem_size;
	uint64_t initrd_start, initrd_end; /* equal: none */
	const char *bootargs;
	size_t room; /* to begin with; 0: what should be enough */
};

/* Aff1:Aff0 that KVM gives vCPU @index (reset_mpidr, arch/arm64/kvm/sys_regs.c): 16 to an Aff0. */
uint64_t guest_mpidr(int index);

/*
 * Writes the tree into @buffer, of which it takes more than @guest->room only if it has to; returns
 * its size in bytes, or a negative libfdt error.
 */
int guest_fdt_write(const struct guest_fdt *guest, void *buffer, size_t size);

/* What @error is; NULL: @size was too small. */
const char *guest_fdt_error(int error);

#endif
