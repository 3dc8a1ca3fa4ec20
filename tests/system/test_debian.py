# SPDX-License-Identifier: MIT
"""Debian's own kernels: their modules in order; a run on each that scripts/debian-kernel has."""
import lzma
import os
import sys
import tempfile

from harness import TOP, expect, expect_equal, minivmm, test

sys.path.insert(0, os.path.join(TOP, "tests", "board"))

import initramfs  # noqa: E402
import modules  # noqa: E402

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "minivmm")


def write_module(folder, file_name, depends):
    """As much of a module as is looked at."""
    data = b"\x7fELF\0license=GPL\0depends=" + depends + b"\0name=x\0"
    with open(os.path.join(folder, file_name), "wb") as file:
        file.write(lzma.compress(data) if file_name.endswith(".xz") else data)


@test()
def modules_are_in_order():
    """Each module comes after those it depends on, without the rest; one that lacks is named."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        write_module(folder, "virtio_console.ko.xz", b"virtio_ring,virtio")
        write_module(folder, "virtio_mmio.ko", b"virtio-ring")
        write_module(folder, "virtio-ring.ko.xz", b"virtio")
        write_module(folder, "virtio.ko", b"")
        write_module(folder, "virtio_net.ko", b"net_failover")
        order = [name for name, data in modules.load_order(folder) if data.startswith(b"\x7fELF")]
        expect_equal(order, ["virtio", "virtio_ring", "virtio_mmio", "virtio_console"], "order")
        os.unlink(os.path.join(folder, "virtio.ko"))
        try:
            modules.load_order(folder)
            expect(False, "nothing was said about a module that is not there")
        except initramfs.Missing as error:
            expect("depends on virtio," in str(error), str(error))


# A download of 60 to 100 MB, by scripts/test --all: those that are there are tested.
for _kernel in ("debian-6.1", "debian-6.12"):
    if os.path.exists(os.path.join(CACHE, _kernel, "Image")):
        def debian_kernel_counts(result):
            """explicit on Debian's own kernel, step: plan within the cluster: all windows count the same."""
            windows = result.expect_status(0).windows
            expect_equal(len(windows), 20, "windows")
            expect_equal(len({window["cycles"] for window in windows}), 1, "different counts")

        debian_kernel_counts.__name__ += _kernel.removeprefix("debian").replace("-", "_")
        test(minivmm("--pmu=explicit", "--migrate=step:0,1", "--settle", "--append=windows=20", "guest.bin"),
             kernel=_kernel, icount=True, slow=True)(debian_kernel_counts)

if os.path.exists(os.path.join(CACHE, "debian-6.1", "Image")):
    @test(minivmm("--pmu=explicit", "--pmu-counters=2", "guest.bin"),
          minivmm("--pmu=explicit", "--pmu-counters=7", "guest.bin"),
          minivmm("--pmu=explicit", "--pmu-counters=2", "--cpus=2", "guest.bin"),
          kernel="debian-6.1", icount=True, slow=True)
    def counters_where_each_vcpu_has_its_own(one, too_many, two):
        """--pmu-counters before Linux 6.7: of one vCPU, up to what there is; else one line says why not."""
        expect_equal({window["pmcr"] >> 11 & 31 for window in one.expect_status(0).windows}, {2}, "N")
        too_many.expect_status(69).expect_one_line("use a smaller number")
        two.expect_status(69).expect_one_line("use --cpus=1")
