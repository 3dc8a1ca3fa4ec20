# SPDX-License-Identifier: MIT
"""The drivers that a distribution's kernel has as modules, in the order to load them."""

import lzma
import os
import re

from boards.initramfs import Missing, read

# What init speaks with the host over. One that a kernel has built in has no file.
WANTED = ("virtio_mmio", "virtio_console")
# For who starts an exported board, and gives it a network.
NETWORK = ("virtio_net",)


def find(folder):
    """Path of each module by its name; the kernel writes both - and _ as _."""
    paths = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        match = re.fullmatch(r"(.+)\.ko(\.xz)?", entry.name)
        if match:
            paths[match[1].replace("-", "_")] = entry.path
    return paths


def content(path):
    """The module as finit_module() takes it, without the kernel's help with compression."""
    data = read(path)
    if not path.endswith(".xz"):
        return data
    try:
        return lzma.decompress(data)
    except lzma.LZMAError as error:
        raise Missing(f"cannot unpack {path}: {error}") from None


def dependencies(data):
    """What the module's own .modinfo says: depmod's files exist only where it is installed."""
    match = re.search(rb"\0depends=([^\0]*)\0", data)
    return [name.replace("-", "_") for name in match[1].decode().split(",") if name] if match else []


def load_order(folder, wanted=WANTED):
    """[(name, content)]: each module after those that it depends on."""
    paths = find(folder)
    order = {}

    def visit(name):
        if name in order:
            return
        if name not in paths:
            raise Missing(f"a module in {folder} depends on {name}, which is not there")
        data = content(paths[name])
        for other in dependencies(data):
            visit(other)
        order[name] = data

    for name in wanted:
        if name in paths:
            visit(name)
    return list(order.items())
