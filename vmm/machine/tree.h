/* SPDX-License-Identifier: MIT */
/* The guest's device tree. */
#ifndef MINIVMM_TREE_H
#define MINIVMM_TREE_H

#include "base/status.h"
#include "machine/machine.h"

/* Writes it to RAM, where image.h has left room for it: STATUS_USAGE if --append leaves too little.
 */
enum status machine_add_tree(struct machine *machine);

/*
 * Then, as a new file. STATUS_INPUT if it cannot be written, STATUS_TIMEOUT if it is a FIFO that
 * nobody reads within --timeout.
 */
enum status machine_write_dtb(const struct machine *machine, const char *path);

#endif
