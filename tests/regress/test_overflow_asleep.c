/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family overflow_asleep_family = { NULL, 0 };
