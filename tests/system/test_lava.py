# SPDX-License-Identifier: MIT
"""The LAVA jobs: LAVA takes them, its dispatcher runs the emulated one, each case of the KTAP is reported."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

from system.harness import PATIENCE, Skipped, TOP, debian_program, expect, expect_equal, test
from system.test_bundle import BUNDLE, bundle

JOBS = os.path.join(TOP, "tests", "real-boards", "lava")
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's LAVA
SHELL = "/bin/busybox --install -s /bin; exec sh -l"
KTAP = """KTAP version 1
1..3
# seed: 1
ok 1 one.passes/composite/sync
ok 2 one.skips/n=1 # SKIP not ok 7 here
# got 1, expected 2
not ok 3 one.fails/a,b
# Totals: pass:1 fail:1 skip:1
"""
REPORTED = ["one.passes_composite_sync --result pass", "one.skips_n=1 --result skip", "one.fails_a,b --result fail"]
VALIDATE = """
import sys, yaml
from lava_common.schemas import device, validate
for name in sys.argv[1:]:
    with open(name) as file:
        (device.validate if name.endswith("device.yaml") else validate)(yaml.safe_load(file))
"""


@test()
def lava_is_told_of_each_case():
    """The bundle's lava-cases: shows the KTAP, calls lava-test-case with each case and its result; 1 if some lack."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        with open(f"{folder}/lava-test-case", "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\necho "$*" >>{folder}/told\n')
        os.chmod(f"{folder}/lava-test-case", 0o755)
        whole, broken, none = (
            subprocess.run([os.path.join(BUNDLE, "lava-cases")], input=ktap, capture_output=True, text=True,
                           check=False, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
            for ktap in (KTAP, KTAP.partition("# got 1")[0], ""))
        with open(f"{folder}/told", encoding="utf-8") as file:
            expect_equal(file.read().splitlines(), REPORTED + REPORTED[:2], "reports")
    expect_equal((whole.returncode, whole.stdout, whole.stderr), (0, KTAP, ""), "status and output")
    expect_equal((broken.returncode, broken.stderr), (1, "lava-cases: 2 cases came of 3\n"), "of a run that broke off")
    expect_equal((none.returncode, none.stderr), (1, "lava-cases: 0 cases came of an unknown number\n"), "of no run")


@test()
def lava_takes_the_jobs():
    """LAVA's own schemas: both jobs, strictly, and both devices."""
    if subprocess.run([PYTHON, "-c", "import lava_common"], capture_output=True, check=False).returncode:
        raise Skipped("there is no lava-common (Debian 12's package)")
    files = sorted(glob.glob(f"{JOBS}/*.yaml"))
    expect_equal(len(files), 4, "files")
    done = subprocess.run([PYTHON, "-B", "-c", VALIDATE, *files], capture_output=True, text=True, check=False)
    expect_equal((done.returncode, done.stderr), (0, ""), "validation")


@test(slow=True, boots=True)
def lava_runs_the_bundle():
    """lava-run, without a server: an emulated board boots, and each case of the bundle's KTAP is a result of LAVA's."""
    if not shutil.which("lava-run"):
        raise Skipped("there is no lava-run (Debian 12's lava-dispatcher)")
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        build = os.path.join(TOP, "build" if os.uname().machine == "aarch64" else "build-arm64")
        subprocess.run([os.path.join(TOP, "scripts", "board"), f"--export={folder}/biglittle",
                        f"--put={debian_program('shell')}:/bin/busybox", f"--put={bundle(build)}:bundle.tar.xz", "--",
                        "/bin/busybox", "sh", "-c", SHELL], check=True)
        with open(f"{JOBS}/emulated.yaml", encoding="utf-8") as file:
            job = file.read().replace("/srv/boards", folder)
        with open(f"{folder}/job.yaml", "w", encoding="utf-8") as file:
            file.write(job.replace("--no-demo", "--no-demo --run=interface.[rn]*"))
        done = subprocess.run(["timeout", str(PATIENCE), "lava-run", "--job-id=1", f"--output-dir={folder}/out",
                               f"--device={JOBS}/device.yaml", f"{folder}/job.yaml"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
    expect_equal(done.returncode, 0, f"status ({done.stdout[-4000:]})")
    results = dict(re.findall(r'"case": "([^"]+)", "definition": "0_minivmm".*"result": "(\w+)"', done.stdout))
    cases = re.findall(r'"target", "msg": "(ok|not ok) \d+ (\S+?)( # SKIP .*)?"', done.stdout)
    wanted = {name.replace("/", "_"): "skip" if skip else {"ok": "pass"}.get(said, "fail") for said, name, skip in cases}
    expect(len(wanted) >= 8, f"only {wanted} in {done.stdout}")
    expect_equal(results, wanted, "results")
