/* SPDX-License-Identifier: MIT */
/*
 * Every attribute of group KVM_ARM_VCPU_PMU_V3_CTRL, asked for, read and set in
 * every state of a VM: the errno of each cell. `Doc` is the kernel's
 * Documentation/virt/kvm/devices/vcpu.rst, section 1, where it decides; the rest is
 * the order of the tests in arch/arm64/kvm/pmu-emul.c of Linux 6.12.117:
 * kvm_arm_pmu_v3_has_attr(), _get_attr(), _set_attr(), _init() and _set_pmu().
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "result.h"
#include "test_interface.h"

#define IRQ_OTHER_PPI 24
#define IRQ_SPI       40
#define UNREADABLE    ((void *)(uintptr_t)16) /* below every mapping (mmap_min_addr) */
#define ATTR_UNKNOWN  99

enum state {
	NO_FEATURE,    /* VCPU_INIT without PMU_V3; with a GIC */
	NO_GIC,        /* with PMU_V3, and no GIC */
	GIC_CREATED,   /* a GIC that is not initialised */
	GIC_READY,     /* an initialised one */
	IRQ_SET,       /* and the PMU's interrupt */
	PMU_READY,     /* and KVM_ARM_VCPU_PMU_V3_INIT */
	RAN,           /* and a KVM_RUN */
	SIBLING_READY, /* this vCPU as in GIC_READY, the other one as in PMU_READY */
	SIBLING_RAN,   /* the other one as in RAN */
	STATES,
	/* As IRQ_SET, with feature STRICT: before SET_PMU, and after it. */
	STRICT_OPEN = STATES,
	STRICT_CHOSEN,
	ALL_STATES
};

static const char *const state_names[ALL_STATES] = {
	"without the feature",        "without a GIC",
	"before the GIC's init",      "after the GIC's init",
	"after the interrupt",        "after the PMU's init",
	"after the first run",        "after the init of the other vCPU's PMU",
	"after the other vCPU's run", "strict, before SET_PMU",
	"strict, after SET_PMU",
};

enum op { HAS, GET, SET };

enum arg {
	ARG_NONE,
	ARG_UNREADABLE,
	ARG_INT,  /* .value */
	ARG_PMU,  /* the type of the first host PMU */
	ARG_LAST, /* the type of the last one */
	ARG_FILTER,
};

struct row {
	const char *name;
	enum op op;
	unsigned attr;
	enum arg arg;
	int value;
	struct kvm_pmu_event_filter filter;
	int errors[STATES];
};

#define SAME9(e)                                                                                   \
	{                                                                                          \
		e, e, e, e, e, e, e, e, e                                                          \
	}

/*
 * An attribute that the kernel knows: HAS is 0 if the VM has the feature. Setting one asks
 * first for the feature (Doc: -ENODEV), then whether this vCPU's PMU is initialised (Doc:
 * -EBUSY); FREEZES and BAD() are the usual rest: until a vCPU has run (Doc: -EBUSY), and
 * what is wrong with the argument, which is looked at before.
 */
#define OFFERED                                                                                    \
	{                                                                                          \
		ENXIO, 0, 0, 0, 0, 0, 0, 0, 0                                                      \
	}
#define FREEZES                                                                                    \
	{                                                                                          \
		ENODEV, 0, 0, 0, 0, EBUSY, EBUSY, 0, EBUSY                                         \
	}
#define BAD(e)                                                                                     \
	{                                                                                          \
		ENODEV, e, e, e, e, EBUSY, EBUSY, e, e                                             \
	}
/* Doc: "trying to set the IRQ number without using an in-kernel irqchip" comes first. */
#define BAD_IRQ(e)                                                                                 \
	{                                                                                          \
		ENODEV, EINVAL, e, e, e, EBUSY, EBUSY, e, e                                        \
	}
/* Not judged here. */
#define ELSEWHERE (-1)

static const struct row rows[] = {
	{ "has-irq", HAS, ATTR_IRQ, 0, 0, { 0 }, OFFERED },
	{ "has-init", HAS, ATTR_INIT, 0, 0, { 0 }, OFFERED },
	{ "has-filter", HAS, ATTR_FILTER, 0, 0, { 0 }, OFFERED },
	{ "has-set-pmu", HAS, ATTR_SET_PMU, 0, 0, { 0 }, OFFERED },
	{ "has-nr-counters", HAS, ATTR_SET_NR_COUNTERS, 0, 0, { 0 }, OFFERED },
	{ "has-fixed-counters", HAS, ATTR_FIXED_COUNTERS, 0, 0, { 0 }, OFFERED },
	{ "has-unknown", HAS, ATTR_UNKNOWN, 0, 0, { 0 }, SAME9(ENXIO) },

	/* Doc 1.1: -ENXIO "not set when attempting to get it"; without a GIC get_attr(). */
	{ "get-irq",
	  GET,
	  ATTR_IRQ,
	  ARG_INT,
	  0,
	  { 0 },
	  { ENODEV, EINVAL, ENXIO, ENXIO, 0, 0, 0, ENXIO, ENXIO } },
	{ "get-irq-unwritable",
	  GET,
	  ATTR_IRQ,
	  ARG_UNREADABLE,
	  0,
	  { 0 },
	  { ENODEV, EINVAL, ENXIO, ENXIO, EFAULT, EFAULT, EFAULT, ENXIO, ENXIO } },
	{ "get-init", GET, ATTR_INIT, ARG_INT, 0, { 0 }, SAME9(ENXIO) },
	{ "get-filter", GET, ATTR_FILTER, ARG_INT, 0, { 0 }, SAME9(ENXIO) },
	{ "get-set-pmu", GET, ATTR_SET_PMU, ARG_INT, 0, { 0 }, SAME9(ENXIO) },
	{ "get-nr-counters", GET, ATTR_SET_NR_COUNTERS, ARG_INT, 0, { 0 }, SAME9(ENXIO) },
	/* Doc 1.5: -ENXIO as long as it is not set; interface.exclusive has it set. */
	{ "get-fixed-counters", GET, ATTR_FIXED_COUNTERS, ARG_NONE, 0, { 0 }, SAME9(ENXIO) },
	{ "get-unknown", GET, ATTR_UNKNOWN, ARG_INT, 0, { 0 }, SAME9(ENXIO) },

	{ "set-irq-ppi",
	  SET,
	  ATTR_IRQ,
	  ARG_INT,
	  PMU_INTID,
	  { 0 },
	  { ENODEV, EINVAL, 0, 0, EBUSY, EBUSY, EBUSY, 0, 0 } },
	/*
	 * Doc: one PPI number for all vCPUs. The vCPU itself is one of them, so that a
	 * different number is -EINVAL before it is -EBUSY: pmu_irq_is_valid().
	 */
	{ "set-irq-other-ppi",
	  SET,
	  ATTR_IRQ,
	  ARG_INT,
	  IRQ_OTHER_PPI,
	  { 0 },
	  { ENODEV, EINVAL, 0, 0, EINVAL, EBUSY, EBUSY, EINVAL, EINVAL } },
	/* An SPI beside the other vCPU's PPI: interface.irq. */
	{ "set-irq-spi",
	  SET,
	  ATTR_IRQ,
	  ARG_INT,
	  IRQ_SPI,
	  { 0 },
	  { ENODEV, EINVAL, 0, 0, EBUSY, EBUSY, EBUSY, ELSEWHERE, ELSEWHERE } },
	{ "set-irq-sgi", SET, ATTR_IRQ, ARG_INT, 15, { 0 }, BAD_IRQ(EINVAL) },
	{ "set-irq-negative", SET, ATTR_IRQ, ARG_INT, -1, { 0 }, BAD_IRQ(EINVAL) },
	{ "set-irq-1020", SET, ATTR_IRQ, ARG_INT, 1020, { 0 }, BAD_IRQ(EINVAL) },
	{ "set-irq-lpi", SET, ATTR_IRQ, ARG_INT, 8192, { 0 }, BAD_IRQ(EINVAL) },
	{ "set-irq-unreadable", SET, ATTR_IRQ, ARG_UNREADABLE, 0, { 0 }, BAD_IRQ(EFAULT) },

	/* Doc 1.2; without any GIC there is nothing to wait for: kvm_arm_pmu_v3_init(). */
	{ "set-init",
	  SET,
	  ATTR_INIT,
	  ARG_NONE,
	  0,
	  { 0 },
	  { ENODEV, 0, ENODEV, ENXIO, 0, EBUSY, EBUSY, ENXIO, ENXIO } },
	{ "set-init-address-ignored",
	  SET,
	  ATTR_INIT,
	  ARG_UNREADABLE,
	  0,
	  { 0 },
	  { ENODEV, 0, ENODEV, ENXIO, 0, EBUSY, EBUSY, ENXIO, ENXIO } },

	/* Doc 1.3; the GIC that it mentions is not looked at. */
	{ "set-filter-allow", SET, ATTR_FILTER, ARG_FILTER, 0, { 0x11, 1, 0, { 0 } }, FREEZES },
	{ "set-filter-deny", SET, ATTR_FILTER, ARG_FILTER, 0, { 0x08, 1, 1, { 0 } }, FREEZES },
	{ "set-filter-empty", SET, ATTR_FILTER, ARG_FILTER, 0, { 0, 0, 1, { 0 } }, FREEZES },
	/* The last event of ARMv8.0, so that every PMU has it. */
	{ "set-filter-last-event",
	  SET,
	  ATTR_FILTER,
	  ARG_FILTER,
	  0,
	  { 1023, 1, 1, { 0 } },
	  FREEZES },
	{ "set-filter-past-end",
	  SET,
	  ATTR_FILTER,
	  ARG_FILTER,
	  0,
	  { 0xffff, 2, 1, { 0 } },
	  BAD(EINVAL) },
	{ "set-filter-action-2",
	  SET,
	  ATTR_FILTER,
	  ARG_FILTER,
	  0,
	  { 0x11, 1, 2, { 0 } },
	  BAD(EINVAL) },
	{ "set-filter-unreadable", SET, ATTR_FILTER, ARG_UNREADABLE, 0, { 0 }, BAD(EFAULT) },

	/* Doc 1.4; a PMU that is not there is found out before "has run". */
	{ "set-pmu-first", SET, ATTR_SET_PMU, ARG_PMU, 0, { 0 }, FREEZES },
	{ "set-pmu-last", SET, ATTR_SET_PMU, ARG_LAST, 0, { 0 }, FREEZES },
	{ "set-pmu-software", SET, ATTR_SET_PMU, ARG_INT, 1, { 0 }, BAD(ENXIO) },
	{ "set-pmu-negative", SET, ATTR_SET_PMU, ARG_INT, -1, { 0 }, BAD(ENXIO) },
	{ "set-pmu-unreadable", SET, ATTR_SET_PMU, ARG_UNREADABLE, 0, { 0 }, BAD(EFAULT) },

	/* Beside another vCPU that has run: interface.limit. */
	{ "set-nr-counters",
	  SET,
	  ATTR_SET_NR_COUNTERS,
	  ARG_INT,
	  1,
	  { 0 },
	  { ENODEV, 0, 0, 0, 0, EBUSY, EBUSY, 0, ELSEWHERE } },
	{ "set-nr-counters-32",
	  SET,
	  ATTR_SET_NR_COUNTERS,
	  ARG_INT,
	  32,
	  { 0 },
	  { ENODEV, EINVAL, EINVAL, EINVAL, EINVAL, EBUSY, EBUSY, EINVAL, ELSEWHERE } },
	{ "set-nr-counters-unreadable",
	  SET,
	  ATTR_SET_NR_COUNTERS,
	  ARG_UNREADABLE,
	  0,
	  { 0 },
	  BAD(EFAULT) },

	/* Doc 1.5: no parameter. */
	{ "set-fixed-counters", SET, ATTR_FIXED_COUNTERS, ARG_NONE, 0, { 0 }, FREEZES },
	{ "set-fixed-counters-address-ignored",
	  SET,
	  ATTR_FIXED_COUNTERS,
	  ARG_UNREADABLE,
	  0,
	  { 0 },
	  FREEZES },

	{ "set-unknown", SET, ATTR_UNKNOWN, ARG_INT, 0, { 0 }, BAD(ENXIO) },
	{ "set-unknown-4294967295", SET, ~0u, ARG_UNREADABLE, 0, { 0 }, BAD(ENXIO) },
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == INTERFACE_ATTR_ROWS, "rows of interface.attr");

const char *interface_attr_row(int row)
{
	return rows[row].name;
}

/* What an attribute that this kernel lacks answers: the same as any unknown number. */
static const int unknown_has_get[STATES] = SAME9(ENXIO), unknown_set[STATES] = BAD(ENXIO);

static const int *expected(const struct site *site, const struct row *row)
{
	bool offered = (row->attr != ATTR_SET_PMU || site->set_pmu) &&
		       (row->attr != ATTR_SET_NR_COUNTERS || site->nr_counters) &&
		       (row->attr != ATTR_FIXED_COUNTERS || site->composite);

	if (offered)
		return row->errors;
	return row->op == SET ? unknown_set : unknown_has_get;
}

/*
 * What differs with STRICT, if nothing is wrong with the argument: until a PMU has been chosen
 * there is none to initialise (Doc 1.2), to filter (Doc 1.3) or to limit (Doc 1.5).
 */
static int strict_error(const struct site *site, const struct row *row, enum state state, int usual)
{
	if (row->op != SET || usual)
		return usual;
	if (state == STRICT_CHOSEN)
		return row->attr == ATTR_FIXED_COUNTERS && !site->last_wins ? EBUSY : 0;
	if (row->attr == ATTR_INIT || row->attr == ATTR_FILTER)
		return ENXIO;
	return row->attr == ATTR_SET_NR_COUNTERS ? EINVAL : 0;
}

static void ready_pmu(struct vcpu *vcpu)
{
	const int irq = PMU_INTID;

	errno = vcpu_set_attr(vcpu, ATTR_IRQ, &irq);
	if (errno)
		fail_test_errno("PMU interrupt of vCPU %d", vcpu->index);
	errno = vcpu_set_attr(vcpu, ATTR_INIT, NULL);
	if (errno)
		fail_test_errno("KVM_ARM_VCPU_PMU_V3_INIT of vCPU %d", vcpu->index);
}

static void must_run(struct vcpu *vcpu)
{
	errno = vcpu_enter(vcpu);
	if (errno)
		fail_test_errno("the first KVM_RUN");
}

/* A new VM in @state; the vCPU to ask. */
static struct vcpu *bring_to(struct vm *vm, const struct site *site, const struct row *row,
			     enum state state)
{
	const int irq = PMU_INTID;
	bool sibling = state == SIBLING_READY || state == SIBLING_RAN;
	bool strict = state == STRICT_OPEN || state == STRICT_CHOSEN;

	vm_create(vm, site, 2);
	vm_init_vcpus(vm, strict                ? mode_features(MODE_STRICT)
			  : state == NO_FEATURE ? 0
						: FEATURE_PMU);
	/* Doc: SET_NR_COUNTERS wants a PMU that userspace has chosen. */
	if (state == STRICT_CHOSEN || (site->nr_counters && row->attr == ATTR_SET_NR_COUNTERS &&
				       state != NO_FEATURE && state != STRICT_OPEN))
		vcpu_set_attr(&vm->vcpus[0], ATTR_SET_PMU, &site->host.pmus[0].type);
	if (state != NO_GIC)
		vm_create_gic(vm);
	if (state != NO_GIC && state != GIC_CREATED)
		vm_init_gic(vm);
	if ((state == IRQ_SET || strict) && vcpu_set_attr(&vm->vcpus[0], ATTR_IRQ, &irq))
		fail_test("the PMU's interrupt cannot be set");
	if (state == PMU_READY || state == RAN || sibling)
		ready_pmu(&vm->vcpus[0]);
	if (state == RAN || state == SIBLING_RAN)
		must_run(&vm->vcpus[0]);
	return &vm->vcpus[sibling];
}

static int ask(struct vcpu *vcpu, const struct site *site, const struct row *row)
{
	const void *value = NULL;
	int number = row->value;
	int error;

	if (row->arg == ARG_UNREADABLE)
		value = UNREADABLE;
	else if (row->arg == ARG_FILTER)
		value = &row->filter;
	else if (row->arg != ARG_NONE)
		value = &number;
	if (row->arg == ARG_PMU)
		number = site->host.pmus[0].type;
	else if (row->arg == ARG_LAST)
		number = site->host.pmus[site->host.npmus - 1].type;
	switch (row->op) {
	case HAS:
		return vcpu_has_attr(vcpu, row->attr);
	case GET:
		error = vcpu_get_attr(vcpu, row->attr, (void *)(uintptr_t)value);
		if (!error && value == &number)
			expect_equal((uint64_t)number, PMU_INTID, "the interrupt that is read");
		return error;
	default:
		return vcpu_set_attr(vcpu, row->attr, value);
	}
}

static const char *errno_name(int error)
{
	return error ? strerror(error) : "success";
}

/* One attribute and argument: its errno in every state, each time in a new VM. */
void interface_attr(const struct site *site, struct variant variant)
{
	const struct row *row = &rows[variant.row];
	const int *wanted = expected(site, row);
	static struct vm vm;
	bool unfrozen = false;

	place_thread(0, site->home[0]);
	for (int state = 0; state < (site->strict ? ALL_STATES : STATES); state++) {
		int answer = state < STATES
				     ? wanted[state]
				     : strict_error(site, row, (enum state)state, wanted[IRQ_SET]);
		int error = ask(bring_to(&vm, site, row, (enum state)state), site, row);

		note("%s: %s", state_names[state], errno_name(error));
		/* Linux 5.10: kvm_arm_pmu_v3_set_attr() does not ask. */
		if (site->older && row->attr == ATTR_FILTER && state == SIBLING_RAN &&
		    answer == EBUSY && !error)
			unfrozen = true;
		else if (answer != ELSEWHERE)
			expect(error == answer, "%s: %s instead of %s", state_names[state],
			       errno_name(error), errno_name(answer));
		vm_destroy(&vm);
	}
	if (unfrozen)
		known_fault("a VM takes an event filter after a vCPU has run");
}

/* What goes wrong before an attribute is looked at: kvm_arch_vcpu_ioctl(), guest.c. */
static const struct {
	const char *name;
	unsigned long request;
	bool unreadable; /* the struct kvm_device_attr itself */
	int error;
} ioctls[] = {
	{ "has-unreadable", KVM_HAS_DEVICE_ATTR, true, EFAULT },
	{ "get-unreadable", KVM_GET_DEVICE_ATTR, true, EFAULT },
	{ "set-unreadable", KVM_SET_DEVICE_ATTR, true, EFAULT },
	{ "has-unknown-group", KVM_HAS_DEVICE_ATTR, false, ENXIO },
	{ "get-unknown-group", KVM_GET_DEVICE_ATTR, false, ENXIO },
	{ "set-unknown-group", KVM_SET_DEVICE_ATTR, false, ENXIO },
};

_Static_assert(sizeof(ioctls) / sizeof(ioctls[0]) == INTERFACE_IOCTL_ROWS,
	       "rows of interface.ioctl");

const char *interface_ioctl_row(int row)
{
	return ioctls[row].name;
}

void interface_ioctl(const struct site *site, struct variant variant)
{
	struct kvm_device_attr request = { .group = 99, .attr = ATTR_INIT };
	static struct vm vm;
	int error;

	vm_create(&vm, site, 1);
	vm_init_vcpus(&vm, FEATURE_PMU);
	error = ioctl(vm.vcpus[0].fd, ioctls[variant.row].request,
		      ioctls[variant.row].unreadable ? UNREADABLE : (void *)&request) < 0
			? errno
			: 0;
	expect(error == ioctls[variant.row].error, "%s instead of %s", errno_name(error),
	       errno_name(ioctls[variant.row].error));
}
