/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family overflow_level_family = { NULL, 0 };
