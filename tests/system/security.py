# SPDX-License-Identifier: MIT
"""Writes the tables of docs/security.md: the jail's rules, what was tried on it, hostile guests."""
import os
import subprocess
import sys

from boards import each
from runs.command_line import Failure, Parser, main_of
from system.test_hostile import GROUPS
from system.test_jail import FORBIDDEN

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PAGE = os.path.join(ROOT, "docs", "security.md")
BEGIN, END = "<!-- tests/run security writes from here -->\n", "<!-- to here -->\n"
HELP = """\
usage: tests/run security [--check]

Asks tests/system/jailed.c, on an emulated board, for the jail's rules and for
what becomes of each call number, and writes both into docs/security.md, with
how each hostile guest must end (tests/system/test_hostile.py).

  --check     write nothing, but tell whether the page is what would be written
  -h, --help  this text

Exit status: 0; 1 if it is not, or nothing could be asked; 2 if the command line
is wrong.
"""
TITLES = {"run": "always", "reset": "unless --no-reboot", "move": "with a timed plan"}
# By the names of jailed.c: which lists, and whose calls by name were tried.
PROGRAMS = {"main": ("run", "vcpu"), "reset": ("run and reset", "reset"), "timed-no-reboot": ("run and move", None),
            "timed": ("run, reset and move", None)}


def ask():
    """The lines of "jailed rules" and of "jailed numbers"."""
    command = [os.path.join(ROOT, "scripts", "board"), "--",
               *each.command_line([["jailed", "rules"], ["jailed", "numbers"]])]
    done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True)
    answers = list(each.results(done.stdout))
    if any(answer[0] for answer in answers):
        raise Failure("jailed failed:\n" + answers[1][1])
    return [answer[1].splitlines() for answer in answers]


def table(head, rows):
    yield "| " + " | ".join(head) + " |\n"
    yield "| " + " | ".join("---" for _ in head) + " |\n"
    yield from ("| " + " | ".join(map(str, row)) + " |\n" for row in rows)


def tables(rules, numbers):
    rules = [rule.split("\t") for rule in rules]
    yield from table(("rules", "number", "in force"),
                     ((name, sum(rule[0] == name for rule in rules), title) for name, title in TITLES.items()))
    yield "\n"
    tried = {role: (tried, killed) for role, tried, killed in map(str.split, numbers)}
    yield from table(("a process with the rules", "call numbers tried", "refused", "calls tried by name, all refused"),
                     ((lists, *tried[role], len(FORBIDDEN.get(named, ())) or "")
                      for role, (lists, named) in PROGRAMS.items()))
    yield "\n"
    yield from table(("rules", "call", "if", "why"), rules)


def hostile_table():
    return table(("what the guest does", "runs", "status"),
                 ((group.text, len(group.commands), group.status) for group in GROUPS))


def fill(text, *parts):
    """TEXT with each part between its marks, in their order."""
    first, *rest = text.split(BEGIN)
    return first + "".join(BEGIN + "".join(part) + END + after.split(END)[1]
                           for part, after in zip(parts, rest, strict=True))


def main(arguments):
    parser = Parser(HELP)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    new = fill(text, tables(*ask()), hostile_table())
    if not options.check:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(new)
    elif new != text:
        print("security: docs/security.md is not up to date; run tests/run security", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main_of("security", lambda: main(sys.argv[1:]))
