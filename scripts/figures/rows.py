# SPDX-License-Identifier: MIT
"""What scripts/bench measures: commands, and the rows that are made of their figures."""
from typing import NamedTuple, Optional

MODES = ("off", "default", "explicit", "composite")
VCPUS = (1, 2, 4, 8)
MANY_VCPUS = (16, 32, 64)
RAM = ("64M", "256M", "1G", "4G")
LOOPS = {"exits": 1000, "unmapped": 1000, "bytes": 4000, "records": 1000,
         "cycles": 1000}  # COUNT in guest/meson.build
HOPS = 256  # in guest/stamp.S


class Run(NamedTuple):
    """A command for tests/bench/bench.c, and the kernel that it runs on."""
    command: tuple
    kernel: str = "composite"
    column: int = 0  # of the line that bench prints


class Cost(NamedTuple):
    """(sum of the runs, those with a minus less) / over, a number or what a run gave."""
    plus: tuple
    minus: tuple = ()
    over: object = 1

    def runs(self):
        return self.plus + self.minus + ((self.over,) if isinstance(self.over, Run) else ())

    def value(self, figures):
        total = sum(figures[run] for run in self.plus) - sum(figures[run] for run in self.minus)
        return round(total / figures.get(self.over, self.over))


class Aim(NamedTuple):
    """At most factor * floor + plus; without a floor, at most plus."""
    factor: float
    plus: int = 0

    def limit(self, floor):
        return self.factor * (floor or 0) + self.plus

    def text(self):
        if not self.factor:
            return f"{self.plus:,}"
        return f"{self.factor:g} x" if not self.plus else f"+ {self.plus:,}"


class Row(NamedTuple):
    name: str
    unit: str
    ours: Cost
    floor: Optional[Cost] = None
    aim: Optional[Aim] = None
    why: str = ""  # what holds it above its aim, and what it would take


def ours(*arguments, flags=(), kernel="composite", column=0, jail="off"):
    return Run((*flags, "minivmm", "--quiet", f"--jail={jail}", *arguments), kernel, column)


def floor(*arguments, flags=(), column=0):
    return Run((*flags, "floor", *arguments), column=column)


def bare(flags):
    return one(Run((*flags, "floor-bare", "off.bin")))


def one(run):
    return Cost((run,))


def loop(make, name, *arguments, before=(), base="off.bin", **options):
    """What one turn of a guest's loop costs: the rest of the run is in BASE too."""
    return Cost((make(*before, f"{name}.bin", *arguments, **options),),
                (make(*before, base, *arguments, **options),), LOOPS[name])


STARTUP = ("scripts/profile of an explicit start shows what the floor has less of, or not at all. exec of a static PIE, which is "
           "larger and relocates itself: 245,158 instructions (the floor's: 190,900). Host PMUs from sysfs: 58,702, mostly "
           "for opening files. Device tree: 29,210, mostly libfdt's. The vCPU's thread: 25,368, mostly for its stack and "
           "the guard page; the floor runs its only vCPU on the main thread.")
MANY = ("at the end of many vCPUs minivmm stops each thread with a signal and waits for it, where the floor just ends: 244,483 "
        "instructions with 16 vCPUs. The device tree takes 66,318 then (scripts/profile --cpus=16).")
EXIT = ("the vCPU's loop with the bus, which finds the device, takes 49 instructions, and the device takes 16. The floor takes 12 "
        "for both. The kernel takes 21 more to find the vCPU's file in a process with several threads (scripts/profile).")
JAILED_EXIT = ("on top of an exit without the jail, the kernel runs the jail's filter at each KVM_RUN: 401 instructions "
               "(scripts/profile).")
BYTE = ("the vCPU's loop with the bus takes 65 instructions, the PL011 takes 19, and gathering the output takes 26. The floor takes "
        "12 for all three. The kernel takes 20 more to find the vCPU's file in a process with several threads, and 26 to write "
        "the lines, which the floor does not do (scripts/profile).")
FILE = "600,120 bytes are the C library, as the floor shows. A smaller C library, such as musl, would be needed (see below)."
JAIL = ("on top of a start without the jail come its filter (75,552 instructions, of which the kernel takes 73,585 to check and "
        "translate it), Landlock and capabilities (6,068), and waiting until all threads are in the jail (scripts/profile).")


def counted(vcpus):
    """Words for so many."""
    return f"{vcpus} vCPU{'s' if vcpus > 1 else ''}"


def startup(mode, vcpus):
    # With one vCPU a budget is on it, see OFTEN.
    flags = ("-n32",) if vcpus == 1 else ("-i", "-n4")
    return Row(f"startup, {mode}, {counted(vcpus)}", "instructions",
               one(ours(f"--pmu={mode}", f"--cpus={vcpus}", "off.bin", flags=flags)),
               one(floor("off.bin", str(vcpus), flags=flags)), Aim(1.2), MANY if vcpus in MANY_VCPUS else STARTUP)


# A budget is on it: of few runs a tick of the host more or less would make the median.
OFTEN = ("-i", "-n16")
TIMED = ("-a", "-t", "-n1")


def hop(mode, plan, **options):
    return Cost((ours(f"--pmu={mode}", f"--migrate=step:{plan}", "hops.bin", flags=TIMED, **options),),
                over=HOPS)


def where(plan):
    return "in a cluster" if plan == "0,1" else "to another cluster"


ANEW = ("KVM makes the vCPU's perf event anew on the other host PMU. The floor's hop is in default mode, where KVM does "
        "not do this. The row \"composite: making the event anew in a hop\" has an aim of its own.")

VARIES = ("the figures depend on the boot. In three boots the floor took 18,788 to 19,582 instructions, and minivmm 19,711 to 20,021.")


def sync_hop(mode, plan):
    return Row(f"hop, sync, {mode}, {where(plan)}", "instructions", hop(mode, plan),
               Cost((floor("-p", "hops.bin", "1", *plan.split(","), flags=TIMED),), over=HOPS), Aim(1.05),
               {("composite", "0,2"): ANEW, ("default", "0,2"): VARIES}.get((mode, plan), ""))


MOVER = ("the main thread moves the vCPUs. Its ppoll() also watches signals, input and the end, and takes a quarter of a hop's "
         "instructions; minivmm's own are 4 %. The floor's mover only sleeps. A thread for hops alone would be needed "
         "(scripts/profile, --migrate=every:330us:0).")


def async_hop(mode, plan):
    """All that it takes on all CPUs, the mover's wake-up too; not in step with the host's tick."""
    flags = ("-a", "-n3")
    command = (f"--pmu={mode}", f"--migrate=every:330us:{plan}", "spin.bin")
    cpus = plan.split(",")
    return Row(f"hop, async, {mode}, {where(plan)}", "instructions",
               Cost((ours(*command, flags=("-i", *flags)),),
                    (ours(f"--pmu={mode}", f"--migrate=step:{plan}", "spin.bin", flags=("-i", *flags)),),
                    ours("--record=-", *command, flags=("-h", *flags))),
               Cost((floor("spin.bin", "1", *cpus, "330", flags=("-i", *flags)),),
                    (floor("spin.bin", flags=("-i", *flags)),),
                    floor("-p", "spin.bin", "1", *cpus, "330", flags=("-p", *flags))), Aim(1.05), MOVER)


def difference(one_cost, other):
    assert one_cost.over == other.over
    return Cost(one_cost.plus + other.minus, one_cost.minus + other.plus, one_cost.over)


BOOTS = ("the same run takes 889,401 instructions with the patch and 891,073 without it (scripts/profile, --kernel=stock). The "
         "state of the allocators differs between kernels by more than the patch costs.")


def unpatched(name, make):
    """The same on the kernel with the patch and, in place of the floor, without it."""
    return Row(f"{name}: with the kernel patch / without", "instructions", make("composite"),
               make("stock"), Aim(1.005), BOOTS if name.startswith("startup") else "")


EXPLICIT = ("--pmu=explicit",)
RECORD = ("--pmu=explicit", "--record=record")
MEMORY = ("-m",)


def memory(vcpus, column=0):
    return ours("--pmu=explicit", f"--cpus={vcpus}", "--mem=512M", "hang.bin", flags=MEMORY,
                column=column)


def floor_memory(vcpus, column=0):
    return floor("hang.bin", str(vcpus), flags=MEMORY, column=column)


ROWS = [
    Row("fork, exec and exit of a program that does nothing", "instructions",
        one(Run(("bench-true",)))),
    *(startup(mode, vcpus) for vcpus in VCPUS for mode in MODES),
    *(startup("explicit", vcpus) for vcpus in MANY_VCPUS),
    Row("startup, 1 vCPU: the floor / without a C library", "instructions",
        one(floor("off.bin", "1", flags=("-n32",))), bare(("-n32",))),
    Row("startup, 1 vCPU: minivmm, explicit / without a C library", "instructions",
        one(ours("--pmu=explicit", "--cpus=1", "off.bin", flags=("-n32",))), bare(("-n32",))),
    Row("startup in the jail, 1 vCPU: minivmm, explicit / without a C library", "instructions",
        one(ours("--pmu=explicit", "--cpus=1", "off.bin", jail="on", flags=OFTEN)), bare(OFTEN)),
    *(Row(f"startup, explicit, {size} of RAM", "instructions",
          one(ours(*EXPLICIT, f"--mem={size}", "off.bin")), one(floor("off.bin")), Aim(1.2), STARTUP)
      for size in RAM),
    *(Row(f"startup in the jail, explicit, {counted(vcpus)}", "instructions",
          one(ours("--pmu=explicit", f"--cpus={vcpus}", "off.bin", jail="on", flags=OFTEN)),
          one(floor("off.bin", str(vcpus), flags=OFTEN)), Aim(1.4 if vcpus < 4 else 1.35), JAIL) for vcpus in VCPUS),
    Row("exec to the guest's first instruction", "instructions",
        one(ours(*EXPLICIT, "first.bin", flags=("-x",))),
        one(floor("-p", "first.bin", flags=("-x",))), Aim(1.2), STARTUP),
    Row("exit to the lab device", "instructions", loop(ours, "exits", before=EXPLICIT),
        loop(floor, "exits"), Aim(1, 60), EXIT),
    Row("exit to the lab device, in the jail", "instructions",
        loop(ours, "exits", before=EXPLICIT, jail="on"), loop(floor, "exits"), Aim(1, 450), JAILED_EXIT),
    Row("exit to an unmapped address", "instructions",
        loop(ours, "unmapped", before=EXPLICIT), loop(floor, "unmapped")),
    Row("byte on the console", "instructions", loop(ours, "bytes", before=EXPLICIT),
        loop(floor, "bytes"), Aim(1, 100), BYTE),
    Row("megabyte on the console (16 x 64 KiB)", "instructions",
        Cost((ours(*EXPLICIT, "sixteenth.bin", flags=("-n1",)),), over=1 / 16),
        Cost((floor("sixteenth.bin", flags=("-n1",)),), over=1 / 16)),
    Row("window, recorded", "instructions", loop(ours, "records", before=RECORD),
        loop(floor, "records")),
    Row("window, not recorded", "instructions", loop(ours, "records", before=EXPLICIT),
        loop(floor, "records")),
    *(sync_hop(mode, "0,1") for mode in MODES),
    *(sync_hop(mode, "0,2") for mode in ("off", "default", "composite")),
    *(async_hop(mode, "0,1") for mode in MODES),
    *(async_hop(mode, "0,2") for mode in ("off", "default", "composite")),
    Row("composite: making the event anew in a hop", "instructions",
        difference(difference(hop("composite", "0,2"), hop("composite", "0,1")),
                   difference(hop("off", "0,2"), hop("off", "0,1"))), None, Aim(0, 8000)),
    *(Row(f"read of PMCCNTR_EL0, {mode}", "instructions",
          loop(ours, "cycles", before=(f"--pmu={mode}",)), loop(floor, "cycles"))
      for mode in MODES if mode != "off"),
    Row("CPU_ON to the second vCPU's first instruction", "instructions",
        one(ours(*EXPLICIT, "--cpus=2", "second.bin", flags=("-t", "-a"))),
        one(floor("-p", "second.bin", "2", flags=("-t", "-a")))),
    unpatched("startup, default", lambda kernel: one(ours("--pmu=default", "off.bin",
                                                          kernel=kernel))),
    unpatched("exit, default", lambda kernel: loop(ours, "exits", before=("--pmu=default",),
                                                   kernel=kernel)),
    unpatched("hop, sync, default, to another cluster",
              lambda kernel: hop("default", "0,2", kernel=kernel)),
    unpatched("hop, sync, explicit, in a cluster",
              lambda kernel: hop("explicit", "0,1", kernel=kernel)),
    Row("private memory, a further vCPU", "bytes", Cost((memory(8),), (memory(1),), 7),
        Cost((floor_memory(8),), (floor_memory(1),), 7), Aim(0, 32768)),
    *(Row(f"private memory, {counted(vcpus)}", "bytes", one(memory(vcpus)), one(floor_memory(vcpus)),
          Aim(0, 400000 + 32768 * (vcpus - 1))) for vcpus in VCPUS + MANY_VCPUS),
    *(Row(f"peak of resident memory, {counted(vcpus)}", "bytes",
          one(memory(vcpus, 2)), one(floor_memory(vcpus, 2))) for vcpus in VCPUS + MANY_VCPUS),
    Row("program file, stripped", "bytes", one(Run(("file", "minivmm"))),
        one(Run(("file", "floor"))), Aim(0, 300000), FILE),
    Row("system calls of a run", "calls", one(ours(*EXPLICIT, "off.bin", flags=("-s",))),
        one(floor("off.bin", flags=("-s",)))),
]
