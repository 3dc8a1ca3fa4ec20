# SPDX-License-Identifier: MIT
"""The bundle on a board of a labgrid: deployed, run, its results fetched, each KTAP case a case here.

    pytest --lg-env=ENVIRONMENT --bundle=minivmm-VERSION-aarch64.tar.xz tests/real-boards/labgrid
"""
import os
import re
import shlex
import tarfile

import pytest

PLACE = "/tmp/minivmm-bundle"


@pytest.fixture(scope="module")
def deployed(board, pytestconfig):
    """The bundle, unpacked on the board."""
    bundle = pytestconfig.getoption("bundle")
    if not bundle:
        pytest.exit("--bundle=FILE names what to run: `ninja -C build-arm64 bundle` makes it", 4)
    # An earlier session that was interrupted leaves its run going on; two at once would judge each other's work.
    running, *_ = board.command.run("pidof pmu-regress")
    if running:
        pytest.fail(f"the board runs pmu-regress already, as process {running[0]}", pytrace=False)
    board.command.run_check(f"rm -rf {PLACE} && mkdir {PLACE}")
    board.files.put(bundle, f"{PLACE}/bundle.tar.xz")
    board.command.run_check(f"cd {PLACE} && xz -dc bundle.tar.xz | tar -xf - && mv minivmm-*-aarch64 bundle")
    yield board
    board.command.run_check(f"rm -rf {PLACE}")


@pytest.fixture(scope="module")
def results(deployed, pytestconfig, tmp_path_factory):
    """The folder that run left, fetched; and run's status."""
    options = " ".join(map(shlex.quote, shlex.split(pytestconfig.getoption("bundle_options"))))
    # The board keeps the time, as labgrid's SSHDriver does not.
    seconds = pytestconfig.getoption("bundle_seconds")
    *_, status = deployed.command.run(
        f"cd {PLACE} && timeout {seconds} bundle/run --results=results {options} >/dev/null 2>&1", timeout=seconds + 60)
    folder = pytestconfig.getoption("results") or tmp_path_factory.mktemp("bundle")
    os.makedirs(folder, exist_ok=True)
    deployed.command.run_check(f"cd {PLACE} && tar -czf results.tar.gz results")
    deployed.files.get(f"{PLACE}/results.tar.gz", os.path.join(folder, "results.tar.gz"))
    with tarfile.open(os.path.join(folder, "results.tar.gz")) as archive:
        archive.extractall(folder)
    return os.path.join(folder, "results"), status


def test_check(deployed):
    """The board can run it: run --check finds KVM and host PMUs."""
    said, _, status = deployed.command.run(f"cd {PLACE} && bundle/run --check --results=checked", timeout=120)
    print("\n".join(said))
    assert status == 0


def test_run(results, ktap_cases):
    """pmu-regress's cases, each as one here; all that were planned have a result."""
    folder, status = results
    with open(os.path.join(folder, "regress.ktap"), encoding="utf-8") as file:
        ktap = file.read()
    planned = int(re.search(r"^1\.\.(\d+)", ktap, re.M).group(1))
    assert ktap_cases(ktap) == planned
    assert status in (0, 1, 4)  # a case that failed is reported as one


def test_results(results):
    """What the board's owner gets is complete."""
    folder, status = results
    assert {"host.txt", "host.json", "regress.ktap", "regress.xml", "kernel.log", "status"} <= set(os.listdir(folder))
    with open(os.path.join(folder, "status"), encoding="utf-8") as file:
        assert int(file.read()) == status
