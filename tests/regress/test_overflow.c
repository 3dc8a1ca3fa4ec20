/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family overflow_family = { NULL, 0 };
