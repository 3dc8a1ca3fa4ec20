# SPDX-License-Identifier: MIT
"""pmu-regress by the kernel's own habits: its kunit.py reads the KTAP, its run_kselftest.sh runs the families."""
import glob
import os
import re
import subprocess
import tempfile

from runs.ktap import Results
from system.harness import Skipped, TOP, debian_program, expect, expect_equal, run_board, test
from system.test_bundle import bundle

# In the words of pmu-regress and of kunit.py.
TOTALS = (("pass", "passed"), ("fail", "failed"), ("skip", "skipped"), ("crash", "crashed"), ("error", "errors"))

# An installed kselftest, to which the bundle's collection is added.
INSIDE = r"""
/bin/busybox --install -s /bin
ln -s /proc/self/fd/1 /dev/stdout
mkdir /kselftest && cd /kselftest && tar -xf /root/kselftest.tar && tar -xJf /root/bundle.tar.xz -C / || exit 99
echo size:other >kselftest-list.txt
cp -r /minivmm-*/kvm-pmu . && cat /minivmm-*/kselftest-list.txt >>kselftest-list.txt && rm -r /minivmm-* || exit 99
kvm-pmu/pmu-regress --list | sed 's/\..*//' | sort -u | sed 's/^/family /'
export KSELFTEST_INTERFACE_ARGS='--run=interface.refused/[fi]*' KSELFTEST_STATE_ARGS=--nonsense
./run_kselftest.sh --list
./run_kselftest.sh -t kvm-pmu:interface -t kvm-pmu:state
rm /dev/kvm
exec ./run_kselftest.sh -t kvm-pmu:storm
"""


def testing():
    """The kernel's tools/testing, of the tree that scripts/kernel keeps."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    for tree in glob.glob(os.path.join(cache, "minivmm", "linux-6.12.*", "tools", "testing")):
        return tree
    raise Skipped("scripts/kernel has left no source tree in its cache")


def kunit(ktap):
    """What kunit.py counts, in pmu-regress's words; and all it says."""
    done = subprocess.run(["python3", "-B", os.path.join(testing(), "kunit", "kunit.py"), "parse"], input=ktap,
                          capture_output=True, text=True, check=False)
    summary = done.stdout.splitlines()[-1]
    counts = dict(re.findall(r"(\w+): (\d+)", summary.partition("tests: ")[2]))
    return {ours: int(counts.get(theirs, 0)) for ours, theirs in TOTALS}, done.stdout


@test(["pmu-regress", "--run=interface.refused/[fi]*"], ["pmu-regress", "--run=interface.n*"],
      ["pmu-regress", "--exact", "--run=counting.cycles/composite/s*/b*"], ["with", "uid=1000", "pmu-regress"], slow=True)
def ktap_is_what_kunit_reads(passes, skips, fails, cannot):
    """kunit.py counts what pmu-regress counted: passed, skipped, failed, nothing could run; a failure's reason too."""
    for result in (passes, skips, fails, cannot):
        counted = re.search(r"^# Totals: pass:(\d+) fail:(\d+) skip:(\d+)$", result.stdout, re.M)
        expect(counted, f"no totals in {result.stdout}")
        read, said = kunit(result.stdout)
        expect_equal(read, dict(zip(("pass", "fail", "skip"), map(int, counted.groups())), crash=0, error=0),
                     f"totals that kunit.py reads ({said})")
    # In wall time no two windows are equal, and kunit.py shows a case's reason above its name.
    failed = [line for line in fails.stdout.splitlines() if line.startswith("not ok ")]
    expect_equal((passes.status, fails.status, cannot.status), (0, 1, 4), "statuses")
    said = kunit(fails.stdout)[1].splitlines()
    reason = said[next(i for i, line in enumerate(said) if f"[FAILED] {failed[0].split()[3]}" in line) - 1]
    expect("expected" in reason, f"no reason above the first failure: {reason}")


@test(slow=True, boots=True)
def ktap_is_a_collection_of_kselftest():
    """The kernel's run_kselftest.sh runs the bundle's families: passed, failed, skipped; and they are all in its list."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        subprocess.run(["tar", "-cf", f"{folder}/kselftest.tar", "-C", os.path.join(testing(), "selftests"),
                        "run_kselftest.sh", "kselftest"], check=True)
        with open(os.path.join(folder, "inside"), "w", encoding="utf-8") as file:
            file.write(INSIDE)
        build = os.path.join(TOP, "build" if os.uname().machine == "aarch64" else "build-arm64")
        done = run_board("--topology=biglittle", f"--put={debian_program('shell')}:/bin/busybox",
                         f"--put={bundle(build)}:bundle.tar.xz", f"--put={folder}/inside", f"--put={folder}/kselftest.tar",
                         "--", "/bin/busybox", "sh", "inside", text=True, stdin=subprocess.DEVNULL)
    lines = done.stdout.splitlines()
    families = {line.partition(" ")[2] for line in lines if line.startswith("family ")}
    listed = [line.partition(":")[2] for line in lines if line.startswith("kvm-pmu:")]
    expect_equal((len(listed), set(listed)), (len(families), families), f"families in the list ({done.stderr})")
    results = [line for line in lines if re.match("(not )?ok ", line)]
    expect_equal(results, ["ok 1 selftests: kvm-pmu: interface", "not ok 2 selftests: kvm-pmu: state # exit=2",
                           "ok 1 selftests: kvm-pmu: storm # SKIP"], f"results ({done.stdout} {done.stderr})")
    expect("# # Totals: pass:2 fail:0 skip:0" in lines, done.stdout)


@test()
def families_may_have_digits():
    """A case of family el2 is read as any other's."""
    read = Results(0, "KTAP version 1\n1..2\nok 1 el2.reset/default/vhe\nok 2 el2.n/default/vhe # SKIP none\n", "")
    expect_equal((read.reason, sorted(read.cases)), ("", ["el2.n/default/vhe", "el2.reset/default/vhe"]), "cases")
