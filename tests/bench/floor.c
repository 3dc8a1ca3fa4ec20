/* SPDX-License-Identifier: MIT */
/*
 * The floor: the fewest system calls that run an arm64 guest with a PMU under a
 * GICv3. It checks nothing and offers nothing; what minivmm costs beyond it is
 * what minivmm's checks and services cost.
 *
 *     floor [-p] FILE [VCPUS [A B [MICROSECONDS]]]
 *
 * runs the flat image FILE, with -p printing what it writes to the UART, or how often it hopped.
 * With A and B its thread goes to these CPUs in turn: each time the guest accesses a device or,
 * with MICROSECONDS, that often, moved by another process.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_BASE 0x40000000ull
/* Not 2 MiB, for which the kernel could take a huge page and clear all of it. */
#define RAM_SIZE 0x1ff000ull
#define UART     0x09000000ull
#define ENTRY    0x80000ull /* from RAM_BASE */

static int run_size, cpus[2] = { -1, -1 }, period;
static unsigned hops;
static bool print;

static void set_attr(int fd, uint32_t group, uint64_t attr, const void *arg)
{
	struct kvm_device_attr request = { 0, group, attr, (uint64_t)(uintptr_t)arg };

	ioctl(fd, KVM_SET_DEVICE_ATTR, &request);
}

static void hop(pid_t pid)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpus[++hops % 2], &set);
	sched_setaffinity(pid, sizeof(set), &set);
}

static void *move_forever(void *unused)
{
	for (;;) {
		usleep((useconds_t)period);
		hop(getpid());
	}
	return unused;
}

static void *run_vcpu(void *fd)
{
	int vcpu = (int)(intptr_t)fd;
	struct kvm_run *run =
		mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	while (ioctl(vcpu, KVM_RUN, 0) == 0 && run->exit_reason == KVM_EXIT_MMIO) {
		if (cpus[0] >= 0 && !period)
			hop(0);
		if (print && run->mmio.phys_addr == UART &&
		    write(STDOUT_FILENO, run->mmio.data, 1) < 0)
			break;
	}
	if (print && period)
		dprintf(STDOUT_FILENO, "%x", hops);
	_exit(run->exit_reason == KVM_EXIT_SYSTEM_EVENT ? 0 : 1);
}

static int argument(char **argv, int argc, int index, int otherwise)
{
	return index < argc ? atoi(argv[index]) : otherwise;
}

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0), irq = 23, image;
	int n, vcpu[64];
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
	pthread_t thread;

	print = argv[1][0] == '-';
	argc -= print;
	argv += print;
	n = argument(argv, argc, 2, 1);
	cpus[0] = argument(argv, argc, 3, -1);
	cpus[1] = argument(argv, argc, 4, -1);
	period = argument(argv, argc, 5, 0);
	if (cpus[0] >= 0) {
		hops = 1; /* so that it starts on A, whose PMU is then the default one */
		hop(0);
	}
	image = open(argv[1], O_RDONLY);
	while (read(image, ram + ENTRY, RAM_SIZE - ENTRY) < 0)
		;
	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
	for (int i = 0; i < n; i++)
		vcpu[i] = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)i);
	ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_PMU_V3;
	for (int i = 0; i < n; i++) {
		ioctl(vcpu[i], KVM_ARM_VCPU_INIT, &init);
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	}
	ioctl(vm, KVM_CREATE_DEVICE, &gic);
	set_attr((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &gicd);
	set_attr((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &gicr);
	set_attr((int)gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	for (int i = 0; i < n; i++) {
		set_attr(vcpu[i], KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &irq);
		set_attr(vcpu[i], KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	}
	ioctl(vcpu[0], KVM_SET_ONE_REG, &entry);
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (period)
		pthread_create(&thread, NULL, move_forever, NULL);
	for (int i = 1; i < n; i++)
		pthread_create(&thread, NULL, run_vcpu, (void *)(intptr_t)vcpu[i]);
	run_vcpu((void *)(intptr_t)vcpu[0]);
}
