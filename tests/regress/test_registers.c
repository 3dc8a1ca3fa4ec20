/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family registers_family = { NULL, 0 };
