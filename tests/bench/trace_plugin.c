/* SPDX-License-Identifier: MIT */
/*
 * A TCG plugin for QEMU 7.2 and later: writes the address, length and CPU of each translation
 * block that is executed, from the nth time that one begins at START to when one begins at
 * STOP. scripts/profile makes sense of it. Arguments: start=,nth=,stop=,out=
 *
 * Debian has no package with qemu-plugin.h: what is declared here is from QEMU's documentation
 * of version 1 of the interface.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { QEMU_PLUGIN_CB_NO_REGS };

struct qemu_plugin_tb;
typedef uint64_t qemu_plugin_id_t;
typedef void tb_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void vcpu_executes(unsigned vcpu, void *data);
typedef void at_exit(qemu_plugin_id_t id, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_translated *callback);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, vcpu_executes *callback,
						 int flags, void *data);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, at_exit *callback, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

EXPORT int qemu_plugin_version = 1;

/* What the file consists of. */
struct executed {
	uint64_t address;
	uint32_t instructions, cpu;
};

static struct {
	uint64_t start, stop, nth;
	const char *path;
	FILE *out;
	bool on;
} trace;

static void executes(unsigned vcpu, void *data)
{
	struct executed entry = *(const struct executed *)data;

	if (entry.address == trace.start && trace.nth && --trace.nth == 0)
		trace.on = true;
	if (entry.address == trace.stop)
		trace.on = false;
	if (!trace.on)
		return;
	entry.cpu = vcpu;
	if (fwrite(&entry, sizeof(entry), 1, trace.out) != 1)
		abort();
}

/* What is translated is never freed: there is no word of when QEMU forgets a block. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct executed *entry = malloc(sizeof(*entry));

	(void)id;
	if (!entry)
		abort();
	*entry = (struct executed){ .address = qemu_plugin_tb_vaddr(tb),
				    .instructions = (uint32_t)qemu_plugin_tb_n_insns(tb) };
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executes, QEMU_PLUGIN_CB_NO_REGS, entry);
}

static void finish(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	fclose(trace.out);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "start=", 6))
			trace.start = strtoull(argv[i] + 6, NULL, 16);
		else if (!strncmp(argv[i], "stop=", 5))
			trace.stop = strtoull(argv[i] + 5, NULL, 16);
		else if (!strncmp(argv[i], "nth=", 4))
			trace.nth = strtoull(argv[i] + 4, NULL, 10);
		else if (!strncmp(argv[i], "out=", 4))
			trace.path = argv[i] + 4;
	}
	trace.out = trace.path ? fopen(trace.path, "wb") : NULL;
	if (!trace.out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
