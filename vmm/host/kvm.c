/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/resource.h"
#include "host/first_pmu.h"
#include "host/kvm.h"

/* The value that KVM returns for an extension, 0 if KVM does not have it; -1 after an error line.
 */
static int check_extension(const struct kvm *kvm, int extension)
{
	int value = ioctl(kvm->fd, KVM_CHECK_EXTENSION, extension);

	if (value < 0)
		fail_errno(STATUS_INTERNAL, "KVM_CHECK_EXTENSION %d", extension);
	return value;
}

enum status kvm_open(struct kvm *kvm)
{
	int version, bits;

	kvm->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->fd < 0 && errno == EACCES)
		return fail(STATUS_HOST, "/dev/kvm: permission denied; join the group that owns it "
					 "(usually kvm) or run as root");
	if (kvm->fd < 0 && errno == EPERM)
		return fail_errno(
			STATUS_HOST,
			"/dev/kvm: a device cgroup forbids it; allow it there "
			"(systemd: DeviceAllow=/dev/kvm rw, containers: --device=/dev/kvm)");
	if (kvm->fd < 0 && errno != ENOENT && errno != ENXIO && errno != ENODEV)
		return fail_resource("cannot open /dev/kvm");
	if (kvm->fd < 0)
		return fail_errno(STATUS_HOST, "cannot open /dev/kvm; it needs a kernel with KVM "
					       "that was booted at EL2, or scripts/board");
	version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		return fail_errno(STATUS_INTERNAL, "KVM_GET_API_VERSION");
	if (version != KVM_API_VERSION)
		return fail(STATUS_HOST, "/dev/kvm speaks API version %d, minivmm needs %d",
			    version, KVM_API_VERSION);
	bits = check_extension(kvm, KVM_CAP_ARM_VM_IPA_SIZE);
	if (bits < 0)
		return STATUS_INTERNAL;
	kvm->ipa_bits = bits > 0 ? (unsigned)bits : 40;
	return STATUS_OK;
}

void kvm_close(struct kvm *kvm)
{
	if (kvm->fd >= 0)
		close(kvm->fd);
	kvm->fd = -1;
}

/*
 * The fewer bits, the smaller the first table of stage 2, all of which KVM looks at when
 * the VM ends. Beyond them a guest gets an abort, within them zero (vcpu.c): programs made for
 * QEMU's virt board look for devices up to 0x4010000000, its upper ECAM.
 */
int kvm_create_vm(const struct kvm *kvm, uint64_t end)
{
	unsigned bits = 39;

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

/*
 * Makes vCPU 0 of a throw-away VM, with these features. *@vcpu is -1 if KVM does not have
 * them; anything else that fails is a failure, lest it be taken for that.
 */
static enum status throw_away_vcpu(int vm, uint32_t features, int *vcpu)
{
	enum status status = STATUS_OK;
	struct kvm_vcpu_init init;

	*vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (*vcpu < 0)
		return fail_resource("KVM_CREATE_VCPU of a throw-away VM");
	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) < 0) {
		status = fail_errno(STATUS_INTERNAL, "KVM_ARM_PREFERRED_TARGET of a throw-away VM");
	} else {
		init.features[0] |= features;
		if (ioctl(*vcpu, KVM_ARM_VCPU_INIT, &init) == 0)
			return STATUS_OK;
		if (errno != ENOENT && errno != EINVAL && errno != ENODEV)
			status =
				fail_errno(STATUS_INTERNAL, "KVM_ARM_VCPU_INIT of a throw-away VM");
	}
	close(*vcpu);
	*vcpu = -1;
	return status;
}

static enum status has_attr(int vcpu, unsigned attr, bool *has)
{
	struct kvm_device_attr request = { .group = KVM_ARM_VCPU_PMU_V3_CTRL, .attr = attr };

	*has = ioctl(vcpu, KVM_HAS_DEVICE_ATTR, &request) == 0;
	if (!*has && errno != ENXIO)
		return fail_errno(STATUS_INTERNAL,
				  "KVM_HAS_DEVICE_ATTR of a vCPU's PMU, attribute %u", attr);
	return STATUS_OK;
}

/* Another unmerged series uses number 5 too, so HAS_ATTR alone proves nothing. Only
 * FIXED_COUNTERS_ONLY can be read: its getter returns ENXIO before it is set. */
static bool is_composite(int vcpu)
{
	struct kvm_device_attr request = { .group = KVM_ARM_VCPU_PMU_V3_CTRL,
					   .attr = KVM_PMU_FIXED_COUNTERS_ONLY };

	if (ioctl(vcpu, KVM_GET_DEVICE_ATTR, &request) == 0 || errno != ENXIO)
		return false;
	return ioctl(vcpu, KVM_SET_DEVICE_ATTR, &request) == 0 &&
	       ioctl(vcpu, KVM_GET_DEVICE_ATTR, &request) == 0;
}

static enum status ask_vcpu(int vcpu, struct kvm_offers *offers)
{
	enum status status = has_attr(vcpu, KVM_ARM_VCPU_PMU_V3_SET_PMU, &offers->set_pmu);

	if (!status)
		status = has_attr(vcpu, KVM_PMU_SET_NR_COUNTERS, &offers->nr_counters);
	if (!status)
		status = has_attr(vcpu, KVM_PMU_FIXED_COUNTERS_ONLY, &offers->composite);
	if (!status && offers->composite)
		offers->composite = is_composite(vcpu);
	return status;
}

/* A VM's vCPUs share one feature set, so each set is asked of a VM of its own. */
static enum status ask_throw_away_vm(const struct kvm *kvm, uint32_t features, bool *has,
				     struct kvm_offers *offers)
{
	int vm = kvm_create_vm(kvm, 0), vcpu;
	enum status status;

	if (vm < 0)
		return fail_resource("KVM_CREATE_VM for a throw-away VM");
	status = throw_away_vcpu(vm, features, &vcpu);
	*has = vcpu >= 0;
	if (!status && vcpu >= 0 && offers)
		status = ask_vcpu(vcpu, offers);
	if (vcpu >= 0)
		close(vcpu);
	close(vm);
	return status;
}

static enum status ask_throw_away_vms(const struct kvm *kvm, const struct host *host,
				      struct kvm_offers *offers)
{
	uint32_t pmu = 1u << KVM_ARM_VCPU_PMU_V3;
	bool has = false;
	enum status status = ask_throw_away_vm(kvm, pmu, &has, offers);

	if (!status && has && !offers->set_pmu)
		offers->only_pmu = first_pmu(host);
	if (!status)
		status = ask_throw_away_vm(kvm, pmu | 1u << KVM_FEATURE_PMU_V3_STRICT,
					   &offers->strict, NULL);
	return status;
}

enum status kvm_offers(const struct kvm *kvm, struct kvm_offers *offers)
{
	int pmu = check_extension(kvm, KVM_CAP_ARM_PMU_V3);
	int recent = check_extension(kvm, KVM_CAP_SUPPORTED_REG_MASK_RANGES);

	if (pmu < 0 || recent < 0)
		return STATUS_INTERNAL;
	*offers = (struct kvm_offers){ .recent = recent > 0, .pmu = pmu > 0, .only_pmu = -1 };
	offers->set_pmu = offers->composite = offers->strict = offers->pmu;
	return STATUS_OK;
}

enum status kvm_ask_el2(const struct kvm *kvm, struct kvm_offers *offers)
{
	int el2 = check_extension(kvm, KVM_CAP_EL2);
	int e2h0 = check_extension(kvm, KVM_CAP_EL2_E2H0);

	if (el2 < 0 || e2h0 < 0)
		return STATUS_INTERNAL;
	offers->el2 = el2 > 0;
	offers->el2_e2h0 = el2 > 0 && e2h0 > 0;
	return STATUS_OK;
}

enum status kvm_ask(const struct kvm *kvm, const struct host *host, struct kvm_offers *offers)
{
	struct cpuset before, covered;
	enum status status;

	offers->set_pmu = offers->composite = offers->strict = false;
	if (!offers->pmu)
		return STATUS_OK;

	if (cpuset_of_thread(0, &before) < 0)
		return fail_errno(STATUS_INTERNAL, "sched_getaffinity");
	host_covered_cpus(host, &covered);
	cpuset_and(&covered, &covered, &host->granted);
	if (cpuset_is_empty(&covered))
		return STATUS_OK;
	if (cpuset_pin(0, &covered) < 0)
		return fail_errno(STATUS_HOST,
				  "cannot move to a CPU that has a host PMU (has it gone "
				  "offline, or is it no longer allowed?)");
	status = ask_throw_away_vms(kvm, host, offers);
	if (cpuset_pin(0, &before) < 0 && !status)
		status = fail_errno(STATUS_INTERNAL, "sched_setaffinity");
	return status;
}
