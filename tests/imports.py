#!/usr/bin/env -S python3 -BESs
# SPDX-License-Identifier: MIT
"""Checks that each Python module imports what its package may, and in no circle."""
import ast
import os
import re
import sys

from arguments import arguments
from files import TOP, files
from rooms import circle

HELP = """\
usage: tests/imports.py

Checks that each Python module imports only from the packages that its own may,
by the table of packages in docs/architecture.md, that no modules import each
other in a circle, that a module has what others take from it, and that no more
than one place tells Python where they are.

  -h, --help  this text

Exit status: 0 if so, 1 if not, 2 if the command line is wrong.
"""
COMMANDS = "scripts"  # what people type, which is in no package


def table():
    """package: those that it may import, from docs/architecture.md."""
    with open(os.path.join(TOP, "docs", "architecture.md"), encoding="utf-8") as file:
        text = file.read()
    packages = {}
    for line in text[text.index("## Packages"):text.index("## Rooms")].splitlines():
        if line.startswith("| ") and line[2:6] not in ("pack", "--- "):
            names, _, below = (cell.strip() for cell in line.strip("|").split(" | "))
            may = list(packages) if below == "all above" else [name for name in below.split(", ") if name != "nothing"]
            packages.update({name: may for name in names.split(", ")})
    return packages


def modules():
    """(package, name): path, of every module; a command's package is COMMANDS."""
    for path in files():
        if not path.startswith(("scripts/", "tests/", "docs/man/")):
            continue
        parts = path.split("/")
        if len(parts) == 3 and path.endswith(".py"):
            yield (parts[1], parts[2].removesuffix(".py")), path
        elif len(parts) == 2 and parts[0] == COMMANDS:
            with open(os.path.join(TOP, path), "rb") as file:
                if b"python3" in file.readline():
                    yield (COMMANDS, parts[1]), path


def parse(path):
    """The module's syntax tree."""
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return ast.parse(file.read())


def imports(known):
    """(module, the one that it imports) of all that are ours."""
    for module, path in known.items():
        tree = parse(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                package, _, name = node.module.partition(".")
                for other in [(package, name)] if name else [(package, alias.name) for alias in node.names]:
                    if other in known:
                        yield module, other


def names_of(tree):
    """What a module has at its top, in whatever branch."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def missing(known):
    """(path, what it takes of another module, which does not have it)."""
    has = {module: set(names_of(parse(path))) for module, path in known.items()}
    for path in known.values():
        tree = parse(path)
        imported = {}
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            package, _, name = node.module.partition(".")
            for alias in node.names:
                if name and (package, name) in has and alias.name not in has[package, name]:
                    yield path, f"{package}.{name}.{alias.name}"
                elif (package, alias.name) in has and not name:
                    imported[alias.asname or alias.name] = (package, alias.name)
        own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id not in own:
                module = imported.get(node.value.id)
                if module and node.attr not in has[module]:
                    yield path, f"{'.'.join(module)}.{node.attr}"


def told_places():
    """Where a module tells Python where others are."""
    words = re.compile(b"sys" + rb"\.path\b")
    for path in files():
        if path.endswith(".py") or path.startswith(("scripts/", "tests/")):
            with open(os.path.join(TOP, path), "rb") as file:
                if words.search(file.read()):
                    yield path


def wrong():
    """What is wrong, a line each."""
    packages, known = table(), dict(modules())
    arrows = sorted(set(imports(known)))
    for (package, name), (other, theirs) in arrows:
        if package not in packages:
            yield f"docs/architecture.md has no package {package}"
        elif other != package and other not in packages[package]:
            yield f"{known[package, name]} imports {other}.{theirs}: {package} may import {', '.join(packages[package]) or 'nothing'}"
    if around := circle((known[start], known[end]) for start, end in arrows):
        yield "a circle of modules: " + " -> ".join(around)
    for path, name in missing(known):
        yield f"{path} uses {name}, which is not there"
    if len(arrows) < 50:
        yield f"only {len(arrows)} imports were found"
    told = list(told_places())
    if len(told) > 1:
        yield f"more than one place says where modules are: {', '.join(told)}"


def main():
    """Prints what is wrong; the exit status says whether anything is."""
    arguments(HELP)
    found = list(wrong())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
