/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "base/fail.h"
#include "base/resource.h"
#include "devices/gic.h"
#include "guest/abi/map.h"
#include "host/kvm.h"

#define GICV2_MAX_VCPUS 8
#define NR_IRQS         64u /* the fewest that KVM takes; the UART's INTID is 33 */

static bool create_device(struct gic *gic, int vm_fd, int version)
{
	struct kvm_create_device device = {
		.type = version == 3 ? KVM_DEV_TYPE_ARM_VGIC_V3 : KVM_DEV_TYPE_ARM_VGIC_V2,
	};

	if (ioctl(vm_fd, KVM_CREATE_DEVICE, &device) < 0)
		return false;
	*gic = (struct gic){ .fd = (int)device.fd, .version = version };
	return true;
}

static enum status create_any(struct gic *gic, int vm_fd, int wanted, int vcpus)
{
	if (create_device(gic, vm_fd, wanted ? wanted : 3) ||
	    (!wanted && errno == ENODEV && create_device(gic, vm_fd, 2)))
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
			    vcpus, GICV2_MAX_VCPUS, wanted ? ", or use --gic=auto" : "");
	return fail_resource("KVM_CREATE_DEVICE of a GIC");
}

static enum status set_address(const struct gic *gic, unsigned type, uint64_t address)
{
	if (kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &address) < 0)
		return fail_errno(STATUS_INTERNAL,
				  "KVM_SET_DEVICE_ATTR: address 0x%llx of the GICv%d",
				  (unsigned long long)address, gic->version);
	return STATUS_OK;
}

/* One word holds the region's number, its address and the number of redistributors that it has room
 * for. */
static enum status add_region(const struct gic *gic, uint64_t index, uint64_t base, uint64_t count)
{
	return set_address(gic, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, count << 52 | base | index);
}

/* Linux 4.18 introduced regions; KVM fills them in the order of the vCPUs. */
static enum status place_redistributors(const struct gic *gic, uint64_t count)
{
	enum status status;

	if (count <= MAP_GICR_ROOM)
		return set_address(gic, KVM_VGIC_V3_ADDR_TYPE_REDIST, MAP_GICR_BASE);
	status = add_region(gic, 0, MAP_GICR_BASE, MAP_GICR_ROOM);
	if (!status)
		status = add_region(gic, 1, MAP_GICR2_BASE, count - MAP_GICR_ROOM);
	return status;
}

/* KVM has had this attribute as long as guests with EL2; without it KVM chooses a number itself. */
static enum status set_maintenance(const struct gic *gic)
{
	uint32_t intid = IRQ_MAINTENANCE_INTID;

	if (kvm_set_attr(gic->fd, KVM_VGIC_GRP_MAINTENANCE_IRQ, 0, &intid) < 0)
		return fail_errno(STATUS_INTERNAL,
				  "KVM_SET_DEVICE_ATTR: the GIC's maintenance interrupt %u", intid);
	return STATUS_OK;
}

enum status gic_create(struct gic *gic, int vm_fd, int version, int vcpus, bool el2)
{
	uint32_t irqs = NR_IRQS;
	enum status status = create_any(gic, vm_fd, el2 ? 3 : version, vcpus);

	if (!status && gic->version == 3) {
		status = set_address(gic, KVM_VGIC_V3_ADDR_TYPE_DIST, MAP_GICD_BASE);
		if (!status)
			status = place_redistributors(gic, (uint64_t)vcpus);
	} else if (!status) {
		status = set_address(gic, KVM_VGIC_V2_ADDR_TYPE_DIST, MAP_GICD_BASE);
		if (!status)
			status = set_address(gic, KVM_VGIC_V2_ADDR_TYPE_CPU, MAP_GICC_BASE);
	}
	if (!status && el2)
		status = set_maintenance(gic);
	if (status)
		return status;
	if (kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs) < 0 ||
	    kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL) < 0)
		return fail_resource("KVM_SET_DEVICE_ATTR: initialising the GICv%d", gic->version);
	return STATUS_OK;
}

bool gic_set_spi(int vm_fd, unsigned intid, bool level)
{
	struct kvm_irq_level line = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | intid,
		.level = level,
	};

	return ioctl(vm_fd, KVM_IRQ_LINE, &line) == 0;
}
