/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_H
#define GUEST_RUNTIME_H

#define MAX_CPUS    512
#define STACK_SHIFT 11
#define STACK_SIZE  (1 << STACK_SHIFT)

#define PSCI_CPU_OFF       0x84000002
#define PSCI_SYSTEM_OFF    0x84000008
#define PSCI_SYSTEM_RESET  0x84000009
#define PSCI_FEATURES      0x8400000a
#define PSCI_SYSTEM_RESET2 0x84000012
#define PSCI_CPU_ON        0xc4000003
#define PSCI_AFFINITY_INFO 0xc4000004
#define PSCI_SYSTEM_OFF2   0xc4000015

/* What PSCI_AFFINITY_INFO and functions that fail return. */
#define PSCI_IS_OFF        1
#define PSCI_NOT_SUPPORTED (-1)
#define PSCI_INVALID       (-2)
#define PSCI_ALREADY_ON    (-4)

#define MPIDR_AFFINITY 0xff00ffffff

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/lab.h"
#include "abi/map.h"

#define read_sysreg(name)                                                                          \
	({                                                                                         \
		uint64_t value_;                                                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory");                       \
		value_;                                                                            \
	})

#define write_sysreg(name, value)                                                                  \
	__asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

static inline bool at_el2(void)
{
	return read_sysreg(CurrentEL) == 2 << 2;
}

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

static inline void dsb(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

/*
 * MMIO goes through assembly so that the access has no writeback and is no
 * pair: those give KVM no syndrome to emulate from.
 */
static inline uint32_t mmio_read32(uint64_t address)
{
	uint32_t value;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write32(uint64_t address, uint32_t value)
{
	__asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline void mmio_write64(uint64_t address, uint64_t value)
{
	__asm__ volatile("str %x0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline void lab_write32(uint32_t offset, uint32_t value)
{
	mmio_write32(MAP_LAB_BASE + offset, value);
}

static inline void lab_write64(uint32_t offset, uint64_t value)
{
	mmio_write64(MAP_LAB_BASE + offset, value);
}

/* Whether PSCI is called by SMC. Until dt_read() knows, the level that the guest begins at decides.
 */
extern bool psci_by_smc;

int64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
_Noreturn void system_off(void);
_Noreturn void cpu_off(void);

/* Make memory written with the MMU off visible to the host. */
void publish(const void *start, size_t size);

/*
 * Hands a window over. The compiler may keep fields of a record in registers as long as it sees
 * nothing that reads memory. The barriers in publish() make it write all fields first.
 */
static inline void lab_hand_over(const struct lab_record *record)
{
	publish(record, sizeof(*record));
	lab_write64(LAB_RECORD, (uint64_t)record);
}

void puts(const char *s);
void put_hex(uint64_t value, int digits);
_Noreturn void lab_exit(uint32_t code);
_Noreturn void fault(uint32_t vector);

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

void secondary_start(void);
_Noreturn void guest_main(const void *dt);
_Noreturn void secondary_main(uint64_t index);

#endif
#endif
