/* SPDX-License-Identifier: MIT */
/*
 * Runs a command whose every system call asks this process first (seccomp's user
 * notification): it lets the call go on, or has it fail. The command is not changed,
 * and nothing is decided by what its memory says.
 */
#ifndef MINIVMM_FAULT_TRAP_H
#define MINIVMM_FAULT_TRAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_CALLS  4096
#define MAX_OBJECT 128

/* A system call of the command: the @nth of its number, and of its request if it is an ioctl. */
struct call {
	int nr;
	unsigned request;
	unsigned nth;
	char object[MAX_OBJECT]; /* the path that it opens, or what its descriptor is */
};

struct fault {
	int nr;
	unsigned request;
	unsigned nth;       /* 0: none */
	unsigned every;     /* then the same again after each so many; 0: once */
	int error;          /* 0: no failure, but SIGKILL to the whole command */
	const char *object; /* if the call is on something else this time, it does not fail; NULL:
			       all */
};

/* What a run of the command did; freed with trap_free(). */
struct outcome {
	int status;      /* its exit status, 200 + N if signal N ended it */
	unsigned faults; /* how often a call was made to fail */
	bool hung;       /* not at its end in time, so it was killed */
	bool left;       /* a process of it was still there a second after its end */
	/* What a process that ended by itself still had then, at most. */
	unsigned threads, descriptors, mappings;
	char leak[256]; /* what there was more of before each VM that it made; "" if nothing */
	struct call *calls;
	unsigned ncalls; /* of them, but for those after MAX_CALLS */
	unsigned total;
};

/*
 * Runs @argv with stdin from the file @in, stdout and stderr to the files @out and @err.
 * @ram: of the mappings, private writable ones of so many bytes count, and vCPUs'. The C library's
 * own start is not counted: no call fails before the program opens, maps or starts something.
 */
void trap_run(char **argv, const char *in, const char *out, const char *err,
	      const struct fault *fault, unsigned seconds, uint64_t ram, struct outcome *outcome);
void trap_free(struct outcome *outcome);

#endif
