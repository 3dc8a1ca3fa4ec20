# SPDX-License-Identifier: MIT
"""A whole Debian for arm64 with /dev/kvm on an emulated mixed-core machine, to try minivmm as an Arm board's owner does."""
import argparse
import functools
import glob
import gzip
import os
import signal
import stat
import subprocess
import sys
import time

from boards import initramfs, machine, modules
from boards.topology import EDGE, LEVEL, SPI, TOPOLOGIES, device_tree, irq
from hosts import arm_root
from runs.command_line import Failure, Parser, main_of

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

HELP = """\
usage: tests/run arm-host make FOLDER [--suite=S] [--packages=P]
       tests/run arm-host start FOLDER [--topology=T] [--append=ARGS] [--port=N]
       tests/run arm-host ssh FOLDER USER [COMMAND]
       tests/run arm-host stop FOLDER

A whole Debian for arm64 with systemd, /dev/kvm and the host PMUs of an emulated
board: an Arm host without the hardware. It has the users root, owner (in group
kvm) and guestuser (who may not open /dev/kvm), and what scripts/setup installs
on an Arm host.

  make   makes it in FOLDER, as root, without installing anything here: 10
         minutes on two free cores, 4 GB. --suite=S: bookworm (default) or a
         later Debian. --packages=P: more of Debian's, as strace,gdb
  start  boots it: a minute on two free cores. --topology=T: as scripts/board
         has them. --append=ARGS: more arguments for its kernel. --port=N: of
         this machine, for ssh (default: 2222)
  ssh    runs COMMAND there as USER, or a shell, with this command's input and
         output
  stop   shuts it down

  -h, --help  this text

Exit status: 0, the COMMAND's, 1 after one line that says what failed, or 2 if
the command line is wrong.
"""
# What an Arm board's Debian has beside what scripts/setup installs.
PACKAGES = ("linux-image-arm64 systemd-sysv libpam-systemd udev kmod dbus openssh-server iproute2 sudo procps netbase "
            "busybox-static python3").split()
USERS = ("root", "owner", "guestuser")
LATE = 900  # seconds: an emulated boot on a busy machine
INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys /dev /new
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod $module; done
until [ -b /dev/vda ]; do $b sleep 0.1; done
$b mount -t ext4 /dev/vda /new
$b mount --move /dev /new/dev
$b umount /sys /proc
exec $b switch_root /new /sbin/init
"""
FILES = {
    "etc/hostname": "armhost\n",
    "etc/hosts": "127.0.0.1 localhost armhost\n",
    "etc/fstab": "/dev/vda / ext4 defaults,noatime 0 0\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/systemd/network/eth0.network": "[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n",
    # It is slow, and no network is worth a wait.
    "etc/systemd/system.conf.d/slow.conf": "[Manager]\nDefaultTimeoutStartSec=600s\nDefaultDeviceTimeoutSec=600s\n",
    "etc/ssh/sshd_config.d/slow.conf": "UseDNS no\nLoginGraceTime 600\nPermitRootLogin prohibit-password\n",
}
LINKS = {
    "etc/systemd/system/multi-user.target.wants/systemd-networkd.service": "/lib/systemd/system/systemd-networkd.service",
    "etc/systemd/system/systemd-networkd-wait-online.service": "/dev/null",
    "etc/systemd/system/apt-daily.timer": "/dev/null",
    "etc/systemd/system/apt-daily-upgrade.timer": "/dev/null",
}


def run(*command, **options):
    """One that must succeed."""
    done = subprocess.run(command, check=False, **options)
    if done.returncode:
        raise Failure(f"{command[0]} failed with status {done.returncode}")
    return done


def say(text):
    print(f"arm-host: {text}", file=sys.stderr, flush=True)


def write_initrd(root, path):
    """A busybox and the drivers that the disk takes."""
    flat = os.path.join(os.path.dirname(path), "modules")
    os.makedirs(flat)
    for module in glob.glob(f"{root}/lib/modules/*/kernel/**/*.ko*", recursive=True):
        if not os.path.exists(f"{flat}/{os.path.basename(module)}"):
            os.symlink(module, f"{flat}/{os.path.basename(module)}")
    with gzip.open(path, "wb", 1) as file:
        cpio = initramfs.Cpio(file)
        for name in ("bin", "dev", "modules"):
            cpio.add(name, stat.S_IFDIR | 0o755)
        cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        cpio.add("init", stat.S_IFREG | 0o755, INIT.encode())
        cpio.add("bin/busybox", stat.S_IFREG | 0o755, initramfs.read(f"{root}/bin/busybox"))
        for number, (name, data) in enumerate(modules.load_order(flat, ("crc32c_generic", "virtio_mmio", "virtio_blk", "ext4"))):
            cpio.add(f"modules/{number:02}-{name}.ko", stat.S_IFREG | 0o644, data)
        cpio.end()


def configure(root, key):
    """Users, network, and no more waiting than there must be."""
    for name, text in FILES.items():
        path = os.path.join(root.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    for name, target in LINKS.items():
        path = os.path.join(root.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)
    root.inside("sh", "-euc", "useradd -mG kvm -s /bin/bash owner; useradd -m -s /bin/bash guestuser")
    for user in USERS:
        home = os.path.join(root.path, "root" if user == "root" else f"home/{user}")
        owner = os.stat(home)
        os.makedirs(f"{home}/.ssh", 0o700, exist_ok=True)  # Debian gives root one
        with open(f"{home}/.ssh/authorized_keys", "w", encoding="utf-8") as file:
            file.write(key)
        for path in (f"{home}/.ssh", f"{home}/.ssh/authorized_keys"):
            os.chown(path, owner.st_uid, owner.st_gid)


def mirror():
    """Debian's, as this machine's apt has it."""
    uris = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", stdout=subprocess.PIPE, text=True)
    return next((uri for uri in uris.stdout.split() if "security" not in uri), "http://deb.debian.org/debian")


def make(options):
    """Each step into the log."""
    if os.getuid():
        raise Failure("make takes root: debootstrap, and files of all users")
    os.makedirs(options.folder)
    packages = run(os.path.join(TOP, "scripts", "setup"), "--print=arm-host", stdout=subprocess.PIPE, text=True).stdout.split()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{options.folder}/key")
    with open(f"{options.folder}/make.log", "w", encoding="utf-8") as log:
        root = arm_root.Root(options.folder, log)
        say(f"downloads and unpacks Debian {options.suite} (all output is in {log.name})")
        root.get_tools()
        root.bootstrap(options.suite, mirror())
        os.makedirs(f"{root.path}/etc/ssh", exist_ok=True)
        root.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{root.path}/etc/ssh/ssh_host_ed25519_key")
        say("downloads and unpacks the packages")
        root.install(options.suite, [*PACKAGES, *packages, *options.packages])
        with open(f"{options.folder}/key.pub", encoding="utf-8") as file:
            configure(root, file.read())
        say("makes the disk")
        write_initrd(root.path, f"{options.folder}/initrd")
        os.replace(glob.glob(f"{root.path}/boot/vmlinuz-*")[0], f"{options.folder}/Image")
        with open(f"{options.folder}/disk.img", "wb") as disk:
            disk.truncate(8 << 30)
        root.run("mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", root.path, disk.name)
    run("rm", "-rf", root.path, root.tools, root.packages, f"{options.folder}/modules")
    say(f"is made: tests/run arm-host start {options.folder}")


def tree(name):
    """The board's, with a clock, and a transport for the network and one for random numbers beside the disk's."""
    board = TOPOLOGIES[name]
    nodes = "".join(f"""\
    virtio@{0xa000000 + slot * 0x200:x} {{
        compatible = "virtio,mmio";
        reg = <0 {0xa000000 + slot * 0x200:#x} 0 0x200>;
        interrupts = {irq(board, SPI, 16 + slot, EDGE)};
        dma-coherent;
    }};
""" for slot in (29, 30))
    return device_tree(name, nodes + f"""\
    pl031@9010000 {{
        compatible = "arm,pl031", "arm,primecell";
        reg = <0 0x9010000 0 0x1000>;
        interrupts = {irq(board, SPI, 2, LEVEL)};
        clocks = <&clk>;
        clock-names = "apb_pclk";
    }};
""")


def ssh(folder, user, *command):
    """Its command line; the port is in the file that start writes."""
    with open(f"{folder}/port", encoding="utf-8") as file:
        port = file.read().strip()
    return ["ssh", "-q", "-i", f"{folder}/key", "-p", port, "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=300", f"{user}@127.0.0.1", *command]


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def qemu_of(folder):
    """Its process, or None."""
    try:
        with open(f"{folder}/pid", encoding="utf-8") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return pid if f"{folder}/disk.img".encode() in file.read() else None
    except (OSError, ValueError):
        return None


def start(options):
    """Returns when it can be reached."""
    folder, board = options.folder, TOPOLOGIES[options.topology]
    if qemu_of(folder):
        raise Failure(f"the machine in {folder} is running already")
    run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", f"{folder}/board.dtb", "-", input=tree(options.topology).encode())
    write(f"{folder}/port", f"{options.port}\n")
    with open(f"{folder}/qemu.log", "wb") as log:
        # The first virtio device gets the last transport.
        qemu = subprocess.Popen(
            ["qemu-system-aarch64", "-M", f"virt,virtualization=on,gic-version={board.gic}", "-cpu", board.qemu_cpu,
             "-smp", str(board.cpus), "-m", "4G", "-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none",
             "-no-reboot", "-serial", f"file:{folder}/console.log", "-dtb", f"{folder}/board.dtb",
             "-kernel", f"{folder}/Image", "-initrd", f"{folder}/initrd",
             "-drive", f"file={folder}/disk.img,if=none,id=disk,format=raw", "-device", "virtio-blk-device,drive=disk",
             "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{options.port}-:22", "-device", "virtio-net-device,netdev=net",
             "-device", "virtio-rng-device",
             "-append", f"root=/dev/vda rw console=ttyAMA0 net.ifnames=0 quiet {options.append}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    write(f"{folder}/pid", f"{qemu.pid}\n")
    deadline = time.monotonic() + LATE
    while subprocess.run(ssh(folder, "root", "true"), stdin=subprocess.DEVNULL, check=False).returncode:
        if qemu.poll() is not None:
            raise Failure(f"QEMU ended with status {qemu.returncode}: see {log.name}")
        if time.monotonic() > deadline:
            raise Failure(f"no SSH within {LATE} s: see {folder}/console.log; the machine keeps running")
        time.sleep(2)


def stop(options):
    """In order, if it listens."""
    pid = qemu_of(options.folder)
    if not pid:
        raise Failure(f"no machine of {options.folder} is running")
    subprocess.run(ssh(options.folder, "root", "systemctl poweroff"), stdin=subprocess.DEVNULL, check=False)
    deadline = time.monotonic() + LATE
    while qemu_of(options.folder) and time.monotonic() < deadline:
        time.sleep(0.5)
    if qemu_of(options.folder):
        os.kill(pid, signal.SIGKILL)
        raise Failure(f"did not shut down within {LATE} s, and was killed")


def parse(arguments):
    parser = Parser(HELP)
    actions = parser.add_subparsers(dest="action", required=True, parser_class=functools.partial(Parser, HELP))
    for name in ("make", "start", "ssh", "stop"):
        action = actions.add_parser(name)
        action.add_argument("folder", metavar="FOLDER", type=os.path.abspath)
        if name == "make":
            action.add_argument("--suite", default="bookworm")
            action.add_argument("--packages", type=lambda text: text.split(","), default=[])
        elif name == "start":
            action.add_argument("--topology", choices=TOPOLOGIES, default="biglittle")
            action.add_argument("--append", default="")
            action.add_argument("--port", type=int, default=2222)
        elif name == "ssh":
            action.add_argument("user", choices=USERS)
            action.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    for program, package in (machine.PROGRAMS | {"ssh": "openssh-client", "mke2fs": "e2fsprogs", "apt-get": "apt"}).items():
        if not any(os.access(f"{path}/{program}", os.X_OK) for path in f"{os.environ['PATH']}:/usr/sbin:/sbin".split(":")):
            raise Failure(f"{program} is not installed (Debian package {package})")
    if options.action == "ssh":
        command = ssh(options.folder, options.user, *options.command)
        os.execvp(command[0], command)
    {"make": make, "start": start, "stop": stop}[options.action](options)


def main_or_failure():
    """What boards call missing is a failure here, and so is what the system refuses."""
    try:
        main(sys.argv[1:])
    except initramfs.Missing as missing:
        raise Failure(missing) from None
    except OSError as error:
        raise Failure(f"{error.filename or 'cannot go on'}: {error.strerror}") from None


if __name__ == "__main__":
    main_of("arm-host", main_or_failure)
