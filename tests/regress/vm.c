/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "result.h"
#include "vm.h"

#define GICD_BASE   0x08000000ull
#define GICD_SIZE   0x10000ull
#define GICC_BASE   0x08010000ull
#define GICR_BASE   0x080a0000ull
#define IRQS        64u
#define KICK_SIGNAL SIGUSR1

extern const char guest_vectors[], guest_vectors_end[];

static void ignore(int signal)
{
	(void)signal;
}

static void add_ram(struct vm *vm)
{
	struct kvm_userspace_memory_region region;

	vm->ram_size = (VM_MAX_VCPUS + 1) * GUEST_CODE_SIZE;
	vm->ram = mmap(NULL, vm->ram_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	if (vm->ram == MAP_FAILED)
		fail_test_errno("mmap of %zu bytes", vm->ram_size);
	memcpy(vm->ram, guest_vectors, (size_t)(guest_vectors_end - guest_vectors));
	region = (struct kvm_userspace_memory_region){
		.guest_phys_addr = GUEST_RAM_BASE,
		.memory_size = vm->ram_size,
		.userspace_addr = (uint64_t)(uintptr_t)vm->ram,
	};
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		fail_test_errno("KVM_SET_USER_MEMORY_REGION");
}

static void add_vcpu(struct vm *vm, int index, size_t run_size)
{
	struct vcpu *vcpu = &vm->vcpus[index];
	uint8_t *code;

	vcpu->vm = vm;
	vcpu->index = index;
	code = vm->ram + vcpu_entry(vcpu) - GUEST_RAM_BASE;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);
	if (vcpu->fd < 0)
		fail_test_errno("KVM_CREATE_VCPU %d", index);
	vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		fail_test_errno("mmap of vCPU %d", index);
	vcpu->guest.start = vcpu->guest.at = (uint32_t *)(void *)code;
	vcpu->guest.end = (uint32_t *)(void *)(code + GUEST_CODE_SIZE);
}

/* 3 where the host can, as GICv2 guests have no system registers and 8 vCPUs at most. */
static int gic_version(const struct vm *vm)
{
	struct kvm_create_device test = { .type = KVM_DEV_TYPE_ARM_VGIC_V3,
					  .flags = KVM_CREATE_DEVICE_TEST };

	return ioctl(vm->fd, KVM_CREATE_DEVICE, &test) == 0 ? 3 : 2;
}

void vm_create(struct vm *vm, const struct site *site, int nvcpus)
{
	const struct sigaction kick = { .sa_handler = ignore };
	int bits, run_size;

	*vm = (struct vm){ .site = site, .nvcpus = nvcpus, .gic_fd = -1 };
	sigaction(KICK_SIGNAL, &kick, NULL);
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		fail_test_errno("/dev/kvm");
	bits = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	if (bits <= 0)
		bits = 40;
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE((unsigned)bits));
	if (vm->fd < 0)
		fail_test_errno("KVM_CREATE_VM with %d address bits", bits);
	run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size <= 0)
		fail_test_errno("KVM_GET_VCPU_MMAP_SIZE");
	vm->gic = gic_version(vm);
	add_ram(vm);
	for (int i = 0; i < nvcpus; i++) {
		add_vcpu(vm, i, (size_t)run_size);
		guest_begin(&vm->vcpus[i].guest, vm->gic);
	}
}

void vm_destroy(struct vm *vm)
{
	int run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	for (int i = 0; i < vm->nvcpus; i++) {
		munmap(vm->vcpus[i].run, (size_t)run_size);
		close(vm->vcpus[i].fd);
	}
	if (vm->gic_fd >= 0)
		close(vm->gic_fd);
	close(vm->fd);
	close(vm->kvm);
	munmap(vm->ram, vm->ram_size);
}

uint64_t vcpu_entry(const struct vcpu *vcpu)
{
	return GUEST_RAM_BASE + ((uint64_t)vcpu->index + 1) * GUEST_CODE_SIZE;
}

void vcpu_set_pc(struct vcpu *vcpu, uint64_t pc)
{
	struct kvm_one_reg reg = { KVM_CORE_REG(regs.pc), (uint64_t)(uintptr_t)&pc };

	if (ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) < 0)
		fail_test_errno("KVM_SET_ONE_REG of PC");
}

uint64_t vcpu_get_pc(struct vcpu *vcpu)
{
	uint64_t pc;
	struct kvm_one_reg reg = { KVM_CORE_REG(regs.pc), (uint64_t)(uintptr_t)&pc };

	if (ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) < 0)
		fail_test_errno("KVM_GET_ONE_REG of PC");
	return pc;
}

int vcpu_init(struct vcpu *vcpu, uint32_t features)
{
	struct kvm_vcpu_init init;

	if (ioctl(vcpu->vm->fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		fail_test_errno("KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2 | features;
	if (vcpu->index > 0)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	if (ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init) < 0)
		return errno;
	if (vcpu->index == 0)
		vcpu_set_pc(vcpu, vcpu_entry(vcpu));
	return 0;
}

void vm_init_vcpus(struct vm *vm, uint32_t features)
{
	for (int i = 0; i < vm->nvcpus; i++) {
		errno = vcpu_init(&vm->vcpus[i], features);
		if (errno)
			fail_test_errno("KVM_ARM_VCPU_INIT of vCPU %d", i);
	}
}

static void gic_attr(struct vm *vm, unsigned group, uint64_t attr, const void *value)
{
	struct kvm_device_attr request = { .group = group,
					   .attr = attr,
					   .addr = (uint64_t)(uintptr_t)value };

	if (ioctl(vm->gic_fd, KVM_SET_DEVICE_ATTR, &request) < 0)
		fail_test_errno("GICv%d: group %u, attribute %llu", vm->gic, group,
				(unsigned long long)attr);
}

void vm_create_gic(struct vm *vm)
{
	struct kvm_create_device device = {
		.type = vm->gic == 3 ? KVM_DEV_TYPE_ARM_VGIC_V3 : KVM_DEV_TYPE_ARM_VGIC_V2,
	};
	const uint64_t dist = GICD_BASE, cpu = vm->gic == 3 ? GICR_BASE : GICC_BASE;
	const uint32_t irqs = IRQS;

	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &device) < 0)
		fail_test_errno("KVM_CREATE_DEVICE of a GICv%d", vm->gic);
	vm->gic_fd = (int)device.fd;
	gic_attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR,
		 vm->gic == 3 ? KVM_VGIC_V3_ADDR_TYPE_DIST : KVM_VGIC_V2_ADDR_TYPE_DIST, &dist);
	gic_attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR,
		 vm->gic == 3 ? KVM_VGIC_V3_ADDR_TYPE_REDIST : KVM_VGIC_V2_ADDR_TYPE_CPU, &cpu);
	gic_attr(vm, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs);
}

void vm_init_gic(struct vm *vm)
{
	gic_attr(vm, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

static int attr_ioctl(struct vcpu *vcpu, unsigned long what, unsigned attr, const void *value)
{
	struct kvm_device_attr request = { .group = KVM_ARM_VCPU_PMU_V3_CTRL,
					   .attr = attr,
					   .addr = (uint64_t)(uintptr_t)value };

	return ioctl(vcpu->fd, what, &request) < 0 ? errno : 0;
}

int vcpu_has_attr(struct vcpu *vcpu, unsigned attr)
{
	return attr_ioctl(vcpu, KVM_HAS_DEVICE_ATTR, attr, NULL);
}

int vcpu_get_attr(struct vcpu *vcpu, unsigned attr, void *value)
{
	return attr_ioctl(vcpu, KVM_GET_DEVICE_ATTR, attr, value);
}

int vcpu_set_attr(struct vcpu *vcpu, unsigned attr, const void *value)
{
	int error = attr_ioctl(vcpu, KVM_SET_DEVICE_ATTR, attr, value);

	if (attr == ATTR_SET_PMU && !error)
		vcpu->vm->may_refuse = true;
	if (attr == ATTR_FIXED_COUNTERS && !error)
		vcpu->vm->needs_any_pmu = true;
	return error;
}

void vm_init_pmu(struct vm *vm)
{
	const int irq = PMU_INTID;

	for (int i = 0; i < vm->nvcpus; i++) {
		errno = vcpu_set_attr(&vm->vcpus[i], ATTR_IRQ, &irq);
		if (errno)
			fail_test_errno("PMU interrupt of vCPU %d", i);
		errno = vcpu_set_attr(&vm->vcpus[i], ATTR_INIT, NULL);
		if (errno)
			fail_test_errno("KVM_ARM_VCPU_PMU_V3_INIT of vCPU %d", i);
	}
}

int vcpu_try_get(struct vcpu *vcpu, uint16_t sysreg, uint64_t *value)
{
	struct kvm_one_reg reg = { ONE_REG(sysreg), (uint64_t)(uintptr_t)value };

	return ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) < 0 ? errno : 0;
}

int vcpu_try_set(struct vcpu *vcpu, uint16_t sysreg, uint64_t value)
{
	struct kvm_one_reg reg = { ONE_REG(sysreg), (uint64_t)(uintptr_t)&value };

	return ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) < 0 ? errno : 0;
}

uint64_t vcpu_get(struct vcpu *vcpu, uint16_t sysreg)
{
	uint64_t value;

	errno = vcpu_try_get(vcpu, sysreg, &value);
	if (errno)
		fail_test_errno("KVM_GET_ONE_REG of 0x%llx", (unsigned long long)ONE_REG(sysreg));
	return value;
}

void vcpu_set(struct vcpu *vcpu, uint16_t sysreg, uint64_t value)
{
	errno = vcpu_try_set(vcpu, sysreg, value);
	if (errno)
		fail_test_errno("KVM_SET_ONE_REG of 0x%llx", (unsigned long long)ONE_REG(sysreg));
}

static void take_trap(struct vcpu *vcpu, uint64_t port, uint64_t value)
{
	struct exception *exception = &vcpu->exceptions[vcpu->nexceptions];
	struct irq *irq = &vcpu->irqs[vcpu->nirqs];

	/* One entry is always free for what is under way. */
	if (vcpu->nexceptions == VM_MAX_TRAPS - 1 || vcpu->nirqs == VM_MAX_TRAPS - 1)
		fail_test(
			"vCPU %d takes one exception or interrupt after the other: ESR 0x%llx ELR "
			"0x%llx INTID %llu",
			vcpu->index, (unsigned long long)vcpu->exceptions[0].esr,
			(unsigned long long)vcpu->exceptions[0].elr,
			(unsigned long long)vcpu->irqs[0].intid);
	switch (port) {
	case PORT_EXCEPTION:
		*exception = (struct exception){ .esr = value };
		break;
	case PORT_ELR:
		exception->elr = value;
		vcpu->nexceptions++;
		break;
	case PORT_IRQ:
		*irq = (struct irq){ .intid = value, .cpu = sched_getcpu() };
		if (value == TIMER_INTID) /* the handler has no more to say */
			vcpu->nirqs++;
		break;
	case PORT_SPSR: /* of whichever is under way; the other's is not yet begun */
		exception->spsr = irq->spsr = value;
		break;
	case PORT_IRQ_OVS:
		irq->overflow = value;
		break;
	case PORT_IRQ_COUNT:
		irq->count = value;
		vcpu->nirqs++;
		break;
	default:
		fail_test("vCPU %d wrote to port 0x%llx, which there is not", vcpu->index,
			  (unsigned long long)port);
	}
}

/* True if the test must see it: then @stop says what it is. */
static bool take_mmio(struct vcpu *vcpu, enum stop *stop)
{
	struct kvm_run *run = vcpu->run;
	uint64_t port = run->mmio.phys_addr - PORT_BASE, value;

	/* kvm_vgic_map_resources() says that the GIC is ready before it is there. */
	if (vcpu->vm->site->older && vcpu->vm->gic_fd >= 0 &&
	    run->mmio.phys_addr - GICD_BASE < GICD_SIZE)
		known_fault("a vCPU runs before the GIC's distributor, which another one's first "
			    "run makes, is there");
	if (!run->mmio.is_write) {
		memcpy(run->mmio.data, &vcpu->input, sizeof(vcpu->input));
		return false;
	}
	memcpy(&value, run->mmio.data, sizeof(value));
	switch (port) {
	case PORT_OUT:
		if (vcpu->nout == VM_MAX_OUT)
			fail_test("vCPU %d has more to say than %d values", vcpu->index,
				  VM_MAX_OUT);
		vcpu->out[vcpu->nout++] = value;
		return false;
	case PORT_HOP:
		*stop = STOP_HOP;
		return true;
	case PORT_EXIT:
		*stop = STOP_EXIT;
		return true;
	default:
		take_trap(vcpu, port, value);
		return false;
	}
}

enum stop vcpu_run(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	enum stop stop;

	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
			if (errno != EINTR)
				fail_test_errno("KVM_RUN of vCPU %d", vcpu->index);
			run->immediate_exit = 0;
			return STOP_KICKED;
		}
		switch (run->exit_reason) {
		case KVM_EXIT_MMIO:
			if (take_mmio(vcpu, &stop))
				return stop;
			break;
		case KVM_EXIT_SYSTEM_EVENT:
			return STOP_SYSTEM;
		case KVM_EXIT_FAIL_ENTRY:
			if (run->fail_entry.hardware_entry_failure_reason !=
			    KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED)
				fail_test("FAIL_ENTRY with reason 0x%llx",
					  (unsigned long long)
						  run->fail_entry.hardware_entry_failure_reason);
			vcpu->refused_cpu = (int)run->fail_entry.cpu;
			expect(vcpu->vm->may_refuse || (vcpu->vm->needs_any_pmu &&
							host_pmu_of_cpu(&vcpu->vm->site->host,
									vcpu->refused_cpu) < 0),
			       "KVM refused vCPU %d on CPU %d, though the VM may run there",
			       vcpu->index, vcpu->refused_cpu);
			return STOP_REFUSED;
		default:
			fail_test("KVM_RUN of vCPU %d: exit reason %u", vcpu->index,
				  run->exit_reason);
		}
	}
}

int vcpu_enter(struct vcpu *vcpu)
{
	int error;

	vcpu->run->immediate_exit = 1;
	error = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? errno : 0;
	vcpu->run->immediate_exit = 0;
	return error == EINTR ? 0 : error;
}

void vcpu_kick(struct vcpu *vcpu, unsigned long thread)
{
	vcpu->run->immediate_exit = 1;
	pthread_kill((pthread_t)thread, KICK_SIGNAL);
}

void vcpu_finish(struct vcpu *vcpu)
{
	enum stop stop = vcpu_run(vcpu);

	if (stop == STOP_REFUSED)
		fail_test("KVM refused vCPU %d on CPU %d", vcpu->index, vcpu->refused_cpu);
	if (stop != STOP_EXIT)
		fail_test("vCPU %d stopped (%d) before the end of its program", vcpu->index,
			  (int)stop);
}

uint64_t vcpu_take(struct vcpu *vcpu)
{
	if (vcpu->taken == vcpu->nout)
		fail_test("vCPU %d handed over only %d values", vcpu->index, vcpu->nout);
	return vcpu->out[vcpu->taken++];
}
