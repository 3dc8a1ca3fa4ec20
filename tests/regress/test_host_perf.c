/* SPDX-License-Identifier: MIT */
/* What is counted while the host's own perf events want the same counters. */
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "perf_limit.h"
#include "result.h"
#include "test_host.h"

#define MAX_EVENTS  40 /* on a CPU: more than a PMU has counters */
#define GAP_NS      2000000l
#define TOO_MANY    3 /* beyond what the counters hold */
#define STARVED     4 /* windows, of which the first one begins before */
#define GIVEN_BACK  8 /* likewise */
#define ENABLED     6 /* windows after the guest has enabled its counter again */
#define LOOPS       40000
#define ROUNDS      24 /* of each phase */
#define WRAP        BIT(32)
#define BEFORE_WRAP 1000

static int fds[2][MAX_EVENTS], nfds[2];

static int open_event(const struct site *site, int cpu, int tid, bool pinned)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = (uint32_t)pmu_of(site, cpu)->type,
		.config = EVENT_CPU_CYCLES,
		.pinned = pinned,
	};

	return (int)syscall(SYS_perf_event_open, &attr, tid ? tid : -1, tid ? -1 : cpu, -1,
			    PERF_FLAG_FD_CLOEXEC);
}

static void open_events(const struct site *site, int which, int cpu, int tid, bool pinned, int n)
{
	while (nfds[which] < n) {
		int fd = open_event(site, cpu, tid, pinned);

		if (fd < 0 && (errno == EACCES || errno == EPERM))
			skip_test("perf events on a CPU need more rights: perf_event_paranoid");
		if (fd < 0)
			fail_test_errno("perf_event_open on CPU %d", cpu);
		fds[which][nfds[which]++] = fd;
	}
}

static void close_events(int which)
{
	while (nfds[which])
		close(fds[which][--nfds[which]]);
}

/* Pinned events on @cpu until there is no counter for one more: then a read finds its end. */
static int take_all(const struct site *site, int which, int cpu)
{
	uint64_t value;

	for (int n = 1; n <= MAX_EVENTS; n++) {
		open_events(site, which, cpu, 0, true, n);
		if (read(fds[which][n - 1], &value, sizeof(value)) == 0) {
			close(fds[which][--nfds[which]]);
			return nfds[which];
		}
	}
	fail_test("%d pinned events found a counter on CPU %d", MAX_EVENTS, cpu);
}

int host_capacity(const struct site *site, int cpu)
{
	int n = take_all(site, 0, cpu);

	close_events(0);
	return n;
}

enum pressure { FLEXIBLE, PINNED, TASK };

static int capacity;

static void press(struct scene *scene)
{
	enum pressure pressure = (enum pressure)scene->variant.row;
	bool pinned = pressure == PINNED;
	int n = pinned ? 1 : capacity + TOO_MANY;

	for (int i = 0; i < 2; i++)
		if (pressure != TASK)
			open_events(scene->site, i, scene->where[i], 0, pinned, n);
	if (pressure == TASK)
		open_events(scene->site, 0, scene->where[0], scene->tid, false, n);
}

static void press_and_hop(struct scene *scene, int n)
{
	if (n % 4 == 3) {
		close_events(0);
		close_events(1);
	} else {
		press(scene);
	}
	if (scene->variant.hops == HOPS_ASYNC)
		scene_pause(GAP_NS);
	else
		place_on(scene->site, scene->where[(n / 2 + 1) % 2]);
}

/*
 * The guest's events are pinned: before them come only the host's pinned events of a
 * CPU (kernel/events/core.c: ctx_resched()), and as long as these leave it counters,
 * which ones it gets makes no difference.
 */
void host_perf(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct scene scene = { .disturb = press_and_hop };

	need_mode(site, variant.mode);
	scene_two_cpus(site, variant.mode, scene.where);
	capacity = host_capacity(site, scene.where[0]);
	note("%d counters on CPU %d", capacity, scene.where[0]);
	if (capacity < 4)
		skip_test("the host PMU has only %d counters", capacity);
	scene_start(&scene, &vm, site, variant);
	scene_emit(&scene, PMCCNTR_EL0);
	scene_run(&scene, scene.where[0]);
	scene_judge(&scene);
	scene_expect_disturbed(&scene);
}

const char *host_perf_name(int row)
{
	static const char *const names[] = { "flexible", "pinned", "task" };

	return names[row];
}

static void starve(struct scene *scene, int n)
{
	if (n == 0)
		take_all(scene->site, 0, scene->where[0]);
	if (n == STARVED)
		close_events(0);
	place_on(scene->site, scene->where[0]);
}

/* True if the counter counted in no window. Where it counted, it must have counted right. */
static bool stood_still(struct scene *scene, int first, int end, uint64_t quiet)
{
	int still = 0;

	for (int i = first; i < end; i++)
		if (scene_delta(scene, i) == 0)
			still++;
		else
			scene_judge_window(scene, i, quiet);
	expect(!still || still == end - first, "the counter did not count in %d of %d windows",
	       still, end - first);
	return still;
}

/*
 * The host takes every counter, and gives them back. There is nothing to count with
 * meanwhile; then the guest's counter must count again, and if the guest enables it
 * anew it does (perf_event_enable() takes an event out of its error state).
 */
void host_starved(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct scene scene = { .disturb = starve };
	const int back = SCENE_QUIET + STARVED, enabled = back + GIVEN_BACK;
	bool still, stuck;
	uint64_t quiet;

	need_mode(site, variant.mode);
	scene.where[0] = site->home[0];
	scene_start(&scene, &vm, site, variant);
	scene_emit_start(&scene, PMCCNTR_EL0);
	scene.count = enabled;
	scene_emit_windows(&scene);
	guest_write(&vm.vcpus[0].guest, PMCNTENCLR_EL0, BIT(CYCLE));
	guest_write(&vm.vcpus[0].guest, PMCNTENSET_EL0, BIT(CYCLE));
	scene.count = ENABLED;
	scene_emit_windows(&scene);
	guest_exit(&vm.vcpus[0].guest);
	scene.count = enabled + ENABLED;
	scene_run(&scene, site->home[0]);
	quiet = scene_calibrate(&scene);
	still = stood_still(&scene, SCENE_QUIET + 1, back, quiet);
	stuck = stood_still(&scene, back + 1, enabled, quiet);
	expect(!stood_still(&scene, enabled, scene.count, quiet),
	       "the guest has enabled its counter again, and it does not count");
	note("starved: %s, then: %s", still ? "still" : "counts", stuck ? "still" : "counts");
	if (stuck)
		known_fault("a counter that the host's pinned events have starved does not count "
			    "after they are gone");
}

/*
 * An overflow does not stop a counter, however seldom the host lets its own events
 * interrupt: perf's limit, here one a tick, is about samples.
 */
void host_throttled(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct warden warden;
	struct vcpu *vcpu = &vm.vcpus[0];
	uint64_t least = 0;
	int still = 0;

	need_mode(site, variant.mode);
	warden_start(&warden);
	errno = warden_change(&warden, PERF_LIMIT_PERCENT, PERF_LIMIT_USUAL);
	errno = errno ? errno : warden_change(&warden, PERF_LIMIT_RATE, PERF_LIMIT_HIGH);
	if (errno)
		skip_test("%s cannot be written: %s", PERF_LIMIT_RATE, strerror(errno));
	vm_start(&vm, site, variant.mode, 1);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_E);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		guest_write(&vcpu->guest, PMCCNTR_EL0, WRAP - BEFORE_WRAP);
		guest_work(&vcpu->guest, LOOPS);
		guest_out(&vcpu->guest, PMCCNTR_EL0);
		guest_hop(&vcpu->guest);
	}
	guest_exit(&vcpu->guest);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		if (vcpu_run(vcpu) != STOP_HOP)
			fail_test("the guest stopped at round %d", i);
		if (i == ROUNDS - 1 && (errno = warden_write(&warden, PERF_LIMIT_RATE, "1")))
			skip_test("%s cannot be lowered: %s", PERF_LIMIT_RATE, strerror(errno));
		place_on(site, site->home[0]);
	}
	vcpu_finish(vcpu);
	warden_end(&warden);
	if (vcpu_get(vcpu, PMCR_EL0) & PMCR_LC)
		skip_test("without AArch32, the cycle counter overflows at 64 bits only");
	for (int i = 0; i < 2 * ROUNDS; i++) {
		uint64_t count = vcpu_take(vcpu) - (WRAP - BEFORE_WRAP);

		expect(count >= BEFORE_WRAP, "round %d counted %llu", i, (unsigned long long)count);
		if (i < ROUNDS && (!i || count < least))
			least = count;
		/* Not exact: one that stops at the overflow has next to nothing. */
		if (i >= ROUNDS && count < (site->exact ? least : least / 2))
			still++;
	}
	expect(!site->exact || least >= 2 * LOOPS, "a round counted only %llu",
	       (unsigned long long)least);
	note("%d of %d counters stopped after their overflow", still, ROUNDS);
	if (still)
		known_fault("perf's limit on interrupts stops a guest's counter after an overflow, "
			    "until the next tick");
	/* An interrupt that comes late, or a tick that comes early, hides the fault. */
	if (!site->exact)
		skip_test("no counter stopped for long, which wall time cannot tell from never");
}
