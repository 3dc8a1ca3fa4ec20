# SPDX-License-Identifier: MIT
"""The board's root file system: a newc cpio archive, made in memory.

/init and /bin come from the build folder, /root (the command's working folder)
holds the payloads and what --put adds, /modules the drivers that the kernel has as
modules, and /job tells init what to do.
"""

import os
import stat
import struct

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
EM_AARCH64 = 183
PT_LOAD, PT_INTERP = 1, 3

FOLDERS = ("bin", "dev", "proc", "sys", "tmp", "root")


class Missing(Exception):
    """Something that the board needs is not there."""


class CannotRun(Exception):
    """The command is not there, or no program of the board."""


class Cpio:
    """Writes to a file object; times and numbers are fixed, so equal inputs give equal bytes."""

    def __init__(self, out):
        self.out = out
        self.inode = 0
        self.names = set()
        self.programs = set()  # those of the names that a command can be

    def _align(self):
        self.out.write(b"\0" * (-self.out.tell() % 4))

    def add(self, name, mode, data=b"", device=(0, 0)):
        if name in self.names:
            raise Missing(f"two files would have the name {name} on the board")
        self.names.add(name)
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        self.out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)
        self._align()
        self.out.write(data)
        self._align()

    def folders_for(self, name):
        """The folders above a name that are not there yet."""
        parts = name.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if folder not in self.names:
                self.add(folder, stat.S_IFDIR | 0o755)

    def end(self):
        self.add("TRAILER!!!", 0)


def board_program(path):
    """What the kernel loads of a static arm64 program, or None if it is none.

    Debug info lies behind the segments; it stays behind, which makes boots faster.
    """
    with open(path, "rb") as file:
        head = file.read(ELF_HEADER.size)
        if len(head) < ELF_HEADER.size or not head.startswith(b"\x7fELF\2\1"):
            return None
        fields = ELF_HEADER.unpack(head)
        kind, machine, table, entry_size, entries = (fields[i] for i in (1, 2, 5, 9, 10))
        if machine != EM_AARCH64 or kind not in (2, 3) or entry_size != PROGRAM_HEADER.size:
            return None
        file.seek(table)
        headers = [PROGRAM_HEADER.unpack(file.read(entry_size)) for _ in range(entries)]
        if any(header[0] == PT_INTERP for header in headers):
            return None
        end = max((header[2] + header[5] for header in headers if header[0] == PT_LOAD), default=0)
        file.seek(0)
        return file.read(max(end, table + entries * entry_size))


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Missing(f"cannot read {path}: {error.strerror}") from None


def runs_there(path):
    """Whether the board can run this file: it has no libraries, so programs are static."""
    with open(path, "rb") as file:
        script = file.read(2) == b"#!"
    return os.access(path, os.X_OK) and (script or board_program(path) is not None)


def add_build(cpio, build):
    """All of the build folder's static arm64 programs and payloads."""
    init = os.path.join(build, "board-init")
    if not os.path.exists(init) or board_program(init) is None:
        raise Missing(f"no board-init for arm64 in {build}: run scripts/build, or give --build=DIR")
    cpio.add("init", stat.S_IFREG | 0o755, board_program(init))
    for entry in sorted(os.scandir(build), key=lambda entry: entry.name):
        if not entry.is_file() or entry.name == "board-init":
            continue
        if entry.name.endswith((".bin", ".elf")):
            cpio.add(f"root/{entry.name}", stat.S_IFREG | 0o755, read(entry.path))
        elif os.access(entry.path, os.X_OK):
            program = board_program(entry.path)
            if program is not None:
                cpio.add(f"bin/{entry.name}", stat.S_IFREG | 0o755, program)
                cpio.programs.add(f"bin/{entry.name}")


def add_put(cpio, path, name):
    # Absolute names are the board's; a later put may replace what the build put there.
    name = os.path.normpath(os.path.join("/root", name)).lstrip("/")
    cpio.folders_for(name)
    mode = 0o755 if os.access(path, os.X_OK) else 0o644
    cpio.add(name, stat.S_IFREG | mode, read(path))
    if runs_there(path):
        cpio.programs.add(name)


def check_command(cpio, name):
    """Before the board boots, and in better words than an errno has."""
    paths = [f"bin/{name}", f"root/{name}"]  # as on the board's PATH
    if "/" in name:
        paths = [os.path.normpath(os.path.join("/root", name)).lstrip("/")]
    if cpio.programs.isdisjoint(paths):
        there = " ".join(sorted(os.path.basename(program) for program in cpio.programs))
        raise CannotRun(f"cannot run {name}: the board has no shell, and no static arm64 program of that "
                        f"name, only {there}; --put=FILE adds one")


def write(out, build, modules, puts, mode, gets, command):
    """modules: (name, content); puts: (path, name on the board); mode: as init.c has it; gets: names on the board."""
    cpio = Cpio(out)
    for folder in FOLDERS:
        cpio.add(folder, stat.S_IFDIR | 0o755)
    # Without it the kernel starts init with no standard output, and its errors are lost.
    cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    # Numbered, so that init finds them in the order to load them.
    for number, (name, data) in enumerate(modules):
        cpio.folders_for("modules/")
        cpio.add(f"modules/{number:02}-{name}.ko", stat.S_IFREG | 0o644, data)
    add_build(cpio, build)
    for path, name in puts:
        add_put(cpio, path, name)
    check_command(cpio, command[0])
    strings = [mode, str(len(gets)), *gets, *command]
    cpio.add("job", stat.S_IFREG | 0o644, b"".join(os.fsencode(text) + b"\0" for text in strings))
    cpio.end()
    out.flush()
