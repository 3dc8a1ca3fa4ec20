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
	bool el2; /* the guest begins at EL2 */
	bool vhe; /* with VHE, which has one more timer */
	uint64_t mem_base, mem_size;
	uint64_t initrd_start, initrd_end; /* equal: none */
	const char *bootargs;
	size_t room; /* bytes to try first; 0: a default that should be enough */
};

/* Aff1:Aff0 that KVM gives vCPU @index (reset_mpidr, arch/arm64/kvm/sys_regs.c): 16 vCPUs per Aff1.
 */
uint64_t guest_mpidr(int index);

/*
 * Writes the tree into @buffer and returns its size in bytes, or a negative libfdt error. Touches
 * no more of @buffer than @guest->room unless it has to.
 */
int guest_fdt_write(const struct guest_fdt *guest, void *buffer, size_t size);

/* The text of @error; NULL if @size was too small. */
const char *guest_fdt_error(int error);

#endif
