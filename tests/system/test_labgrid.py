# SPDX-License-Identifier: MIT
"""The labgrid suite: on two emulated boards at once, and by the templates for real boards as far as these can stand for one."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import xml.etree.ElementTree

from system.harness import PATIENCE, Skipped, TOP, debian_program, expect, expect_equal, test
from system.test_bundle import bundle

SUITE = os.path.join(TOP, "tests", "real-boards", "labgrid")
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's labgrid
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "minivmm")
SHELL = "/bin/busybox --install -s /bin; exec sh -l"
CASES = {"interface.refused/first-run": None, "interface.refused/in-a-window": None,
         "interface.no-pmu/init": "every CPU here has a host PMU"}
READ = """
import sys
from labgrid import Environment
import conftest
for name in sys.argv[1:]:
    Environment(name).get_target()
"""
# Of an emulated board's QEMU, the rest of whose command is in emulated.yaml.
QEMU = ["qemu-system-aarch64", "-machine", "virt,virtualization=on,gic-version=3", "-cpu", "cortex-a76", "-smp", "4",
        "-m", "1G", "-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none", "-serial", "stdio",
        "-no-reboot", "-append", "norandmaps panic=-1 quiet"]
# A terminal with a login and Debian's shell, which is asked to send what it is sent.
CONSOLE = """
import filecmp, os, sys
from labgrid import Environment
from labgrid.protocol import FileTransferProtocol
folder = sys.argv[1]
import conftest
files = Environment(f"{folder}/board.yaml").get_target().get_driver(FileTransferProtocol)
for size in (0, 1, 2400, 40001):
    with open(f"{folder}/file", "wb") as file:
        file.write(os.urandom(size))
    files.put(f"{folder}/file", f"{folder}/there")
    assert filecmp.cmp(f"{folder}/file", f"{folder}/there", shallow=False), f"{size} bytes, put"
    files.get(f"{folder}/there", f"{folder}/back")
    assert filecmp.cmp(f"{folder}/file", f"{folder}/back", shallow=False), f"{size} bytes, got"
"""


def needs_labgrid():
    """Else it is skipped: scripts/setup --ci installs it."""
    if subprocess.run([PYTHON, "-c", "import labgrid, pytest"], capture_output=True, check=False).returncode:
        raise Skipped("there is no labgrid (Debian's python3-labgrid)")


def export(folder, topology, command, *options):
    """The files of an emulated board, which is to run COMMAND; returns their folder."""
    board = os.path.join(folder, topology)
    subprocess.run([os.path.join(TOP, "scripts", "board"), f"--topology={topology}", f"--export={board}",
                    f"--put={debian_program('shell')}:/bin/busybox", *options, "--", "/bin/busybox", "sh", *command],
                   check=True)
    return board


def suite(environment, board):
    """The suite, started; its results go where the board's files are."""
    build = os.path.join(TOP, "build" if os.uname().machine == "aarch64" else "build-arm64")
    return subprocess.Popen(
        ["timeout", str(PATIENCE), PYTHON, "-B", "-m", "pytest", SUITE, f"--lg-env={environment}",
         f"--bundle={bundle(build)}", "--bundle-options=--no-demo --run=interface.[rn]*/[fi]*",
         f"--results={board}", f"--junit-xml={board}.xml"],
        env={**os.environ, "LG_BOARD": board}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)


def check(run, board, said=None):
    """The suite's end, its report and the results that it fetched."""
    said, topology = said or run.communicate()[0], os.path.basename(board)
    expect_equal(run.returncode, 0, f"status on {topology} ({said})")
    report = xml.etree.ElementTree.parse(f"{board}.xml").getroot()
    cases = {case.get("name"): case.find("skipped") for case in report.iter("testcase")}
    with open(f"{board}/results/regress.ktap", encoding="utf-8") as file:
        names = re.findall(r"^(?:not )?ok \d+ (\S+)", file.read(), re.M)
    expect_equal(set(cases), {"test_check", "test_run", "test_results", *names}, f"cases on {topology}")
    for name, reason in CASES.items():
        skipped = cases[name]
        expect_equal(skipped.get("message") if skipped is not None else None, reason, f"{name} on {topology}")
    with open(f"{board}/results/host.txt", encoding="utf-8") as file:
        expect(f"machine: minivmm {topology} board" in file.read(), f"{topology} was another board")


@test(slow=True, boots=True)
def labgrid_runs_the_bundle_on_two_boards():
    """labgrid: biglittle and dynamiq at once; bundle put, run, results fetched; a case of pytest for each of KTAP."""
    needs_labgrid()
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        boards = [export(folder, topology, ["-c", SHELL]) for topology in ("biglittle", "dynamiq")]
        runs = [suite(f"{SUITE}/emulated.yaml", board) for board in boards]
        for run, board in zip(runs, boards):
            check(run, board)


def needs_sshd():
    """What a board is reached by; else it is skipped."""
    server = debian_program("sshd")
    if not os.path.exists(os.path.join(CACHE, "debian-6.12", "Image")):
        raise Skipped("scripts/debian/kernel 6.12 has not been run here, and the other kernels have no network")
    if not shutil.which("ssh"):
        raise Skipped("there is no ssh, which labgrid's SSHDriver looks for")
    return server


def over_ssh(folder, board, port):
    """The suite on a board that is started for it; False if the board broke the connection, as in wall time one now and then does."""
    with subprocess.Popen(["timeout", str(PATIENCE), *QEMU, "-kernel", f"{board}/Image", "-dtb", f"{board}/board.dtb",
                           "-initrd", f"{board}/initrd", "-device", "virtio-net-device,netdev=net", "-netdev",
                           f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as qemu:
        try:
            said = b""
            while b"login: " not in said:
                more = os.read(qemu.stdout.fileno(), 4096)
                expect(more, f"the board ended before its login: {said.decode(errors='replace')}")
                said += more
            run = suite(f"{folder}/ssh.yaml", board)
            words = run.communicate()[0]
            if run.returncode and "Keepalive no longer running" in words:
                return False
            check(run, board, words)
            return True
        finally:
            qemu.terminate()


@test(slow=True, boots=True)
def labgrid_runs_the_bundle_over_ssh():
    """labgrid: ssh.yaml with the address of an emulated board, Debian's kernel and SSH server: all as over a console."""
    needs_labgrid()
    server = needs_sshd()
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder, socket.socket() as free:
        board = export(folder, "biglittle", ["/bin/access"], "--kernel=debian-6.12", f"--put={server}:/sshd.tar",
                       f"--put={SUITE}/access:/bin/access")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        with open(f"{SUITE}/ssh.yaml", encoding="utf-8") as file:
            text = file.read().replace("address: 192.0.2.1", f"address: 127.0.0.1\n        port: {port}")
        with open(f"{folder}/ssh.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        if not over_ssh(folder, board, port):
            print("# a board is started again: its SSH connection broke", flush=True)
            expect(over_ssh(folder, board, port), "the SSH connection broke again")


@test()
def labgrid_carries_files_over_a_console():
    """labgrid: serial.yaml's drivers on a terminal, behind which are a login and bash: files come and go unharmed."""
    needs_labgrid()
    if not shutil.which("socat"):
        raise Skipped("there is no socat to make a terminal")
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        with open(f"{folder}/board", "w", encoding="utf-8") as file:
            file.write("until [ \"$name\" ]; do printf 'board login: '; read -r name; done\n"
                       "PS1='root@board:\\w# ' exec bash --norc -i\n")
        with open(f"{SUITE}/serial.yaml", encoding="utf-8") as file:
            text = file.read().replace("/dev/ttyUSB0", f"{folder}/tty")
        # Of all that is in there, only this cannot be had.
        text = re.sub(r"( +)NetworkPowerPort:\n(\1 .*\n)*| +(NetworkPowerDriver|ShellStrategy).*\n", "", text)
        with open(f"{folder}/board.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        with subprocess.Popen(["socat", f"pty,link={folder}/tty,raw,echo=0,wait-slave",
                               f"exec:sh {folder}/board,pty,setsid,ctty,stderr"]) as board:
            while not os.path.exists(f"{folder}/tty") and board.poll() is None:
                time.sleep(0.01)
            done = subprocess.run(["timeout", str(PATIENCE), PYTHON, "-B", "-c", CONSOLE, folder], capture_output=True,
                                  env={**os.environ, "PYTHONPATH": SUITE}, text=True, check=False)
            board.terminate()
    expect_equal(done.returncode, 0, f"status ({done.stderr[-2000:]})")


@test()
def labgrid_takes_the_environments():
    """labgrid: the templates for real boards name drivers and resources that there are."""
    needs_labgrid()
    if not shutil.which("ssh"):
        raise Skipped("there is no ssh, which labgrid's SSHDriver looks for")
    done = subprocess.run([PYTHON, "-B", "-c", READ, f"{SUITE}/ssh.yaml", f"{SUITE}/serial.yaml"],
                          env={**os.environ, "PYTHONPATH": SUITE}, capture_output=True, text=True, check=False)
    expect_equal(done.returncode, 0, f"status ({done.stderr})")
