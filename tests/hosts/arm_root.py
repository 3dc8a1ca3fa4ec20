# SPDX-License-Identifier: MIT
"""A Debian for arm64 in a folder, made on another machine as root; nothing is installed on that machine.

Unpacking is what costs time, so this machine's own dpkg does it. Maintainer scripts are arm64 programs:
qemu-user runs them, by a binfmt_misc of a user namespace (Linux 6.7), of which this machine learns nothing.
"""
import ctypes
import glob
import os
import subprocess

from runs.command_line import Failure

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLONE_NEWUSER = 0x10000000
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive",
               "INITRD": "No"}  # the board's initrd is tests/run arm-host's
# An ELF file of 64 bits, little endian, that is a program for arm64.
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
INSIDE = r"""
root=$1 rule=$2 where=$3
shift 3
mount -t proc proc /proc
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf '%s' "$rule" >/proc/sys/fs/binfmt_misc/register
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
[ "$where" = host ] || exec chroot "$root" "$@"
exec "$@"
"""
# In a user namespace there is no mknod, and proc is there already.
NO_DEVICES = "check_sane_mount () { return 0; }\nsetup_devices () { :; }\nsetup_proc () { :; }\n"


def new_user_namespace():
    """For preexec_fn: with the same users, whom only a process outside can map."""
    reader, writer = os.pipe()
    process = os.getpid()
    helper = os.fork()
    if not helper:
        os.read(reader, 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{process}/{name}", "w", encoding="ascii") as file:
                file.write("0 0 65536")
        os._exit(0)
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER):
        os._exit(125)
    os.write(writer, b"x")
    os.waitpid(helper, 0)


class Root:
    """The folder's parts: root, tools (debootstrap, qemu-user) and packages. Output goes to the log."""

    def __init__(self, folder, log):
        self.folder, self.log = folder, log
        self.path, self.tools, self.packages = (os.path.join(folder, name) for name in ("root", "tools", "packages"))

    def run(self, *command, **options):
        """A command whose output is for the log."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=options.pop("stdout", self.log), stderr=self.log,
                              check=False, **options)
        if done.returncode:
            raise Failure(f"{os.path.basename(command[0])} failed with status {done.returncode}: see {self.log.name}")
        return done

    def inside(self, *command, where="root"):
        """A command that finds its arm64 programs run; where="host": outside the root."""
        rule = f":qemu-aarch64:M::{MAGIC}:{MASK}:{self.tools}/usr/bin/qemu-aarch64-static:FP"
        self.run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", INSIDE, "inside", self.path, rule,
                 where, *command, env=ENVIRONMENT, preexec_fn=new_user_namespace)

    def get_tools(self):
        """From their packages."""
        os.makedirs(self.tools)
        self.run("apt-get", "download", "debootstrap", "qemu-user-static", cwd=self.tools)
        for package in glob.glob(f"{self.tools}/*.deb"):
            self.run("dpkg-deb", "-x", package, self.tools)

    def bootstrap(self, suite, mirror):
        """What every Debian has."""
        scripts = f"{self.tools}/usr/share/debootstrap"
        self.run("sh", f"{self.tools}/usr/sbin/debootstrap", "--foreign", "--arch=arm64", "--variant=minbase", suite, self.path,
                 mirror, env=dict(os.environ, DEBOOTSTRAP_DIR=scripts))
        with open(f"{self.path}/debootstrap/functions", "a", encoding="utf-8") as file:
            file.write(NO_DEVICES)
        # Nobody needs the half of it if this machine fails meanwhile.
        os.makedirs(f"{self.path}/etc/dpkg/dpkg.cfg.d", exist_ok=True)
        with open(f"{self.path}/etc/dpkg/dpkg.cfg.d/unsafe-io", "w", encoding="utf-8") as file:
            file.write("force-unsafe-io\n")
        self.inside("/debootstrap/debootstrap", "--second-stage")

    def install(self, suite, names):
        """Packages and what they depend on, by the lists of this machine's mirrors."""
        os.makedirs(self.packages)
        conf = self.run(os.path.join(TOP, "scripts", "debian", "apt-elsewhere"), self.packages, "arm64", suite,
                        f"{suite}-security", stdout=subprocess.PIPE, text=True).stdout.strip()
        self.run("apt-get", "-c", conf, "-o", f"Dir::State::status={self.path}/var/lib/dpkg/status", "-o",
                 "APT::Sandbox::User=root", "-y", "--no-install-recommends", "--download-only", "install", *names)
        # One that another must precede is configured below.
        self.inside("dpkg", f"--root={self.path}", "--force-depends", "--force-architecture", "--force-unsafe-io",
                    "--unpack",
                    *glob.glob(f"{self.packages}/archives/*.deb"), where="host")
        self.inside("dpkg", "--configure", "-a")
