/* SPDX-License-Identifier: MIT */
/*
 * Reports what kills the VMM, and restores the terminal: a system call that the jail forbids, and
 * faults of the VMM (SIGSEGV, SIGBUS, SIGILL, SIGFPE, abort()). Not reported are SIGKILL, the fault
 * of a second thread while the first one's is being reported, and the fault of a thread whose
 * TPIDR_EL0 is not its own, because printing needs that register.
 */
#ifndef MINIVMM_CRASH_H
#define MINIVMM_CRASH_H

#define CRASH_STACK (32 << 10) /* bytes: a frame with SVE, and what printing a line takes */

/*
 * Takes these signals, on a stack of their own, for the main thread, which calls it. A forbidden
 * call ends the process with STATUS_JAIL, another signal kills it.
 */
void crash_catch(void);

/*
 * The thread of vCPU @vcpu, which calls it: @stack, CRASH_STACK bytes, is to live as long. After
 * crash_catch(), or it does nothing.
 */
void crash_thread(int vcpu, void *stack);

/* The jail is closed: from now on it is the jail that forbids a call, not a filter that minivmm was
 * started with. */
void crash_jailed(void);

/* Called before the process ends, at any moment: it may make only calls that are safe in a signal
 * handler. */
void crash_before(void (*restore)(void *owner), void *owner);

#endif
