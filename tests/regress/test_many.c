/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family many_family = { NULL, 0 };
