/* SPDX-License-Identifier: MIT */
/* Says where it was loaded and what came with it; linked in the ways that programs are. */
#include "dt.h"

extern const char __image_start[];

static volatile uint32_t data[] = { 0x600d, 0xda7a };
static volatile uint32_t bss[4096];

static void say(const char *what, uint64_t value)
{
	puts(what);
	puts(" ");
	put_hex(value, 16);
	puts("\n");
}

static void say_initrd(const struct dt *dt)
{
	uint64_t sum = 0;

	for (const uint8_t *p = (void *)dt->initrd_start; p < (uint8_t *)dt->initrd_end; p++)
		sum = sum * 31 + *p;
	say("initrd at", dt->initrd_start);
	say("initrd size", dt->initrd_end - dt->initrd_start);
	say("initrd sum", sum);
}

void guest_main(const void *blob)
{
	static struct dt dt;
	uint32_t dirt = 0;

	for (uint32_t i = 0; i < sizeof(bss) / sizeof(bss[0]); i++)
		dirt |= bss[i];
	say("code at", (uint64_t)__image_start);
	say("data at", (uint64_t)data);
	say("data", data[0] << 16 | data[1]);
	say("bss", dirt);
	if (!dt_read(&dt, blob))
		lab_exit(1);
	say("ram at", dt.ram.base);
	say("ram size", dt.ram.size);
	if (dt.initrd_start != dt.initrd_end)
		say_initrd(&dt);
	system_off();
}
