# SPDX-License-Identifier: MIT
"""A kernel tree's own tests of KVM, built for boards: those of the PMU, interrupts, timers, PSCI and registers."""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

from kernels import tree

WANTED = re.compile(r"vpmu|vgic|timer|psci|reg-list|id_regs|idreg|hidden_features")
LISTED = re.compile(r"(?m)^TEST_GEN_PROGS_(?:arm64|aarch64) \+= (\S+)$")
# What they are built from, and what make in a tree looks at before.
PARTS = ("Makefile", "Kbuild", "Kconfig", "arch/arm64", "include", "scripts", "tools", "usr")
MADE = shutil.ignore_patterns("*.o", "*.a", "*.d", ".*.cmd", "*.dtb", "dts")
KVM = "tools/testing/selftests/kvm"


def copied(source, copy):
    """Of SOURCE, in which kernels are built, what selftests need, without patches."""
    if os.path.isdir(copy):
        return
    new = f"{copy}.new"
    shutil.rmtree(new, ignore_errors=True)
    originals = os.path.join(source, tree.ORIGINALS)
    for part in PARTS:
        for root in filter(os.path.exists, (os.path.join(base, part) for base in (source, originals))):
            if os.path.isdir(root):
                shutil.copytree(root, os.path.join(new, part), symlinks=True, ignore=MADE, dirs_exist_ok=True)
            else:
                os.makedirs(new, exist_ok=True)
                shutil.copy2(root, os.path.join(new, part))
    added = os.path.join(source, tree.ADDED)
    for name in tree.read_text(added).split() if os.path.exists(added) else []:
        if os.path.exists(os.path.join(new, name)):
            os.unlink(os.path.join(new, name))
    os.rename(new, copy)


def listed(folder):
    """The names of a tree's programs, as its Makefile has them."""
    names = []
    for path in glob.glob(os.path.join(folder, KVM, "Makefile*")):
        names += LISTED.findall(tree.read_text(path))
    return names


def needed(patch):
    """The part of a patch that is about files in PARTS: the copy has no others."""
    text = tree.read_text(patch)
    head, *diffs = re.split(r"(?m)^(?=diff --git )" if "\ndiff --git " in text else r"(?m)^(?=--- .*\n\+\+\+ )", text)
    kept = [diff for diff in diffs if any(name.startswith(PARTS) for name in tree.names_in(diff.partition("\n@@")[0] + "\n"))]
    return head + "".join(kept) if kept else ""


def make(folder, log, *arguments):
    """Runs make in FOLDER; fails with what it said last."""
    cross = [] if os.uname().machine == "aarch64" else ["CROSS_COMPILE=aarch64-linux-gnu-"]
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run(["make", "-C", folder, "ARCH=arm64", *cross, f"-j{os.cpu_count() or 1}", *arguments], check=False,
                              stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        said = [line for line in tree.read_text(log).splitlines() if "rror" in line]
        raise tree.Failure(f"cannot build the selftests: {(said or ['make failed'])[0].strip()} ({log} has all)")


def build(work, patches, known=None):
    """{name: its static program}, of the copy WORK with PATCHES: those that are WANTED, and those that are not KNOWN."""
    place, log = os.path.dirname(work), os.path.join(os.path.dirname(work), "build.log")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        files = []
        for number, text in enumerate(map(needed, patches)):
            if text:
                files.append(os.path.join(folder, f"{number:04}.patch"))
                with open(files[-1], "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                    file.write(text)
        tree.patch_tree(work, files)
    names = [name for name in listed(work) if WANTED.search(name) or known is not None and name not in known]
    made_from = os.path.basename(work) + "".join(map(tree.read_text, patches))
    key = hashlib.sha256(made_from.encode(errors="surrogateescape")).hexdigest()[:16]
    out, objects = os.path.join(place, f"programs-{key}"), os.path.join(place, "objects")
    if not all(os.path.exists(os.path.join(out, name)) for name in names):
        make(work, log, "headers")
        make(os.path.join(work, KVM), log, f"OUTPUT={objects}", "LDFLAGS=-static", *(os.path.join(objects, name) for name in names))
        for name in names:
            os.makedirs(os.path.dirname(os.path.join(out, name)), exist_ok=True)
            shutil.copy2(os.path.join(objects, name), os.path.join(out, name))
    return {os.path.basename(name): os.path.join(out, name) for name in names}


def both(image, patches):
    """The programs of the tree that IMAGE was built in, without and with PATCHES."""
    sources = glob.glob(os.path.join(os.path.dirname(image), "linux-*"))
    if len(sources) != 1:
        raise tree.Failure(f"cannot build the selftests: {os.path.dirname(image)} does not have one kernel tree")
    work = os.path.join(os.path.dirname(image), "selftests", os.path.basename(sources[0]))
    os.makedirs(os.path.dirname(work), exist_ok=True)
    copied(sources[0], work)
    base = build(work, [])
    known = listed(work)
    return base, build(work, patches, known)
