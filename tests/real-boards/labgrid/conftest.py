# SPDX-License-Identifier: MIT
"""The board, as fixtures; and each case of a KTAP as a case of pytest."""
import os
import re

import console_files
import pytest
import virtio_port
from labgrid.exceptions import NoDriverFoundError
from labgrid.protocol import CommandProtocol, FileTransferProtocol

# What an environment may name, wherever it lies.
DRIVERS = (console_files, virtio_port)
RESULT = re.compile(r"(not ok|ok) \d+ (\S+)(?: # SKIP (.*))?$")


def pytest_addoption(parser):
    group = parser.getgroup("minivmm")
    group.addoption("--bundle", help="the minivmm-VERSION-aarch64.tar.xz to run")
    group.addoption("--results", help="the folder that the board's results go into (default: a temporary one)")
    group.addoption("--bundle-options", default="", help="options of the bundle's run, such as '--no-demo --run=GLOB'")
    group.addoption("--bundle-seconds", type=int, default=3600, help="how long it may take (default: 3600)")


class Board:
    """What a farm knows of a board: a shell and a way for files, whatever drivers they come from."""

    def __init__(self, target):
        self.command = target.get_driver(CommandProtocol)
        self.files = target.get_driver(FileTransferProtocol)


@pytest.fixture(scope="session")
def board(target):
    """It is switched on if the environment has a strategy that can, and off again.

    Its kernel does not write to its console meanwhile, where the user may say so: what tests provoke it to say would
    come in the middle of the shell's lines. The bundle keeps the kernel's log.
    """
    try:
        strategy = target.get_driver("Strategy")
    except NoDriverFoundError:
        strategy = None
    if strategy:
        strategy.transition("shell")
    found = Board(target)
    level = found.command.run_check("cut -f1 /proc/sys/kernel/printk")[0]
    found.command.run("dmesg -n 1")
    yield found
    try:
        found.command.run(f"dmesg -n {level}")
    finally:
        if strategy:
            strategy.transition("off")


@pytest.fixture
def ktap_cases(request):
    """A function that makes a case of pytest of each case in a KTAP, and returns how many there are."""
    def keep(ktap):
        request.node.ktap_cases = list(cases(ktap))
        return len(request.node.ktap_cases)
    return keep


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Once a test has ended, and its output is no longer captured, those that it kept are reported."""
    yield
    for case in getattr(item, "ktap_cases", ()):
        report_case(item, *case)


def cases(ktap):
    """Each case's name, what became of it, and why."""
    said = []
    for line in ktap.splitlines():
        match = RESULT.match(line)
        if match:
            verdict, name, skipped = match.groups()
            outcome = "failed" if verdict == "not ok" else "skipped" if skipped is not None else "passed"
            yield name, outcome, skipped if skipped is not None else "\n".join(said)
        said = said + [line[2:]] if line.startswith("# ") else []


def report_case(item, name, outcome, why):
    """To whoever listens: the terminal, JUnit."""
    file, line, _ = item.location
    nodeid = f"{item.nodeid}::{name}"
    longrepr = {"passed": None, "failed": why, "skipped": (os.fspath(item.path), line, f"Skipped: {why}")}[outcome]
    for when, become, text in (("setup", "passed", None), ("call", outcome, longrepr), ("teardown", "passed", None)):
        item.ihook.pytest_runtest_logreport(report=pytest.TestReport(
            nodeid=nodeid, location=(file, line, name), keywords={}, outcome=become, longrepr=text, when=when))
