/* SPDX-License-Identifier: MIT */
/*
 * A TCG plugin for QEMU 7.2 and later: writes the address, length and CPU of each translation
 * block that is executed, from the nth time that one begins at START to when one begins at
 * STOP. scripts/profile makes sense of it. Arguments: start=,nth=,stop=,out=
 *
 * Debian has no package with qemu-plugin.h: what is declared here is from QEMU's documentation
 * of the interface. API is its version, which the compiler is given: QEMU 7.2 has 1 only, 10.0
 * takes 2 and more, 11.1 takes 7, where callbacks get no id.
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
typedef void vcpu_executes(unsigned vcpu, void *data);

#if API >= 7
typedef void tb_translated(struct qemu_plugin_tb *tb, void *data);
typedef void at_exit(void *data);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_translated *callback,
						  void *data);
#else
typedef void tb_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void at_exit(qemu_plugin_id_t id, void *data);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_translated *callback);
#endif
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, vcpu_executes *callback,
						 int flags, void *data);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, at_exit *callback, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

EXPORT int qemu_plugin_version = API;

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
static void translate(struct qemu_plugin_tb *tb)
{
	struct executed *entry = malloc(sizeof(*entry));

	if (!entry)
		abort();
	*entry = (struct executed){ .address = qemu_plugin_tb_vaddr(tb),
				    .instructions = (uint32_t)qemu_plugin_tb_n_insns(tb) };
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executes, QEMU_PLUGIN_CB_NO_REGS, entry);
}

#if API >= 7
static void translated(struct qemu_plugin_tb *tb, void *data)
{
	(void)data;
	translate(tb);
}

static void finish(void *data)
{
	(void)data;
	fclose(trace.out);
}

static void register_translated(qemu_plugin_id_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
}
#else
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	translate(tb);
}

static void finish(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	fclose(trace.out);
}

static void register_translated(qemu_plugin_id_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
}
#endif

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
	register_translated(id);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
