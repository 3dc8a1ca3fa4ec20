/* SPDX-License-Identifier: MIT */
/* The model's quirks: which known fault of docs/kernel-findings.md each is, and who shows it. */
#ifndef REGRESS_QUIRKS_H
#define REGRESS_QUIRKS_H

#include "model/model.h"
#include "site.h"

/* Before the first case, as cases are processes and what one finds out is for all of them. */
void quirks_prepare(void);

/*
 * Whether this kernel has the fault: its own case, run here in a process of its own the first
 * time that anybody asks, shows exactly that. Never by version.
 */
bool quirk_is_shown(const struct site *site, enum quirk quirk);

const char *quirk_name(enum quirk quirk);

#endif
