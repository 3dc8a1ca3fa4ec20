/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mode.h"
#include "older.h"
#include "result.h"

#define CAP_ARM_SUPPORTED_REG_MASK_RANGES 230 /* Linux 6.7 */
#define LOOPS                             5000
#define RESET_UNKNOWN                     0x1de7ec7edbadc0deull /* reset_unknown() */

bool older_kernel(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	bool older = ioctl(kvm, KVM_CHECK_EXTENSION, CAP_ARM_SUPPORTED_REG_MASK_RANGES) == 0;

	close(kvm);
	return older;
}

/* The PMU with which a VM counts that @maker has made in default mode; -1 if not just one. */
static int counting_pmu(const struct site *site, int maker)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	int counting = -1;

	vm_start_on(&vm, site, MODE_DEFAULT, 1, maker);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	for (int i = 0; i < site->nhome + site->naway; i++) {
		guest_hop(&vcpu->guest);
		guest_write(&vcpu->guest, PMCCNTR_EL0, 0);
		guest_work(&vcpu->guest, LOOPS);
		guest_out(&vcpu->guest, PMCCNTR_EL0);
	}
	guest_exit(&vcpu->guest);
	for (int i = 0; i < site->nhome + site->naway; i++) {
		expect_equal(vcpu_run(vcpu), STOP_HOP, "stop");
		place_thread(0, site_cpu(site, i));
	}
	vcpu_finish(vcpu);
	for (int i = 0; i < site->nhome + site->naway; i++) {
		int cpu = site_cpu(site, i);
		int pmu = host_pmu_of_cpu(&site->host, cpu);

		if (!vcpu_take(vcpu))
			continue;
		if (counting >= 0 && counting != pmu)
			fail_test("a VM of CPU %d has two PMUs", maker);
		counting = pmu;
	}
	vm_destroy(&vm);
	return counting;
}

/* A process's answer: its status is 1 more. */
static int default_pmu(const struct site *site)
{
	int one = counting_pmu(site, site->home[0]);
	int other = counting_pmu(site, site->away[site->naway - 1]);

	return one == other ? 1 + one : 0;
}

int older_default_pmu(const struct site *site)
{
	if (!site->older || !site->naway)
		return -1;
	return site_ask(site, default_pmu) - 1;
}

/* Whether userspace reads what was written, 0, of a counter whose guest reads that it counted. */
static int reads_as_written(const struct site *site)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	uint64_t value;

	vm_start(&vm, site, MODE_DEFAULT, 1);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCCNTR_EL0, 0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	guest_work(&vcpu->guest, LOOPS);
	guest_out(&vcpu->guest, PMCCNTR_EL0);
	guest_hop(&vcpu->guest);
	guest_exit(&vcpu->guest);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "stop");
	value = vcpu_get(vcpu, PMCCNTR_EL0);
	return vcpu_take(vcpu) && !value;
}

void need_current_counts(const struct site *site)
{
	if (site->older && site_ask(site, reads_as_written))
		known_fault("KVM_GET_ONE_REG of a counter returns what was written to it, without "
			    "what it has counted since");
}

static uint64_t stray_bits(struct vcpu *vcpu, uint64_t value)
{
	unsigned n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	uint64_t others = ~counter_bits(n);

	if (!vcpu->vm->site->older || (value & others) != (RESET_UNKNOWN & others))
		return 0;
	return value & others;
}

bool has_stray_bits(struct vcpu *vcpu, uint64_t value)
{
	return stray_bits(vcpu, value);
}

uint64_t vcpu_get_bitmap(struct vcpu *vcpu, uint16_t sysreg)
{
	uint64_t value = vcpu_get(vcpu, sysreg);

	return value & ~stray_bits(vcpu, value);
}

void mended_fault(const struct site *site, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (site->nr_counters)
		fail_test("a fault that Linux 6.15 has mended is back: %s", text);
	known_fault("%s", text);
}

void skip_unnoticed_wrap(void)
{
	known_fault("the cycle counter wraps at 32 bits unnoticed");
}

void skip_chained_flag(void)
{
	known_fault("the even counter of a chained pair overflows without its flag");
}

void drop_reset_command(struct vcpu *vcpu)
{
	if (vcpu->vm->site->older)
		vcpu_set(vcpu, PMCR_EL0, vcpu_get(vcpu, PMCR_EL0) & ~(uint64_t)PMCR_C);
}
