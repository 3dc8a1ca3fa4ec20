# SPDX-License-Identifier: MIT
"""The guest's device tree, by the rules of the bindings of its nodes.

The rules are facts of Linux' Documentation/devicetree/bindings (dtschema is no part of
Debian 12) and of the Devicetree Specification, for the nodes that are used.
"""
import re
import struct
import subprocess

from system.harness import expect, expect_equal, test

BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
LEVEL_HIGH = 4


def parse(tree):
    """{path: {property: bytes}} of a flattened device tree."""
    magic, size, structure, strings = struct.unpack(">4I", tree[:16])
    expect_equal((magic, size), (0xd00dfeed, len(tree)), "magic and size")
    nodes, path, at = {}, [], structure
    while (token := struct.unpack_from(">I", tree, at)[0]) != END:
        at += 4
        if token == BEGIN_NODE:
            end = tree.index(b"\0", at)
            path.append(tree[at:end].decode())
            nodes["/".join(path) or "/"] = {}
            at = (end + 4) & ~3
        elif token == END_NODE:
            path.pop()
        elif token == PROP:
            length, name = struct.unpack_from(">II", tree, at)
            name = tree[strings + name:tree.index(b"\0", strings + name)].decode()
            properties = nodes["/".join(path) or "/"]
            expect(name not in properties, f"{name} is twice in {'/'.join(path)}")
            properties[name] = tree[at + 8:at + 8 + length]
            at += 8 + (length + 3 & ~3)
        else:
            expect_equal(token, NOP, "token")
    return nodes


def cells(value):
    """A property as 32-bit numbers."""
    return list(struct.unpack(f">{len(value) // 4}I", value))


def strings_of(value):
    """A property as strings."""
    return value.decode().rstrip("\0").split("\0")


def one_of(*lists):
    """A property that is one of these lists of strings."""
    return lambda value: strings_of(value) in [list(wanted) for wanted in lists]


def numbers(*wanted):
    """A property that is exactly these cells."""
    return lambda value: cells(value) == list(wanted)


def count(least, most, unit):
    """A property of LEAST to MOST groups of UNIT cells."""
    return lambda value: len(value) % (4 * unit) == 0 and least <= len(value) // (4 * unit) <= most


def interrupts(least, most):
    """Interrupts of three cells that are level-triggered, in the ranges of arm,gic.yaml."""
    def good(kind, number, flags):
        if kind == 0:  # an SPI, which has no mask of CPUs
            return number < 988 and flags == LEVEL_HIGH
        return kind == 1 and number < 16 and flags & 0xff == LEVEL_HIGH and flags < 0x10000

    def check(value):
        return count(least, most, 3)(value) and all(
            good(*cells(value[at:at + 12])) for at in range(0, len(value), 12))
    return check


EMPTY = (b"").__eq__

# Of a node: the binding, what it requires, and what its properties must be if there.
RULES = {
    r"/": ("Devicetree Specification 3.2", ("#address-cells", "#size-cells", "model", "compatible"),
           {"#address-cells": numbers(2), "#size-cells": numbers(2)}),
    r"/chosen": ("Devicetree Specification 3.6", (),
                 {"linux,initrd-start": count(1, 1, 2), "linux,initrd-end": count(1, 1, 2)}),
    r"/memory@[0-9a-f]+": ("Devicetree Specification 3.4", ("device_type", "reg"),
                           {"device_type": one_of(["memory"]), "reg": count(1, 1, 4)}),
    r"/cpus": ("cpus.yaml", ("#address-cells", "#size-cells"),
               {"#address-cells": numbers(1), "#size-cells": numbers(0)}),
    r"/cpus/cpu@[0-9a-f]+": (
        "cpus.yaml", ("device_type", "reg", "compatible", "enable-method"),
        {"device_type": one_of(["cpu"]), "reg": count(1, 1, 1), "compatible": one_of(["arm,armv8"]),
         "enable-method": one_of(["psci"], ["spin-table"])}),
    r"/psci": (
        "psci.yaml", ("compatible", "method"),
        {"compatible": one_of(["arm,psci-0.2"], ["arm,psci-1.0"], ["arm,psci-1.0", "arm,psci-0.2"]),
         "method": one_of(["smc"], ["hvc"])}),
    r"/timer": (
        "arm,arch_timer.yaml", ("compatible", "interrupts"),
        {"compatible": one_of(["arm,armv8-timer"], ["arm,armv8-timer", "arm,armv7-timer"]),
         "interrupts": interrupts(4, 5), "always-on": EMPTY}),
    r"/pmu": ("pmu.yaml", ("compatible",),
              {"compatible": one_of(["arm,armv8-pmuv3"]), "interrupts": interrupts(1, 1)}),
    r"/interrupt-controller@[0-9a-f]+": (
        "arm,gic.yaml, arm,gic-v3.yaml",
        ("compatible", "reg", "interrupt-controller", "#interrupt-cells"),
        {"compatible": one_of(["arm,gic-v3"], ["arm,cortex-a15-gic"]), "reg": count(2, 4096, 4),
         "interrupt-controller": EMPTY, "#interrupt-cells": numbers(3),
         "#address-cells": numbers(0), "phandle": count(1, 1, 1), "interrupts": interrupts(1, 1),
         "#redistributor-regions": count(1, 1, 1)}),
    r"/apb-pclk": ("fixed-clock.yaml", ("compatible", "#clock-cells", "clock-frequency"),
                   {"compatible": one_of(["fixed-clock"]), "#clock-cells": numbers(0),
                    "clock-frequency": count(1, 1, 1), "phandle": count(1, 1, 1)}),
    r"/serial@[0-9a-f]+": (
        "pl011.yaml", ("compatible", "reg", "interrupts"),
        {"compatible": one_of(["arm,pl011", "arm,primecell"]), "reg": count(1, 1, 4),
         "interrupts": interrupts(1, 1), "clocks": count(2, 2, 1),
         "clock-names": one_of(["uartclk", "apb_pclk"])}),
    r"/lab@[0-9a-f]+": ("docs/guest-abi.md", ("compatible", "reg"),
                        {"compatible": one_of(["minivmm,lab"]), "reg": count(1, 1, 4)}),
}
# Bindings that allow no property but those that they name.
CLOSED = ("psci.yaml", "arm,arch_timer.yaml", "pmu.yaml", "fixed-clock.yaml", "pl011.yaml",
          "arm,gic.yaml, arm,gic-v3.yaml")


def check_node(path, properties):
    """The rules of the one binding that the node is for."""
    rules = [rule for pattern, rule in RULES.items() if re.fullmatch(pattern, path)]
    expect_equal(len(rules), 1, f"rules for {path}")
    binding, required, values = rules[0]
    for name in required:
        expect(name in properties, f"{path} has no {name}, which {binding} requires")
    for name, value in properties.items():
        if name in values:
            expect(values[name](value), f"{path}: {name} = {value!r}, against {binding}")
        else:
            expect(binding not in CLOSED or name == "clock-output-names",
                   f"{path}: {binding} has no {name}")
    unit = path.rpartition("@")[2]
    if unit != path:
        address = cells(properties["reg"])
        expect_equal(int(unit, 16), address[0] << 32 | address[1] if len(address) > 1 else address[0],
                     f"unit address of {path}")


def check_tree(result, cpus, pmu, gic):
    """dtc reads it without a word, every node keeps its rules, and the machine is the one asked for."""
    tree = result.expect_status(0).record_bytes()
    dtc = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", "-o", "/dev/null"], input=tree,
                         capture_output=True, check=False)
    expect_equal((dtc.returncode, dtc.stderr), (0, b""), "dtc's status and warnings")
    nodes = parse(tree)
    for path, properties in nodes.items():
        check_node(path, properties)
    found = [path for path in nodes if path.startswith("/cpus/cpu@")]
    expect_equal(len(found), cpus, "CPUs")
    expect_equal("/pmu" in nodes, pmu, "a PMU")
    controllers = [strings_of(properties["compatible"])[0] for path, properties in nodes.items()
                   if path.startswith("/interrupt-controller@")]
    expect_equal(controllers, [gic], "interrupt controllers")
    controller = next(properties for path, properties in nodes.items()
                      if path.startswith("/interrupt-controller@"))
    if gic == "arm,gic-v3":  # the distributor, then as many regions as it says, or one
        regions = cells(controller.get("#redistributor-regions", b"\0\0\0\1"))[0]
        reg = cells(controller["reg"])
        expect_equal(len(reg), 4 * (1 + regions), "cells of the GIC's reg")
        expect_equal(sum(reg[7::4]), cpus * 0x20000, "room for redistributors")
    handles = [cells(properties["phandle"])[0] for properties in nodes.values()
               if "phandle" in properties]
    expect_equal(len(set(handles)), len(handles), "different phandles")
    expect(set(cells(nodes["/"]["interrupt-parent"])) <= set(handles), "no interrupt parent")
    expect(set(cells(nodes["/serial@9000000"]["clocks"])) <= set(handles), "no clock")


def dump(*options):
    """Writes the tree of a guest that powers off at once."""
    return ["minivmm", "--quiet", "--dtb-out=record", *options, "off.bin"]


@test(dump(), dump("--cpus=18", "--pmu=off"), dump("--initrd=guest.bin", "--append=a=1 b=2"),
      dump("--cpus=124", "--pmu=off"))
def tree_keeps_its_bindings(plain, many, initrd, two_regions):
    """dtc reads what --dtb-out writes without a warning; each node keeps its binding's rules, GICv3."""
    check_tree(plain, 1, True, "arm,gic-v3")
    check_tree(many, 18, False, "arm,gic-v3")
    check_tree(two_regions, 124, False, "arm,gic-v3")
    check_tree(initrd, 1, True, "arm,gic-v3")
    chosen = parse(initrd.record_bytes())["/chosen"]
    expect_equal(strings_of(chosen["bootargs"]), ["a=1 b=2"], "boot arguments")
    expect("linux,initrd-start" in chosen and "linux,initrd-end" in chosen, f"{chosen!r}")


@test(dump("--cpus=512", "--pmu=off"), slow=True)
def tree_of_as_many_vcpus_as_kvm_has(most):
    """512 vCPUs, the most that KVM has: created, started, and in a tree that keeps its bindings."""
    check_tree(most, 512, False, "arm,gic-v3")


@test(dump("--cpus=8"), dump("--pmu=off", "--initrd=guest.bin"), topology="gicv2")
def tree_keeps_its_bindings_gicv2(eight, off):
    """The same on a GICv2, whose PPIs name their CPUs."""
    check_tree(eight, 8, True, "arm,cortex-a15-gic")
    check_tree(off, 1, False, "arm,cortex-a15-gic")
