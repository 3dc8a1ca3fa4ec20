# SPDX-License-Identifier: MIT
"""The commands of scripts/ and tests/: what they say of themselves, and of a command line that they cannot use."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from boards import times
from files import files
from system.harness import PATIENCE, TOP, expect, test

WIDTH = 80
UNUSABLE = {"scripts/board": 123}  # its other statuses are those of what it runs


def programs():
    """Everything that can be started by its name, but for what a board or a build starts."""
    for pattern in ("scripts/*", "scripts/*/*", "tests/*", "tests/hosts/*", "tests/real-boards/bundle/run"):
        for path in sorted(glob.glob(os.path.join(TOP, pattern))):
            if os.path.isfile(path) and os.access(path, os.X_OK):
                yield [os.path.relpath(path, TOP)]


def commands():
    """The same, and each command of tests/run."""
    listed = run(["tests/run", "--help"]).stdout
    return [*programs(), *(["tests/run", name] for name in re.findall(r"^  ([a-z-]+)  +\S", listed, re.M) if name != "-h")]


def run(command, *arguments, cwd=TOP):
    """One that must not take long, as it only looks at its command line."""
    return subprocess.run([os.path.join(TOP, command[0]), *command[1:], *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE, cwd=cwd)


def wrong_help(name, long, short):
    """What is wrong with what a command says of itself."""
    text, lines = long.stdout, long.stdout.splitlines() or [""]
    if (long.returncode, long.stderr) != (0, ""):
        yield f"--help ends with status {long.returncode}: {long.stderr}"
    if (short.returncode, short.stdout) != (0, text):
        yield "-h is not --help"
    if not re.match(rf"usage: {re.escape('run' if name.endswith('bundle/run') else name)}( |$)", lines[0]):
        yield f"no usage line, but {lines[0]!r}"
    if "\n  -h, --help" not in text:
        yield "-h, --help is not among its options"
    if not re.search(r"^Exit status: ", text, re.M):
        yield "it does not name its exit statuses"
    yield from (f"an option and its value are two words: {line}" for line in lines if re.match(r"  --?[a-z-]+ [A-Z]", line))
    yield from (f"more than {WIDTH} columns: {line}" for line in lines if len(line) > WIDTH)


def wrong_refusal(name, done):
    """What is wrong with its answer to an option that there is not."""
    if (done.returncode, done.stdout) != (UNUSABLE.get(name, 2), ""):
        yield f"status {done.returncode} and output {done.stdout!r}"
    if done.stderr.count("\n") != 1 or "--help" not in done.stderr:
        yield f"not a line that names --help, but {done.stderr!r}"


def check_all(look):
    """Has LOOK(name, command, folder) yield what is wrong with each command, which must leave no file."""
    everything, wrong = commands(), []
    expect(len(everything) > 25, f"only {everything}")
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        for command in everything:
            name = " ".join(command)
            wrong += [f"{name}: {what}" for what in look(name, command, folder)]
            wrong += [f"{name}: it leaves {left}" for left in os.listdir(folder)]
    expect(not wrong, "\n".join(wrong))


@test()
def commands_explain_themselves():
    """--help and -h of each command: a usage line, --option=VALUE, exit statuses, lines that fit; and nothing happens."""
    check_all(lambda name, command, folder: wrong_help(name, run(command, "--help", cwd=folder), run(command, "-h", cwd=folder)))


@test()
def commands_refuse_what_they_do_not_know():
    """An option that there is not: one line that names --help, status 2 (scripts/board: 123); and nothing happens."""
    check_all(lambda name, command, folder: wrong_refusal(name, run(command, "--no-such-option", cwd=folder)))


@test()
def commands_say_what_was_meant():
    """An option, value or test pattern that is nearly right: the right one is named, before anything is built."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        for command, argument, meant in ((["scripts/bench"], "--onli=x", "did you mean --only?"),
                                         (["scripts/demo"], "--topology=biglitle", "did you mean biglittle?"),
                                         (["tests/run", "system"], "comands_say*", "did you mean commands_"),
                                         (["scripts/test"], "comands_say*", "did you mean commands_")):
            done = run(command, argument, cwd=folder)
            expect(done.returncode in (1, 2) and meant in done.stderr, f"{command} {argument}: {done.stderr!r}")
            expect(done.stderr.count("\n") == 1, f"lines of {done.stderr!r}")


@test()
def commands_are_in_the_documents():
    """Each entry of scripts/ and each command of tests/run is in README.md or CONTRIBUTING.md, and scripts/ fits a screen."""
    text = ""
    for name in ("README.md", "CONTRIBUTING.md"):
        with open(os.path.join(TOP, name), encoding="utf-8") as file:
            text += file.read()
    entries = [f"scripts/{name}" for name in sorted(os.listdir(os.path.join(TOP, "scripts"))) if name != "__pycache__"]
    expect(len(entries) <= 24, f"scripts/ has {len(entries)} entries")
    unknown = [name for name in entries + [" ".join(command) for command in commands() if command[0].startswith("tests/")]
               if not re.search(rf"(?<![\w/]){re.escape(name)}(?![\w-])", text)]
    expect(not unknown, f"neither README.md nor CONTRIBUTING.md has {', '.join(unknown)}")


@test()
def checks_need_no_git():
    """In a copy without a repository, on a machine without git, the checks of the tree find what they find here."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        for name in files():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy(os.path.join(TOP, name), os.path.join(folder, name))
        for name in ("style", "imports", "rooms"):
            done = subprocess.run([sys.executable, "-B", os.path.join(folder, "tests", f"{name}.py")], env={"PATH": folder},
                                  capture_output=True, text=True, check=False)
            expect(done.returncode == 0, f"tests/{name}.py: {done.stdout}{done.stderr}")


@test()
def times_have_units():
    """Commands take a time in their own unit or with s, m or h; what is no time gets an answer that shows the form."""
    for command, option, status in ((["scripts/board"], "--timeout", 123), (["scripts/review"], "--timeout", 2),
                                    (["tests/run", "soak"], "--timeout", 2), (["tests/run", "findings"], "--timeout", 2),
                                    (["tests/run", "matrix"], "--timeout", 2), (["tests/run", "fuzz"], "--minutes", 2)):
        for text in ("x", "0", "-1", "5 s", "5d", ""):
            done = run(command, f"{option}={text}")
            expect(done.returncode == status and f"'{text}' is not a time above 0" in done.stderr and "15m" in done.stderr,
                   f"{command} {option}={text}: status {done.returncode}, {done.stderr}")
    got = [parse(text) for parse in (times.seconds, times.minutes) for text in ("90", "90s", "1.5m", "2h")]
    expect(got == [90, 90, 90, 7200, 90, 1.5, 1.5, 120], f"{got}")


@test()
def colours_are_for_terminals():
    """Colours only where standard output is a terminal that has them, and not with NO_COLOR."""
    command = [sys.executable, "-Bc", "from runs.colours import painted; print(painted('bad', False), painted('good', True))"]
    path = os.path.join(TOP, "scripts")
    painted = "\033[31mbad\033[m \033[32mgood\033[m"
    for terminal, variables, wanted in ((True, {"TERM": "xterm"}, painted), (False, {"TERM": "xterm"}, "bad good"),
                                        (True, {"TERM": "xterm", "NO_COLOR": "1"}, "bad good"),
                                        (True, {"TERM": "dumb"}, "bad good"), (True, {}, "bad good")):
        reader, writer = os.openpty() if terminal else os.pipe()
        with os.fdopen(reader, "rb", 0) as output:
            subprocess.run(command, stdout=writer, check=True, env={"PYTHONPATH": path, **variables})
            text = output.read(1000).decode().strip()
        os.close(writer)
        expect(text == wanted, f"terminal {terminal}, {variables}: {text!r}")
