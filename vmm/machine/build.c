/* SPDX-License-Identifier: MIT */
/* Builds the machine: machine_create() is the list of steps, in the order that KVM demands. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/resource.h"
#include "guest/abi/map.h"
#include "jail/crash.h"
#include "machine/build.h"
#include "machine/end.h"
#include "machine/hop.h"
#include "machine/lab.h"
#include "machine/tree.h"
#include "options/options.h"
#include "pmu/vpmu.h"

_Static_assert(MAP_GICR_BASE + MAP_GICR_ROOM * MAP_GICR_STEP <= MAP_UART_BASE &&
		       MAP_GICR2_BASE + (MAX_VCPUS - MAP_GICR_ROOM) * MAP_GICR_STEP <= MAP_RAM_BASE,
	       "redistributors overlap what is behind them");

static enum status create_vm(struct machine *machine)
{
	uint64_t size = machine->options->mem;
	int run_size;

	if (MAP_RAM_BASE + size > 1ull << machine->kvm.ipa_bits)
		return fail(STATUS_HOST,
			    "--mem: RAM would end at 0x%llx, beyond the %u-bit guest addresses of "
			    "this host; lower it",
			    (unsigned long long)(MAP_RAM_BASE + size), machine->kvm.ipa_bits);
	machine->vm_fd = kvm_create_vm(&machine->kvm, MAP_RAM_BASE + size);
	if (machine->vm_fd < 0)
		return fail_resource("KVM_CREATE_VM");
	run_size = ioctl(machine->kvm.fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < (int)sizeof(struct kvm_run))
		return fail_errno(STATUS_INTERNAL, "KVM_GET_VCPU_MMAP_SIZE returned %d", run_size);
	machine->run_size = (size_t)run_size;
	return STATUS_OK;
}

/* Maps all memory that cannot be mapped in the jail, in one piece, because each mapping costs: RAM,
 * and behind it the VMM's own. */
static enum status map_memory(struct machine *machine)
{
	const struct options *options = machine->options;
	int nvcpus = machine->nvcpus, npmus = machine->host->npmus;
	uint64_t flash = options->jail == JAIL_OFF ? 0 : MAP_FLASH_SIZE;
	uint64_t room = stats_room(nvcpus, npmus), stacks = (uint64_t)nvcpus * CRASH_STACK;
	enum status status =
		memory_map(&machine->memory, MAP_RAM_BASE, options->mem, flash + room + stacks);
	uint8_t *behind;

	if (status)
		return status;
	behind = machine->memory.host + options->mem;
	machine->flash.zeroes = flash ? behind : NULL;
	stats_open(&machine->stats, nvcpus, npmus, behind + flash);
	machine->crash_stacks = behind + flash + room;
	return STATUS_OK;
}

static enum status add_memory(struct machine *machine)
{
	struct kvm_userspace_memory_region region;
	enum status status;

	/* After a reset it is mapped already: the jail allows no mapping. */
	status = machine->memory.host ? memory_clear(&machine->memory) : map_memory(machine);
	if (!status)
		status = image_load(&machine->files, &machine->memory, &machine->image);
	if (status)
		return status;
	region = (struct kvm_userspace_memory_region){
		.guest_phys_addr = machine->memory.base,
		.memory_size = machine->memory.size,
		.userspace_addr = (uint64_t)(uintptr_t)machine->memory.host,
	};
	if (ioctl(machine->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return fail_resource("KVM_SET_USER_MEMORY_REGION of %llu bytes",
				     (unsigned long long)machine->memory.size);
	return STATUS_OK;
}

static enum status create_vcpu(struct machine *machine, int index)
{
	struct vcpu *vcpu = &machine->vcpus[index];
	void *run;

	vcpu->machine = machine;
	vcpu->index = index;
	plan_start(&machine->choice->plan, index, &vcpu->place);
	atomic_store(&vcpu->cpu, plan_cpu(&machine->choice->plan, &vcpu->place));
	vcpu->begun = false;
	vcpu->fd = ioctl(machine->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0 && errno == EINVAL && index > 0)
		return fail(STATUS_HOST,
			    "--cpus=%d: this host's KVM takes no more than %d vCPUs (a GICv2 no "
			    "more than 8); lower --cpus",
			    machine->nvcpus, index);
	if (vcpu->fd < 0)
		return fail_resource("KVM_CREATE_VCPU %d", index);
	run = mmap(NULL, machine->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return fail_resource("mmap of vCPU %d", index);
	vcpu->run = run;
	return STATUS_OK;
}

static enum status init_vcpu(struct machine *machine, int index, struct kvm_vcpu_init init)
{
	enum pmu_mode mode = machine->choice->mode;

	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (index > 0)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	if (mode != PMU_OFF)
		init.features[0] |= 1u << KVM_ARM_VCPU_PMU_V3;
	if (mode == PMU_STRICT)
		init.features[0] |= 1u << KVM_FEATURE_PMU_V3_STRICT;
	if (machine->options->el2)
		init.features[0] |= 1u << KVM_FEATURE_EL2;
	if (machine->options->el2 == EL2_E2H0)
		init.features[0] |= 1u << KVM_FEATURE_EL2_E2H0;
	if (ioctl(machine->vcpus[index].fd, KVM_ARM_VCPU_INIT, &init) == 0)
		return STATUS_OK;
	if (errno == ENODEV && mode != PMU_OFF)
		return fail(STATUS_HOST,
			    "KVM_ARM_VCPU_INIT: no host PMU covers the CPU that vCPU "
			    "%d starts on; use --affinity to start elsewhere",
			    index);
	if (errno == ENOENT && mode == PMU_STRICT)
		return fail(STATUS_HOST,
			    "this kernel's KVM has no vCPU feature KVM_ARM_VCPU_PMU_V3_STRICT (9, "
			    "Linux 7.3); use --pmu=explicit, --pmu=auto or a newer kernel");
	return fail_resource("KVM_ARM_VCPU_INIT of vCPU %d", index);
}

static enum status init_vcpus(struct machine *machine)
{
	struct kvm_vcpu_init init;
	enum status status = STATUS_OK;

	if (ioctl(machine->vm_fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		status = fail_errno(STATUS_INTERNAL, "KVM_ARM_PREFERRED_TARGET");
	for (int i = 0; i < machine->nvcpus && !status; i++)
		status = init_vcpu(machine, i, init);
	return status;
}

static enum status create_gic(struct machine *machine)
{
	const struct options *options = machine->options;

	return gic_create(&machine->gic, machine->vm_fd, options->gic, machine->nvcpus,
			  options->el2);
}

static enum status create_pmu(const struct machine *machine)
{
	const struct vcpu *vcpus = machine->vcpus;
	enum status status;

	if (machine->choice->mode == PMU_OFF)
		return STATUS_OK;
	status = vpmu_choose(machine->options, machine->host, machine->choice, vcpus[0].fd,
			     vcpus[machine->nvcpus - 1].fd);
	for (int i = 0; i < machine->nvcpus && !status; i++)
		status = vpmu_init(vcpus[i].fd, i);
	return status;
}

/*
 * With no PMU named, KVM takes that of the CPU on which the first KVM_ARM_VCPU_INIT runs
 * (kvm_setup_vcpu, arch/arm64/kvm/arm.c), or before Linux 6.7 the first attribute of the PMU is
 * set: that must be where vCPU 0 starts, so this thread goes there first, and back afterwards.
 * The vCPU's thread, a child of this one, begins where this one is then.
 */
static enum status create_on_start_cpu(struct machine *machine)
{
	const struct cpuset *allowed = &machine->host->allowed;
	int start = machine->choice->start;
	bool move = start >= 0 || !cpuset_equal(&machine->choice->cpus[0], allowed);
	enum status status;

	if (move && !vcpu_place(&machine->vcpus[0], 0, start))
		return fail_errno(STATUS_HOST, "cannot move to vCPU 0's first CPU (has it gone "
					       "offline, or is it no longer allowed?)");
	status = init_vcpus(machine);
	/* After the last vCPU: an initialised GIC takes no more of them. */
	if (!status)
		status = create_gic(machine);
	/* After the GIC: PMU_V3_INIT claims a line of it. */
	if (!status)
		status = create_pmu(machine);
	if (!status && move && cpuset_pin(0, allowed) < 0)
		status = fail_errno(STATUS_INTERNAL, "sched_setaffinity");
	return status;
}

static void set_uart_irq(void *owner, bool level)
{
	struct machine *machine = owner;

	if (!gic_set_spi(machine->vm_fd, IRQ_UART_INTID, level))
		machine_fail(machine, STATUS_INTERNAL, "KVM_IRQ_LINE of INTID %u: %m",
			     IRQ_UART_INTID);
}

static void add_devices(struct machine *machine)
{
	const struct bus_device uart = { "pl011", MAP_UART_BASE, MAP_UART_SIZE, pl011_access,
					 &machine->uart };
	const struct bus_device lab = { "lab", MAP_LAB_BASE, MAP_LAB_SIZE, lab_access, machine };

	const struct pl011_host host = { set_uart_irq, machine_wake, machine };

	pl011_init(&machine->uart, &machine->output, &host);
	machine->bus.ndevices = 0;
	/* The map's ranges are disjoint and the bus has room: these cannot fail. */
	bus_add(&machine->bus, &lab);
	bus_add(&machine->bus, &uart);
}

/* As Documentation/arch/arm64/booting.rst: x0 is the device tree, x1 to x3 are 0 after INIT. */
static enum status set_entry(struct machine *machine)
{
	struct kvm_one_reg pc = { KVM_CORE_REG(regs.pc),
				  (uint64_t)(uintptr_t)&machine->image.entry };
	struct kvm_one_reg x0 = { KVM_CORE_REG(regs.regs[0]),
				  (uint64_t)(uintptr_t)&machine->image.dtb };

	if (ioctl(machine->vcpus[0].fd, KVM_SET_ONE_REG, &pc) < 0 ||
	    ioctl(machine->vcpus[0].fd, KVM_SET_ONE_REG, &x0) < 0)
		return fail_errno(STATUS_INTERNAL, "KVM_SET_ONE_REG of pc and x0");
	return STATUS_OK;
}

enum status machine_create(struct machine *machine)
{
	enum status status;

	/* With these values machine_destroy() works after any failure. The threads stay. */
	machine->vm_fd = machine->gic.fd = -1;
	for (int i = 0; i < machine->nvcpus; i++) {
		machine->vcpus[i].fd = -1;
		machine->vcpus[i].run = NULL;
		atomic_store(&machine->vcpus[i].hops, 0);
		machine->vcpus[i].writes = 0;
	}

	status = create_vm(machine);
	if (!status)
		status = add_memory(machine);
	for (int i = 0; i < machine->nvcpus && !status; i++)
		status = create_vcpu(machine, i);
	if (!status)
		status = create_on_start_cpu(machine);
	if (!status)
		status = machine_add_tree(machine);
	if (!status)
		status = set_entry(machine);
	if (!status)
		add_devices(machine);
	return status;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void machine_destroy(struct machine *machine)
{
	for (int i = 0; i < machine->nvcpus; i++) {
		if (machine->vcpus[i].run)
			munmap(machine->vcpus[i].run, machine->run_size);
		close_fd(machine->vcpus[i].fd);
	}
	close_fd(machine->gic.fd);
	close_fd(machine->vm_fd);
	flash_reset(&machine->flash);
}

enum status machine_restart(struct machine *machine)
{
	machine_destroy(machine);
	return machine_create(machine);
}
