/* SPDX-License-Identifier: MIT */
/*
 * The floor below the floor: the system calls of floor.c for one vCPU, without a C library. What is
 * left is what the kernel itself costs.
 *
 *     floor-bare FILE
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define RAM_BASE 0x40000000ull
/* Not 2 MiB, for which the kernel could take a huge page and clear all of it. */
#define RAM_SIZE 0x1ff000ull
#define ENTRY    0x80000ull /* from RAM_BASE */

__asm__(".global _start\n"
	"_start:	mov	x0, sp\n"
	"	b	run\n");

static long call(long number, long a, long b, long c, long d, long e)
{
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = 0;
	register long x8 __asm__("x8") = number;

	__asm__ volatile("svc	0"
			 : "+r"(x0)
			 : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8)
			 : "memory");
	return x0;
}

static long open_file(const char *path, long flags)
{
	return call(SYS_openat, AT_FDCWD, (long)path, flags, 0, 0);
}

static void *map(long size, long flags, long fd)
{
	return (void *)call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, flags, fd);
}

static long control(long fd, long request, const void *argument)
{
	return call(SYS_ioctl, fd, request, (long)argument, 0, 0);
}

static void set_attr(long fd, uint32_t group, uint64_t attr, const void *argument)
{
	const struct kvm_device_attr request = { 0, group, attr, (uint64_t)(uintptr_t)argument };

	control(fd, KVM_SET_DEVICE_ATTR, &request);
}

/* @stack: the number of arguments, and the arguments. */
void run(char **stack);
void run(char **stack)
{
	long kvm = open_file("/dev/kvm", O_RDWR), vm = control(kvm, KVM_CREATE_VM, NULL), vcpu,
	     image;
	uint8_t *ram = map(RAM_SIZE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	const struct kvm_userspace_memory_region region = { 0, 0, RAM_BASE, RAM_SIZE,
							    (uint64_t)(uintptr_t)ram };
	const uint64_t gicd = 0x08000000, gicr = 0x080a0000, pc = RAM_BASE + ENTRY;
	const struct kvm_one_reg entry = { KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
						   offsetof(struct kvm_regs, regs.pc) / 4,
					   (uint64_t)(uintptr_t)&pc };
	struct kvm_create_device gic = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	const int irq = 23;
	struct kvm_vcpu_init init;
	const struct kvm_run *state;

	image = open_file(stack[2], O_RDONLY);
	call(SYS_read, image, (long)(ram + ENTRY), RAM_SIZE - ENTRY, 0, 0);
	control(vm, KVM_SET_USER_MEMORY_REGION, &region);
	vcpu = control(vm, KVM_CREATE_VCPU, NULL);
	control(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_PMU_V3;
	control(vcpu, KVM_ARM_VCPU_INIT, &init);
	control(vm, KVM_CREATE_DEVICE, &gic);
	set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &gicd);
	set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &gicr);
	set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &irq);
	set_attr(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	control(vcpu, KVM_SET_ONE_REG, &entry);
	state = map(control(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL), MAP_SHARED, vcpu);
	while (control(vcpu, KVM_RUN, NULL) == 0 && state->exit_reason == KVM_EXIT_MMIO)
		;
	call(SYS_exit_group, state->exit_reason == KVM_EXIT_SYSTEM_EVENT ? 0 : 1, 0, 0, 0, 0);
	__builtin_unreachable();
}
