# SPDX-License-Identifier: MIT
"""The jail, from inside: what kills, what does not, and that each rule is needed.

tests/system/jailed.c enters it by minivmm's own code and makes calls; tests/system/calls.c
holds minivmm's calls against the rules.
"""
import os
import re
import subprocess

from harness import TOP, Failed, Skipped, expect, expect_equal, test
from test_console import talk

HOST, JAIL = 69, 73
# With no file to be had, the names do not matter: the call does.
CALLS = ("open create openat2 mkdir unlink truncate execve socket ptrace process_vm_writev fork "
         "kill tgkill_other ioctl_create_vm ioctl_type mmap_exec mprotect_exec "
         "affinity_other prctl seccomp setuid sethostname").split()
FORBIDDEN = {"vcpu": [*CALLS, "ioctl_memory"], "main-no-reboot": CALLS}


@test(*(["jailed", role, call] for role, calls in FORBIDDEN.items() for call in calls), host=True)
def forbidden_calls_kill(*results):
    """From inside, as a vCPU's and as the main thread: each forbidden call ends it, with 73 and a line."""
    for result in results:
        result.expect_status(JAIL).expect_one_line("the jail killed the VMM", "--jail=log")
        expect_equal(result.stdout, "", f"what {result.command} lived to say")


@test(["jailed", "vcpu", "write", "mmap", "affinity_own", "kick_own"],
      ["jailed", "main-no-reboot", "write", "mmap", "kick_own", "ioctl_memory"],
      ["jailed", "main", "write", "mmap", "kick_own", "affinity_own", "ioctl_create_vm"],
      ["jailed", "main-no-reboot", "affinity_own"], ["jailed", "main-timed", "affinity_other"], host=True)
def allowed_calls_pass(vcpu, final, resets, own, other):
    """What the rules allow passes; what a reset takes is allowed only where a reset can be."""
    for result in (vcpu, final, resets):
        result.expect_status(0)
        expect_equal(len(result.stdout.splitlines()), len(result.command) - 2, "calls that passed")
    expect("ioctl_create_vm: ENOTTY" in resets.stdout, resets.stdout)
    for result in (own, other):
        result.expect_status(JAIL)


UNJAILED = ["minivmm", "--pmu=off", "--append=windows=1 loops=1", "guest.bin"]


@test(*(["with", "filter=0", *UNJAILED[:1], f"--jail={mode}", *UNJAILED[1:]] for mode in ("on", "log")),
      ["with", "filter=1", *UNJAILED],
      ["fault", "--call=landlock_restrict_self", "--nth=1", "--errno=EPERM", *UNJAILED],
      ["with", "filter=0", *UNJAILED[:1], "--jail=off", *UNJAILED[1:]])
def filters_of_others_are_told_from_the_jail(killed, logs, refused, landlock, unjailed):
    """A systemd unit's SystemCallFilter=: status 69, and what to allow there; no word of minivmm's own jail or the kernel."""
    for result in (killed, logs, refused, landlock):
        result.expect_status(HOST).expect_one_line("a system call filter that minivmm was started with",
                                                   "SystemCallFilter=", "--jail=off")
        expect("the jail killed" not in result.stderr and "this kernel" not in result.stderr, result.stderr)
    unjailed.expect_status(0)


@test(slow=True, boots=True)
def every_number_is_judged():
    """Every call number there is, in every role: only those of the rules pass, as docs/security.md says."""
    done = subprocess.run([os.path.join(TOP, "scripts", "security"), "--check"], capture_output=True, text=True,
                          check=False)
    expect_equal(done.returncode, 0, f"status; {done.stderr}")


@test(["jailed", "files", "open", "create", "openat2", "mkdir", "unlink", "truncate", "execve", "ptrace",
       "setuid", "sethostname"])
def landlock_and_capabilities_hold_alone(result):
    """Without the filter, as root: no file can be opened, made, removed or executed, no privilege used."""
    result.expect_status(0)
    answers = dict(line.split(": ") for line in result.stdout.splitlines())
    for call in ("open", "create", "openat2", "mkdir", "unlink", "truncate", "execve"):
        expect_equal(answers[call], "EACCES", call)
    for call in ("ptrace", "setuid", "sethostname"):
        expect_equal(answers[call], "EPERM", call)


# All that a vCPU's thread and the main thread do, in few runs. The SIGUSR1 from outside comes when the main
# thread waits: one that is stopped at a call is passed over (wants_signal()), and a vCPU's thread gets it.
RUNS = [
    talk("pty", ["raw", "type=q", "expect=key", "asleep", "signal=10", "asleep", "signal=20", "stopped",
                 "cooked", "signal=18", "raw", "type=^Az", "stopped", "signal=18", "raw", "type=i",
                 "expect=listens", "type=x", "expect=key 0x00000078", "type=r", "expect=> ", "type=r",
                 "expect=> ", "type=^Ax", "cooked"], "--mem=256M"),
    talk("pipe", ["type=fno", "sleep=500"]),
    talk("pipe", ["type=n", "sleep=500", "signal=15", "gone"]),
    ["drive", "pipe", "expect=> ", "type=urs", "expect=cpu1", "type=d", "minivmm", "--cpus=2",
     "--record=/tmp/record", "--trace=/tmp/trace", "talk.bin"],
    ["minivmm", "--pmu=default", "--migrate=step:0,2", "--settle", "--append=windows=2 loops=100",
     "guest.bin"],
    ["drive", "pipe", "expect=> ", "type=r", "expect=> ", "type=r", "expect=> ", "type=o", "minivmm", "--pmu=explicit",
     "--pmu-counters=2", "--on-refusal=return", "--migrate=step:0,2", "talk.bin"],
    ["minivmm", "--pmu=composite", "--migrate=every:2ms", "--cpus=2", "--append=windows=20", "guest.bin"],
    ["minivmm", "--pmu=off", "--append=windows=5000 loops=1", "guest.bin"],
    # A record that a full disk cuts.
    ["with", "small=60", "minivmm", "--pmu=default", "--record=record", "--append=windows=300 loops=1", "guest.bin"],
    ["minivmm", "--timeout=1", "hang.bin"],
    # A record whose reader is slow.
    ["with", "full=fifo", "minivmm", "--pmu=off", "--timeout=10", "--record=fifo", "--append=windows=100000 loops=1",
     "guest.bin"],
    ["minivmm", "crash.bin"],
]
# So many windows that their statistics take memory of each kind.
LONG = ["minivmm", "--pmu=off", "--cpus=2", "--append=windows=17000 loops=1", "guest.bin"]
MANY = {"vcpu brk", "vcpu mmap", "main_thread brk", "main_thread mmap"}
# Rules for libraries, kernels and moments that are not on this board, each with who needs it.
UNSEEN = {
    "vcpu getcpu": "C libraries before glibc 2.35, kernels without rseq",
    "vcpu clock_gettime": "hosts whose vDSO cannot read the clock",
    "main_thread clock_gettime": "the same",
    "main_thread clock_nanosleep": "a lock whose holder the host keeps from running",
    "main_thread rt_sigprocmask": "raise() of C libraries before glibc 2.35",
    "main_thread restart_syscall": "a SIGCONT while the main thread waits for the vCPUs to stop",
}


def calls(run, program):
    """RUN with its minivmm in place of the first, traced, and let pass what the jail forbids."""
    words = ["calls", *run]
    words[words.index("minivmm")] = program
    words.insert(words.index(program) + 1, "--jail=log")
    return words


def expect_needed(rules, results, unseen):
    """No call without a rule, and no rule without a call but for those."""
    seen = set()
    for result in results:
        lines = result.raw_record.splitlines()
        expect("used vcpu futex" in lines,
               f"{result.command}: no jailed thread was seen; {result.stderr}")
        for line in lines:
            expect(not line.startswith("missing "), f"{' '.join(result.command)}: {line}")
            seen.add(line.removeprefix("used "))
    named = {" ".join(line.split("\t")[:2]) for line in rules.expect_status(0).stdout.splitlines()}
    expect_equal(named - seen - unseen - {"vcpu ioctl KVM_RUN"}, set(), "rules that nobody needs")
    expect_equal(set(UNSEEN) & seen, set(), "rules that are said to be unseen")


@test(["jailed", "rules"], *(calls(run, "minivmm") for run in RUNS), slow=True)
def rules_are_all_needed(rules, *results):
    """minivmm at all that it does, static: no call without a rule, no rule without a call."""
    expect_needed(rules, results, set(UNSEEN) | MANY)


CROSS = "/usr/aarch64-linux-gnu/lib" if os.uname().machine != "aarch64" else "/lib/aarch64-linux-gnu"
BUILD = "build" if os.uname().machine == "aarch64" else "build-arm64"


@test(["jailed", "rules"], *(calls(run, "dynamic/minivmm") for run in [*RUNS, LONG]),
      put=(f"{CROSS}/ld-linux-aarch64.so.1:/lib/ld-linux-aarch64.so.1", f"{CROSS}/libc.so.6:/lib/libc.so.6",
           f"{os.path.join(TOP, BUILD, 'minivmm-dynamic')}:dynamic/minivmm"), slow=True)
def rules_are_all_needed_dynamically(rules, *results):
    """minivmm at all that it does, with the C library's shared object: the same."""
    expect_needed(rules, results, set(UNSEEN))


@test(slow=True, boots=True)
def log_mode_logs():
    """--jail=log: the call passes, and the kernel's log has its number, where the kernel audits."""
    done = subprocess.run([os.path.join(TOP, "scripts", "board"), "--kernel=debian-6.12", "--verbose",
                           "--append=loglevel=7", "--", "jailed", "log", "open"],
                          capture_output=True, text=True, errors="replace", check=False)
    if "debian-kernel" in done.stderr and done.returncode == 123:
        raise Skipped("Debian's kernel is not there")
    if done.returncode:
        raise Failed(f"status {done.returncode}: {done.stderr}")
    expect_equal(done.stdout, "open: done\n", "what became of the call")
    expect(re.search(r"audit: type=1326 .*comm=\"jailed\".*syscall=56 ", done.stderr), done.stderr[-2000:])
