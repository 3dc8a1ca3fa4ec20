/* SPDX-License-Identifier: MIT */
/* The guest's interrupt controller, emulated by KVM (Documentation/virt/kvm/devices/arm-vgic*.rst).
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "fail.h"
#include "machine.h"
#include "map.h"
#include "options.h"
#include "resource.h"

#define GICV2_MAX_VCPUS 8
#define NR_IRQS         64u /* the fewest that KVM takes; the UART's INTID is 33 */

static int create_device(struct machine *machine, int gic)
{
	struct kvm_create_device device = {
		.type = gic == 3 ? KVM_DEV_TYPE_ARM_VGIC_V3 : KVM_DEV_TYPE_ARM_VGIC_V2,
	};

	if (ioctl(machine->vm_fd, KVM_CREATE_DEVICE, &device) < 0)
		return -1;
	machine->gic = gic;
	return (int)device.fd;
}

static enum status create_any(struct machine *machine)
{
	int wanted = machine->options->gic;

	machine->gic_fd = create_device(machine, wanted ? wanted : 3);
	if (machine->gic_fd < 0 && !wanted && errno == ENODEV)
		machine->gic_fd = create_device(machine, 2);
	if (machine->gic_fd >= 0)
		return STATUS_OK;
	if (errno == ENODEV && !wanted)
		return fail(STATUS_HOST,
			    "this host's KVM cannot emulate a GIC, neither version 3 nor 2, "
			    "and guests need one; the kernel's log says why "
			    "(dmesg | grep -i -e gic -e kvm)");
	if (errno == ENODEV)
		return fail(STATUS_HOST,
			    "--gic=%d: this host's KVM cannot emulate that GIC; use --gic=auto",
			    wanted);
	if (errno == E2BIG)
		return fail(STATUS_HOST, "--cpus=%d: a GICv2 has room for %d CPUs; lower --cpus%s",
			    machine->nvcpus, GICV2_MAX_VCPUS, wanted ? ", or use --gic=auto" : "");
	return fail_resource("KVM_CREATE_DEVICE of a GIC");
}

static enum status set_address(struct machine *machine, unsigned type, uint64_t address)
{
	if (kvm_set_attr(machine->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &address) < 0)
		return fail_errno(STATUS_INTERNAL,
				  "KVM_SET_DEVICE_ATTR: address 0x%llx of the GICv%d",
				  (unsigned long long)address, machine->gic);
	return STATUS_OK;
}

/* KVM takes a region's number, address and how many it has room for in one word. */
static enum status add_region(struct machine *machine, uint64_t index, uint64_t base,
			      uint64_t count)
{
	return set_address(machine, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION,
			   count << 52 | base | index);
}

/* Regions are of Linux 4.18; KVM fills them in the order of the vCPUs. */
static enum status place_redistributors(struct machine *machine)
{
	uint64_t count = (uint64_t)machine->nvcpus;
	enum status status;

	_Static_assert(MAP_GICR_BASE + MAP_GICR_ROOM * MAP_GICR_STEP <= MAP_UART_BASE &&
			       MAP_GICR2_BASE + (MAX_VCPUS - MAP_GICR_ROOM) * MAP_GICR_STEP <=
				       MAP_RAM_BASE,
		       "redistributors overlap what is behind them");
	if (count <= MAP_GICR_ROOM)
		return set_address(machine, KVM_VGIC_V3_ADDR_TYPE_REDIST, MAP_GICR_BASE);
	status = add_region(machine, 0, MAP_GICR_BASE, MAP_GICR_ROOM);
	if (!status)
		status = add_region(machine, 1, MAP_GICR2_BASE, count - MAP_GICR_ROOM);
	return status;
}

enum status gic_create(struct machine *machine)
{
	uint32_t irqs = NR_IRQS;
	enum status status = create_any(machine);

	if (!status && machine->gic == 3) {
		status = set_address(machine, KVM_VGIC_V3_ADDR_TYPE_DIST, MAP_GICD_BASE);
		if (!status)
			status = place_redistributors(machine);
	} else if (!status) {
		status = set_address(machine, KVM_VGIC_V2_ADDR_TYPE_DIST, MAP_GICD_BASE);
		if (!status)
			status = set_address(machine, KVM_VGIC_V2_ADDR_TYPE_CPU, MAP_GICC_BASE);
	}
	if (status)
		return status;
	if (kvm_set_attr(machine->gic_fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs) < 0 ||
	    kvm_set_attr(machine->gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
			 NULL) < 0)
		return fail_resource("KVM_SET_DEVICE_ATTR: initialising the GICv%d", machine->gic);
	return STATUS_OK;
}

void gic_set_spi(struct machine *machine, unsigned intid, bool level)
{
	struct kvm_irq_level line = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | intid,
		.level = level,
	};

	if (ioctl(machine->vm_fd, KVM_IRQ_LINE, &line) < 0)
		machine_fail(machine, STATUS_INTERNAL, "KVM_IRQ_LINE of INTID %u: %m", intid);
}
