/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#define UART_DR   0x00
#define UART_FR   0x18
#define UART_TXFF (1u << 5)

bool psci_by_smc;

int64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	/* SMCCC 1.0 lets the callee change x4 to x17. */
	__asm__ volatile("cbnz %w4, 1f\n"
			 "	hvc #0\n"
			 "	b 2f\n"
			 "1:	smc #0\n"
			 "2:"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 : "r"(psci_by_smc)
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "memory");
	return (int64_t)x0;
}

static _Noreturn void halt(void)
{
	for (;;)
		__asm__ volatile("wfi" ::: "memory");
}

void system_off(void)
{
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
	halt();
}

void cpu_off(void)
{
	psci(PSCI_CPU_OFF, 0, 0, 0);
	halt();
}

/*
 * Without FEAT_S2FWB our writes bypass the caches, where the host may still
 * hold lines from its last look at this memory. The step is the smallest
 * cache line there is: CTR_EL0 would tell, but reading it may trap.
 */
void publish(const void *start, size_t size)
{
	uint64_t p = (uint64_t)start & ~15ull;
	uint64_t end = (uint64_t)start + size;

	dsb();
	for (; p < end; p += 16)
		__asm__ volatile("dc civac, %0" ::"r"(p) : "memory");
	dsb();
}

void puts(const char *s)
{
	for (; *s; s++) {
		while (mmio_read32(MAP_UART_BASE + UART_FR) & UART_TXFF)
			;
		mmio_write32(MAP_UART_BASE + UART_DR, (uint8_t)*s);
	}
}

void put_hex(uint64_t value, int digits)
{
	char text[] = "0x0000000000000000";

	for (int i = digits + 1; i > 1; i--, value >>= 4)
		text[i] = "0123456789abcdef"[value & 15];
	text[digits + 2] = '\0';
	puts(text);
}

void lab_exit(uint32_t code)
{
	lab_write32(LAB_EXIT, code);
	halt();
}

void fault(uint32_t vector)
{
	struct lab_fault report = { .size = sizeof(report), .vector = vector };

	if (at_el2()) {
		report.esr = read_sysreg(esr_el2);
		report.elr = read_sysreg(elr_el2);
		report.far = read_sysreg(far_el2);
		report.spsr = read_sysreg(spsr_el2);
	} else {
		report.esr = read_sysreg(esr_el1);
		report.elr = read_sysreg(elr_el1);
		report.far = read_sysreg(far_el1);
		report.spsr = read_sysreg(spsr_el1);
	}
	publish(&report, sizeof(report));
	lab_write64(LAB_FAULT, (uint64_t)&report);
	halt();
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int c, size_t n)
{
	uint8_t *t = to;

	while (n--)
		*t++ = (uint8_t)c;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}
