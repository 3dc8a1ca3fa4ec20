/* SPDX-License-Identifier: MIT */
#include "test_interface.h"

static const struct test tests[] = {
	{ "interface.attr", interface_attr, 0, 0, INTERFACE_ATTR_ROWS, interface_attr_row, 0 },
	{ "interface.ioctl", interface_ioctl, 0, 0, INTERFACE_IOCTL_ROWS, interface_ioctl_row, 0 },
};

FAMILY(interface_family, tests);
