/* SPDX-License-Identifier: MIT */
/*
 * Stands between the modules under test and the C library (the linker's --wrap): one of the
 * calls that they make fails, as on a host where something is short or broken.
 */
#ifndef MINIVMM_FAILING_CALLS_H
#define MINIVMM_FAILING_CALLS_H

/* From now on the @nth call fails with @error, once; 0: none does. Calls are counted from 1. */
void calls_fail(unsigned nth, int error);

/* How many calls there were since then; after this nothing fails any more. */
unsigned calls_end(void);

/* The name of the call that failed, or NULL. */
const char *calls_failed(void);

/* How many bytes more were mapped than unmapped. */
long calls_mapped(void);

#endif
