/* SPDX-License-Identifier: MIT */
/*
 * The floor: the fewest system calls that run an arm64 guest with a PMU under a
 * GICv3. It checks nothing and offers nothing; what minivmm costs beyond it is
 * what minivmm's checks and services cost.
 *
 *     floor [FILE]    runs the flat image FILE, or a guest that powers off at once
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_BASE 0x40000000ull
#define RAM_SIZE 0x200000ull
#define ENTRY    0x80000ull /* from RAM_BASE */

/* mov w0, #0x8400 lsl 16; movk w0, #8; hvc #0: PSCI SYSTEM_OFF */
static const uint32_t power_off[] = { 0x52b08000, 0x72800100, 0xd4000002 };

static void set_attr(int fd, uint32_t group, uint64_t attr, const void *arg)
{
	struct kvm_device_attr request = { 0, group, attr, (uint64_t)(uintptr_t)arg };

	ioctl(fd, KVM_SET_DEVICE_ATTR, &request);
}

static void load(uint8_t *ram, const char *path)
{
	if (path) {
		int fd = open(path, O_RDONLY);

		while (read(fd, ram + ENTRY, RAM_SIZE - ENTRY) < 0)
			;
		close(fd);
		return;
	}
	for (size_t i = 0; i < sizeof(power_off) / sizeof(power_off[0]); i++)
		((uint32_t *)(void *)(ram + ENTRY))[i] = power_off[i];
}

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu, irq = 23;
	uint8_t *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct kvm_userspace_memory_region region = { 0, 0, RAM_BASE, RAM_SIZE,
						      (uint64_t)(uintptr_t)ram };
	struct kvm_create_device gic = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t gicd = 0x08000000, gicr = 0x080a0000, pc = RAM_BASE + ENTRY;
	struct kvm_one_reg entry = { KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
					     offsetof(struct kvm_regs, regs.pc) / 4,
				     (uint64_t)(uintptr_t)&pc };
	struct kvm_vcpu_init init;
	struct kvm_run *run;

	load(ram, argc > 1 ? argv[1] : NULL);
	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_PMU_V3;
	ioctl(vcpu, KVM_ARM_VCPU_INIT, &init);
	ioctl(vm, KVM_CREATE_DEVICE, &gic);
	set_attr((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &gicd);
	set_attr((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &gicr);
	set_attr((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &irq);
	set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	ioctl(vcpu, KVM_SET_ONE_REG, &entry);
	run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	while (ioctl(vcpu, KVM_RUN, 0) == 0 && run->exit_reason == KVM_EXIT_MMIO)
		;
	return run->exit_reason == KVM_EXIT_SYSTEM_EVENT ? 0 : 1;
}
