/* SPDX-License-Identifier: MIT */
/*
 * A TCG plugin for QEMU 11.1 and later: what the kernel reads at EL2 of MIDR_EL1, PMCEID0_EL0 and
 * PMCR_EL0.N on the CPUs from FIRST on is what the arguments say. QEMU's own CPUs are all alike.
 * Arguments: first=, midr=, events= (bits that PMCEID0_EL0 has besides), counters=
 *
 * Debian has no package with qemu-plugin.h: what is declared here is from QEMU's documentation of
 * the interface, and of GLib's for what that takes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { QEMU_PLUGIN_CB_RW_REGS_PC = 3 };

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;

typedef struct {
	uint8_t *data;
	unsigned len;
} GByteArray;

typedef struct {
	char *data;
	unsigned len;
} GArray;

/* Its beginning: g_array_get_element_size() is the whole. */
typedef struct {
	void *handle;
	const char *name;
} qemu_plugin_reg_descriptor;

extern GByteArray *g_byte_array_new(void);
extern GByteArray *g_byte_array_append(GByteArray *array, const uint8_t *data, unsigned len);
extern uint8_t *g_byte_array_free(GByteArray *array, int free_segment);
extern char *g_array_free(GArray *array, int free_segment);
extern unsigned g_array_get_element_size(GArray *array);

extern GArray *qemu_plugin_get_registers(void);
extern bool qemu_plugin_read_register(void *handle, GByteArray *buffer);
extern bool qemu_plugin_write_register(void *handle, GByteArray *buffer);
extern bool qemu_plugin_set_pc(uint64_t address);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *data, size_t size);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
						   void (*callback)(unsigned vcpu, void *data),
						   int flags, void *data);
extern void qemu_plugin_register_vcpu_tb_trans_cb(
	qemu_plugin_id_t id, void (*callback)(struct qemu_plugin_tb *tb, void *data), void *data);
extern void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id,
					      void (*callback)(unsigned vcpu, void *data),
					      void *data);

EXPORT int qemu_plugin_version = 7;

/* mrs xN, ...: N is bits 4:0. */
#define MRS_MIDR_EL1    0xd5380000u
#define MRS_PMCEID0_EL0 0xd53b9cc0u
#define MRS_PMCR_EL0    0xd53b9c00u
#define XN              0x1fu
#define XZR             31

#define CPSR_EL(cpsr) ((cpsr) >> 2 & 3)
#define PMCR_N(n)     ((uint64_t)(n) << 11)

/* The same for each CPU of a machine. */
static struct {
	void *x[XZR], *cpsr, *pmceid0, *pmcr;
} registers;

static struct {
	uint64_t first, midr, events, counters;
} mixed;

struct read {
	uint32_t insn;
	uint64_t address;
};

static uint64_t get(void *handle)
{
	GByteArray *bytes = g_byte_array_new();
	uint64_t value = 0;

	qemu_plugin_read_register(handle, bytes);
	memcpy(&value, bytes->data, bytes->len < sizeof(value) ? bytes->len : sizeof(value));
	g_byte_array_free(bytes, true);
	return value;
}

static void set(void *handle, uint64_t value)
{
	GByteArray *bytes = g_byte_array_new();

	g_byte_array_append(bytes, (const uint8_t *)&value, sizeof(value));
	qemu_plugin_write_register(handle, bytes);
	g_byte_array_free(bytes, true);
}

/* Before the instruction, which is skipped: set_pc() does not return. */
static void answer(unsigned vcpu, void *data)
{
	const struct read *read = data;
	unsigned xn = read->insn & XN;
	uint64_t value;

	if (vcpu < mixed.first || xn == XZR || CPSR_EL(get(registers.cpsr)) != 2)
		return;
	switch (read->insn & ~XN) {
	case MRS_MIDR_EL1:
		value = mixed.midr;
		break;
	case MRS_PMCEID0_EL0:
		value = get(registers.pmceid0) | mixed.events;
		break;
	default:
		value = (get(registers.pmcr) & ~PMCR_N(XN)) | PMCR_N(mixed.counters);
	}
	set(registers.x[xn], value);
	qemu_plugin_set_pc(read->address + 4);
}

/* What is translated is never freed: there is no word of when QEMU forgets a block. */
static void translated(struct qemu_plugin_tb *tb, void *data)
{
	(void)data;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t code = 0, mrs;
		struct read *read;

		qemu_plugin_insn_data(insn, &code, sizeof(code));
		mrs = code & ~XN;
		if (mrs != MRS_MIDR_EL1 && mrs != MRS_PMCEID0_EL0 && mrs != MRS_PMCR_EL0)
			continue;
		read = malloc(sizeof(*read));
		if (!read)
			abort();
		*read = (struct read){ code, qemu_plugin_insn_vaddr(insn) };
		qemu_plugin_register_vcpu_insn_exec_cb(insn, answer, QEMU_PLUGIN_CB_RW_REGS_PC,
						       read);
	}
}

/* A CPU's registers can be listed from here on. */
static void initialised(unsigned vcpu, void *data)
{
	GArray *list;

	(void)data;
	if (vcpu)
		return;
	list = qemu_plugin_get_registers();
	for (unsigned i = 0; i < list->len; i++) {
		const char *element = list->data + i * g_array_get_element_size(list);
		const qemu_plugin_reg_descriptor *reg = (const void *)element;
		unsigned long number = strtoul(reg->name + 1, NULL, 10);

		if (reg->name[0] == 'x' && number < XZR)
			registers.x[number] = reg->handle;
		else if (!strcmp(reg->name, "cpsr"))
			registers.cpsr = reg->handle;
		else if (!strcmp(reg->name, "PMCEID0_EL0"))
			registers.pmceid0 = reg->handle;
		else if (!strcmp(reg->name, "PMCR_EL0"))
			registers.pmcr = reg->handle;
	}
	g_array_free(list, true);
	if (!registers.x[0] || !registers.cpsr || !registers.pmceid0 || !registers.pmcr)
		abort();
}

static bool take(const char *argument)
{
	const struct {
		const char *name;
		uint64_t *value;
	} names[] = {
		{ "first=", &mixed.first },
		{ "midr=", &mixed.midr },
		{ "events=", &mixed.events },
		{ "counters=", &mixed.counters },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i].name);

		if (!strncmp(argument, names[i].name, length)) {
			*names[i].value = strtoull(argument + length, NULL, 0);
			return true;
		}
	}
	return false;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!take(argv[i]))
			return -1;
	qemu_plugin_register_vcpu_init_cb(id, initialised, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	return 0;
}
