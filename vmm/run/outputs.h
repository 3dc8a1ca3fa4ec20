/* SPDX-License-Identifier: MIT */
/* The outputs of a run: the guest's console, messages, record and trace. */
#ifndef MINIVMM_OUTPUTS_H
#define MINIVMM_OUTPUTS_H

#include <stdbool.h>

#include "base/status.h"
#include "machine/machine.h"

/*
 * Opens console and messages, and lists all four that are open in machine->outputs. From now on
 * what fail() and tell() print goes to the messages.
 */
enum status outputs_open(struct machine *machine);

/* For the main thread: whether record and trace take another event without waiting. */
bool outputs_have_room(struct machine *machine);

/*
 * The status of a run that would end with @status: a guest that ended well is no success if its
 * output is lost.
 */
int outputs_judge(const struct machine *machine, int status);

#endif
