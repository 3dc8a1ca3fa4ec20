/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family state_family = { NULL, 0 };
