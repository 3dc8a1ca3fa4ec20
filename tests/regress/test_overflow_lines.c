/* SPDX-License-Identifier: MIT */
/*
 * Where the overflow interrupt goes if it is not a PPI of a GIC in the kernel: to an SPI for each
 * vCPU, or, where the GIC is the VMM's, to the VMM (api.rst, KVM_CAP_ARM_USER_IRQ). The guest sets
 * the flags itself, so these hold on every CPU.
 */
#include <errno.h>

#include "clone.h"
#include "counters.h"
#include "result.h"

#define ROUNDS 8
#define BEFORE 1000 /* cycles to the wrap */
#define LOOPS  20000

#define SPI          40ull
#define GICD_PENDING (0x08000200ull + SPI / 32 * 4) /* GICD_ISPENDR of the SPIs */

#define GICD_CONFIG (0x08000c00ull + SPI / 16 * 4) /* GICD_ICFGR of 16 of them */

enum { XPENDING = 19, XFLAGS = 20, XROUND = 23, XWAIT = 24 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];

static void start(const struct site *site, enum mode mode, int nvcpus, bool gic)
{
	if (gic) {
		vm_build(&vm, site, mode, nvcpus);
		return;
	}
	need_mode(site, mode);
	if (mode == MODE_DEFAULT)
		need_default_pmu(site, site->home[0]);
	place_on(site, site->home[0]);
	vm_create(&vm, site, nvcpus);
	vm_init_vcpus(&vm, mode_features(mode));
	vm_choose_pmu(&vm, mode, pmu_of(site, site->home[0]));
}

static void init_pmu(struct vcpu *of)
{
	errno = vcpu_set_attr(of, ATTR_INIT, NULL);
	if (errno)
		fail_test_errno("KVM_ARM_VCPU_PMU_V3_INIT of vCPU %d", of->index);
}

/* What raises the line, and what lowers it again. */
static const struct {
	const char *name;
	uint16_t raise;
	uint64_t raised;
	uint16_t lower;
	uint64_t lowered;
} rows[] = {
	{ "pmovs", PMOVSSET_EL0, BIT(CYCLE), PMOVSCLR_EL0, BIT(CYCLE) },
	{ "pminten", PMINTENSET_EL1, BIT(CYCLE), PMINTENCLR_EL1, BIT(CYCLE) },
	{ "pmcr.e", PMCR_EL0, PMCR_LC | PMCR_E, PMCR_EL0, PMCR_LC },
	{ "overflow", PMCCNTR_EL0, -(uint64_t)BEFORE, PMOVSCLR_EL0, BIT(CYCLE) },
};

#define NROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static const char *row_name(int row)
{
	return rows[row].name;
}

/* All but the row's own cause is there. */
static void emit_start(struct guest *guest, int row)
{
	guest_pmu_reset(guest, 0);
	guest_write(guest, PMCCNTR_EL0, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(guest, PMINTENSET_EL1, BIT(CYCLE));
	guest_write(guest, rows[row].lower, rows[row].lowered);
	if (rows[row].lower != PMOVSCLR_EL0)
		guest_write(guest, PMOVSSET_EL0, BIT(CYCLE));
}

static void emit_raise(struct guest *guest, int row)
{
	guest_write(guest, rows[row].raise, rows[row].raised);
	if (rows[row].raise != PMCCNTR_EL0)
		return;
	guest_work(guest, LOOPS);
	flag_await(vm.site, guest, XFLAGS, XWAIT, CYCLE);
}

/* KVM_RUN is -EINTR with KVM_EXIT_INTR, and the level is @level. */
static void expect_told(uint64_t level, int round)
{
	enum stop stop = vcpu_run(vcpu);

	expect(stop == STOP_KICKED && vcpu->run->exit_reason == KVM_EXIT_INTR,
	       "round %d: the line went %s: stop %d, exit reason %u", round, level ? "up" : "down",
	       (int)stop, vcpu->run->exit_reason);
	expect_equal(vcpu->run->s.regs.device_irq_level & KVM_ARM_DEV_PMU, level,
		     "device_irq_level, round %d", round);
}

/* Nothing has changed: KVM_RUN goes on to the guest's next hop. */
static void expect_quiet(uint64_t level, int round)
{
	expect_equal(vcpu_run(vcpu), STOP_HOP, "stop, round %d", round);
	expect_equal(vcpu->run->s.regs.device_irq_level & KVM_ARM_DEV_PMU, level,
		     "device_irq_level at the hop, round %d", round);
}

/*
 * Without a GIC in the kernel the VMM learns of each change of the level once, before the guest
 * goes on.
 */
static void outside(const struct site *site, struct variant variant)
{
	struct guest *guest = &vcpu->guest;
	uint32_t *loop;

	start(site, variant.mode, 1, false);
	init_pmu(vcpu);
	emit_start(guest, variant.row);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_hop(guest);
	emit_raise(guest, variant.row);
	guest_hop(guest);
	guest_write(guest, rows[variant.row].lower, rows[variant.row].lowered);
	guest_loop_end(guest, XROUND, loop);
	guest_hop(guest);
	guest_exit(guest);
	for (int i = 0; i < ROUNDS; i++) {
		expect_quiet(0, i);
		expect_told(KVM_ARM_DEV_PMU, i);
		expect_quiet(KVM_ARM_DEV_PMU, i);
		expect_told(0, i);
	}
	expect_quiet(0, ROUNDS);
	vcpu_finish(vcpu);
}

/* An address below 4 GiB. */
static void emit_address(struct guest *guest, uint64_t address)
{
	guest_insn(guest, 0xd2800000u | (uint32_t)(address & 0xffff) << 5 | XPENDING);
	guest_insn(guest, 0xf2a00000u | (uint32_t)(address >> 16) << 5 | XPENDING);
}

/* The SPIs' pending bits, the second time, when KVM has entered the guest since the cause. */
static void emit_pending(struct guest *guest)
{
	emit_address(guest, GICD_PENDING);
	guest_insn(guest, 0xb940001fu | XPENDING << 5); /* ldr wzr */
	guest_insn(guest, 0xb9400000u | XPENDING << 5 | XPENDING);
	guest_out_register(guest, XPENDING);
}

static void emit_spi(struct guest *guest, int row)
{
	uint32_t *loop;

	/* By level; KVM's SPIs are by edge at first. */
	emit_address(guest, GICD_CONFIG);
	guest_insn(guest, 0xb900001fu | XPENDING << 5); /* str wzr */
	emit_start(guest, row);
	loop = guest_loop(guest, XROUND, ROUNDS);
	emit_pending(guest);
	emit_raise(guest, row);
	emit_pending(guest);
	guest_write(guest, rows[row].lower, rows[row].lowered);
	emit_pending(guest);
	guest_loop_end(guest, XROUND, loop);
	/* The next vCPU is this thread's too, whose events it would compete with (many.one_thread).
	 */
	guest_write(guest, PMCNTENCLR_EL0, ALL);
	guest_exit(guest);
}

/* One SPI for each vCPU: high while that vCPU's line is, and nobody else's. */
static void spi(const struct site *site, struct variant variant)
{
	start(site, variant.mode, 2, true);
	for (int i = 0; i < 2; i++) {
		const int irq = (int)SPI + i;

		errno = vcpu_set_attr(&vm.vcpus[i], ATTR_IRQ, &irq);
		if (errno)
			fail_test_errno("PMU interrupt of vCPU %d", i);
		init_pmu(&vm.vcpus[i]);
		emit_spi(&vm.vcpus[i].guest, variant.row);
	}
	vcpu_power_on(&vm.vcpus[1]);
	for (int i = 0; i < 2; i++) {
		struct vcpu *of = &vm.vcpus[i];

		vcpu_finish(of);
		for (int round = 0; round < ROUNDS; round++) {
			uint64_t own = 1ull << (SPI % 32 + (unsigned)i);

			expect_equal(vcpu_take(of), 0, "pending SPIs, vCPU %d, round %d", i, round);
			expect_equal(vcpu_take(of), own, "the same when the line is high");
			expect_equal(vcpu_take(of), 0, "the same when it is low again");
		}
	}
}

static const struct test tests[] = {
	{ "overflow.outside", outside, EVERY_MODE, 0, NROWS, row_name, 0 },
	{ "overflow.spi", spi, EVERY_MODE, 0, NROWS, row_name, 0 },
};

FAMILY(overflow_lines_family, tests);
