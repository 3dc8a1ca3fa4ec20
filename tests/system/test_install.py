# SPDX-License-Identifier: MIT
"""What meson install leaves: programs, man pages and completions that say what --help says."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from harness import Skipped, TOP, expect, expect_equal, test

sys.path.insert(0, os.path.join(TOP, "man"))

from usage import Usage  # noqa: E402

NATIVE = os.path.join(TOP, "build")
CROSS = NATIVE if os.uname().machine == "aarch64" else os.path.join(TOP, "build-arm64")
PROGRAMS = {"minivmm": CROSS, "pmu-regress": CROSS, "minivmm-board": NATIVE}
if NATIVE == CROSS:
    del PROGRAMS["minivmm-board"]


def made(name, suffix):
    """A file that the build has made of a --help."""
    with open(os.path.join(PROGRAMS[name], "man", suffix.format(name)), encoding="utf-8") as file:
        return file.read()


def complete(name, *words):
    """What bash offers behind these words."""
    line = " ".join(f"'{word}'" for word in (name, *words))
    script = (f"compopt() {{ :; }}; . {PROGRAMS[name]}/man/{name}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; "
              f"_{name.replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout.split()


def installed(build):
    """The files below the prefix."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        subprocess.run(["meson", "install", "--no-rebuild", "-C", build, f"--destdir={folder}"], capture_output=True, check=True)
        return {os.path.relpath(os.path.join(place, name), os.path.join(folder, "usr/local"))
                for place, _, names in os.walk(folder) for name in names}


@test()
def install_is_complete():
    """meson install: programs, guests, a man page and two completions a program; minivmm-board where boards are."""
    for name, build in PROGRAMS.items():
        files = installed(build)
        expect(files >= {f"bin/{name}", f"share/man/man1/{name}.1", f"share/bash-completion/completions/{name}",
                         f"share/zsh/vendor-completions/_{name}"}, f"{name}: {files}")
    files = installed(CROSS)
    expect_equal(len(files), 12, f"files of arm64: {sorted(files)}")
    if NATIVE != CROSS:
        expect("share/minivmm/build-arm64/board-init" in installed(NATIVE), "no programs for the boards")


@test()
def man_pages_say_what_help_says():
    """Each option of --help is in the page, and groff has nothing to complain about."""
    for name in PROGRAMS:
        page = made(name, "{}.1")
        usage = Usage(made(name, "{}.help"))
        for option in usage.options:
            expect("\\-\\-" + option.name.replace("-", "\\-") in page, f"{name}.1 has no --{option.name}")
        if not shutil.which("groff"):
            raise Skipped("there is no groff to read the pages")
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8"], input=page, capture_output=True, text=True,
                              check=False)
        expect_equal((done.returncode, done.stderr), (0, ""), f"groff on {name}.1")


@test()
def completions_offer_what_is_taken():
    """bash: options by their beginning, values behind =, files; each value offered is one that minivmm takes."""
    expect_equal(complete("minivmm", "--pmu-"), ["--pmu-filter=", "--pmu-counters="], "--pmu-")
    expect_equal(complete("minivmm", "--pmu", "="), ["auto", "default", "explicit", "composite", "strict", "off"], "--pmu=")
    expect_equal(complete("minivmm", "--migrate", "=", "e"), ["every:"], "--migrate=e")
    expect_equal(complete("minivmm", "--quiet", f"{TOP}/READ"), [f"{TOP}/README.md"], "a file")
    if NATIVE != CROSS:
        expect_equal(complete("minivmm-board", "--topology", "=", "d"), ["dynamiq"], "--topology=d")
    for option in Usage(made("minivmm", "{}.help")).options:
        for value in (value for value in option.values if not value.endswith(":")):
            done = subprocess.run([os.path.join(NATIVE, "minivmm"), f"--{option.name}={value}", "/none"],
                                  capture_output=True, text=True, check=False)
            expect(done.returncode != 64, f"--{option.name}={value}: {done.stderr}")


@test()
def completions_are_zsh_too():
    """zsh parses its completions, and they name every option."""
    if not shutil.which("zsh"):
        raise Skipped("there is no zsh")
    for name in PROGRAMS:
        done = subprocess.run(["zsh", "-nf", os.path.join(PROGRAMS[name], "man", f"_{name}")], capture_output=True,
                              text=True, check=False)
        expect_equal((done.returncode, done.stderr), (0, ""), f"zsh on _{name}")
        for option in Usage(made(name, "{}.help")).options:
            expect(f"'--{option.name}" in made(name, "_{}"), f"_{name} has no --{option.name}")


@test()
def version_names_the_source():
    """--version: the version of meson.build, a commit and the kernel headers; the change logs have that version."""
    with open(os.path.join(TOP, "meson.build"), encoding="utf-8") as file:
        version = re.search(r"version: '([0-9.]+)'", file.read()).group(1)
    done = subprocess.run([os.path.join(NATIVE, "minivmm"), "--version"], capture_output=True, text=True, check=False)
    expect(re.fullmatch(rf"minivmm {re.escape(version)} \(commit ([0-9a-f]{{7,}}(-dirty)?|unknown), "
                        r"Linux headers \d+\.\d+\.\d+\)\n", done.stdout), done.stdout)
    with open(os.path.join(TOP, "debian", "changelog"), encoding="utf-8") as file:
        expect(file.readline().startswith(f"minivmm ({version})"), f"debian/changelog does not begin with {version}")
    with open(os.path.join(TOP, "CHANGELOG.md"), encoding="utf-8") as file:
        expect(f"\n## {version}" in file.read(), f"CHANGELOG.md has nothing about {version}")
