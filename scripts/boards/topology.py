# SPDX-License-Identifier: MIT
"""The emulated boards: one table of topologies, and the device tree of each.

QEMU's CPUs are all alike, unless a plugin answers for some. What makes a host heterogeneous for KVM's PMU is which
CPUs each PMU node covers, and that is up to the device tree: the GICv3 splits the
PMU's interrupt (PPI 7) into partitions, one for each PMU.
"""

from typing import NamedTuple

PPI, SPI = 1, 0
EDGE, LEVEL = 1, 4
PMU_PPI = 7


class Cluster(NamedTuple):
    core: str
    cpus: int
    capacity: int  # of a CPU, relative to the fastest kind of the board = 1024
    has_node: bool = True  # where each cluster has a PMU: whether the tree says so


class Topology(NamedTuple):
    summary: str
    clusters: tuple
    gic: int = 3
    pmus: str = "clusters"  # "clusters": one PMU for each, "one" for all, or "none"
    # Of all CPUs. cortex-a76 is without RNDR and with VHE: boots can be identical, and KVM is in its usual mode.
    model: str = "cortex-a76"
    qemu: int = 7  # the oldest QEMU that will do, as a major version
    append: str = ""  # the kernel's arguments that make it what it is
    mixed: str = ""  # arguments of mixed_plugin.c; such a board has no --icount

    @property
    def cpus(self):
        return sum(cluster.cpus for cluster in self.clusters)

    @property
    def qemu_cpu(self):
        return self.model + (",pmu=off" if self.pmus == "none" else "")


BIG_LITTLE = (Cluster("cortex-a53", 2, 512), Cluster("cortex-a72", 2, 1024))
TWO_ALIKE = (Cluster("cortex-a76", 2, 1024), Cluster("cortex-a76", 2, 1024))

TOPOLOGIES = {
    "biglittle": Topology("2+2, two PMUs", BIG_LITTLE),
    "dynamiq": Topology(
        "4+3+1, three PMUs",
        (Cluster("cortex-a55", 4, 256), Cluster("cortex-a78", 3, 768), Cluster("cortex-x1", 1, 1024)),
    ),
    "partial": Topology(
        "2+2, a PMU for the first two only",
        (Cluster("cortex-a53", 2, 512), Cluster("cortex-a72", 2, 1024, has_node=False)),
    ),
    "symmetric": Topology("2+2, one PMU for all", TWO_ALIKE, pmus="one"),
    "gicv2": Topology("2+2, one PMU for all, GICv2", TWO_ALIKE, gic=2, pmus="one"),
    "nopmu": Topology("2+2, no PMU", TWO_ALIKE, pmus="none"),
    "pmuv3p5": Topology("2+2, two PMUs, 64-bit event counters", BIG_LITTLE, model="max"),
    # FEAT_NV2 came with QEMU 9.0.
    "nested": Topology("2+2, two PMUs, guests can have EL2; QEMU 9 on", BIG_LITTLE,
                       model="neoverse-n2", qemu=9, append="kvm-arm.mode=nested"),
    # The second cluster is a Neoverse N1 by its MIDR, for which Linux patches little. It has L1D_CACHE and INST_RETIRED
    # besides, and 4 event counters of 6.
    "mixed": Topology("2+2, two PMUs of unequal registers; QEMU 11 on", BIG_LITTLE, qemu=11,
                      mixed="first=2,midr=0x414fd0c1,events=0x110,counters=4"),
}


def cpu_numbers(topology):
    """The clusters' CPU numbers, as a list of ranges."""
    ranges, first = [], 0
    for cluster in topology.clusters:
        ranges.append(range(first, first + cluster.cpus))
        first += cluster.cpus
    return ranges


def irq(topology, kind, number, trigger, partition=None):
    """An interrupt specifier; all of a tree's have a 4th cell if any names a partition."""
    if topology.gic == 2 and kind == PPI:
        trigger |= 0xF00  # GICv2: the CPUs that a PPI goes to
    cells = f"{kind} {number} {trigger}"
    if partitioned(topology):
        cells += f" &{partition}" if partition else " 0"
    return f"<{cells}>"


def partitioned(topology):
    return topology.pmus == "clusters"


def cpus_node(topology):
    cpu_map, cpus = [], []
    for index, (cluster, numbers) in enumerate(zip(topology.clusters, cpu_numbers(topology))):
        cores = " ".join(f"core{core} {{ cpu = <&cpu{cpu}>; }};" for core, cpu in enumerate(numbers))
        cpu_map.append(f"cluster{index} {{ {cores} }};")
        for cpu in numbers:
            cpus.append(f"""\
        cpu{cpu}: cpu@{cpu} {{
            device_type = "cpu";
            compatible = "arm,{cluster.core}";
            reg = <{cpu}>;
            enable-method = "psci";
            capacity-dmips-mhz = <{cluster.capacity}>;
        }};""")
    return f"""\
    cpus {{
        #address-cells = <1>;
        #size-cells = <0>;
        cpu-map {{ {" ".join(cpu_map)} }};
{chr(10).join(cpus)}
    }};"""


def gic_node(topology):
    # Addresses are those of QEMU's virt machine.
    if topology.gic == 2:
        compatible = "arm,cortex-a15-gic"
        reg = "0 0x8000000 0 0x10000 0 0x8010000 0 0x10000 0 0x8030000 0 0x10000 0 0x8040000 0 0x10000"
    else:
        compatible = "arm,gic-v3"
        reg = "0 0x8000000 0 0x10000 0 0x80a0000 0 0xf60000"
    partitions = ""
    if partitioned(topology):
        parts = [
            f"part{index}: part{index} {{ affinity = <{' '.join(f'&cpu{cpu}' for cpu in numbers)}>; }};"
            for index, numbers in enumerate(cpu_numbers(topology))
        ]
        partitions = f"ppi-partitions {{ {' '.join(parts)} }};"
    return f"""\
    gic: intc@8000000 {{
        compatible = "{compatible}";
        interrupt-controller;
        #interrupt-cells = <{4 if partitioned(topology) else 3}>;
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        reg = <{reg}>;
        interrupts = {irq(topology, PPI, 9, LEVEL)};
        {partitions}
    }};"""


def pmu_nodes(topology):
    if topology.pmus == "none":
        return ""
    clusters = topology.clusters if partitioned(topology) else topology.clusters[:1]
    return "\n".join(
        f'    pmu{index} {{ compatible = "arm,{cluster.core}-pmu"; '
        f'interrupts = {irq(topology, PPI, PMU_PPI, LEVEL, f"part{index}")}; }};'
        for index, cluster in enumerate(clusters)
        if cluster.has_node
    )


def device_tree(name, more=""):
    """The device tree's source, with more nodes. QEMU itself fills in /memory and /chosen."""
    topology = TOPOLOGIES[name]
    timer = ", ".join(irq(topology, PPI, number, LEVEL) for number in (13, 14, 11, 10))
    return f"""\
/dts-v1/;
/ {{
    model = "minivmm {name} board";
    compatible = "linux,dummy-virt";
    #address-cells = <2>;
    #size-cells = <2>;
    interrupt-parent = <&gic>;
    psci {{ compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "smc"; }};
    memory@40000000 {{ device_type = "memory"; reg = <0 0x40000000 0 0x40000000>; }};
{cpus_node(topology)}
{gic_node(topology)}
{pmu_nodes(topology)}
    timer {{ compatible = "arm,armv8-timer"; always-on; interrupts = {timer}; }};
    clk: apb-pclk {{ compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; }};
    uart: pl011@9000000 {{
        compatible = "arm,pl011", "arm,primecell";
        reg = <0 0x9000000 0 0x1000>;
        interrupts = {irq(topology, SPI, 1, LEVEL)};
        clocks = <&clk>, <&clk>;
        clock-names = "uartclk", "apb_pclk";
    }};
    /* QEMU gives a machine's first virtio device its last transport. */
    virtio@a003e00 {{
        compatible = "virtio,mmio";
        reg = <0 0xa003e00 0 0x200>;
        interrupts = {irq(topology, SPI, 47, EDGE)};
        dma-coherent;
    }};
{more}    chosen {{ stdout-path = &uart; }};
}};
"""
