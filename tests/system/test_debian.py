# SPDX-License-Identifier: MIT
"""Debian's own kernels: their modules in order; a run on each that scripts/debian/kernel has. Its programs: no download."""
import lzma
import os
import subprocess
import tempfile

from boards import initramfs, modules
from system.harness import TOP, expect, expect_equal, minivmm, test

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


def run_debian(program, folder, name, **fakes):
    """scripts/PROGRAM NAME with an empty cache in FOLDER and, by name, scripts in place of commands; what it left there."""
    commands, cache = os.path.join(folder, "bin"), os.path.join(folder, "cache")
    for place in (commands, cache):
        os.makedirs(place, exist_ok=True)
    for command, script in fakes.items():
        path = os.path.join(commands, command.replace("_", "-"))
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)
    done = subprocess.run([os.path.join(TOP, "scripts", "debian", program), name], capture_output=True, text=True,
                          check=False, env={**os.environ, "PATH": f"{commands}:{os.environ['PATH']}",
                                            "XDG_CACHE_HOME": cache})
    left = os.listdir(os.path.join(cache, "minivmm")) if os.path.exists(os.path.join(cache, "minivmm")) else []
    return done, left


@test()
def debian_program_fails_in_a_line():
    """scripts/debian/program: what it cannot use, download or unpack: status 1, why, nothing left in the cache."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        for name, reason, cause, fakes in (
                ("telnetd", "cannot use the argument 'telnetd'", "", {}),
                ("shell", "cannot download or unpack busybox-static", "E: no network\n",
                 {"apt_get": "echo 'E: no network' >&2; exit 100"}),
                ("sshd", "cannot download or unpack dropbear-bin", "dpkg-deb: error\n",
                 {"apt_get": "touch a.deb b.deb", "dpkg_deb": "echo 'dpkg-deb: error' >&2; exit 2"})):
            done, left = run_debian("program", folder, name, **fakes)
            expect_equal((done.returncode, done.stdout, left), (1 if fakes else 2, "", []), f"status, path and what is left ({name})")
            expect(done.stderr.startswith(f"{cause}debian/program: {reason}") and done.stderr.count("\n") ==
                   cause.count("\n") + 1, done.stderr)


# A metapackage of each of two suites; the newer one's kernel has gone from the mirror.
LISTS = """cat <<'END'
Depends: linux-image-5.10.0-46-arm64 (= 5.10.262-1)
Depends: linux-image-6.1.0-9-arm64 (= 6.1.1-1)
Depends: linux-image-5.10.0-32-arm64 (= 5.10.223-1)
END"""
MIRROR = """case $* in *-46-*) echo '404 Not Found' >&2; exit 100 ;; esac
touch linux-image-5.10.0-32-arm64.deb"""
PACKAGE = """case $2 in *-32-*) ;; *) exit 1 ;; esac
cd "${2%/*}" && mkdir boot m; echo k >boot/vmlinuz-5.10; touch m/virtio_mmio.ko m/net_failover.ko; tar -c boot m"""


@test()
def debian_kernel_takes_what_is_there():
    """scripts/debian/kernel: what the lists offer and the mirror lacks is named, and the next package taken."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done, left = run_debian("kernel", folder, "5.10", apt_cache=LISTS, apt_get=MIRROR, dpkg_deb=PACKAGE)
        expect_equal(done.returncode, 0, done.stderr)
        expect_equal(sorted(left), ["debian-5.10", "debian-lock"], "what is in the cache")
        with open(os.path.join(done.stdout.strip(), "package"), encoding="utf-8") as file:
            expect_equal(file.read(), "linux-image-5.10.0-32-arm64:arm64=5.10.223-1\n", "the package taken")
        expect("404 Not Found" in done.stderr and "cannot download linux-image-5.10.0-46" in done.stderr, done.stderr)
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done, left = run_debian("kernel", folder, "5.10", apt_cache=LISTS, apt_get="exit 100")
        expect_equal((done.returncode, done.stdout, left), (1, "", ["debian-lock"]), "status, path and what is left")
        expect("debian/kernel: cannot get Debian's Linux 5.10: no package" in done.stderr, done.stderr)


# From Linux 7 on the image package has nothing but dependencies.
SPLIT = """cat <<'END'
Depends: linux-base-arm64-16k (= 7.3.4-1), linux-image-7.3.4-arm64-16k (= 7.3.4-1), linux-modules-arm64-16k (= 7.3.4-1)
END"""
BOTH = """for part; do case $part in linux-*-7.3.4-arm64-16k:arm64=7.3.4-1) touch "${part%%:*}.deb" ;; esac; done"""
HALF = """cd "${2%/*}" && rm -rf m && mkdir m
case $2 in */linux-binary-*) echo k >m/vmlinuz ;; */linux-modules-*) touch m/virtio_mmio.ko m/net_failover.ko ;; esac
tar -c m"""


@test()
def debian_kernel_takes_both_halves():
    """scripts/debian/kernel 7.3-16k: the Image is in one package, the modules are in another."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done, left = run_debian("kernel", folder, "7.3-16k", apt_cache=SPLIT, apt_get=BOTH, dpkg_deb=HALF)
        expect_equal((done.returncode, sorted(left)), (0, ["debian-7.3-16k", "debian-lock"]), done.stderr)
        expect_equal(sorted(os.listdir(done.stdout.strip())), ["Image", "modules", "package"], "what there is")


# A download of 50 to 100 MB, by scripts/test --all: those that are there are tested.
for _kernel in ("debian-6.1", "debian-6.12", "debian-6.12-16k", "debian-7.3", "debian-7.3-16k"):
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

    @test(["with", "cpuset", "pmu-regress", "--run=host.offline/*"], kernel="debian-6.1", icount=True, slow=True)
    def offline_cpus_and_cpusets(result):
        """host.offline where the kernel widens a thread's affinity: default mode is not judged, explicit is."""
        cases = [line for line in result.expect_status(0).stdout.splitlines() if line.startswith("ok ")]
        expect("# SKIP a cpuset of this kernel widens" in cases[1], cases)
        expect("explicit/sync" in cases[2] and "# SKIP" not in cases[2], cases)

if os.path.exists(os.path.join(CACHE, "debian-5.10", "Image")):
    def whole_on_5_10(families, least):
        """A test of these families on Linux 5.10, of which so many cases at least are judged."""
        def judged(*results):
            """pmu-regress on Debian's Linux 5.10: none fails, and what that kernel can do is judged."""
            lines = [line for result in results for line in result.expect_status(0).stdout.splitlines()]
            cases = [line for line in lines if line.startswith("ok ") and "# SKIP" not in line]
            expect(len(cases) >= least, f"{len(cases)} cases are judged, expected {least}")

        judged.__name__ = "regress_on_5_10_" + families[0]
        test(*[["pmu-regress", f"--run={family}.*", "--seed=7"] for family in families], boot=families[0],
             kernel="debian-5.10", topology="symmetric", icount=True, slow=True)(judged)

    whole_on_5_10(("interface", "counting", "registers"), 100)
    whole_on_5_10(("overflow", "state", "many", "host"), 60)
