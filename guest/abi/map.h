/* SPDX-License-Identifier: MIT */
/*
 * The machine's address map: QEMU virt's addresses, so that bare-metal
 * programs built for it run. docs/memory-map.md has it in words, and RAM's layout.
 */
#ifndef MINIVMM_MAP_H
#define MINIVMM_MAP_H

#define MAP_FLASH_BASE  0x00000000ull /* QEMU virt's flash, which is absent: flash.c */
#define MAP_FLASH_SIZE  0x08000000ull
#define MAP_GICD_BASE   0x08000000ull
#define MAP_GICD_SIZE   0x00010000ull /* GICv3; GICv2 uses the first 4 KiB */
#define MAP_GICC_BASE   0x08010000ull /* GICv2 CPU interface */
#define MAP_GICC_SIZE   0x00002000ull
#define MAP_GICR_BASE   0x080a0000ull /* GICv3: 128 KiB per vCPU */
#define MAP_GICR_STEP   0x00020000ull
#define MAP_GICR_ROOM   123u /* of them fit below the UART; the others begin at GICR2 */
#define MAP_GICR2_BASE  0x30000000ull
#define MAP_UART_BASE   0x09000000ull /* PL011 */
#define MAP_UART_SIZE   0x00001000ull
#define MAP_LAB_BASE    0x0b000000ull /* the lab device, docs/guest-abi.md */
#define MAP_LAB_SIZE    0x00001000ull
#define MAP_RAM_BASE    0x40000000ull
#define MAP_FLAT_OFFSET 0x00080000ull /* flat images: loaded and entered here */

#define IRQ_UART_SPI   1 /* INTID 33 */
#define IRQ_PMU_PPI    7 /* INTID 23 */
#define IRQ_PMU_INTID  (16 + IRQ_PMU_PPI)
#define IRQ_UART_INTID (32 + IRQ_UART_SPI)

/* Guests with EL2 only: the GIC's maintenance interrupt, where hardware has it too. */
#define IRQ_MAINTENANCE_PPI   9 /* INTID 25 */
#define IRQ_MAINTENANCE_INTID (16 + IRQ_MAINTENANCE_PPI)

#endif
