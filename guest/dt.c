/* SPDX-License-Identifier: MIT */
#include "dt.h"

#define FDT_MAGIC 0xd00dfeed

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE, FDT_PROP, FDT_NOP, FDT_END = 9 };

struct fdt_header {
	uint32_t magic, totalsize, off_struct, off_strings;
};

static uint32_t be32(const uint32_t *p)
{
	return __builtin_bswap32(*p);
}

static uint64_t be64(const uint32_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 1);
}

static bool equal(const char *a, const char *b)
{
	size_t n = strlen(b) + 1;

	return !memcmp(a, b, n);
}

static bool starts(const char *s, const char *prefix)
{
	return !memcmp(s, prefix, strlen(prefix));
}

static bool lists(const char *strings, uint32_t size, const char *wanted)
{
	const char *end = strings + size;

	for (; strings < end; strings += strlen(strings) + 1)
		if (equal(strings, wanted))
			return true;
	return false;
}

/* The root's #address-cells and #size-cells are 2. */
static struct dt_range range_at(const uint32_t *p)
{
	return (struct dt_range){ be64(p), be64(p + 2) };
}

/* Of a node below the root, whose compatible comes before reg. */
static bool read_property(struct dt *dt, const char *node, const char *name, const uint32_t *p,
			  uint32_t size)
{
	if (equal(node, "chosen") && equal(name, "bootargs"))
		dt->bootargs = (const char *)p;
	if (equal(node, "chosen") && equal(name, "linux,initrd-start"))
		dt->initrd_start = be64(p);
	if (equal(node, "chosen") && equal(name, "linux,initrd-end"))
		dt->initrd_end = be64(p);
	if (equal(node, "psci") && equal(name, "method"))
		psci_by_smc = equal((const char *)p, "smc");
	if (starts(node, "memory@") && equal(name, "reg"))
		dt->ram = range_at(p);
	if (starts(node, "interrupt-controller@") && equal(name, "reg") && dt->gic == 3) {
		dt->nregions = size / 16 - 1; /* the first is the distributor's */
		if (dt->nregions > MAX_REGIONS)
			return false;
		for (uint32_t i = 0; i < dt->nregions; i++)
			dt->regions[i] = range_at(p + 4 * (i + 1));
	}
	return true;
}

bool dt_read(struct dt *dt, const void *blob)
{
	const struct fdt_header *header = blob;
	const char *parent = "", *node = "", *name;
	const uint32_t *p;
	const char *strings;
	uint32_t cells = 1, size;
	int depth = 0;

	dt->bootargs = "";
	dt->ncpus = 0;
	dt->pmu = false;
	dt->gic = 0;
	dt->nregions = 0;
	dt->ram = (struct dt_range){ 0, 0 };
	dt->initrd_start = dt->initrd_end = 0;
	if (!blob || be32(&header->magic) != FDT_MAGIC)
		return false;
	p = (const void *)((const char *)blob + be32(&header->off_struct));
	strings = (const char *)blob + be32(&header->off_strings);

	for (;;) {
		switch (be32(p++)) {
		case FDT_BEGIN_NODE:
			depth++;
			if (depth <= 3) {
				parent = node;
				node = (const char *)p;
			}
			p += strlen((const char *)p) / 4 + 1;
			break;
		case FDT_END_NODE:
			if (depth == 3)
				node = parent;
			depth--;
			break;
		case FDT_PROP:
			size = be32(p);
			name = strings + be32(p + 1);
			p += 2;
			if (depth == 2 && !read_property(dt, node, name, p, size))
				return false;
			if (depth == 2 && equal(node, "cpus") && equal(name, "#address-cells"))
				cells = be32(p);
			if (depth == 3 && equal(parent, "cpus") && starts(node, "cpu@") &&
			    equal(name, "reg")) {
				if (dt->ncpus == MAX_CPUS)
					return false;
				dt->cpus[dt->ncpus++] = cells == 1 ? be32(p) : be64(p);
			}
			if (equal(name, "compatible")) {
				if (lists((const char *)p, size, "arm,armv8-pmuv3"))
					dt->pmu = true;
				if (lists((const char *)p, size, "arm,cortex-a15-gic"))
					dt->gic = 2;
				if (lists((const char *)p, size, "arm,gic-v3"))
					dt->gic = 3;
			}
			p += (size + 3) / 4;
			break;
		case FDT_NOP:
			break;
		case FDT_END:
			return true;
		default:
			return false;
		}
	}
}
