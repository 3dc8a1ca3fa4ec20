/* SPDX-License-Identifier: MIT */
#include "test_interface.h"

static const struct test tests[] = {
	{ "interface.attr", interface_attr, 0, 0, INTERFACE_ATTR_ROWS, interface_attr_row, 0 },
	{ "interface.ioctl", interface_ioctl, 0, 0, INTERFACE_IOCTL_ROWS, interface_ioctl_row, 0 },
	{ "interface.exclusive", interface_exclusive, 0, 0, INTERFACE_EXCLUSIVE_ROWS,
	  interface_exclusive_row, 0 },
	{ "interface.default-pmu", interface_default_pmu, 0, 0, INTERFACE_DEFAULT_PMU_ROWS,
	  interface_default_pmu_row, 0 },
	{ "interface.refused", interface_refused, 0, 0, INTERFACE_REFUSED_ROWS,
	  interface_refused_row, 0 },
	{ "interface.anywhere", interface_anywhere, IN(MODE_DEFAULT) | IN(MODE_COMPOSITE), 0, 0,
	  NULL, 0 },
	{ "interface.first-run", interface_first_run, 0, 0, INTERFACE_FIRST_RUN_ROWS,
	  interface_first_run_row, 0 },
	{ "interface.frozen", interface_frozen, 0, 0, INTERFACE_FROZEN_ROWS, interface_frozen_row,
	  0 },
	{ "interface.irq", interface_irq, 0, 0, INTERFACE_IRQ_ROWS, interface_irq_row, 0 },
	{ "interface.feature", interface_feature, 0, 0, INTERFACE_FEATURE_ROWS,
	  interface_feature_row, 0 },
	{ "interface.no-pmu", interface_no_pmu, 0, 0, INTERFACE_NO_PMU_ROWS, interface_no_pmu_row,
	  0 },
	{ "interface.strict-capability", interface_strict_capability, 0, 0, 0, NULL, 0 },
	{ "interface.strict", interface_strict, 0, 0, INTERFACE_STRICT_ROWS, interface_strict_row,
	  0 },
	{ "interface.limit", interface_limit, 0, 0, INTERFACE_LIMIT_ROWS, interface_limit_row, 0 },
	{ "interface.n-restored", interface_n_restored, 0, 0, 0, NULL, 0 },
	{ "interface.filter-end", interface_filter_end, 0, 0, 0, NULL, 0 },
};

FAMILY(interface_family, tests);
