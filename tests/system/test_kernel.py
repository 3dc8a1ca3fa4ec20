# SPDX-License-Identifier: MIT
"""scripts/kernel, on a tree whose Makefile makes nothing: what a signal leaves."""
import os
import signal
import subprocess
import tempfile
import time

from system.harness import PATIENCE, TOP, expect, expect_equal, test
from system.test_board import processes_with, wait_for

# A compiler, started by a shell as make does; it hangs in the target that HANG names.
MAKEFILE = """
allnoconfig olddefconfig Image:
	@touch $(KCONFIG_CONFIG) arch/arm64/boot/Image
	@sh -c 'case {hang} in $@) sleep {mark} ;; esac; :'
"""


def fake_tree(folder, hang, mark):
    """A kernel's sources, as far as scripts/kernel looks at them."""
    os.makedirs(f"{folder}/source/arch/arm64/boot")
    for path, text in (("Makefile", MAKEFILE.format(hang=hang, mark=mark)), ("arch/arm64/Makefile", ""),
                       ("arch/arm64/boot/Makefile", "")):
        with open(f"{folder}/source/{path}", "w", encoding="utf-8") as file:
            file.write(text)
    return f"--source={folder}/source"


def lock_is_free(folder):
    """Of the one cache there."""
    (cache,) = os.listdir(f"{folder}/minivmm")
    return subprocess.run(["flock", "--nonblock", f"{folder}/minivmm/{cache}/lock", "true"], check=False).returncode == 0


def end_in(target, number):
    """Sends the signal to the script alone, while what make starts for that target hangs."""
    mark = f"9{os.getpid()}.{time.monotonic_ns()}"  # seconds, of which only this test's sleep so many
    try:
        expect_nothing_left(target, number, mark)
    finally:
        for pid in processes_with(mark):
            os.kill(pid, signal.SIGKILL)


def expect_nothing_left(target, number, mark):
    """Neither processes nor a lock."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        with subprocess.Popen([os.path.join(TOP, "scripts", "kernel"), fake_tree(folder, target, mark)],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env=dict(os.environ, XDG_CACHE_HOME=folder)) as script:
            deadline = time.monotonic() + PATIENCE
            while not processes_with(f"sleep\0{mark}") and script.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            expect(processes_with(f"sleep\0{mark}"), f"{target}: make does not come so far, status {script.poll()}")
            script.send_signal(number)
            status = script.wait()
        expect_equal(status, -number if number == signal.SIGKILL else 128 + number, f"status after {number.name}")
        # What SIGKILL leaves to end hears of it a moment later.
        wait_for(lambda: number != signal.SIGKILL or lock_is_free(folder) and not processes_with(folder))
        expect_equal(processes_with(mark) + processes_with(folder), [], f"processes left by {number.name} in {target}")
        expect(lock_is_free(folder), f"{number.name} in {target} leaves the lock held")


# It takes what emulated boards take to build their kernels.
@test(boots=True)
def kernel_ended_by_a_signal_leaves_nothing():
    """scripts/kernel, ended while make configures or compiles: no compiler is left, and the lock is free."""
    for target, number in (("allnoconfig", signal.SIGTERM), ("Image", signal.SIGTERM), ("Image", signal.SIGINT),
                           ("Image", signal.SIGKILL)):
        end_in(target, number)
