/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family host_family = { NULL, 0 };
