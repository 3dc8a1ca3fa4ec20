# SPDX-License-Identifier: MIT
"""What meson install leaves: programs, man pages and completions that say what --help says."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from man.usage import Usage
from system.harness import PATIENCE, Skipped, TOP, expect, expect_equal, test

NATIVE = os.path.join(TOP, "build")
CROSS = NATIVE if os.uname().machine == "aarch64" else os.path.join(TOP, "build-arm64")
PROGRAMS = {"minivmm": CROSS, "pmu-regress": CROSS, "minivmm-board": NATIVE}
if NATIVE == CROSS:
    del PROGRAMS["minivmm-board"]


def made(name, suffix):
    """A file that the build has made of a --help."""
    with open(os.path.join(PROGRAMS[name], "docs", "man", suffix.format(name)), encoding="utf-8") as file:
        return file.read()


def complete(name, *words):
    """What bash offers behind these words."""
    line = " ".join(f"'{word}'" for word in (name, *words))
    script = (f"compopt() {{ :; }}; . {PROGRAMS[name]}/docs/man/{name}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; "
              f"_{name.replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout.split()


def install(build, folder):
    """Installs it below FOLDER; returns the prefix there."""
    subprocess.run(["meson", "install", "--no-rebuild", "-C", build, f"--destdir={folder}"], capture_output=True, check=True)
    return os.path.join(folder, "usr/local")


def installed(build):
    """The files below the prefix."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        install(build, folder)
        return {os.path.relpath(os.path.join(place, name), os.path.join(folder, "usr/local"))
                for place, _, names in os.walk(folder) for name in names}


@test()
def install_is_complete():
    """meson install: programs, guests, a man page and two completions per program; minivmm-board where boards are."""
    for name, build in PROGRAMS.items():
        files = installed(build)
        expect(files >= {f"bin/{name}", f"share/man/man1/{name}.1", f"share/bash-completion/completions/{name}",
                         f"share/zsh/vendor-completions/_{name}"}, f"{name}: {files}")
    files = installed(CROSS)
    expect_equal(len(files), 23, f"files of arm64: {sorted(files)}")
    if NATIVE != CROSS:
        expect("share/minivmm/build-arm64/board-init" in installed(NATIVE), "no programs for the boards")


@test(boots=True)
def guest_sdk_builds_outside_the_tree():
    """The installed SDK alone builds the example; its ten windows count in composite mode and stop on a72 in default."""
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        prefix = install(CROSS, folder)
        work = shutil.copytree(os.path.join(prefix, "share/minivmm/guest/example"), os.path.join(folder, "example"))
        cross = [] if NATIVE == CROSS else ["CROSS=aarch64-linux-gnu-"]
        done = subprocess.run(["make", *(cross or ["CROSS="])], cwd=work, capture_output=True, text=True, check=False,
                              env={**os.environ, "PKG_CONFIG_PATH": os.path.join(prefix, "share/pkgconfig")})
        expect_equal((done.returncode, done.stderr), (0, ""), "make's status and warnings")
        for mode, stopped in (("composite", 0), ("default", 5)):
            record = os.path.join(folder, f"{mode}.jsonl")
            done = subprocess.run([os.path.join(TOP, "scripts/board"), "--icount", f"--put={work}/example.bin",
                                   f"--get=record:{record}", "--", "minivmm", f"--pmu={mode}", "--migrate=step:0,2",
                                   "--record=record", "example.bin"], capture_output=True, text=True, check=False)
            expect_equal((done.returncode, done.stdout), (0, "ten windows\n"), f"{mode}: status and console ({done.stderr})")
            with open(record, encoding="utf-8") as file:
                windows = [line for line in map(json.loads, file) if line["type"] == "window"]
            expect_equal(len(windows), 10, f"{mode}: windows")
            expect_equal(sum(window["cycles"] == 0 for window in windows), stopped, f"{mode}: windows that stopped")
            expect(all(window["cycles"] < 1000000 for window in windows), f"{mode}: {[window['cycles'] for window in windows]}")


@test(slow=True, boots=True)
def installed_board_builds_its_kernel():
    """minivmm-board of a meson install, with an empty cache: its first kernel is patched, configured and begins to compile."""
    if NATIVE == CROSS:
        raise Skipped("minivmm-board is for machines that are not arm64")
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        board = os.path.join(install(NATIVE, folder), "bin/minivmm-board")
        done = subprocess.run([board, "--help"], capture_output=True, text=True, check=False)
        expect_equal(done.stdout.splitlines()[0].split()[:2], ["usage:", "minivmm-board"], "its name")
        log = os.path.join(folder, "cache/minivmm/build.log")
        with subprocess.Popen([board, "--", "minivmm", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              cwd=folder, env={**os.environ, "XDG_CACHE_HOME": os.path.join(folder, "cache")}) as process:
            deadline = time.monotonic() + PATIENCE
            while process.poll() is None and time.monotonic() < deadline and not compiles(log):
                time.sleep(1)
            compiled = compiles(log)
            process.terminate()
            errors = process.stderr.read()
        expect(compiled, f"nothing was compiled: {errors[-2000:]}")


def compiles(log):
    """Whether make has compiled a file of the kernel's for arm64."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            return re.search(r"^  CC +(arch/arm64|kernel|mm)/", file.read(), re.M) is not None
    except FileNotFoundError:
        return False


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
        done = subprocess.run(["zsh", "-nf", os.path.join(PROGRAMS[name], "docs", "man", f"_{name}")], capture_output=True,
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


@test(slow=True)
def arm_hosts_can_sanitize():
    """A sanitized build for arm64 is of unit tests only: what boards run is static, and no sanitizer goes with that."""
    cross = [] if NATIVE == CROSS else ["--cross-file", os.path.join(TOP, "scripts", "aarch64.cross")]
    with tempfile.TemporaryDirectory(prefix="minivmm-test-") as folder:
        done = subprocess.run(["meson", "setup", folder, TOP, "-Db_sanitize=address,undefined", "-Db_lundef=false", *cross],
                              capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"meson setup: {done.stdout[-600:]}{done.stderr}")
        targets = json.loads(subprocess.run(["meson", "introspect", "--targets", folder], capture_output=True, check=True).stdout)
    programs = {target["name"] for target in targets if target["type"] == "executable"}
    expect("test_guest_fdt" in programs, f"no unit tests among {programs}")
    expect(not programs & {"minivmm", "pmu-regress", "board-init", "guest"}, f"static programs among {programs}")
