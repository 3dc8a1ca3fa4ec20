# SPDX-License-Identifier: MIT
"""What cannot work ends before the guest starts, with one clear line and its status."""
import os
import subprocess
import tempfile

from harness import TOP, board, expect, expect_equal, minivmm, test

USAGE, INPUT, HOST = 64, 65, 69


@test
def no_kvm():
    """A kernel without KVM: status 69, and what it takes."""
    minivmm("guest.bin", append="kvm-arm.mode=none").expect_status(HOST).expect_one_line(
        "/dev/kvm", "EL2")


@test
def no_permission():
    """A user who may not open /dev/kvm: status 69, and which group to join."""
    board("with", "uid=1000", "minivmm", "guest.bin").expect_status(HOST).expect_one_line(
        "/dev/kvm", "group")


@test
def no_such_host_pmu():
    """A host PMU that does not exist: the message lists those that do."""
    minivmm("--pmu=explicit:armv8_cortex_a57", "guest.bin").expect_status(USAGE).expect_one_line(
        "--pmu=explicit:armv8_cortex_a57", "armv8_cortex_a53", "armv8_cortex_a72")


@test
def cpus_that_cannot_be_used():
    """--affinity and --migrate with an absent, offline or forbidden CPU: named, with why."""
    minivmm("--affinity=0,4", "guest.bin").expect_status(USAGE).expect_one_line(
        "--affinity", "CPU 4 does not exist", "0-3")
    minivmm("--migrate=step:0,3", "guest.bin", append="maxcpus=3").expect_status(
        USAGE).expect_one_line("--migrate", "CPU 3 is offline", "0-2")
    board("with", "cpu=1", "minivmm", "--affinity=0", "guest.bin").expect_status(
        USAGE).expect_one_line("--affinity", "CPU 0 is not allowed", "1")


@test
def named_modes_without_a_pmu():
    """default, explicit and composite on a board without a PMU: status 69."""
    for mode in ("default", "explicit", "composite"):
        minivmm(f"--pmu={mode}", "guest.bin", topology="nopmu").expect_status(
            HOST).expect_one_line(f"--pmu={mode}", "PMU")


@test
def bad_images():
    """Images that are missing, empty or too large, and RAM too large: the file and way out."""
    minivmm("missing.bin").expect_status(INPUT).expect_one_line("missing.bin")
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        empty, large = os.path.join(folder, "empty"), os.path.join(folder, "large")
        with open(empty, "wb"), open(large, "wb") as file:
            file.truncate(3 << 20)
        minivmm("empty", put=[empty]).expect_status(INPUT).expect_one_line("empty")
        minivmm("--mem=2M", "large", put=[large]).expect_status(INPUT).expect_one_line(
            "large", "--mem=")


@test
def absurd_sizes():
    """RAM or vCPUs beyond what the host has room for: the option is named."""
    minivmm("--mem=1024G", "guest.bin").expect_status(HOST).expect_one_line("--mem")
    minivmm("--cpus=0", "guest.bin").expect_status(USAGE).expect_one_line("--cpus=0")
    minivmm("--cpus=9", "--gic=2", "guest.bin", topology="gicv2").expect_status(
        HOST).expect_one_line("--cpus=9", "no more than 8")


@test
def crash_is_reported():
    """An exception that the guest does not expect: status 72 with ESR, ELR and FAR."""
    minivmm("crash.bin").expect_status(72).expect_one_line("ESR 0x", "ELR 0x", "FAR 0x")


@test
def hang_times_out():
    """--timeout ends a guest that hangs: status 124."""
    minivmm("--timeout=1", "hang.bin").expect_status(124).expect_one_line("--timeout", "1 s")


@test
def signals_end_the_run():
    """SIGINT and SIGTERM end a run cleanly: 130 and 143, with the summary's record whole."""
    for signal in (2, 15):
        result = board("with", f"signal={signal}", "minivmm", "--quiet", "--record=-",
                       "hang.bin").expect_status(128 + signal)
        expect(f'"type":"end","status":{128 + signal}' in result.stdout, result.stdout)


@test
def foreign_host():
    """minivmm built for another machine says in one line that it needs an arm64 host."""
    if os.uname().machine == "aarch64":
        return
    process = subprocess.run([os.path.join(TOP, "build", "minivmm"), "guest.bin"],
                             capture_output=True, text=True, check=False)
    expect_equal(process.returncode, HOST, "status")
    expect_equal(process.stderr.count("\n"), 1, "lines")
    expect("arm64" in process.stderr and "scripts/board" in process.stderr, process.stderr)
