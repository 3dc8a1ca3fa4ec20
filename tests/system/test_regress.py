# SPDX-License-Identifier: MIT
"""pmu-regress itself: its statuses, its output, and that it skips what it cannot judge."""
import fnmatch
import os
import re
import signal
import subprocess
import tempfile
from xml.etree import ElementTree

from boards import direct
from system.harness import PATIENCE, TOP, Board, Skipped, debian_program, expect, expect_equal, minivmm, run_board, test

FEW = ["pmu-regress", "--run=counting.cycles/*", "--seed=7"]
PASSED, FAILED, USAGE, NOTHING = 0, 1, 2, 4


def expect_skip_of_all(result):
    """Nothing could run, and the plan's line says why."""
    result.expect_status(NOTHING)
    _, plan, skip, totals = result.stdout.splitlines()
    expect_equal((plan, totals), ("1..1", "# Totals: pass:0 fail:0 skip:1"), "plan and totals")
    expect(skip.startswith("ok 1 pmu-regress # SKIP ") and len(skip) > 30, f"no reason in {skip!r}")


@test(slow=True, boots=True)
def regress_runs_are_identical():
    """pmu-regress under instruction counting: all pass, and two boots say the same."""
    first, second = (Board(icount=True).boot([FEW])[0] for _ in range(2))
    first.expect_status(PASSED)
    expect("not ok" not in first.stdout and "\nok 1 " in first.stdout, first.stdout)
    expect_equal(first.stdout, second.stdout, "output of the second boot")


@test(["pmu-regress", "--run=nonsense"], ["pmu-regress", "--nonsense"], icount=True, host=True)
def regress_refuses_nonsense(*results):
    """pmu-regress: a pattern without a test and an unknown option are status 2."""
    for result in results:
        result.expect_status(USAGE)
        expect(result.stderr.startswith("pmu-regress: "), f"stderr: {result.stderr!r}")


@test(boots=True)
def regress_names_cases_on_the_console():
    """Under instruction counting each case is named on the console before it begins, for a kernel that panics in it."""
    done = subprocess.run([os.path.join(TOP, "scripts", "board"), "--icount", "--verbose", "--append=quiet", "--",
                           "pmu-regress", "--run=registers.pmceid/*"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    expect_equal(done.returncode, PASSED, done.stderr)
    cases = re.findall(r"^ok \d+ (\S+)", done.stdout, re.M)
    expect_equal(re.findall(r"pmu-regress: (\S+)", done.stderr), cases, "cases on the console")


@test(["pmu-regress"], topology="nopmu")
def regress_needs_a_pmu(result):
    """pmu-regress without a PMU: status 4 and one skip that says so."""
    expect_skip_of_all(result)


@test(["pmu-regress", "--run=interface.no-pmu/*"], icount=True, topology="partial")
def regress_judges_cpus_without_a_pmu(result):
    """pmu-regress where some CPUs have no PMU: their cases run, but for a known fault."""
    cases = [line for line in result.expect_status(PASSED).stdout.splitlines()
             if line.startswith("ok ")]
    expect(len(cases) >= 5, result.stdout)
    for case in cases:
        expect("# SKIP" not in case or "# SKIP known fault of this kernel: " in case, case)


@test(["pmu-regress"], append="kvm-arm.mode=none")
def regress_needs_kvm(result):
    """pmu-regress without /dev/kvm: status 4 and one skip."""
    expect_skip_of_all(result)


@test(["with", "uid=1000", "pmu-regress"])
def regress_needs_rights(result):
    """pmu-regress as a user who may not open /dev/kvm: status 4 and one skip."""
    expect_skip_of_all(result)


@test(["with", "warning=1", "pmu-regress", "--run=interface.irq/*"], icount=True)
def regress_sees_warnings_before_its_cases(result):
    """What the kernel warns of while pmu-regress finds out about the host fails the first case, and says so."""
    result.expect_status(FAILED)
    said = result.stdout.partition("\nnot ok 1 ")[0].splitlines()[-2:]
    expect_equal(said, ["# while pmu-regress found out what this host has:", "# the kernel says: WARNING: made up by a test"], "before it")


@test(["with", "warning=300", "pmu-regress", "--run=counting.cycles/explicit/*"])
def regress_takes_no_warning_for_the_emulators(result):
    """In wall time a failed case is tried again, as QEMU may have lost a count. A warning is no such failure: it does not come again."""
    result.expect_status(FAILED)
    for said in re.findall(r"((?:^# .*\n)+)not ok", result.stdout, re.M):
        expect("# the kernel says: WARNING: made up by a test" in said, result.stdout)
    expect("the emulator may have lost" not in result.stdout, result.stdout)


@test(["pmu-regress", "--run=counting.cycles/composite/s*", "--junit=record"], icount=True)
def regress_writes_junit(result):
    """--junit: well-formed XML with the same cases as the KTAP."""
    suite = ElementTree.fromstring(result.expect_status(0).raw_record)
    names = [case.get("name") for case in suite.iter("testcase")]
    expect_equal(names, [line.split()[2] for line in result.stdout.splitlines()
                         if line.startswith("ok ")], "cases")
    expect_equal({case.get("classname") for case in suite.iter("testcase")}, {"counting"}, "classes, which are families")
    expect_equal((suite.get("tests"), suite.get("failures")), (str(len(names)), "0"), "counts")


@test(["pmu-regress", "--list"], ["pmu-regress", "--explain=*"], ["pmu-regress", "--explain=counting.cycles/default/still/own"],
      ["pmu-regress", "--explain=nonsense"], icount=True)
def regress_explains_each_test(listed, all_of_them, case, nonsense):
    """--explain: one sentence and its document for every test, by its own or a case's name; another name is status 2."""
    tests = {line.partition("/")[0] for line in listed.expect_status(PASSED).stdout.splitlines()}
    tests.add("model.replay")  # which only --replay runs
    lines = all_of_them.expect_status(PASSED).stdout.splitlines()
    places = [line for line in lines if line.startswith("    versions differ, and either is right: ")]
    expect(len(places) >= 3, "where the proposal's versions differ is not listed")
    lines = [line for line in lines if line not in places]
    expect_equal(sorted(line.partition(":")[0] for line in lines), sorted(tests), "tests that are explained")
    for line in lines:
        expect(re.fullmatch(r"[a-z0-9]+\.[a-z0-9_-]+: [A-Zp].+\. \[.+\]", line), f"no sentence and document: {line!r}")
    expect_equal(case.expect_status(PASSED).stdout.splitlines(), [line for line in lines if line.startswith("counting.cycles: ")],
                 "what it says of a case")
    expect("--explain=nonsense: no test has such a name" in nonsense.expect_status(USAGE).stderr, nonsense.stderr)


@test(["pmu-regress", "--run=interface.refused/*", "--junit=nowhere/record"],
      ["pmu-regress", "--run=interface.refused/*", "--junit=/dev/full"], icount=True)
def regress_says_that_junit_fails(nowhere, full):
    """--junit=FILE that cannot be made is status 2, before the first case; one without room is status 1."""
    nowhere.expect_status(USAGE)
    expect_equal((nowhere.stdout, nowhere.stderr),
                 ("", "pmu-regress: --junit=nowhere/record: cannot write it: No such file or directory\n"), "output")
    full.expect_status(1)
    expect_equal(full.stderr, "pmu-regress: --junit=/dev/full: cannot write it: No space left on device\n", "stderr")
    expect("# Totals: " in full.stdout, full.stdout)


@test(["pmu-regress", "--list"], icount=True)
def regress_has_the_findings(result):
    """Each reproducer of docs/kernel-findings.md is of cases that there are."""
    cases = result.expect_status(PASSED).stdout.split()
    with open(os.path.join(TOP, "docs", "kernel-findings.md"), encoding="utf-8") as file:
        patterns = re.findall(r"--run='(.*?)'", file.read())
    expect(len(patterns) > 30, f"only {len(patterns)} reproducers")
    for pattern in patterns:
        expect(fnmatch.filter(cases, pattern), f"no case is a {pattern}")


MOVES = ["pmu-regress", "--verbose", "--run=registers.pmceid-moves/default"]


def expect_events(result, on_the_second_cluster):
    """PMCEID0_EL0 of a guest that moves to the second cluster and back, and the case's line."""
    lines = result.stdout.splitlines()
    expect_equal([line for line in lines if "PMCEID0_EL0" in line],
                 [f"# CPU {cpu}: PMCEID0_EL0 {on_the_second_cluster if cpu else '0x40020001'}" for cpu in (2, 3, 0)], "events")
    return next(line for line in lines if line.startswith(("ok ", "not ok ")))


@test(MOVES, topology="mixed", kernel="stock", slow=True)
def mixed_board_shows_suspect_1(result):
    """Topology mixed: the CPUs of its second cluster have events of their own, and on Linux 6.12 a guest that moves there sees them."""
    line = expect_events(result, "0x40020111")
    expect("# SKIP known fault of this kernel: PMCEIDx_EL0 are those of the CPU that the vCPU is on" in line, line)


@test(MOVES, topology="mixed", kernel="stock-7.3", slow=True)
def mixed_board_clears_suspect_1(result):
    """On Linux 7.3 the guest sees the same events on both clusters."""
    expect_equal(expect_events(result, "0x40020001"), "ok 1 registers.pmceid-moves/default", "the case")


PROTECTED = "known fault of this kernel: guests of a protected KVM count nothing"


@test(minivmm("--pmu=default", "--migrate=step:0,0,2,2", "guest.bin"), *(
    ["pmu-regress", f"--run={cases}"] for cases in ("counting.cycles/*", "interface.default-pmu/*", "registers.pmcr/*")),
    append="kvm-arm.mode=protected", icount=True, slow=True)
def protected_kvm_counts_nothing(run, *results):
    """Where protected KVM's guests count nothing, minivmm says that no mode helps; what needs counts is a known fault."""
    expect_equal(run.expect_status(0).stderr.splitlines()[-1].partition(". ")[2], "It counts nowhere, and no --pmu mode prevents that.",
                 "the summary's last sentence")
    counting, interface, registers = ([line for line in result.stdout.splitlines() if line.startswith(("ok ", "not ok "))]
                                      for result in results)
    expect(counting and all(line.endswith(f" # SKIP {PROTECTED}") for line in counting), counting)
    expect(interface and all(f" # SKIP {PROTECTED}: on CPU " in line for line in interface), interface)
    expect(registers and not any(line.startswith("not ok ") or PROTECTED in line for line in registers), registers)


def whole(*families):
    """Commands that run all cases of each."""
    return [["pmu-regress", f"--run={family}.*", "--seed=7"] for family in families]


def expect_all_judged(results):
    """Each case has a result, and none failed."""
    for result in results:
        result.expect_status(PASSED)
        expect("not ok" not in result.stdout, result.stdout)
        planned = int(result.stdout.splitlines()[1].removeprefix("1.."))
        expect_equal(result.stdout.count("\nok "), planned, "cases with a result")


# Seconds on a host; an emulated board takes longer, and has all of it counting instructions, below.
@test(*whole("interface", "registers"), ["pmu-regress", "--run=counting.cycles/*"], host=True, slow=not direct.possible())
def regress_judges_the_host(*results):
    """pmu-regress in wall time, on an Arm host's own KVM: all of interface, registers, counting.cycles: none fails."""
    if results[0].status == NOTHING:
        raise Skipped(results[0].stdout.partition("# SKIP ")[2].splitlines()[0])
    expect_all_judged(results)


# Two boots, which share the work of all families between two CPUs.
@test(*whole("interface", "registers", "counting", "overflow", "state"),
      icount=True, boot="one vCPU", slow=True, host=True)
def regress_whole_one_vcpu(*results):
    """pmu-regress, all of interface, registers, counting, overflow, state: none fails."""
    expect_all_judged(results)


@test(*whole("many", "host", "storm"), icount=True, boot="many vCPUs", slow=True, host=True)
def regress_whole_many(*results):
    """pmu-regress, all of many, host, storm: none fails."""
    expect_all_judged(results)


def soak(*options):
    """What tests/run soak says of a run with each of two disturbances: status, the table's rows, the bounds."""
    done = subprocess.run([os.path.join(TOP, "tests", "run"), "soak", "--runs=1", "--disturb=none,stops", *options],
                          capture_output=True, text=True, check=False)
    _, *rows = done.stdout.partition("\n\n")[0].splitlines() or [""]
    return done.returncode, [row.split()[:6] for row in rows], re.findall(r"^a case .*? in (\d.*)$", done.stdout, re.M)


@test(slow=True, boots=True)
def soak_counts_false_alarms():
    """tests/run soak: what passed and what did not, for each disturbance, and the bounds that it shows."""
    few = "--only=counting.cycles/composite/sync/*"
    # With 1 - p as a run's chance to pass, two pass in 5 % of the cases if (1 - p)^2 = 0.05: p = 0.7764.
    expect_equal(soak(few), (0, [["none", "1", "0", "2", "0", "0"], ["stops", "1", "0", "2", "0", "0"]],
                             ["0 of 2 runs; with 95% confidence not more than 777 in 1000"] * 2), "of two cases")
    status, rows, bounds = soak("--timeout=1")
    # A board that is quick may have judged a case by then.
    expect_equal((status, [row[:3] + row[4:] for row in rows], bounds),
                 (1, [["none", "1", "1", "1", "0"], ["stops", "1", "1", "1", "0"]], ["2 of 2 runs"] * 2),
                 "of a board without its time")
    expect_equal(soak("--only=counting.nonsense"), (2, [], []), "of no case")
    expect_equal(soak("--only=counting.cycles/strict/*"), (2, [], []), "of cases that are all skipped")


@test(slow=True, boots=True)
def soak_keeps_what_ran():
    """tests/run soak ended by Ctrl-C: the table and the bounds of the runs before; a --keep that cannot be: a line."""
    command = [os.path.join(TOP, "tests", "run"), "soak", "--disturb=none", "--only=interface.refused/first-run"]
    with subprocess.Popen([*command, "--runs=50"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as soaking:
        first = soaking.stderr.readline()
        soaking.send_signal(signal.SIGINT)
        output, _ = soaking.communicate()
    expect(first.startswith("soak: none: 1 of 50, 0 failed"), f"the first run: {first}")
    expect_equal(soaking.returncode, 130, "status")
    rows = [line.split()[:6] for line in output.splitlines() if line.startswith("none ")]
    expect_equal(rows, [["none", "1", "0", "1", "0", "0"]], f"rows of {output}")
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        os.mkdir(f"{folder}/none-1.ktap")
        done = subprocess.run([*command, "--runs=1", f"--keep={folder}"], capture_output=True, text=True, check=False)
        expect_equal((done.returncode, done.stderr), (2, f"soak: --keep: cannot write {folder}/none-1.ktap: Is a directory\n"),
                     "status and error")


# In a storm perf's limit is off. Once to the first process, as a lost terminal's, once to all, as a service's end.
ENDED = """
/bin/busybox --install -s /bin
limit=/proc/sys/kernel/perf_cpu_time_max_percent
before=$(cat $limit)
for all in '' yes; do
	pmu-regress --run='storm.all/*' --minutes=5 >/dev/null &
	until [ $(cat $limit) = 0 ]; do sleep 1; done
	if [ "$all" ]; then kill -TERM $(pidof pmu-regress); else kill -HUP $!; fi
	for try in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(pidof pmu-regress)" ] || break
		sleep 1
	done
	echo "left: $(pidof pmu-regress) limit: $(($(cat $limit) - before))"
done
"""


@test(slow=True, boots=True)
def regress_ended_by_a_signal_leaves_nothing():
    """pmu-regress ended by SIGHUP, and by a SIGTERM to all its processes: none is left, and perf's limit is back."""
    done = run_board("--topology=biglittle", f"--put={debian_program('shell')}:/bin/busybox", "--", "/bin/busybox", "sh", "-c",
                     ENDED, text=True, stdin=subprocess.DEVNULL)
    expect_equal((done.returncode, done.stdout), (0, "left:  limit: 0\n" * 2), f"status and what is left ({done.stderr})")
