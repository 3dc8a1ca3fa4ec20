# SPDX-License-Identifier: MIT
"""scripts/build as a person meets it: what it says, and two of them at once."""
import os
import shutil
import subprocess
import tempfile

from system.harness import TOP, expect, expect_equal, test

MESON = """#!/bin/sh
mkdir -p "$2/meson-private" && touch "$2/meson-private/coredata.dat" "$2/build.ninja"
"""
# One that notices another one, and takes over 2 seconds in the first folder.
NINJA = """#!/bin/sh
mkdir busy || exit 1
case $2 in build) sleep 2.5 ;; esac
rmdir busy
"""


@test()
def builds_take_turns():
    """A second build of one checkout waits for the first; what takes over 2 seconds is told, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="minivmm-build-") as folder:
        for name, text in (("meson", MESON), ("ninja", NINJA)):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(text)
            os.chmod(file.name, 0o755)
        os.mkdir(os.path.join(folder, "scripts"))
        program = shutil.copy(os.path.join(TOP, "scripts", "build"), os.path.join(folder, "scripts"))
        both = [subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}) for _ in range(2)]
        ended = [process.communicate(timeout=60) for process in both]
        expect_equal([process.returncode for process in both], [0, 0], f"statuses; {ended}")
        expect_equal([output for output, _ in ended], ["", ""], "outputs")
        said = sorted((errors.splitlines() for _, errors in ended), key=len)
        expect_equal(said[0], ["scripts/build: building in build"], "what the first one says")
        expect_equal(said[1], ["scripts/build: waiting for another build of this checkout", *said[0]], "what the second one says")
        expect(not os.path.exists(os.path.join(folder, "busy")), "a build has not ended")
