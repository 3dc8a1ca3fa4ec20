/* SPDX-License-Identifier: MIT */
/*
 * Does what the console's user types, a letter each, and says it: for tests of the
 * console, of resets and of addresses where there is nothing.
 */
#include "runtime.h"

#define UART_DR     0x00
#define UART_FR     0x18
#define UART_RXFE   (1u << 4)
#define UART_BREAK  (1u << 10)
#define UART_IMSC   0x38
#define UART_LISTEN 0x50 /* the receive and receive timeout interrupts */
#define NOTHING     0x10000000ull
#define FLASH       0x04000000ull
#define FLASH_SIZE  0x00100000ull
#define HIGH_ECAM   0x4010000000ull         /* of QEMU's virt board */
#define GICD_SPI    (MAP_GICD_BASE + 0x104) /* ISENABLER1: INTIDs 32 to 63 */
#define RESET_WORD  0x1234

/* Where no image, stack or device tree is. */
static volatile uint32_t *const scratch = (uint32_t *)(MAP_RAM_BASE + 0x1000000);

void secondary_main(uint64_t index)
{
	(void)index;
	for (;;)
		__asm__ volatile("wfi" ::: "memory");
}

static void put_number(uint32_t value)
{
	put_hex(value, 8);
}

/* All that a reset must undo. */
static void say_state(void)
{
	puts("ram ");
	put_number(*scratch);
	puts(" gic ");
	put_number(mmio_read32(GICD_SPI));
	puts(" cpu1 ");
	put_number((uint32_t)psci(PSCI_AFFINITY_INFO, 1, 0, 0));
	puts("\n");
}

static void change_state(void)
{
	*scratch = RESET_WORD;
	mmio_write32(GICD_SPI, 2);
	psci(PSCI_CPU_ON, 1, (uint64_t)secondary_start, 1);
	say_state();
}

static void count_lines(void)
{
	for (uint32_t line = 0; line < 100; line++) {
		puts("line ");
		put_number(line);
		puts(" of a text that is longer than what a small pipe has room for\n");
	}
}

/* What a pipe of 4096 bytes has just room for. */
static void fill_pipe(void)
{
	for (int i = 0; i < 4090; i++)
		mmio_write32(MAP_UART_BASE + UART_DR, 'x');
	puts("\n");
}

/* KVM gets no syndrome for a pair. */
static void unmapped_pair(void)
{
	uint64_t a, b;

	__asm__ volatile("ldp %0, %1, [%2]" : "=r"(a), "=r"(b) : "r"(NOTHING) : "memory");
}

/* The same address twice, then a write, a high one, and more than anybody wants to read. */
static void unmapped(uint32_t addresses)
{
	uint32_t value = mmio_read32(NOTHING) | mmio_read32(NOTHING);

	mmio_write32(NOTHING + 4, 1);
	value |= mmio_read32(HIGH_ECAM);
	for (uint32_t i = 2; i < addresses; i++)
		value |= mmio_read32(NOTHING + 4 * i);
	puts("read ");
	put_number(value);
	puts("\n");
}

/* Byte by byte, as U-Boot reads its environment there. */
static void read_flash(void)
{
	uint32_t all = 0, byte;

	for (uint64_t at = FLASH; at < FLASH + FLASH_SIZE; at++) {
		__asm__ volatile("ldrb %w0, [%1]" : "=r"(byte) : "r"(at) : "memory");
		all |= byte;
	}
	puts("flash ");
	put_number(all);
	puts("\n");
}

/* Off, with a promise to come back: Linux calls it to hibernate. KVM has it since Linux 6.14. */
static void hibernate(void)
{
	int64_t answer = psci(PSCI_FEATURES, PSCI_SYSTEM_OFF2, 0, 0);

	puts(answer == PSCI_NOT_SUPPORTED ? "no SYSTEM_OFF2\n" : "SYSTEM_OFF2\n");
	psci(PSCI_SYSTEM_OFF2, 1, 0, 0);
}

static void obey(uint32_t key)
{
	static uint32_t dots;

	switch (key) {
	case 's':
		change_state();
		break;
	case 'r':
		psci(PSCI_SYSTEM_RESET, 0, 0, 0);
		break;
	case 'R':
		psci(PSCI_SYSTEM_RESET2, 0, 0, 0);
		break;
	case 'h':
		hibernate();
		break;
	case 'o':
		puts("without a newline");
		system_off();
	case 'n':
		count_lines();
		break;
	case 'p':
		fill_pipe();
		break;
	case '.':
		dots++;
		break;
	case 'D':
		puts("dots ");
		put_number(dots);
		puts("\n");
		break;
	case 'w':
		unmapped_pair();
		break;
	case 'u':
		unmapped(2);
		break;
	case 'U':
		unmapped(100);
		break;
	case 'f':
		read_flash();
		break;
	case 'i':
		mmio_write32(MAP_UART_BASE + UART_IMSC, UART_LISTEN);
		puts("listens\n");
		break;
	case 'd':
		__asm__ volatile("udf #0");
		break;
	default:
		puts(key & UART_BREAK ? "break " : "key ");
		put_number(key);
		puts("\n");
	}
}

void guest_main(const void *dt)
{
	(void)dt;
	say_state();
	puts("> "); /* a prompt, which must be seen although no newline follows */
	for (;;) {
		while (mmio_read32(MAP_UART_BASE + UART_FR) & UART_RXFE)
			;
		obey(mmio_read32(MAP_UART_BASE + UART_DR));
	}
}
