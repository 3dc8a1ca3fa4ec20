# SPDX-License-Identifier: MIT
"""The runs of minivmm whose system calls fault.c has fail, one by one."""
import re

# RAM of a size that nothing else has: what is left at the end shows. The jail has a run of its own.
COMMON = ["--mem=34M", "--jail=off"]

# For talk.bin: changes its state, resets (which loses some of its input), and goes off.
INPUT = "sr" + 40 * "o"

# Between them they make every call that minivmm has.
RUNS = {
    "auto": ["--pmu=auto", "--cpus=2", "--record=-", "--trace=trace", "--dtb-out=dtb",
             "--append=windows=4", "guest.bin"],
    "step": ["--pmu=composite", "--migrate=step:0,0,2,2", "--record=record", "--settle",
             "--append=windows=4", "guest.bin"],
    "timed": ["--pmu=explicit", "--affinity=0-3", "--migrate=every:1ms:0,2", "--on-refusal=return",
              "--pmu-filter=allow:0x11", "--pmu-counters=2", "--append=windows=4", "guest.bin"],
    "console": ["--pmu=off", "--cpus=2", "--timeout=3", "talk.bin"],
    "initrd": ["--pmu=off", "--initrd=off.bin", "guest.bin"],
    "jail": ["--jail=on", "--pmu=off", "--append=windows=4", "guest.bin"],
    "probe": ["--probe"],
}
COUNTS = ("calls", "faults", "told", "went-on", "killed", "unreached", "wrong")


def sweep(name, share=1, seed=0):
    """The command line that has about one of SHARE of the calls of a run fail."""
    return ["fault", "--sweep", f"--share={share}", f"--seed={seed}", "--mem=34", f"--input={INPUT}", "minivmm", *COMMON, *RUNS[name]]


def counts(output):
    """The last line of a sweep as numbers by name; None if there is no such line."""
    line = (output.splitlines() or [""])[-1]
    found = dict(re.findall(r"([a-z-]+)=(\d+)", line))
    return {name: int(found[name]) for name in COUNTS} if set(found) == set(COUNTS) else None
