/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fail.h"
#include "kvm.h"

enum status kvm_open(struct kvm *kvm)
{
	int version, bits;

	kvm->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->fd < 0 && errno == EACCES)
		return fail(STATUS_HOST, "/dev/kvm: permission denied; join the group that owns it "
					 "(usually kvm) or run as root");
	if (kvm->fd < 0)
		return fail_errno(STATUS_HOST, "cannot open /dev/kvm; it needs a kernel with KVM "
					       "that was booted at EL2, or scripts/board");
	version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return fail(STATUS_HOST, "/dev/kvm speaks API version %d, minivmm needs %d",
			    version, KVM_API_VERSION);
	bits = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	kvm->ipa_bits = bits > 0 ? (unsigned)bits : 40;
	return STATUS_OK;
}

/*
 * The fewer bits, the smaller the first table of stage 2, all of which KVM looks at when
 * the VM ends: with 36 it has 64 entries, with 40 it has 1024. Below 35 it grows again, as a
 * level goes.
 */
int kvm_create_vm(const struct kvm *kvm, uint64_t end)
{
	unsigned bits = 36;

	while (end > 1ull << bits)
		bits++;
	if (bits > kvm->ipa_bits)
		bits = kvm->ipa_bits;
	return ioctl(kvm->fd, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(bits));
}

int kvm_set_attr(int fd, unsigned group, unsigned attr, const void *arg)
{
	struct kvm_device_attr request = { .group = group,
					   .attr = attr,
					   .addr = (uint64_t)(uintptr_t)arg };

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &request);
}

/* A vCPU with PMU_V3 and @feature on a throw-away VM; -1 if KVM does not have it. */
static int throw_away_vcpu(int vm, unsigned id, uint32_t features)
{
	struct kvm_vcpu_init init;
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, id);

	if (vcpu < 0)
		return -1;
	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) == 0) {
		init.features[0] |= features;
		if (ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) == 0)
			return vcpu;
	}
	close(vcpu);
	return -1;
}

static bool has_attr(int vcpu, unsigned attr)
{
	struct kvm_device_attr request = { .group = KVM_ARM_VCPU_PMU_V3_CTRL, .attr = attr };

	return ioctl(vcpu, KVM_HAS_DEVICE_ATTR, &request) == 0;
}

/*
 * Another unmerged series uses number 5 too, so that HAS_ATTR alone proves
 * nothing; only FIXED_COUNTERS_ONLY can be read: ENXIO before it is set.
 */
static bool has_composite(int vcpu)
{
	struct kvm_device_attr request = { .group = KVM_ARM_VCPU_PMU_V3_CTRL,
					   .attr = KVM_PMU_FIXED_COUNTERS_ONLY };

	if (!has_attr(vcpu, KVM_PMU_FIXED_COUNTERS_ONLY))
		return false;
	if (ioctl(vcpu, KVM_GET_DEVICE_ATTR, &request) == 0 || errno != ENXIO)
		return false;
	return ioctl(vcpu, KVM_SET_DEVICE_ATTR, &request) == 0 &&
	       ioctl(vcpu, KVM_GET_DEVICE_ATTR, &request) == 0;
}

static enum status ask_throw_away_vms(const struct kvm *kvm, struct kvm_offers *offers)
{
	uint32_t pmu = 1u << KVM_ARM_VCPU_PMU_V3;
	int vm, vcpu;

	vm = kvm_create_vm(kvm, 0);
	if (vm < 0)
		return fail_errno(STATUS_INTERNAL, "KVM_CREATE_VM for a throw-away VM");
	vcpu = throw_away_vcpu(vm, 0, pmu);
	if (vcpu >= 0) {
		offers->set_pmu = has_attr(vcpu, KVM_ARM_VCPU_PMU_V3_SET_PMU);
		offers->nr_counters = has_attr(vcpu, KVM_PMU_SET_NR_COUNTERS);
		offers->composite = has_composite(vcpu);
		close(vcpu);
	}
	close(vm);

	/* A VM's vCPUs share one feature set, so STRICT takes a VM of its own. */
	vm = kvm_create_vm(kvm, 0);
	if (vm < 0)
		return fail_errno(STATUS_INTERNAL, "KVM_CREATE_VM for a throw-away VM");
	vcpu = throw_away_vcpu(vm, 0, pmu | 1u << KVM_FEATURE_PMU_V3_STRICT);
	offers->strict = vcpu >= 0;
	if (vcpu >= 0)
		close(vcpu);
	close(vm);
	return STATUS_OK;
}

enum status kvm_offers(const struct kvm *kvm, const struct host *host, bool probe,
		       struct kvm_offers *offers)
{
	cpu_set_t before, covered;
	enum status status;

	*offers = (struct kvm_offers){
		.pmu = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_PMU_V3) > 0,
	};
	offers->set_pmu = offers->composite = offers->strict = offers->pmu && !probe;
	if (!probe || !offers->pmu)
		return STATUS_OK;

	if (sched_getaffinity(0, sizeof(before), &before) < 0)
		return fail_errno(STATUS_INTERNAL, "sched_getaffinity");
	host_covered_cpus(host, &covered);
	CPU_AND(&covered, &covered, &host->allowed);
	if (!CPU_COUNT(&covered))
		return STATUS_OK;
	if (sched_setaffinity(0, sizeof(covered), &covered) < 0)
		return fail_errno(STATUS_HOST, "cannot move to a CPU that has a host PMU (offline "
					       "or not allowed meanwhile?)");
	status = ask_throw_away_vms(kvm, offers);
	if (sched_setaffinity(0, sizeof(before), &before) < 0 && !status)
		status = fail_errno(STATUS_INTERNAL, "sched_setaffinity");
	return status;
}
