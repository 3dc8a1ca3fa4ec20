/* SPDX-License-Identifier: MIT */
/*
 * hostile.bin: a guest that means harm, in the way that do=NAME in the boot arguments says.
 * What survives it all says so and powers off.
 */
#include "args.h"
#include "hostile.h"

enum { EXIT_NO_DT = 2, EXIT_NO_CASE };

/* Without a look at the FIFO. */
static void flood(const char *text)
{
	for (const char *s = text;; s = s[1] ? s + 1 : text)
		mmio_write32(MAP_UART_BASE, (uint8_t)*s);
}

static void flood_lines(void)
{
	flood("all work and no play makes a guest a dull boy\n");
}

static void flood_line(void)
{
	flood("all work and no play ");
}

static void flood_one(uint64_t index)
{
	static void (*const floods[])(void) = { flood_lines, flood_records, flood_hops };

	floods[index % 3]();
}

/* All of it at once, again and again: a reset comes while the others are in the midst of it. */
static void riot(void)
{
	for (uint64_t i = 1; i < dt.ncpus; i++)
		start_cpu(i, flood_one);
	storm_psci();
	psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

static const struct {
	const char *name;
	void (*body)(void);
} cases[] = {
	{ "pokes", poke_devices },    { "execute", execute_devices },
	{ "odd", access_oddly },      { "together", fail_together },
	{ "ring", ring_bad },         { "fault", ring_fault },
	{ "rings", ring_good },       { "race", race },
	{ "records", flood_records }, { "hops", flood_hops },
	{ "psci", storm_psci },       { "calls", sweep_calls },
	{ "sleep", sleep_all },       { "lines", flood_lines },
	{ "line", flood_line },       { "riot", riot },
};

void guest_main(const void *blob)
{
	if (!dt_read(&dt, blob))
		lab_exit(EXIT_NO_DT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (boot_argument_is(dt.bootargs, "do", cases[i].name)) {
			cases[i].body();
			puts("survived\n");
			system_off();
		}
	lab_exit(EXIT_NO_CASE);
}
