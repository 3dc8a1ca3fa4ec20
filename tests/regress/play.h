/* SPDX-License-Identifier: MIT */
/* Runs the model's programs (model/program.h) on this host's KVM, and returns their results. */
#ifndef REGRESS_PLAY_H
#define REGRESS_PLAY_H

#include "mode.h"
#include "play_code.h"

/* What a program's mode is called by the rest of pmu-regress. */
enum mode play_mode(enum program_mode mode);

/* A VM of what @program asks for, on @cpu, whose vCPUs have not run. */
void play_build(struct vm *vm, const struct program *program, const struct site *site, int cpu);

/* Has a vCPU that KVM_ARM_VCPU_INIT turned off run from @pc on. */
void play_turn_on(struct vcpu *vcpu, uint64_t pc);

/* What host PMU and kernel have, for a program's VM. From the calling thread. */
void play_probe(const struct site *site, enum program_mode mode, struct model_setup *host);

/* The CPU for a program's home, near or far; -1: there is none. */
int play_cpu(const struct site *site, enum where where);

/*
 * Runs @n programs, which all have the same VM, in one. @async: another thread moves the vCPUs'
 * all the time, between CPUs where they count, and all of them run at the same time. @ended is
 * called after each of them, with the results of its steps; false ends the run.
 */
void play(const struct site *site, const struct program *programs, int n, bool async,
	  bool (*ended)(void *context, int index, const struct seen *seen), void *context);

#endif
