# SPDX-License-Identifier: MIT
"""Makes a man page: page.py NAME VERSION EXTRA < output of --help. EXTRA is roff that goes behind."""
import re
import sys

from man.usage import Usage


def roff(text):
    """Text as roff has it: no line is a request, and dashes are those that are typed."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def option(entry):
    """As man pages set options."""
    value = f"=\\fI{roff(entry.argument)}\\fR" if entry.argument else ""
    return f".TP\n\\fB\\-\\-{roff(entry.name)}\\fR{f'[{value}]' if entry.optional else value}\n{roff(entry.text)}\n"


def main():
    """The page goes to stdout."""
    name, version, extra = sys.argv[1:]
    usage = Usage(sys.stdin.read())
    with open(extra, encoding="utf-8") as file:
        summary, _, behind = file.read().partition("\n")
    synopsis = usage.synopsis.split(" ", 1)
    print(f'.TH {name.upper()} 1 "" "minivmm {version}" "User Commands"')
    print(f".SH NAME\n{name} \\- {summary}")
    print(f".SH SYNOPSIS\n.B {roff(name)}\n{roff(synopsis[1])}")
    print(".SH DESCRIPTION\n" + "\n.PP\n".join(roff(part) for part in usage.intro))
    print(".SH OPTIONS\n" + "".join(option(entry) for entry in usage.options), end="")
    print(f".SH EXIT STATUS\n{roff(usage.status)}")
    print(behind, end="")


if __name__ == "__main__":
    main()
