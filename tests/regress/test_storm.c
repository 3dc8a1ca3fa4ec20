/* SPDX-License-Identifier: MIT */
#include "test.h"

const struct family storm_family = { NULL, 0 };
