/* SPDX-License-Identifier: MIT */
/*
 * Something happens to the host while a guest's windows are counted: first a few
 * quiet windows, which show the right count, then disturbed ones.
 */
#ifndef REGRESS_SCENE_H
#define REGRESS_SCENE_H

#include <stdatomic.h>

#include "test.h"
#include "warden.h"

#define SCENE_QUIET   10 /* windows */
#define SCENE_WINDOWS 200
#define SCENE_ENOUGH  4 /* disturbances by another thread */

struct scene {
	const struct site *site;
	struct variant variant;
	struct warden warden;
	struct vm *vm;
	uint16_t sysreg; /* the counter */
	int count;       /* of windows */
	struct scene_window {
		uint64_t loops; /* of 2 instructions */
		uint64_t start, end, ticks_start, ticks_end;
	} windows[SCENE_WINDOWS];
	int tid; /* of the vCPU's thread */

	/*
	 * Sync: called by the vCPU's thread in the middle of each disturbed window;
	 * async: by another thread, again and again. @n counts the calls.
	 */
	void (*disturb)(struct scene *scene, int n);
	/* A refused vCPU, outside its PMU: puts it back. NULL: to the first home CPU. */
	void (*refused)(struct scene *scene);
	bool long_windows; /* all disturbed ones */
	bool noisy;        /* other CPUs work meanwhile: bounds instead of equality */

	int ndisturbed, victim;
	atomic_int nrefusals, window; /* refusals so far; hops so far, one per window */
	bool widened;                 /* host.offline: the affinity of the vCPU's thread */
	int where[2];
	char path[WARDEN_PATH], cpus[2][WARDEN_TEXT];
	atomic_bool over;
};

/* A VM in the variant's mode with one vCPU. */
void scene_start(struct scene *scene, struct vm *vm, const struct site *site,
		 struct variant variant);

/*
 * Windows of @sysreg, each of 2 * its loops instructions, with a hop in it. Async:
 * the disturbed ones are long until enough has happened, and then short.
 */
void scene_emit(struct scene *scene, uint16_t sysreg);

/* Its parts: what comes before the windows, and scene->count of them. */
void scene_emit_start(struct scene *scene, uint16_t sysreg);
void scene_emit_windows(struct scene *scene);

/* Two CPUs between which @mode counts everywhere: of one PMU, or with composite of two. */
void scene_two_cpus(const struct site *site, enum mode mode, int cpus[2]);

void scene_pause(long ns);

/* From the calling thread, on @cpu, to the end of the guest's program. */
void scene_run(struct scene *scene, int cpu);

/* Checks every window. Takes the readings first. */
void scene_judge(struct scene *scene);

/* Skips the test if the guest was too fast to be disturbed. */
void scene_expect_disturbed(const struct scene *scene);

/* Takes the readings; all quiet windows are checked: what such a window counts. */
uint64_t scene_calibrate(struct scene *scene);

/* What window @i counted. */
uint64_t scene_delta(const struct scene *scene, int i);
void scene_judge_window(struct scene *scene, int i, uint64_t quiet);

#endif
