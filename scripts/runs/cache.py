# SPDX-License-Identifier: MIT
"""What a command prints on a board with some kernel; kept, as it is the same each time."""
import functools
import hashlib
import json
import os
import re
import subprocess

from boards import each, initramfs, machine
from runs import ktap
from runs.command_line import Failure
from runs.jobs import TOP, run

# {name: (topology, what the board's kernel is told)}
BOARDS = {
    "biglittle": ("biglittle", ""),
    "dynamiq": ("dynamiq", ""),
    "symmetric": ("symmetric", ""),
    "gicv2": ("gicv2", ""),
    "nvhe": ("biglittle", " kvm-arm.mode=nvhe"),
    "nested": ("nested", ""),
}
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "minivmm", "review")


def digest(*paths):
    """Of files' contents."""
    found = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            found.update(hashlib.sha256(file.read()).digest())
    return found.hexdigest()


class Kernel:
    """An Image, and what it is called."""

    def __init__(self, role, path):
        self.role, self.path = role, path
        self.digest = digest(path)
        with open(path, "rb") as file:
            data = file.read()
        self.sha256 = hashlib.sha256(data).hexdigest()
        banner = re.search(rb"Linux version (\S+)(?: \(\S+\) \((\S+ (?:\([^)]*\) )?[^ ,)]+))?", data)
        self.name = f"Linux {banner[1].decode() if banner else '(no version in it)'}"
        self.compiler = banner[2].decode() if banner and banner[2] else "compiler unknown"

    def __str__(self):
        return f"{self.name}, Image {os.path.basename(self.path)} (sha256 {self.sha256[:12]})"


def build_folder():
    """Where programs for the board are."""
    return os.path.join(TOP, "build" if os.uname().machine == "aarch64" else "build-arm64")


def harness(command):
    """Digest of the board and the programs that COMMAND is made of."""
    names = dict.fromkeys(word for word in ["board-init", *command]
                          if os.path.isfile(os.path.join(build_folder(), word)))
    board = os.path.join(TOP, "scripts", "boards")
    return digest(os.path.join(TOP, "scripts", "board"), *(os.path.join(build_folder(), name) for name in names),
                  *(os.path.join(board, name) for name in sorted(os.listdir(board)) if name.endswith(".py")))


@functools.cache
def emulator(topology="biglittle"):
    """QEMU's name and version, as it prints them; nothing if there is none that emulates this board."""
    try:
        return run(machine.emulator(topology), "--version")[1].partition("\n")[0]
    except initramfs.Missing:
        return ""


def need_emulator(board):
    """Fails in a line that says what gets one."""
    try:
        machine.emulator(BOARDS[board][0])
    except initramfs.Missing as error:
        raise Failure(error) from None


def here():
    """The names of the boards that a QEMU on this machine emulates."""
    return [name for name, (topology, _) in BOARDS.items() if emulator(topology)]


def boot(kernel, board, command, options, heard=None, files=()):
    """(status, output, errors with the kernel's log) of COMMAND on a board; kept, as it is the same each time.
    HEARD gets what the board's console says, a line at a time. FILES are put beside the board's own."""
    topology, append = BOARDS[board]
    key = [kernel.digest, harness(command), emulator(topology), topology, append, list(command)]
    key += [digest(*files)] if files else []
    path = os.path.join(CACHE, hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32] + ".json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    # Of what the kernel says, warnings: the rest would only take time. Of what programs say there, all.
    result = run("scripts/board", "--icount", "--verbose", f"--append=loglevel=5 printk.devkmsg=on{append}",
                 f"--kernel={kernel.path}", f"--topology={topology}", f"--timeout={options.timeout}",
                 *(f"--put={file}" for file in files), "--", *command,
                 stderr=subprocess.PIPE, heard=heard)
    # Neither a slow machine nor a signal says anything about the kernel.
    if 0 <= result[0] < ktap.NO_BOOT or result[0] == ktap.PANIC:
        os.makedirs(CACHE, exist_ok=True)
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
            json.dump(result, file)
        os.replace(f"{path}.{os.getpid()}", path)
    return result


def outputs(kernel, board, commands, options):
    """What each of COMMANDS printed, in one boot."""
    _, output, _ = boot(kernel, board, each.command_line(commands), options)
    return [text for _, text, *_ in each.results(output.encode())]
