# SPDX-License-Identifier: MIT
"""On an Arm host with KVM: runs the command on the host itself, as the board would.

It finds the same things: the build's programs on PATH, payloads and --put files in
a working folder of its own.
"""

import errno
import grp
import os
import platform
import pwd
import shutil
import subprocess
import sys
import tempfile

from boards.initramfs import Missing

KVM = "/dev/kvm"


def present():
    """Whether this is an Arm host with KVM, whoever may use it."""
    return platform.machine() == "aarch64" and os.path.exists(KVM)


def obstacle():
    """Why this user cannot use the /dev/kvm that is there, and what would help; None if nothing is in the way."""
    if not present():
        return None
    try:
        os.close(os.open(KVM, os.O_RDWR | os.O_CLOEXEC))
        return None
    except OSError as error:
        reason = f"cannot open {KVM}: {error.strerror}"
        return reason + (access_hint() if error.errno == errno.EACCES else "")


def access_hint():
    """Who may open it, and how to become one of them."""
    info = os.stat(KVM)
    if info.st_mode & 0o060 != 0o060 or not info.st_gid:
        return "; only root may"
    try:
        group = grp.getgrgid(info.st_gid).gr_name
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container without a name for it
        return f"; group {info.st_gid} may"
    return f"; group {group} may: sudo usermod -aG {group} {user}, and log in again"


def possible():
    """Whether commands can run on this host itself."""
    return present() and not obstacle()


def fill(folder, build, puts):
    for entry in os.scandir(build):
        if entry.is_file() and entry.name.endswith((".bin", ".elf")):
            os.symlink(entry.path, os.path.join(folder, entry.name))
    for path, name in puts:
        target = os.path.join(folder, name)
        if os.path.isabs(name):
            raise Missing(f"--put={path}:{name}: an absolute name needs an emulated board (--topology)")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            shutil.copy(path, target)
        except OSError as error:
            raise Missing(f"cannot read {path}: {error.strerror}") from None


def fetch(folder, name):
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read(), 0
    except OSError as error:
        return b"", error.errno


def run(build, puts, gets, command):
    """As Board.run(): returns (status, [(data, errno) for each file to get])."""
    build = os.path.abspath(build)
    with tempfile.TemporaryDirectory(prefix="minivmm-board-") as folder:
        fill(folder, build, puts)
        path = f"{build}:{os.environ.get('PATH', '/usr/bin:/bin')}:{folder}"
        env = dict(os.environ, PATH=path)
        try:
            program = shutil.which(command[0], path=path) or command[0]
            child = subprocess.Popen(command, executable=program, cwd=folder, env=env)
        except FileNotFoundError:
            print(f"board: cannot run {command[0]}: not found in {build}", file=sys.stderr)
            return 127, []
        except OSError as error:
            print(f"board: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
            return 126, []
        try:
            code = child.wait()
        finally:
            child.kill()
            child.wait()
        status = 128 - code if code < 0 else code
        return status, [fetch(folder, name) for name in gets]
