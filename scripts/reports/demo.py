# SPDX-License-Identifier: MIT
"""Shows what KVM does to a guest's PMU when its vCPU hops between CPU clusters: all that scripts/demo does."""
import contextlib
import glob
import hashlib
import json
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time

from boards import direct, each, machine
from boards.topology import TOPOLOGIES
from kernels.named import NAMED_KERNELS
from reports import chapters, loading, plot, records
from runs.colours import painted
from runs.command_line import Failure, Parser, main_of

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Our own kernels, and the version of each.
FLAVORS = {"composite": "6.12", "stock": "6.12", "composite-7.3": "7.3", "stock-7.3": "7.3"}
DIED, HOST_LACKS, REFUSED = 9, 69, 71  # guest/calibrate.c; vmm/base/status.h
WIDTH = 80
HELP = f"""\
usage: scripts/demo [options]

Shows what KVM does to a guest's PMU when its vCPU hops between CPU clusters.
Sets up what is missing, builds, runs guests in every PMU mode and makes a
report. On an Arm host with /dev/kvm they run there, unless an option asks for
an emulated board.

  --topology=T  the emulated board (default: biglittle), one of
                {", ".join(list(TOPOLOGIES)[:6])},
                {", ".join(list(TOPOLOGIES)[6:])}
  --kernel=K    its kernel, as scripts/board takes it (default: composite)
  --compare=K   another kernel, which the report shows beside the first
  --append=ARGS
                more arguments for the board's kernel
  --out=DIR     where the report and the records go (default: build/demo)
  -h, --help    this text

Exit status: 0, 1 after a line that says what failed, or 2 if the command line
is wrong.
"""


def progress(text):
    """Goes to stderr, so that the table can be piped."""
    print(f"demo: {text}", file=sys.stderr, flush=True)


def run(command, **options):
    """Returns the finished process. A signal to us ends all that COMMAND has started:
    it has a session of its own, so that it hears of Ctrl-C only from here."""
    with subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, start_new_session=True,
                          **options) as process:
        try:
            output = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    return subprocess.CompletedProcess(command, process.returncode, *output)


def script(name, *args):
    """Runs one of our scripts; what it prints to stdout is not for the user."""
    result = run([f"scripts/{name}", *args], stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise Failure(f"scripts/{name} failed with status {result.returncode} (see above)")
    return result.stdout.strip()


def set_up(emulated, kernels):
    """Everything a fresh machine lacks; each step is instant when there is nothing to do."""
    script("setup", *(["--all"] if emulated else []))
    for kernel in kernels if emulated else ():
        if kernel in FLAVORS:
            own_kernel(kernel)
    script("build")


def last_line(text):
    """What a program said last: minivmm's sentence, or its error."""
    return (text.strip().splitlines() or ["no message"])[-1].removeprefix("minivmm: ")


class Bench:
    """Where the guests run: a board with a kernel, or this host. Keeps what they left behind."""

    def __init__(self, options, kernel, folder):
        self.folder = folder
        self.emulated = options.emulated
        self.kernel = kernel
        self.topology = options.topology or "biglittle"
        self.board = ["scripts/board"]
        if self.emulated:
            self.board += ["--icount", f"--topology={self.topology}", f"--kernel={kernel}"]
            self.board += [f"--append={options.append}"] if options.append else []
        self.append = options.append
        self.runs = []
        self.host = None

    @property
    def where(self):
        """For people."""
        if self.emulated:
            return (f"Emulated board {self.topology}, kernel {self.kernel}, one cycle per "
                    "instruction")
        return f"This host: Linux {platform.release()}"

    def boot(self, what, commands, gets=()):
        """Runs COMMANDS in one boot; returns each one's status, output, errors and record."""
        progress(f"{what}: {records.plural(len(commands), 'command')} on "
                 f"{self.topology + ', kernel ' + self.kernel if self.emulated else 'this host'}")
        result = run([*self.board, *gets, "--", *each.command_line(commands)],
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        done = list(each.results(result.stdout))
        if result.returncode or len(done) < len(commands):
            said = last_line(result.stderr.decode(errors="replace")).removeprefix("board: ")
            raise Failure(f"{what}, {self.where}: {said}; what was recorded before is in "
                          f"{self.folder}")
        return done

    def probe(self):
        """Learns what the host offers, and which kernel this is."""
        version = os.path.join(self.folder, "kernel-version")
        (status, text, errors, *_), (_, self.program, *_) = self.boot(
            "what the host offers", [["minivmm", "--probe=json"], ["minivmm", "--version"]],
            [f"--get=/proc/version:{version}"])
        if status:
            raise Failure(f"minivmm --probe: {last_line(errors)}")
        self.host = json.loads(text)
        with open(version, encoding="utf-8") as file:
            self.linux = file.read().strip()
        os.unlink(version)

    def chapter(self, chapter, entries):
        """Runs ENTRIES, [(title, arguments, windows to draw)], and keeps their records."""
        # The first guest after a boot waits until the kernel has switched perf on
        # (kernel/events/core.c: account_event()), and would be drawn late.
        warm_up = ["minivmm", "--append=windows=1", "guest.bin"]
        commands = [["minivmm", *args[:-1], "--timeout=60", args[-1]] for _, args, _ in entries]
        _, *results = self.boot(chapter, [warm_up] + [
            [command[0], "--record=record", "--trace=record.trace.json", *command[1:]] for command in commands])
        for (title, _, shown), command, result in zip(entries, commands, results):
            self.keep(chapter, title, shown, command, result)
        self.write_facts()

    def keep(self, chapter, title, shown, command, result):
        """A run's record and trace, and what is to be said of it."""
        status, _, errors, record, trace = result
        name = re.sub(r"[^a-z]+", "-", f"{chapter} {title}")
        facts = {"name": name, "title": title, "chapter": chapter, "status": status,
                 "command": shlex.join(command), "shown": shown,
                 "said": last_line(errors).removeprefix(f"{title}: ")}
        if record:
            facts["record"] = f"{name}.jsonl"
            with open(os.path.join(self.folder, facts["record"]), "w", encoding="utf-8") as file:
                file.write(record)
            with open(os.path.join(self.folder, name + records.TRACE), "w", encoding="utf-8") as file:
                file.write(trace)
        self.runs.append(facts)

    def write_facts(self):
        """After each chapter, so that the records of a demo that is broken off have theirs."""
        facts = {"where": self.where, "short": f"on {os.path.basename(self.kernel)}" if self.emulated else "here",
                 "host": self.host, "facts": self.facts(), "chapters": chapters.CHAPTERS, "runs": self.runs}
        with open(os.path.join(self.folder, loading.FACTS), "w", encoding="utf-8") as file:
            json.dump(facts, file, indent=1)

    def facts(self):
        """What it takes to get the same numbers again."""
        facts = {"date": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
                 "command": shlex.join(["scripts/demo", *sys.argv[1:]]), "kernel": self.linux}
        if self.emulated:
            facts["kernel's Image"] = image_facts(self.kernel)
            facts["board"] = (f"{self.topology} ({TOPOLOGIES[self.topology].summary}), "
                              "scripts/board --icount: an instruction is 1 ns and 1 cycle"
                              + (f", --append={self.append}" if self.append else ""))
            facts["seed"] = "1 (QEMU's; no plan of these runs is random)"
            facts["QEMU"] = first_line("qemu-system-aarch64", "--version")
            facts["guests' compiler"] = first_line("aarch64-linux-gnu-gcc", "--version")
        else:
            facts["time"] = "wall time: counts vary a little from run to run"
        facts["host PMUs"] = "; ".join(f"{pmu['name']}: CPUs {pmu['cpus']}"
                                       for pmu in self.host["pmus"]) or "none"
        facts["minivmm"] = self.program.strip()
        return facts


def first_line(*command):
    """Of what a program prints, e.g. its version."""
    try:
        return (run(command, stdout=subprocess.PIPE, text=True).stdout.splitlines() or ["?"])[0]
    except OSError:
        return "not here"


def digest(path):
    """The first digits of a file's SHA-256."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]


def own_kernel(kernel):
    """The Image of one of FLAVORS."""
    return script("kernel", f"--version={FLAVORS[kernel]}", f"--flavor={kernel.partition('-')[0]}")


def image_facts(kernel):
    """An Image's digest, and the patches that one of our own has."""
    path = own_kernel(kernel) if kernel in FLAVORS else kernel
    if kernel in NAMED_KERNELS and kernel not in FLAVORS:
        path = script("debian/kernel", kernel.removeprefix("debian-"))
    path = os.path.join(path, "Image") if os.path.isdir(path) else path
    text = f"{os.path.basename(path)}, sha256 {digest(path)}"
    if kernel in FLAVORS and kernel.startswith("composite"):
        patches = sorted(glob.glob(os.path.join(TOP, f"scripts/kernels/linux/{FLAVORS[kernel]}/*.patch")))
        text += "; patches: " + ", ".join(f"{os.path.basename(patch)} (sha256 {digest(patch)})"
                                          for patch in patches)
    return text + ("; no patches" if kernel in FLAVORS and kernel.startswith("stock") else "")


def expected(run_facts):
    """Whether a run ended as its mode lets it."""
    wanted = {0, HOST_LACKS}
    wanted |= {DIED} if run_facts["chapter"] == "calibrate" else set()
    wanted |= {REFUSED} if "without" in run_facts["title"] else set()
    return run_facts["status"] in wanted


def print_table(rows):
    """Columns as wide as their widest cell. What a terminal would break, as counts that vary do, is a list per mode."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    print("cycles per window: no hop / after a hop")
    if max(map(len, lines)) > WIDTH:
        lines = [line for row in rows[1:] for line in (row[0], *(f"    {name}: {cell}" for name, cell in zip(rows[0][1:], row[1:])))]
    print("\n".join(lines), end="\n\n")


def overview(site, runs):
    """The table over all modes. Other lines have the host PMUs' full names, how many windows there were, and auto's choice."""
    names = plot.short_names(pmu for _, pmu in site.groups)
    rows = [records.overview_head(site.groups)] + [records.overview_row(ran, site.groups) for ran in runs]
    titles = [rows[0][0], *(ran.title for ran in runs)]
    return [[title, names.get(row[1], row[1]), *(cell.replace(" / ", "/") for cell in row[3:])] for title, row in zip(titles, rows)]


def wrapped(text):
    """A sentence in lines of a terminal."""
    return textwrap.fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def show(site):
    """The host, the guest that may die, the table, one sentence per mode."""
    by_chapter = {chapter["id"]: site.of_chapter(chapter) for chapter in site.chapters}
    print(site.where)
    for group, pmu in site.groups:
        print(f"    {records.cpu_list(group)}: {pmu}")
    print("\na guest that divides by its cycle counter, as Windows does when it boots")
    for ran in by_chapter["calibrate"]:
        print(painted(wrapped(f"    {ran.title}: {records.verdict(ran)}"), not ran.status))
    print()
    print_table(overview(site, by_chapter["table"]))
    print(wrapped("; ".join(site.reasons) + "."))
    for ran in by_chapter["table"]:
        if ran.title != "auto":
            print(wrapped(f"{ran.title}: {ran.said}"))
    print()


def fresh_folder(path):
    """Without what an earlier demo left there; nothing else is touched."""
    os.makedirs(path, exist_ok=True)
    for name in os.listdir(path):
        if name.endswith((".jsonl", records.TRACE, ".svg", ".png")) or name in (loading.FACTS, "report.html"):
            os.unlink(os.path.join(path, name))
    return path


def demonstrate(options, kernels):
    """Runs everything on each kernel and makes the report of it."""
    fresh_folder(options.out)
    benches = []
    for number, kernel in enumerate(kernels, 1):
        folder = fresh_folder(os.path.join(options.out, f"records-{number}"))
        benches.append(Bench(options, kernel, folder))
        benches[-1].probe()
        for chapter, entries in chapters.runs(benches[-1].host, records.clusters(benches[-1].host)):
            benches[-1].chapter(chapter, entries)
    for site in loading.load([bench.folder for bench in benches]):
        show(site)
    sys.stdout.flush()
    progress("draws the report")
    report = script("report", f"--out={options.out}", *(bench.folder for bench in benches))
    print(f"report: {report}")
    for failed in (facts for bench in benches for facts in bench.runs if not expected(facts)):
        raise Failure(f"{failed['name']} ended with status {failed['status']}: {failed['said']}")


def options_of(arguments):
    """The command line; also whether a board is emulated."""
    parser = Parser(HELP)
    parser.add_argument("--topology", choices=TOPOLOGIES)
    parser.add_argument("--kernel")
    parser.add_argument("--compare")
    parser.add_argument("--append")
    parser.add_argument("--out", default=os.path.join(TOP, "build", "demo"))
    options = parser.parse_args(arguments)
    options.out = os.path.abspath(options.out)
    options.asked = bool(options.topology or options.kernel or options.compare or options.append)
    options.emulated = options.asked or not direct.possible()
    return options


def explain_emulation():
    """Why a host that has a /dev/kvm of its own is not used. Nothing is installed for the sake of a missing permission."""
    obstacle = direct.obstacle()
    missing = machine.missing_program()
    if obstacle and missing:
        raise Failure(f"{obstacle}. An emulated board would do too, but {missing} is not installed: "
                      "scripts/setup --all installs it")
    if obstacle:
        progress(f"{obstacle}. Uses an emulated board instead")


def main():
    """Everything in order."""
    start = time.monotonic()
    options = options_of(sys.argv[1:])
    if not options.asked:
        explain_emulation()
    kernels = [kernel if kernel in NAMED_KERNELS else os.path.abspath(kernel)
               for kernel in (options.kernel or "composite", options.compare) if kernel]
    set_up(options.emulated, kernels)
    demonstrate(options, kernels)
    progress(f"took {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        main_of("demo", main)
    except OSError as failure:
        progress(f"{failure.filename or 'cannot continue'}: {failure.strerror}")
        sys.exit(1)
