/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "mode.h"
#include "protected.h"
#include "vm.h"

#define LOOPS 5000

static bool is_protected(void)
{
	char line[4096] = " ";
	int file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t size = read(file, line + 1, sizeof(line) - 2);

	close(file);
	line[size < 0 ? 0 : size + 1] = '\0';
	return strstr(line, " kvm-arm.mode=protected");
}

/* On a CPU of the VM's own PMU. */
static int counts_nothing(const struct site *site)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];

	vm_start(&vm, site, MODE_DEFAULT, 1);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_C | PMCR_E);
	guest_work(&vcpu->guest, LOOPS);
	guest_out(&vcpu->guest, PMCCNTR_EL0);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	return vcpu_take(vcpu) == 0;
}

bool protected_counts_nothing(const struct site *site)
{
	return is_protected() && site_ask(site, counts_nothing);
}

bool protected_judges(const char *name)
{
	return !strncmp(name, "interface.", 10) || !strncmp(name, "registers.", 10);
}
