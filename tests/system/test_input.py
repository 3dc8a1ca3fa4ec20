# SPDX-License-Identifier: MIT
"""What cannot work ends before the guest starts, with one clear line and its status."""
import json
import os
import subprocess

from system.harness import TOP, Skipped, expect, expect_equal, minivmm, test

USAGE, INPUT, HOST = 64, 65, 69


@test(["minivmm", "guest.bin"], append="kvm-arm.mode=none")
def no_kvm(result):
    """A kernel without KVM: status 69, and what it takes."""
    result.expect_status(HOST).expect_one_line("/dev/kvm", "EL2")


@test(["with", "uid=1000", "minivmm", "guest.bin"])
def no_permission(result):
    """A user who may not open /dev/kvm: status 69, and which group to join."""
    result.expect_status(HOST).expect_one_line("/dev/kvm", "group")


@test(["minivmm", "--pmu=explicit:armv8_cortex_a57", "guest.bin"])
def no_such_host_pmu(result):
    """A host PMU that does not exist: the message lists those that do."""
    result.expect_status(USAGE).expect_one_line("--pmu=explicit:armv8_cortex_a57",
                                                "armv8_cortex_a53", "armv8_cortex_a72")


@test(["minivmm", "--affinity=0,4", "guest.bin"],
      ["with", "cpuset=1", "minivmm", "--affinity=0", "guest.bin"])
def cpus_that_cannot_be_used(absent, forbidden):
    """--affinity with an absent or forbidden CPU: it is named, with why."""
    absent.expect_status(USAGE).expect_one_line("--affinity", "CPU 4 does not exist", "0-3")
    forbidden.expect_status(USAGE).expect_one_line("--affinity", "CPU 0 is not granted", "cpuset", "usable: cpus 1")


def cpus_of(result):
    """The CPUs on which windows ended, and the host PMUs that counted them."""
    return {window["cpu"] for window in result.expect_status(0).windows}


@test(["with", "cpu=1", *minivmm("--pmu=explicit", "--affinity=3", "guest.bin")],
      ["with", "cpu=1", *minivmm("--pmu=composite", "--migrate=step:1,2", "guest.bin")],
      ["with", "cpu=1", *minivmm("--pmu=default", "guest.bin")],
      ["with", "cpu=1", "minivmm", "--probe=json"])
def cpus_left_out_can_be_named(affinity, plan, neither, probe):
    """CPUs that taskset or isolcpus= left out: --affinity and --migrate may name them, and nothing else runs there."""
    expect_equal(cpus_of(affinity), {3}, "CPUs with --affinity=3")
    expect_equal(cpus_of(plan), {1, 2}, "CPUs with --migrate=step:1,2")
    expect_equal(cpus_of(neither), {1}, "CPUs without either")
    host = json.loads(probe.expect_status(0).stdout)
    expect_equal((host["online"], host["allowed"], host["granted"]), ("0-3", "1", "0-3"), "CPUs of --probe")


@test(minivmm("--pmu=explicit", "--affinity=3", "guest.bin"), minivmm("--pmu=default", "guest.bin"),
      ["minivmm", "--probe=json"], ["minivmm", "--affinity=4", "guest.bin"],
      ["pmu-regress", "--run=counting.cycles/composite/sync/*"], icount=True, append="isolcpus=2-3")
def isolated_cpus_can_be_named(affinity, neither, probe, absent, regress):
    """isolcpus= leaves out a whole host PMU: --affinity may name its CPUs, and pmu-regress finds it."""
    expect_equal(cpus_of(affinity), {3}, "CPUs with --affinity=3")
    expect(cpus_of(neither) <= {0, 1}, f"CPUs without: {cpus_of(neither)}")
    host = json.loads(probe.expect_status(0).stdout)
    expect_equal((host["allowed"], host["granted"]), ("0-1", "0-3"), "CPUs of --probe")
    absent.expect_status(USAGE).expect_one_line("CPU 4 does not exist", "usable: cpus 0-3")
    expect("# SKIP no CPU here has" not in regress.expect_status(0).stdout, regress.stdout)
    expect("ok 1 counting.cycles/composite/sync" in regress.stdout, regress.stdout)


@test(["with", "cpuset=2-3", "shown=0-1", *minivmm("--pmu=off", "guest.bin")],
      ["with", "cpuset=2-3", "shown=0-1", *minivmm("guest.bin")],
      ["with", "cpuset=2-3", "shown=0-1", "pmu-regress", "--run=interface.anywhere/*", "--verbose"])
def container_with_a_sysfs_of_its_own(off, auto, regress):
    """lxcfs shows CPUs 0-1 to a container that runs on 2-3: minivmm and pmu-regress run there."""
    expect_equal(cpus_of(off) - {2, 3}, set(), "CPUs")
    expect_equal(cpus_of(auto) - {2, 3}, set(), "CPUs")
    expect("armv8_cortex_a72 covers cpus 2-3" in auto.stderr, auto.stderr)
    expect("ok 1 interface.anywhere/default" in regress.expect_status(0).stdout, regress.stdout)


@test(["with", "cpu=3", "pmu-regress", "--run=counting.cycles/composite/sync/*"], icount=True)
def host_pmu_left_out_is_tested(result):
    """pmu-regress on one CPU of the second host PMU, by taskset or isolcpus=: it hops to the first one all the same."""
    expect("# SKIP no CPU here has" not in result.expect_status(0).stdout, result.stdout)
    expect("ok 1 counting.cycles/composite/sync" in result.stdout, result.stdout)


@test(["minivmm", "--migrate=step:0,3", "guest.bin"], append="maxcpus=3")
def cpu_that_is_offline(result):
    """--migrate with an offline CPU: it is named, with why."""
    result.expect_status(USAGE).expect_one_line("--migrate", "CPU 3 is offline", "0-2")


@test(*(["minivmm", f"--pmu={mode}", "guest.bin"] for mode in ("default", "explicit", "composite")),
      topology="nopmu")
def named_modes_without_a_pmu(*results):
    """default, explicit and composite on a board without a PMU: status 69."""
    for result in results:
        result.expect_status(HOST).expect_one_line(result.command[1], "PMU")


@test(["minivmm", "missing.bin"], ["minivmm", "/dev/null"], ["minivmm", "--mem=2M", "/bin/minivmm"],
      ["minivmm", "--pmu=strict", "guest.bin"])
def bad_images(missing, special, program, strict):
    """Images that are missing, no files, or no guests; a mode that the kernel lacks."""
    missing.expect_status(INPUT).expect_one_line("missing.bin")
    special.expect_status(INPUT).expect_one_line("/dev/null")
    program.expect_status(INPUT).expect_one_line("/bin/minivmm")
    strict.expect_status(HOST).expect_one_line("STRICT", "--pmu=explicit")


@test(["minivmm", "--mem=1024G", "guest.bin"], ["minivmm", "--cpus=0", "guest.bin"])
def absurd_sizes(memory, none):
    """RAM beyond the host's address space or no vCPUs at all: the option is named."""
    memory.expect_status(HOST).expect_one_line("--mem")
    none.expect_status(USAGE).expect_one_line("--cpus=0")


@test(["minivmm", "--cpus=9", "--gic=2", "guest.bin"], topology="gicv2")
def too_many_vcpus(result):
    """More vCPUs than KVM has room for: the option and the limit are named."""
    result.expect_status(HOST).expect_one_line("--cpus=9", "no more than 8")


@test(["minivmm", "--cpus=300", "--migrate=every:5ms", "--append=windows=1 loops=1", "guest.bin"], slow=True)
def many_vcpus_are_moved_in_time(result):
    """A timed plan for 300 vCPUs: the jail has a rule for each."""
    result.expect_status(0)


@test(["with", "stack=80", "minivmm", "--pmu=off", "--cpus=2", "guest.bin"],
      ["with", "stack=32", "minivmm", "--pmu=off", "off.bin"])
def small_stacks(enough, small):
    """A stack limit of 80 KiB is enough; with less minivmm says what it needs."""
    enough.expect_status(0)
    small.expect_status(HOST).expect_one_line("stack", "32 KiB", "ulimit -s 80")


def failing(call, error, *words, nth=1, every=0):
    """minivmm whose system call CALL fails, without the jail and its handlers."""
    return ["fault", f"--call={call}", f"--nth={nth}", *([f"--every={every}"] if every else []), f"--errno={error}",
            "minivmm", "--jail=off", "--pmu=off", *words, "guest.bin"]


@test(failing("openat", "EPERM"),
      failing("ioctl:KVM_CREATE_VCPU", "EMFILE", "--cpus=3", nth=3),
      failing("ioctl:KVM_CREATE_DEVICE", "E2BIG", "--gic=2"),
      failing("ioctl:KVM_CREATE_DEVICE", "ENODEV", every=1),
      *(failing(f"ioctl:KVM_{call}", "ENOMEM") for call in ("CREATE_VM", "SET_USER_MEMORY_REGION", "ARM_VCPU_INIT")),
      failing("eventfd2", "EMFILE"), failing("signalfd4", "ENFILE"))
def what_the_host_lacks_is_no_internal_error(device, files, big, neither, *others):
    """A device cgroup, too few descriptors, no memory, no GIC, one without room: status 69, and what would work."""
    device.expect_status(HOST).expect_one_line("/dev/kvm", "device cgroup", "DeviceAllow=", "not permitted")
    expect("EL2" not in device.stderr, device.stderr)
    files.expect_status(HOST).expect_one_line("KVM_CREATE_VCPU 2", "ulimit -n", "lower --cpus")
    big.expect_status(HOST).expect_one_line("a GICv2 has room for 8 CPUs", "--gic=auto")
    neither.expect_status(HOST).expect_one_line("neither version 3 nor 2", "dmesg")
    for result in others[:3]:
        result.expect_status(HOST).expect_one_line("KVM_", "free memory")
    for result in others[3:]:
        result.expect_status(HOST).expect_one_line("limit of open files")


@test(["minivmm", "--gic=2", "guest.bin"])
def no_gicv2(result):
    """--gic=2 on a GICv3 host without GICv2 emulation: status 69, and what would work."""
    result.expect_status(HOST).expect_one_line("--gic=2", "use --gic=auto")


@test(["minivmm", "--gic=3", "guest.bin"], topology="gicv2")
def no_gicv3(result):
    """--gic=3 on a GICv2 host: status 69, and what would work."""
    result.expect_status(HOST).expect_one_line("--gic=3", "use --gic=auto")


@test(["minivmm", "crash.bin"], host=True)
def crash_is_reported(result):
    """An exception that the guest does not expect: status 72 with ESR, ELR and FAR."""
    result.expect_status(72).expect_one_line("ESR 0x", "ELR 0x", "FAR 0x")


@test(["minivmm", "--timeout=1", "hang.bin"], host=True)
def hang_times_out(result):
    """--timeout ends a guest that hangs: status 124."""
    result.expect_status(124).expect_one_line("--timeout", "1 s")


@test(["minivmm", "--timeout=1", "--record=record", "--cpus=2", "hang.bin"],
      ["minivmm", "--timeout=2", "--quiet", "--record=record", "--append=do=sleep", "hostile.bin"],
      ["with", "signal=15", "minivmm", "--pmu=off", "--record=record", "--no-reboot", "--append=do=lines", "hostile.bin"],
      icount=True)
def what_vcpus_did_is_told(hangs, sleeps, ended):
    """--timeout and SIGTERM: a line for each vCPU, and in the record: PC, level, WFI, off, what it wrote."""
    hangs.expect_status(124)
    expect("vCPU 0: PC 0x" in hangs.stderr and "EL1, runs, has written to no device\n" in hangs.stderr, hangs.stderr)
    expect("vCPU 1: off, has written to no device\n" in hangs.stderr, hangs.stderr)
    expect('"vcpu":1,"state":"off",' in hangs.raw_record, hangs.raw_record)
    sleeps.expect_status(124)
    expect("vCPU 0:" not in sleeps.stderr, sleeps.stderr)
    expect('"vcpu":0,"state":"waits","pc":"0x' in sleeps.raw_record, sleeps.raw_record)
    ended.expect_status(143)
    expect("has written to devices" in ended.stderr and "vCPU 1" not in ended.stderr, ended.stderr)


@test(*(["with", f"signal={signal}", "minivmm", "--record=record", "hang.bin"]
        for signal in (2, 15)), icount=True, host=True)
def signals_end_the_run(*results):
    """SIGINT and SIGTERM end a run cleanly: 130 and 143, and the record is whole."""
    for result, signal in zip(results, (2, 15)):
        result.expect_status(128 + signal)
        expect(f'"type":"end","status":{128 + signal}' in result.raw_record, result.raw_record)


@test(*(["with", f"kill={signal}", "minivmm", "--record=record", "hang.bin"] for signal in (4, 6, 7, 8, 11, 9)))
def killed_vmm_is_named(*results):
    """A fault's signal that kills the VMM: minivmm says which in one line, and ends by it. Of SIGKILL nobody hears."""
    for result, signal in zip(results, (4, 6, 7, 8, 11)):
        expect_equal(result.status, 200 + signal, "status")
        result.expect_one_line(f"signal {signal} (", "killed the VMM", "the main thread")
    expect_equal((results[-1].status, "minivmm: " in results[-1].stderr), (209, False), "SIGKILL: status, and a line")


@test(*(["with", "unplug=2", "minivmm", "--timeout=2", "--affinity=2-3", *plan, guest]
        for plan, guest in (([], "hang.bin"), (["--migrate=every:1ms:2,3"], "guest.bin"),
                            (["--migrate=step:2,3"], "guest.bin"),
                            (["--pmu=explicit:cpu2", "--on-refusal=return", "--migrate=random:1ms"], "guest.bin"),
                            (["--cpus=4", "--migrate=every:1ms"], "hang.bin"))), boot="unplugged")
def unplugged_cpus_are_told(*results):
    """All CPUs of a run go offline and come back, again and again: it goes on, or says what it lacks."""
    for result in results:
        expect(result.status in (0, HOST, 71, 124), f"status {result.status}: {result.stderr}")
        expect(result.status == 0 or "minivmm: " in result.stderr, result.stderr)


@test()
def foreign_host():
    """minivmm built for another machine says in one line that it needs an arm64 host."""
    if os.uname().machine == "aarch64":
        raise Skipped("minivmm is built for this machine")
    process = subprocess.run([os.path.join(TOP, "build", "minivmm"), "guest.bin"],
                             capture_output=True, text=True, check=False)
    expect_equal(process.returncode, HOST, "status")
    expect_equal(process.stderr.count("\n"), 1, "lines")
    expect("arm64" in process.stderr and "scripts/board" in process.stderr, process.stderr)
