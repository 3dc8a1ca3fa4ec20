/* SPDX-License-Identifier: MIT */
/* A process with a time limit, and its output. */
#ifndef REGRESS_CHILD_H
#define REGRESS_CHILD_H

#include "result.h"

#define CHILD_NOTES 16384

/*
 * Calls @run in a process and process group of its own, which ends with this process, and ends
 * whatever is left of that group after @seconds. @notes, of CHILD_NOTES bytes, gets the text that
 * the process writes to its standard output, and as the last line how it ended if it was not by
 * exit(). Returns its exit status; RESULT_FAILED if it was killed, was late, or cannot be started.
 */
enum result child_run(void (*run)(const void *argument), const void *argument, unsigned seconds,
		      char *notes);

#endif
