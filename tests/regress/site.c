/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../vmm/affinity.h"
#include "../../vmm/kvm.h"
#include "older.h"
#include "result.h"
#include "site.h"
#include "vm.h"

#define NS_PER_S         1000000000l
#define SETTLE_PERIOD_NS 20000000l
#define AFTER_TICK_NS    200000l
#define ANSWER           128 /* and above: not a status of enum result */

/* The runner needs no certain CPU: it may stay where it is if it cannot move. */
static void leave_bare_cpus(struct site *site)
{
	struct cpuset covered, own;

	if (!site->nbare)
		return;
	host_covered_cpus(&site->host, &covered);
	cpuset_and(&own, &covered, &site->host.allowed);
	cpuset_and(&covered, &covered, &site->host.granted);
	cpuset_pin(0, cpuset_is_empty(&own) ? &covered : &own);
}

static bool is_emulated(void)
{
	char compatible[64] = "";
	FILE *file = fopen("/proc/device-tree/compatible", "re");

	if (!file)
		return false;
	if (!fread(compatible, 1, sizeof(compatible) - 1, file))
		compatible[0] = '\0';
	fclose(file);
	return !strcmp(compatible, "linux,dummy-virt");
}

bool site_discover(struct site *site, char *reason, size_t size)
{
	struct kvm_offers offers;
	struct cpuset affinity;
	struct kvm kvm;

	if (cpuset_of_thread(0, &affinity) < 0 || kvm_open(&kvm) ||
	    host_discover("/sys", &affinity, &site->host) || affinity_ask(&site->host) ||
	    kvm_offers(&kvm, &offers) || kvm_ask(&kvm, &site->host, &offers)) {
		snprintf(reason, size, "no KVM to test: the line above says why");
		return false;
	}
	close(kvm.fd);
	if (!offers.pmu || !site->host.npmus) {
		snprintf(reason, size, "this host has no PMU that KVM can give to a guest");
		return false;
	}
	if (!site_list_cpus(site)) {
		snprintf(reason, size, "none of the CPUs that may be used here has a host PMU");
		return false;
	}
	leave_bare_cpus(site);
	site->emulated = is_emulated();
	site->set_pmu = offers.set_pmu;
	site->composite = offers.composite;
	site->strict = offers.strict;
	site->nr_counters = offers.nr_counters;
	site->older = older_kernel();
	site->default_pmu = -1;
	site->default_pmu = older_default_pmu(site);
	return true;
}

/*
 * Windows of the same work, by the counter-timer: not by the PMU, which is what the tests
 * judge. Only where an instruction takes a nanosecond are most of them as long as they
 * have instructions; the host's own timer may come into one.
 */
static int look_for_exactness(const struct site *site)
{
	enum { WINDOWS = 9, LOOPS = 50000, TIMER_HZ = 62500000, NS_PER_TICK = 16 };
	const uint64_t least = 2 * LOOPS / NS_PER_TICK;
	static struct vm vm;
	struct guest *guest = &vm.vcpus[0].guest;
	int exact = 0;

	vm_start(&vm, site, MODE_DEFAULT, 1);
	guest_out(guest, CNTFRQ_EL0);
	for (int i = 0; i < WINDOWS; i++) {
		guest_read(guest, 19, CNTVCT_EL0);
		guest_work(guest, LOOPS);
		guest_read(guest, 20, CNTVCT_EL0);
		guest_out_register(guest, 19);
		guest_out_register(guest, 20);
	}
	guest_exit(guest);
	vcpu_finish(&vm.vcpus[0]);

	expect_equal(vcpu_take(&vm.vcpus[0]), TIMER_HZ, "counter-timer");
	for (int i = 0; i < WINDOWS; i++) {
		uint64_t ticks = vcpu_take(&vm.vcpus[0]);

		ticks = vcpu_take(&vm.vcpus[0]) - ticks;
		exact += ticks - least <= 1;
	}
	expect(exact > WINDOWS / 2, "%d of %d windows are exact", exact, WINDOWS);
	return 1;
}

/*
 * A second after the last task's perf event is gone the kernel patches perf out of its
 * scheduler, and back in for the next one (account_event(), kernel/events/core.c): then the
 * guest that asked for that event goes on while other CPUs are still at work on it. An
 * event that counts nothing, for as long as the runner lives, keeps that away.
 */
void site_stay_exact(struct warden *warden)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_DUMMY,
					.disabled = 1 };

	/* Without it counts may differ, and a test says so. */
	syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	/* Timers on every CPU, and while one CPU serves its own, the others' counters go on. */
	warden_change(warden, "/proc/sys/kernel/watchdog", "0");
	warden_change(warden, "/proc/sys/vm/stat_interval", "3600");
}

int site_ask(const struct site *site, int (*question)(const struct site *site))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		/* What it finds is an answer, not a failure to show. */
		if (!freopen("/dev/null", "w", stdout))
			_exit(0);
		_exit(ANSWER + question(site));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 0;
	return WEXITSTATUS(status) < ANSWER ? 0 : WEXITSTATUS(status) - ANSWER;
}

bool site_is_exact(const struct site *site)
{
	/* A core of 1 GHz with two cycles for a loop would look like it. */
	return site->emulated && site_ask(site, look_for_exactness);
}

void site_describe(const struct site *site, FILE *out)
{
	char list[1024];

	fprintf(out, "# host PMUs: %s\n", host_pmu_list(&site->host, list, sizeof(list)));
	fprintf(out, "# KVM offers: default%s%s%s%s\n", site->set_pmu ? ", explicit" : "",
		site->composite ? ", composite" : "", site->strict ? ", strict" : "",
		site->nr_counters ? ", SET_NR_COUNTERS" : "");
	fprintf(out, "# counts are %s\n",
		site->exact ? "exact: instructions, demanded equal"
			    : "of wall time: limits that any core keeps");
	fprintf(out, "# seed: %llu\n", (unsigned long long)site->seed);
}

const char *mode_name(enum mode mode)
{
	static const char *const names[MODES] = { "default", "explicit", "composite", "strict",
						  "limited" };

	return names[mode];
}

void need_mode(const struct site *site, enum mode mode)
{
	if (mode == MODE_COMPOSITE && !site->composite)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY");
	if (mode == MODE_STRICT && !site->strict)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_STRICT");
	if (names_pmu(mode) && !site->set_pmu)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_SET_PMU");
	if (mode == MODE_LIMITED && !site->nr_counters)
		need_chosen_n(site);
}

bool names_pmu(enum mode mode)
{
	return mode == MODE_EXPLICIT || mode == MODE_STRICT || mode == MODE_LIMITED;
}

bool must_refuse(const struct site *site, enum mode mode, int cpu)
{
	int pmu = host_pmu_of_cpu(&site->host, cpu);

	return (names_pmu(mode) && pmu != 0) || (mode == MODE_COMPOSITE && pmu < 0);
}

void need_away(const struct site *site)
{
	if (!site->naway)
		skip_test("no CPU here has a host PMU other than %s", site->host.pmus[0].name);
}

void need_bare(const struct site *site)
{
	if (!site->nbare)
		skip_test("every CPU here has a host PMU");
}

void need_two_home(const struct site *site)
{
	if (site->nhome < 2)
		skip_test("host PMU %s has only one CPU here", site->host.pmus[0].name);
}

const struct host_pmu *pmu_of(const struct site *site, int cpu)
{
	int index = host_pmu_of_cpu(&site->host, cpu);

	if (index < 0)
		fail_test("CPU %d has no host PMU", cpu);
	return &site->host.pmus[index];
}

void place_thread(int tid, int cpu)
{
	struct cpuset set;

	cpuset_clear(&set);
	cpuset_add(&set, cpu);
	if (cpuset_pin(tid, &set) < 0)
		fail_test_errno("moving a thread to CPU %d", cpu);
}

/* As in vmm/vcpu.c: the CPU left behind has had its last tick, and the next one is far away. */
static void settle(void)
{
	struct timespec wake;

	clock_gettime(CLOCK_MONOTONIC, &wake);
	wake.tv_nsec += SETTLE_PERIOD_NS - wake.tv_nsec % SETTLE_PERIOD_NS + AFTER_TICK_NS;
	if (wake.tv_nsec >= NS_PER_S) {
		wake.tv_nsec -= NS_PER_S;
		wake.tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL) == EINTR)
		;
}

void place_on(const struct site *site, int cpu)
{
	place_thread(0, cpu);
	if (site->exact)
		settle();
}
