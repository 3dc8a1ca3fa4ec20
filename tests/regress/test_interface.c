/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family interface_family = { NULL, 0 };
