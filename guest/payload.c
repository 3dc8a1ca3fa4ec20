/* SPDX-License-Identifier: MIT */
/*
 * Counts a fixed piece of work on every vCPU, window after window, and asks
 * for a hop to another CPU in each.
 */
#include "args.h"
#include "mmu.h"
#include "pmu.h"

enum { EXIT_NO_DT = 2, EXIT_CPU_ON = 3 };

/*
 * What a pass writes to is volatile, so that the compiler cannot make the
 * first passes different code from the rest.
 */
struct run {
	struct lab_record record;
	volatile uint32_t record_register, next_record_register, hop_register;
	uint32_t swinc;
};

static struct dt dt;
static uint64_t windows = 10, loops = 20000, mmu;
static volatile uint32_t done[MAX_CPUS];

static void pmu_start(struct run *run)
{
	struct lab_record *r = &run->record;
	uint32_t n = PMCR_N(read_sysreg(pmcr_el0)), i;

	/* The architecture leaves all of these unknown at reset. */
	write_sysreg(pmcr_el0, PMCR_LC);
	write_sysreg(pmcntenclr_el0, PMU_ALL);
	write_sysreg(pmintenclr_el1, PMU_ALL);
	write_sysreg(pmovsclr_el0, PMU_ALL);
	write_sysreg(pmccfiltr_el0, pmu_here());

	/* Registers of counters that do not exist are undefined. */
	if (r->nevents < n)
		r->events[r->nevents++].event = EVENT_CPU_CYCLES;
	if (r->nevents < n) {
		run->swinc = 1u << r->nevents;
		r->events[r->nevents++].event = EVENT_SW_INCR;
	}
	if (r->nevents < n && read_sysreg(pmceid0_el0) >> EVENT_INST_RETIRED & 1)
		r->events[r->nevents++].event = EVENT_INST_RETIRED;
	for (i = 0; i < r->nevents; i++)
		pmu_set_event(i, (uint32_t)r->events[i].event | pmu_here());
	isb();

	write_sysreg(pmcr_el0, PMCR_E | PMCR_LC | PMCR_C | PMCR_P);
	write_sysreg(pmcntenset_el0, PMU_CYCLE | ((1u << r->nevents) - 1));
	isb();
}

static void read_counters(struct lab_record *r)
{
	uint32_t i;

	isb();
	r->cntvct_end = read_sysreg(cntvct_el0);
	if (!dt.pmu)
		return;
	r->cycles_end = read_sysreg(pmccntr_el0);
	for (i = 0; i < r->nevents; i++)
		r->events[i].end = pmu_read(i);
	r->overflow = (uint32_t)read_sysreg(pmovsset_el0);
	r->pmcr = (uint32_t)read_sysreg(pmcr_el0);
}

static void work(uint64_t n)
{
	/* 2 * n instructions */
	__asm__ volatile("1:	subs	%0, %0, #1\n"
			 "	b.ne	1b\n"
			 : "+r"(n)::"cc");
}

/*
 * From one reading to the next, so that a count lost anywhere is missing from
 * some window. No branch here may depend on which window it is.
 */
static __attribute__((noinline)) void pass(struct run *run)
{
	struct lab_record *r = &run->record;
	uint32_t i;

	publish(r, sizeof(*r));
	lab_write64(run->record_register, (uint64_t)r);
	run->record_register = run->next_record_register;
	run->next_record_register = LAB_RECORD;

	r->window++;
	r->cntvct_start = r->cntvct_end;
	r->cycles_start = r->cycles_end;
	for (i = 0; i < r->nevents; i++)
		r->events[i].start = r->events[i].end;

	lab_write32(run->hop_register, 1);
	run->hop_register = LAB_HOP;

	work(loops);
	if (run->swinc)
		write_sysreg(pmswinc_el0, run->swinc);
	read_counters(r);
}

static void run_windows(void)
{
	/*
	 * The warm-up and window 0 write to LAB_ID what must not take effect: a
	 * store to RAM instead would retire where one that traps does not.
	 */
	struct run run = {
		.record = { .size = sizeof(run.record),
			    .window = UINT32_MAX - 1,
			    .flags = at_el2() ? LAB_EL2 : 0 },
		.record_register = LAB_ID,
		.next_record_register = LAB_ID,
		.hop_register = LAB_ID,
	};
	uint64_t i;

	if (dt.pmu)
		pmu_start(&run);
	for (i = 0; i <= windows; i++)
		pass(&run);
	if (windows) {
		publish(&run.record, sizeof(run.record));
		lab_write64(LAB_RECORD, (uint64_t)&run.record);
	}
}

void secondary_main(uint64_t index)
{
	if (mmu)
		mmu_on();
	run_windows();
	done[index] = 1;
	dsb();
	__asm__ volatile("sev" ::: "memory");
	cpu_off();
}

void guest_main(const void *blob)
{
	uint64_t self = read_sysreg(mpidr_el1) & MPIDR_AFFINITY;
	uint32_t i, started = 0;

	if (!dt_read(&dt, blob))
		lab_exit(EXIT_NO_DT);
	windows = boot_argument(dt.bootargs, "windows", windows);
	loops = boot_argument(dt.bootargs, "loops", loops);
	if (!loops)
		loops = 1;
	mmu = boot_argument(dt.bootargs, "mmu", 0);
	if (mmu) {
		mmu_map(&dt.ram);
		mmu_on();
	}
	dsb();

	/* Index 0 is ours: it goes with the stack that we run on. */
	for (i = 0; i < dt.ncpus; i++) {
		if (dt.cpus[i] == self)
			continue;
		if (++started == MAX_CPUS ||
		    psci(PSCI_CPU_ON, dt.cpus[i], (uint64_t)secondary_start, started))
			lab_exit(EXIT_CPU_ON);
	}

	run_windows();
	for (i = 1; i <= started; i++)
		while (!done[i])
			__asm__ volatile("wfe" ::: "memory");
	system_off();
}
