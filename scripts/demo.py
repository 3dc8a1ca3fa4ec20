# SPDX-License-Identifier: MIT
"""Shows what KVM does to a guest's PMU when its vCPU hops between CPU clusters.

Sets up what is missing, builds, and runs the payload in every PMU mode: on the
host itself if it is an Arm machine with KVM, else on an emulated board.
"""
import argparse
import contextlib
import itertools
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import textwrap

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "board"))

from topology import TOPOLOGIES  # noqa: E402

WINDOWS = 20
MODES = ("default", "explicit", "composite")
FLAVORS = ("composite", "stock")
NAMED_KERNELS = (*FLAVORS, "debian-6.1", "debian-6.12")
HOST_LACKS = 69  # STATUS_HOST in vmm/status.h
WIDTH = 100


class Failure(Exception):
    """Says what went wrong in one line."""


class Parser(argparse.ArgumentParser):
    """Its errors are one line too."""

    def error(self, message):
        raise Failure(f"{message}; --help lists the options")


def progress(text):
    """Goes to stderr, so that the table can be piped."""
    print(f"demo: {text}", file=sys.stderr, flush=True)


def run(command, **options):
    """Returns the finished process. A signal to us ends all that COMMAND has started:
    it has a session of its own, so that it hears of Ctrl-C only from here."""
    with subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, start_new_session=True,
                          text=True, **options) as process:
        try:
            output = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    return subprocess.CompletedProcess(command, process.returncode, *output)


def script(name, *args):
    """Runs one of our scripts; what it prints to stdout is not for the user."""
    result = run([f"scripts/{name}", *args], stdout=subprocess.DEVNULL)
    if result.returncode:
        raise Failure(f"scripts/{name} failed with status {result.returncode} (see above)")


def set_up(emulated, kernel):
    """Everything a fresh machine lacks; each step is instant when there is nothing to do."""
    script("setup", *(["--all"] if emulated else []))
    if emulated and kernel in FLAVORS:
        script("kernel", f"--flavor={kernel}")
    script("build")


def minivmm(prefix, *args):
    """Its output, or None if the host lacks what it needs; and its last line of stderr."""
    command = [*prefix, *args]
    progress(shlex.join(command))
    result = run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    last = (result.stderr.strip().splitlines() or ["no message"])[-1]
    if result.returncode not in (0, HOST_LACKS):
        raise Failure(f"this ended with status {result.returncode}: {last}")
    return (None if result.returncode else result.stdout), last


def cpu_set(text):
    """0-2,5 as a set."""
    ends = [part.split("-") for part in text.split(",")]
    return {cpu for part in ends for cpu in range(int(part[0]), int(part[-1]) + 1)}


def cpu_list(cpus):
    """The opposite of cpu_set(), for people."""
    runs = itertools.groupby(enumerate(sorted(cpus)), lambda pair: pair[1] - pair[0])
    ends = [[cpu for _, cpu in pairs] for _, pairs in runs]
    text = ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ends)
    return f"CPU{'s' if len(cpus) > 1 else ''} {text}"


def clusters(host):
    """[(its CPUs, its host PMU)]: those that share a PMU; if all do, those of a cluster_id."""
    pmus = {cpu: pmu["name"] for pmu in host["pmus"] for cpu in cpu_set(pmu["cpus"])}
    cpus = cpu_set(host["allowed"])
    keys = {cpu: pmus.get(cpu) for cpu in cpus}
    if len(set(keys.values())) == 1:
        keys = {cpu: host["clusters"].get(str(cpu)) for cpu in cpus}
    groups = {}
    for cpu in sorted(cpus):
        groups.setdefault(keys[cpu], []).append(cpu)
    return [(group, pmus.get(group[0], "no host PMU")) for group in groups.values()]


def hop_plan(groups):
    """Each cluster twice in a row: a window that hops there, then one that stays."""
    return "step:" + ",".join(f"{group[0]},{group[0]}" for group, _ in groups)


def spread(windows):
    """40167, or 40160-40175; - for none."""
    counts = sorted(window["cycles"] for window in windows)
    if not counts:
        return "-"
    return str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"


def table_row(mode, groups, records):
    """One line of the table. What a window that hopped counts is also its old CPU's."""
    entries = [json.loads(line) for line in records.splitlines()]
    ran = entries[0]
    windows = [entry for entry in entries if entry["type"] == "window"]
    stayed = [window for window in windows if not window["hops"]]
    hopped = [window for window in windows if window["hops"]]
    cells = []
    for group, _ in groups:
        here = [spread([window for window in kind if window["cpu"] in group])
                for kind in (stayed, hopped)]
        cells.append(" / ".join(here) if here != ["-", "-"] else "-")
    backing = {"default": "KVM's pick", "composite": "the CPU's own"}.get(ran["mode"], "none")
    return [mode if mode == ran["mode"] else f"{mode}: {ran['mode']}", ran["pmu"] or backing,
            str(len(windows)), *cells, str(sum(window["cycles"] == 0 for window in stayed)),
            str(sum(entry["type"] == "refusal" for entry in entries))]


def print_table(rows):
    """Columns as wide as their widest cell; the one over the clusters' columns goes above."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print(" " * (sum(widths[:3]) + 6) + "cycles a window: stayed / hopped here")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()


def print_text(text):
    """A sentence, wrapped."""
    print(textwrap.fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False))


def demonstrate(where, prefix, payload):
    """The host, the table, a sentence a mode."""
    host, reason = minivmm(prefix, "--probe=json")
    if host is None:
        raise Failure(reason)
    host = json.loads(host)
    groups = clusters(host)
    rows = [["mode", "host PMU", "windows", *(cpu_list(group) for group, _ in groups), "stopped",
             "refusals"]]
    sentences = ["auto: " + "; ".join(host["reasons"]) + "."]
    common = ("--record=-", "--timeout=60", f"--append=windows={WINDOWS}", payload)
    hops = (f"--migrate={hop_plan(groups)}", "--settle", "--on-refusal=return")
    for mode in ("auto", *MODES):
        args = common if mode == "auto" else (*hops, *common)
        records, sentence = minivmm(prefix, f"--pmu={mode}", *args)
        rows.append([mode] + ["-"] * (len(rows[0]) - 1) if records is None else
                    table_row(mode, groups, records))
        if mode != "auto":
            said = sentence.removeprefix("minivmm: ").removeprefix(f"{mode}: ")
            sentences.append(f"{mode}: {said}")
    print(where)
    for group, pmu in groups:
        print(f"    {cpu_list(group)}: {pmu}")
    print()
    print_table(rows)
    for sentence in sentences:
        print_text(sentence)


def main():
    """Everything in order."""
    parser = Parser(
        prog="scripts/demo", description=__doc__.splitlines()[0],
        epilog="On an Arm host with /dev/kvm it runs there, unless an option asks for a board.")
    parser.add_argument("--topology", choices=TOPOLOGIES,
                        help="the emulated board (default: biglittle)")
    parser.add_argument("--kernel", metavar="K",
                        help="its kernel, as scripts/board takes it (default: composite)")
    options = parser.parse_args()
    emulated = bool(options.topology or options.kernel or platform.machine() != "aarch64"
                    or not os.access("/dev/kvm", os.R_OK | os.W_OK))
    topology, kernel = options.topology or "biglittle", options.kernel or "composite"
    if kernel not in NAMED_KERNELS:
        kernel = os.path.abspath(kernel)
    set_up(emulated, kernel)
    if emulated:
        demonstrate(f"an emulated board: {topology}, kernel {kernel}, one cycle an instruction",
                    ["scripts/board", "--icount", f"--topology={topology}", f"--kernel={kernel}",
                     "--", "minivmm"], "guest.bin")
    else:
        demonstrate(f"this host: Linux {platform.release()}", ["build/minivmm"], "build/guest.bin")


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        main()
    except Failure as failure:
        progress(failure)
        sys.exit(1)
