/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "result.h"
#include "scene.h"

#define DISTURBED       12 /* windows, and calls, of sync */
#define MIN_DISTURBED   3
#define CYCLES_PER_TICK 16 /* exact: 1 GHz against 62.5 MHz */
#define SHORT_LOOPS     20000
#define LONG_LOOPS      1500000
#define XFIRST          19
#define XSECOND         20
#define XTICKS          21
#define XTICKS_END      22
#define XLOOP           23
#define XWORK           24
#define XPORT           15
#define LDR_INPUT       (0xf9400000u | PORT_IN / 8 << 10 | XPORT << 5 | XWORK)

void scene_pause(long ns)
{
	const struct timespec time = { .tv_nsec = ns };

	nanosleep(&time, NULL);
}

void scene_two_cpus(const struct site *site, enum mode mode, int cpus[2])
{
	cpus[0] = site->home[0];
	if (mode == MODE_COMPOSITE && site->naway) {
		cpus[1] = site->away[0];
		return;
	}
	need_two_home(site);
	cpus[1] = site->home[1];
}

void scene_start(struct scene *scene, struct vm *vm, const struct site *site,
		 struct variant variant)
{
	scene->site = site;
	scene->variant = variant;
	scene->vm = vm;
	scene->tid = (int)syscall(SYS_gettid);
	scene->noisy = variant.hops == HOPS_ASYNC;
	vm_start(vm, site, variant.mode, 1);
}

void scene_emit_start(struct scene *scene, uint16_t sysreg)
{
	struct guest *guest = &scene->vm->vcpus[0].guest;

	scene->sysreg = sysreg;
	guest_pmu_reset(guest, 0);
	if (sysreg == PMCCNTR_EL0) {
		guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE));
	} else {
		guest_write(guest, PMEVTYPER_EL0(0), EVENT_CPU_CYCLES);
		guest_write(guest, PMCNTENSET_EL0, BIT(0));
	}
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
}

void scene_emit(struct scene *scene, uint16_t sysreg)
{
	scene->count = scene->variant.hops == HOPS_ASYNC ? SCENE_WINDOWS : SCENE_QUIET + DISTURBED;
	scene_emit_start(scene, sysreg);
	scene_emit_windows(scene);
	guest_exit(&scene->vm->vcpus[0].guest);
}

/* The loops come from outside, so that long windows are the same instructions as short ones. */
void scene_emit_windows(struct scene *scene)
{
	struct guest *guest = &scene->vm->vcpus[0].guest;
	uint32_t *loop = guest_loop(guest, XLOOP, (uint64_t)scene->count), *work;

	guest_insn(guest, LDR_INPUT);
	guest_read(guest, XTICKS, CNTVCT_EL0);
	guest_read(guest, XFIRST, scene->sysreg);
	guest_hop(guest);
	work = guest->at;
	guest_loop_end(guest, XWORK, work);
	guest_read(guest, XSECOND, scene->sysreg);
	guest_read(guest, XTICKS_END, CNTVCT_EL0);
	for (unsigned x = XFIRST; x <= XTICKS_END; x++)
		guest_out_register(guest, x);
	guest_loop_end(guest, XLOOP, loop);
}

static void *disturb_on(void *argument)
{
	struct scene *scene = argument;

	while (!atomic_load(&scene->over))
		scene->disturb(scene, scene->ndisturbed++);
	return NULL;
}

static void refused(struct scene *scene)
{
	int cpu = scene->vm->vcpus[0].refused_cpu;

	if (!must_refuse(scene->site, scene->variant.mode, cpu))
		fail_test("KVM refused the vCPU on CPU %d, which its PMU covers", cpu);
	scene->nrefusals++;
	if (scene->refused)
		scene->refused(scene);
	else
		place_on(scene->site, scene->site->home[0]);
}

static void set_work(struct scene *scene, int i)
{
	bool is_long = i >= SCENE_QUIET && i < scene->count &&
		       ((scene->long_windows && i < SCENE_QUIET + DISTURBED) ||
			(scene->variant.hops == HOPS_ASYNC && scene->ndisturbed <= SCENE_ENOUGH));

	scene->vm->vcpus[0].input = is_long ? LONG_LOOPS : SHORT_LOOPS;
	if (i < scene->count)
		scene->windows[i].loops = scene->vm->vcpus[0].input;
}

/* In the middle of a window. */
static void at_hop(struct scene *scene, int window, int cpu, pthread_t *thread)
{
	set_work(scene, window + 1);
	if (window < SCENE_QUIET)
		place_on(scene->site, cpu);
	else if (scene->variant.hops != HOPS_ASYNC)
		scene->disturb(scene, scene->ndisturbed++);
	else if (window == SCENE_QUIET && pthread_create(thread, NULL, disturb_on, scene))
		fail_test("cannot start a thread");
}

void scene_run(struct scene *scene, int cpu)
{
	struct vcpu *vcpu = &scene->vm->vcpus[0];
	pthread_t thread;
	enum stop stop;

	place_on(scene->site, cpu);
	set_work(scene, 0);
	while ((stop = vcpu_run(vcpu)) != STOP_EXIT) {
		if (stop == STOP_REFUSED)
			refused(scene);
		else if (stop == STOP_HOP)
			at_hop(scene, scene->window++, cpu, &thread);
		else if (stop != STOP_KICKED)
			fail_test("the vCPU stopped (%d) before the end of its program", (int)stop);
	}
	atomic_store(&scene->over, true);
	if (scene->variant.hops == HOPS_ASYNC)
		pthread_join(thread, NULL);
	note("disturbed %d times, refused %d times", scene->ndisturbed, scene->nrefusals);
}

uint64_t scene_delta(const struct scene *scene, int i)
{
	uint64_t delta = scene->windows[i].end - scene->windows[i].start;

	return scene->sysreg == PMCCNTR_EL0 ? delta : delta & ALL;
}

uint64_t scene_calibrate(struct scene *scene)
{
	struct vcpu *vcpu = &scene->vm->vcpus[0];
	uint64_t least = 0;

	for (int i = 0; i < scene->count; i++) {
		struct scene_window *window = &scene->windows[i];

		window->start = vcpu_take(vcpu);
		window->end = vcpu_take(vcpu);
		window->ticks_start = vcpu_take(vcpu);
		window->ticks_end = vcpu_take(vcpu);
	}
	for (int i = 0; i < SCENE_QUIET; i++) {
		uint64_t delta = scene_delta(scene, i);

		if (scene->site->exact && i)
			expect_equal(delta, least, "quiet window %d", i);
		expect_between(delta, LEAST_CYCLES(SHORT_LOOPS), MOST_CYCLES, "quiet window %d", i);
		if (!i || delta < least)
			least = delta;
	}
	note("a quiet window counted %llu", (unsigned long long)least);
	return least;
}

void scene_judge_window(struct scene *scene, int i, uint64_t quiet)
{
	const struct scene_window *window = &scene->windows[i];
	uint64_t delta = scene_delta(scene, i), usual = quiet + 2 * (window->loops - SHORT_LOOPS);

	if (!scene->site->exact)
		expect_between(delta, LEAST_CYCLES(window->loops), MOST_CYCLES,
			       "disturbed window %d of %llu instructions", i,
			       (unsigned long long)(2 * window->loops));
	else if (scene->noisy)
		expect_between(delta, usual,
			       (window->ticks_end - window->ticks_start + 1) * CYCLES_PER_TICK,
			       "disturbed window %d", i);
	else
		expect_equal(delta, usual, "disturbed window %d", i);
}

void scene_judge(struct scene *scene)
{
	uint64_t quiet = scene_calibrate(scene);

	for (int i = SCENE_QUIET; i < scene->count; i++)
		scene_judge_window(scene, i, quiet);
}

void scene_expect_disturbed(const struct scene *scene)
{
	if (scene->ndisturbed < MIN_DISTURBED)
		skip_test("the guest had ended when only %d things had happened",
			  scene->ndisturbed);
}
