# SPDX-License-Identifier: MIT
"""Runs QEMU as the board and speaks with the board's init over a virtio port."""

import ctypes
import os
import re
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from boards.console import Console
from boards.initramfs import Missing
from boards.topology import TOPOLOGIES

# Frames from init; scripts/boards/init.c says what is in them.
READY, STDOUT, STDERR, FILE_DATA, FILE_END, STATUS = range(1, 7)
HEADER = struct.Struct("<II")
NUMBER = struct.Struct("<I")

# What an emulated board takes, with Debian's packages of it, and what building its kernel does.
PROGRAMS = {"qemu-system-aarch64": "qemu-system-arm", "dtc": "device-tree-compiler"}
BUILDERS = ("make", "bc", "bison", "flex")

OLDEST_QEMU = 7  # that of Debian 12, which will do unless a topology says otherwise
# In wall time, before 8.1, a CPU may go on with code that another has changed: docs/qemu-faults.md.
SOUND_QEMU = 9

BOOT_SECONDS = 60
PANIC_SECONDS = 20  # from a panic to the board's end, which waits for its other CPUs
PR_SET_PDEATHSIG = 1

LIBC = ctypes.CDLL(None, use_errno=True)


class BoardFailed(Exception):
    """The board ended without the command's status."""

    def __init__(self, message, panicked=False):
        super().__init__(message)
        self.panicked = panicked


def missing_program():
    """The first of the programs for emulated boards that is not here; None if all are."""
    return next((program for program in (*PROGRAMS, *BUILDERS) if not shutil.which(program)), None)


def qemu_version(program):
    """Its major version; 0 if it does not start."""
    done = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    found = re.search(r"version (\d+)\.", done.stdout)
    return int(found[1]) if found else 0


def newer_qemu():
    """Where scripts/debian/qemu --newer puts one."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "minivmm", "qemu-newer", "qemu-system-aarch64")


def emulator(topology, icount=True):
    """The QEMU for this board: the installed one where it is new enough, else the newer one of the cache. A board in wall time
    does with an old one where the cache has none."""
    needed = TOPOLOGIES[topology].qemu
    wanted = needed if icount else max(needed, SOUND_QEMU)
    installed = shutil.which("qemu-system-aarch64")
    if installed and (wanted <= OLDEST_QEMU or qemu_version(installed) >= wanted):
        return installed
    if wanted > OLDEST_QEMU and os.access(newer_qemu(), os.X_OK):
        return newer_qemu()
    if installed and needed <= OLDEST_QEMU:
        return installed
    what = f"is version {qemu_version(installed)}" if installed else "is not installed"
    raise Missing(f"--topology={topology} needs QEMU {needed} or newer, and qemu-system-aarch64 {what}: "
                  "scripts/debian/qemu --newer downloads one, and installs nothing")


def mixed_plugin(folder):
    """The path of the plugin that makes a board's CPUs unlike, compiled into FOLDER."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mixed_plugin.c")
    path = os.path.join(folder, "mixed.so")
    if not shutil.which("cc"):
        raise Missing("this topology compiles a plugin for QEMU, and there is no cc: install Debian's package gcc")
    if subprocess.run(["cc", "-std=gnu17", "-O2", "-shared", "-fPIC", "-o", path, source], check=False).returncode:
        raise Missing(f"cannot compile {source}, which this topology needs: the lines above are cc's")
    return path


def qemu_command(topology, icount, kernel, dtb, initrd, port, append):
    board = TOPOLOGIES[topology]
    if board.mixed and icount:
        raise Missing(f"--topology={topology} has no --icount: QEMU does not tell a plugin there which CPU executes")
    # An ioeventfd would hand the port's data to another thread, at a time that varies.
    command = [
        emulator(topology, icount),
        *("-M", f"virt,virtualization=on,gic-version={board.gic}"),
        *("-cpu", board.qemu_cpu, "-smp", str(board.cpus), "-m", "1G"),
        *("-seed", "1", "-nic", "none", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-serial", "stdio", "-global", "virtio-mmio.ioeventfd=off"),
        *("-chardev", f"socket,id=port,fd={port}"),
        *("-device", "virtio-serial-device", "-device", "virtserialport,chardev=port"),
        *("-kernel", kernel, "-dtb", f"/proc/self/fd/{dtb}", "-initrd", f"/proc/self/fd/{initrd}"),
        *("-append", f"{append} {board.append}".strip()),
    ]
    if icount:
        command += ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
    else:
        command += ["-accel", "tcg,thread=multi"]
    return command


def die_with(parent):
    """For preexec_fn: a board must not outlive its script, however that one ends."""

    def set_signal():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return set_signal


class Board:
    """A running board. run() returns (status, [(data, errno) for each file to get])."""

    def __init__(self, command, port, peer_fd, fds, verbose, stdin, folder=None):
        self.port = port
        self.folder = folder  # removed with the board
        self.port.setblocking(False)
        self.verbose = verbose
        self.received = bytearray()
        self.to_send = bytearray()
        self.console = Console()
        self.ready = False
        self.status = None
        self.files = [[bytearray(), None]]
        self.stdin = stdin
        # Its own session: Ctrl-C is for the script, which then ends the board in order.
        self.qemu = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(peer_fd, *fds),
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )
        os.set_blocking(self.qemu.stdout.fileno(), False)
        self.selector = selectors.PollSelector()  # poll, as epoll refuses plain files

    def run(self):
        watch = self.selector
        watch.register(self.port, selectors.EVENT_READ, self.on_port)
        watch.register(self.qemu.stdout, selectors.EVENT_READ, self.on_console)
        deadline, panicked = time.monotonic() + BOOT_SECONDS, False
        while self.status is None and watch.get_map():
            self.watch_stdin()
            left = None if self.ready and not panicked else max(0, deadline - time.monotonic())
            happened = watch.select(left)
            if not happened and panicked:
                raise BoardFailed("the board's kernel panicked, and did not turn the board off", panicked=True)
            if not happened:
                raise BoardFailed(f"the board did not start a program within {BOOT_SECONDS} s")
            for key, events in happened:
                key.data(events)
            if self.console.panicked and not panicked:
                deadline, panicked = time.monotonic() + PANIC_SECONDS, True
            if self.console.hangs:
                raise BoardFailed("its kernel hangs: for over a minute it has not run on all CPUs")
        if self.status is None:
            self.no_status()
        return self.status, [(bytes(data), error) for data, error in self.files[:-1]]

    def watch_stdin(self):
        """Reads ahead by one piece at most: what the command does not take stays outside."""
        want = self.stdin is not None and self.ready and not self.to_send
        watched = self.stdin is not None and self.stdin in self.selector.get_map()
        if want and not watched:
            self.selector.register(self.stdin, selectors.EVENT_READ, self.on_stdin)
        elif watched and not want:
            self.selector.unregister(self.stdin)

    def no_status(self):
        code = self.qemu.wait()
        if self.console.panicked:
            raise BoardFailed("the board's kernel panicked", panicked=True)
        how = f"QEMU ended with status {code}" if code else "the board went off"
        when = "before the command ended" if self.ready else "before it could start the command"
        raise BoardFailed(f"{how} {when}")

    def close(self):
        self.qemu.kill()
        self.qemu.wait()
        self.qemu.stdout.close()
        self.port.close()
        self.selector.close()
        if self.folder:
            self.folder.cleanup()

    def on_console(self, _events):
        data = os.read(self.qemu.stdout.fileno(), 65536)
        if not data:
            self.selector.unregister(self.qemu.stdout)
            return
        if self.verbose:
            sys.stderr.buffer.write(data)
            sys.stderr.buffer.flush()
        self.console.take(data)

    def on_stdin(self, _events):
        try:
            data = os.read(self.stdin, 32768)
        except OSError:
            data = b""  # a terminal that belongs to another job: the command sees its end
        self.to_send += NUMBER.pack(len(data)) + data
        if not data:
            self.selector.unregister(self.stdin)
            self.stdin = None
        self.send()

    def send(self):
        try:
            del self.to_send[: self.port.send(self.to_send)]
        except BlockingIOError:
            pass
        except OSError:
            self.to_send.clear()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.to_send else 0)
        self.selector.modify(self.port, events, self.on_port)

    def on_port(self, events):
        if events & selectors.EVENT_WRITE:
            self.send()
        if not events & selectors.EVENT_READ:
            return
        try:
            data = self.port.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(self.port)
            return
        self.received += data
        while len(self.received) >= HEADER.size:
            kind, size = HEADER.unpack_from(self.received)
            if len(self.received) < HEADER.size + size:
                break
            payload = bytes(self.received[HEADER.size : HEADER.size + size])
            del self.received[: HEADER.size + size]
            self.on_frame(kind, payload)

    def on_frame(self, kind, payload):
        if kind == READY:
            self.ready = True
        elif kind in (STDOUT, STDERR):
            out = sys.stdout.buffer if kind == STDOUT else sys.stderr.buffer
            out.write(payload)
            out.flush()
        elif kind == FILE_DATA:
            self.files[-1][0] += payload
        elif kind == FILE_END:
            self.files[-1][1] = NUMBER.unpack(payload)[0]
            self.files.append([bytearray(), None])
        elif kind == STATUS:
            self.status = NUMBER.unpack(payload)[0]


def boot(topology, icount, kernel, dtb, initrd, append, verbose, stdin, plugin=None):
    """dtb and initrd are file descriptors; stdin is one too, or None."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.set_inheritable(True)
        command = qemu_command(topology, icount, kernel, dtb, initrd, theirs.fileno(), append)
        command += ["-plugin", plugin] if plugin else []
        folder = tempfile.TemporaryDirectory(prefix="minivmm-board-") if TOPOLOGIES[topology].mixed else None
        if folder:
            command += ["-plugin", f"{mixed_plugin(folder.name)},{TOPOLOGIES[topology].mixed}"]
        return Board(command, ours, theirs.fileno(), (dtb, initrd), verbose, stdin, folder)
