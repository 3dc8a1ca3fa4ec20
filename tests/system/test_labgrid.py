# SPDX-License-Identifier: MIT
"""The labgrid suite: on two emulated boards at once; and that each environment is one that labgrid takes."""
import os
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree

from harness import Skipped, TOP, expect, expect_equal, test
from test_bundle import bundle, busybox

SUITE = os.path.join(TOP, "tests", "labgrid")
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's labgrid
SHELL = "/bin/busybox --install -s /bin; exec sh -l"
CASES = {"interface.refused/first-run": None, "interface.refused/in-a-window": None,
         "interface.no-pmu/init": "every CPU here has a host PMU"}
READ = "import sys; from labgrid import Environment; [Environment(f).get_target() for f in sys.argv[1:]]"


def needs_labgrid():
    """Else it is skipped: scripts/setup --ci installs it."""
    if subprocess.run([PYTHON, "-c", "import labgrid, pytest"], capture_output=True, check=False).returncode:
        raise Skipped("there is no labgrid (Debian's python3-labgrid)")


def start(topology, folder):
    """The suite on an emulated board that nobody else uses."""
    board = os.path.join(folder, topology)
    subprocess.run([os.path.join(TOP, "scripts", "board"), f"--topology={topology}", f"--export={board}",
                    f"--put={busybox()}:/bin/busybox", "--", "/bin/busybox", "sh", "-c", SHELL], check=True)
    build = os.path.join(TOP, "build" if os.uname().machine == "aarch64" else "build-arm64")
    return subprocess.Popen(
        ["timeout", "150", PYTHON, "-B", "-m", "pytest", SUITE, f"--lg-env={SUITE}/emulated.yaml",
         f"--bundle={bundle(build)}", "--bundle-options=--no-demo --run=interface.[rn]*",
         f"--results={board}", f"--junit-xml={board}.xml"],
        env={**os.environ, "LG_BOARD": board}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)


@test(slow=True)
def labgrid_runs_the_bundle_on_two_boards():
    """labgrid: biglittle and dynamiq at once; bundle put, run, results fetched; a case of pytest for each of KTAP."""
    needs_labgrid()
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        runs = {topology: start(topology, folder) for topology in ("biglittle", "dynamiq")}
        said = {topology: run.communicate()[0] for topology, run in runs.items()}
        for topology, run in runs.items():
            expect_equal(run.returncode, 0, f"status on {topology} ({said[topology]})")
            suite = xml.etree.ElementTree.parse(f"{folder}/{topology}.xml").getroot()
            cases = {case.get("name"): case.find("skipped") for case in suite.iter("testcase")}
            with open(f"{folder}/{topology}/results/regress.ktap", encoding="utf-8") as file:
                names = re.findall(r"^(?:not )?ok \d+ (\S+)", file.read(), re.M)
            expect_equal(set(cases), {"test_check", "test_run", "test_results", *names}, f"cases on {topology}")
            for name, reason in CASES.items():
                skipped = cases[name]
                expect_equal(skipped.get("message") if skipped is not None else None, reason, f"{name} on {topology}")
            with open(f"{folder}/{topology}/results/host.txt", encoding="utf-8") as file:
                expect(f"machine: minivmm {topology} board" in file.read(), f"{topology} was another board")


@test()
def labgrid_takes_the_environments():
    """labgrid: the templates for real boards name drivers and resources that there are."""
    needs_labgrid()
    if not shutil.which("ssh"):
        raise Skipped("there is no ssh, which labgrid's SSHDriver looks for")
    done = subprocess.run([PYTHON, "-B", "-c", READ, f"{SUITE}/ssh.yaml", f"{SUITE}/serial.yaml"],
                          capture_output=True, text=True, check=False)
    expect_equal(done.returncode, 0, f"status ({done.stderr})")
