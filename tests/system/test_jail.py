# SPDX-License-Identifier: MIT
"""The jail, from inside: what kills, what does not, and that each rule is needed.

tests/system/jailed.c enters it by minivmm's own code and makes calls; tests/system/calls.c
holds minivmm's calls against the rules.
"""
import os
import re
import shutil
import subprocess
import tempfile

from files import files
from system.harness import TOP, Failed, Skipped, expect, expect_equal, run_board, test
from system.test_console import talk

HOST, JAIL = 69, 73
# With no file to be had, the names do not matter: the call does.
CALLS = ("open create openat2 mkdir unlink truncate execve socket ptrace process_vm_writev fork "
         "kill tgkill_other ioctl_create_vm ioctl_type ioctl_upper mmap_exec mmap_anonymous brk mprotect_exec "
         "affinity_other prctl seccomp setuid sethostname").split()
# From a vCPU's thread all that a reset would add too; from the main thread of a guest that may reset itself.
FORBIDDEN = {"vcpu": [*CALLS, "mmap_shared"], "reset": [call for call in CALLS if call != "ioctl_create_vm"]}
THREADS = {"vcpu": "vCPU 0's thread", "reset": "the main thread"}


@test(*(["jailed", role, call] for role, calls in FORBIDDEN.items() for call in calls), host=True)
def forbidden_calls_kill(*results):
    """From inside, as a vCPU's and as the main thread: each forbidden call ends it, with 73 and a line that names both."""
    for result in results:
        result.expect_status(JAIL).expect_one_line("the jail forbids system call", THREADS[result.command[1]], "--jail=log")
        expect_equal(result.stdout, "", f"what {result.command} lived to say")
        number = re.search(r"system call (\d+) \((\w+)\)", result.stderr)
        expect(number and number[2] != "unknown", result.stderr)


@test(["jailed", "vcpu", "execve"], ["jailed", "vcpu", "ioctl_type"], host=True)
def forbidden_calls_are_named(execve, ioctl):
    """The line has the call's number and name, as the tables of arm64 have them."""
    execve.expect_status(JAIL).expect_one_line("system call 221 (execve)")
    ioctl.expect_status(JAIL).expect_one_line("system call 29 (ioctl)")


@test(["jailed", "vcpu", "write", "affinity_own", "kick_own", "ioctl_memory"],
      ["jailed", "main", "write", "affinity_own", "kick_own", "ioctl_memory"],
      ["jailed", "reset", "write", "affinity_own", "kick_own", "mmap_shared", "ioctl_create_vm"],
      ["jailed", "main", "ioctl_create_vm"], ["jailed", "main", "mmap_shared"], ["jailed", "timed", "affinity_other"],
      host=True)
def allowed_calls_pass(vcpu, final, resets, *refused):
    """What the rules allow passes; what a reset takes is allowed only where a reset can be."""
    for result in (vcpu, final, resets):
        result.expect_status(0)
        expect_equal(len(result.stdout.splitlines()), len(result.command) - 2, "calls that passed")
    expect("ioctl_create_vm: ENOTTY" in resets.stdout, resets.stdout)
    for result in refused:
        result.expect_status(JAIL)


# Habits of C libraries with memory, by which none may get into the jail's way: glibc's of its own accord, or asked to.
SMALL_HEAP = ["env=MALLOC_TOP_PAD_=0", "env=MALLOC_MMAP_THRESHOLD_=4096", "env=MALLOC_TRIM_THRESHOLD_=0"]
HUGE_HEAP = ["env=GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.arena_max=64:glibc.malloc.tcache_count=0"]
CROSS = "/usr/aarch64-linux-gnu/lib" if os.uname().machine != "aarch64" else "/lib/aarch64-linux-gnu"
BUILD = "build" if os.uname().machine == "aarch64" else "build-arm64"
DYNAMIC = (f"{CROSS}/ld-linux-aarch64.so.1:/lib/ld-linux-aarch64.so.1", f"{CROSS}/libc.so.6:/lib/libc.so.6",
           f"{os.path.join(TOP, BUILD, 'minivmm-dynamic')}:dynamic/minivmm",
           f"{os.path.join(TOP, BUILD, 'minivmm-heapless')}:heapless/minivmm")
MANY_WINDOWS = ["--pmu=off", "--cpus=2", "--append=windows=2500 loops=1", "guest.bin"]
LONG_RESET = ["drive", "pipe", "expect=> ", "type=r", "expect=> ", "type=fuo"]


@test(*(["with", *habit, program, *MANY_WINDOWS] for program in ("minivmm", "dynamic/minivmm")
        for habit in (SMALL_HEAP, HUGE_HEAP)),
      *([*LONG_RESET, "with", *habit, program, "--pmu=off", "--mem=300M", "talk.bin"]
        for program in ("minivmm", "dynamic/minivmm") for habit in (SMALL_HEAP, HUGE_HEAP)),
      put=DYNAMIC, slow=True)
def the_environment_changes_nothing(*results):
    """malloc() told by the environment to map, give back and use huge pages, of a static and a shared C library: all is well."""
    for result in results:
        result.expect_status(0)


@test(["heapless/minivmm", *MANY_WINDOWS],
      [*LONG_RESET, "heapless/minivmm", "--pmu=off", "talk.bin"],
      ["heapless/minivmm", "--pmu=composite", "--migrate=every:2ms", "--cpus=2", "--record=record", "--trace=trace",
       "--append=windows=20", "guest.bin"],
      ["with", "small=60", "heapless/minivmm", "--pmu=default", "--record=record", "--append=windows=300 loops=1", "guest.bin"],
      ["heapless/minivmm", "--timeout=1", "hang.bin"], ["heapless/minivmm", "crash.bin"], put=DYNAMIC, slow=True)
def no_heap_is_used_in_the_jail(many, reset, timed, full, hang, crash):
    """With a malloc() that makes a forbidden call (heapless.c): nobody in the jail, C library included, asks for memory."""
    for result, status in ((many, 0), (reset, 0), (timed, 0), (full, 65), (hang, 124), (crash, 72)):
        result.expect_status(status)


@test(["jailed", "apart", "write"], host=True)
def a_thread_left_out_is_told(result):
    """A thread that cannot take the filter that all get: an error with the thread's number, and no guest runs."""
    result.expect_status(70).expect_one_line("the jail's system call filter: thread ", "TSYNC")
    expect(re.search(r"thread [1-9]\d* cannot take it", result.stderr), result.stderr)
    expect_equal(result.stdout, "", "what the thread lived to say")


UNJAILED = ["minivmm", "--pmu=off", "--append=windows=1 loops=1", "guest.bin"]


@test(*(["with", "filter=0", *UNJAILED[:1], f"--jail={mode}", *UNJAILED[1:]] for mode in ("on", "log")),
      ["with", "filter=1", *UNJAILED], ["with", "filter=13", *UNJAILED],
      ["fault", "--call=landlock_restrict_self", "--nth=1", "--errno=EPERM", *UNJAILED],
      *(["with", f"filter={error}", *UNJAILED[:1], "--jail=off", *UNJAILED[1:]] for error in (0, 1)))
def filters_of_others_are_told_from_the_jail(*results):
    """A systemd unit's or container's filter: status 69, and what to allow there; no word of minivmm's own jail or the kernel."""
    *refused, killing, erring = results
    for result in refused:
        result.expect_status(HOST).expect_one_line("a system call filter that minivmm was started with",
                                                   "SystemCallFilter=", "--jail=off")
        expect("the jail forbids" not in result.stderr and "this kernel" not in result.stderr, result.stderr)
    killing.expect_status(0)
    erring.expect_status(0)


@test(*(["fault", "--call=landlock_create_ruleset", "--nth=1", f"--errno={error}", *UNJAILED]
        for error in ("EPERM", "EACCES", "ENOSYS")),
      *(["fault", "--call=seccomp", "--nth=1", f"--errno={error}", *UNJAILED] for error in ("EPERM", "EACCES", "ENOSYS")))
def forbidden_landlock_is_none(*results):
    """A profile that knows no Landlock is a kernel without; one that forbids seccomp is named, status 69."""
    for result in results[:3]:
        result.expect_status(0)
        expect("minivmm: " not in result.stderr, result.stderr)
    for result, what in zip(results[3:], ("a system call filter", "a system call filter", "this kernel")):
        result.expect_status(HOST).expect_one_line(what, "--jail=off")


def programs(folder):
    """What the build makes of the rules, and how many instructions that are."""
    subprocess.run(["ninja", "-C", os.path.join(folder, "out"), "vmm/jail_programs.h"], stdout=subprocess.DEVNULL, check=True)
    with open(os.path.join(folder, "out", "vmm", "jail_programs.h"), encoding="ascii") as file:
        text = file.read()
    return text, len(re.findall(r"^\t\{ 0x", text, re.M))


@test(slow=True)
def a_changed_rule_changes_the_programs():
    """A rule less, or another value, and the build makes other programs; minivmm has nothing of libseccomp in it."""
    with open(os.path.join(TOP, BUILD, "minivmm"), "rb") as file:
        expect(b"seccomp_rule_add" not in file.read(), "libseccomp is linked into minivmm")
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        for name in files():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy(os.path.join(TOP, name), os.path.join(folder, name))
        cross = [] if os.uname().machine == "aarch64" else ["--cross-file", os.path.join(folder, "scripts", "aarch64.cross")]
        subprocess.run(["meson", "setup", os.path.join(folder, "out"), folder, *cross], stdout=subprocess.DEVNULL, check=True)
        rules = os.path.join(folder, "vmm", "jail", "jail_rules.c")
        with open(rules, encoding="utf-8") as file:
            text = file.read()
        before, count = programs(folder)
        for line, changed, fewer in (("\t{ CALL(getpid), ANY, \"with tgkill\" },\n", "", 4),
                                     ("MADV_DONTNEED) }", "MADV_FREE) }", 0)):
            expect_equal(text.count(line), 1, f"lines {line}")
            with open(rules, "w", encoding="utf-8") as file:
                file.write(text.replace(line, changed))
            after, left = programs(folder)
            expect(after != before, f"the same programs without {line}")
            expect_equal(count - left, fewer, f"instructions less in four programs without {line}")


@test(slow=True, boots=True)
def every_number_is_judged():
    """Every call number there is, in every role: only those of the rules pass, as docs/security.md says."""
    done = subprocess.run([os.path.join(TOP, "tests", "run"), "security", "--check"], capture_output=True, text=True,
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
# Rules for libraries, kernels and moments that are not on this board, each with who needs it.
UNSEEN = {
    "run getcpu": "C libraries before glibc 2.35, kernels without rseq",
    "run clock_gettime": "hosts whose vDSO cannot read the clock",
    "run rt_sigprocmask": "raise() of C libraries before glibc 2.35",
    "run restart_syscall": "a SIGCONT while the main thread waits for the vCPUs to stop",
}
# How C libraries take a terminal: each knows one of the pairs.
BEFORE_2_42 = {"run ioctl TCGETS", "run ioctl TCSETS"}
FROM_2_42 = {"run ioctl TCGETS2", "run ioctl TCSETS2"}


def calls(run, program):
    """RUN with its minivmm in place of the first, traced, and let pass what the jail forbids."""
    words = ["calls", *run]
    words[words.index("minivmm")] = program
    words.insert(words.index(program) + 1, "--jail=log")
    return words


def expect_needed(rules, results):
    """No call without a rule, and no rule without a call but for those."""
    seen = set()
    for result in results:
        lines = result.raw_record.splitlines()
        expect("used run futex" in lines,
               f"{result.command}: no jailed thread was seen; {result.stderr}")
        for line in lines:
            expect(not line.startswith("missing "), f"{' '.join(result.command)}: {line}")
            seen.add(line.removeprefix("used "))
    named = {" ".join(line.split("\t")[:2]) for line in rules.expect_status(0).stdout.splitlines()}
    expect_equal(seen & (BEFORE_2_42 | FROM_2_42), FROM_2_42 if FROM_2_42 & seen else BEFORE_2_42, "how the terminal is taken")
    expect_equal(named - seen - set(UNSEEN) - {"run ioctl KVM_RUN"} - BEFORE_2_42 - FROM_2_42, set(), "rules that nobody needs")
    expect_equal(set(UNSEEN) & seen, set(), "rules that are said to be unseen")


# One boot, though the first needs none of DYNAMIC: traced threads wait for each other, and two boards that do so at once take four
# times as long.
@test(["jailed", "rules"], *(calls(run, "minivmm") for run in RUNS), put=DYNAMIC, slow=True)
def rules_are_all_needed(rules, *results):
    """minivmm at all that it does, static: no call without a rule, no rule without a call."""
    expect_needed(rules, results)


@test(["jailed", "rules"], *(calls(run, "dynamic/minivmm") for run in RUNS), put=DYNAMIC, slow=True)
def rules_are_all_needed_dynamically(rules, *results):
    """minivmm at all that it does, with the C library's shared object: the same."""
    expect_needed(rules, results)


@test(slow=True, boots=True)
def log_mode_logs():
    """--jail=log: the call passes, and the kernel's log has its number, where the kernel audits."""
    done = run_board("--kernel=debian-6.12", "--verbose", "--append=loglevel=7", "--", "jailed", "log", "open", text=True,
                     errors="replace")
    if "debian/kernel" in done.stderr and done.returncode == 123:
        raise Skipped("Debian's kernel is not there")
    if done.returncode:
        raise Failed(f"status {done.returncode}: {done.stderr}")
    expect_equal(done.stdout, "open: done\n", "what became of the call")
    expect(re.search(r"audit: type=1326 .*comm=\"jailed\".*syscall=56 ", done.stderr), done.stderr[-2000:])
