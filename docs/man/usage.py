# SPDX-License-Identifier: MIT
"""Reads what a program's --help prints, which is the only place where its options are described."""
import re

# Where the description of a value is prose.
IN_PROSE = {"ACTION": ["stop", "return"]}


class Option:
    """--name, --name=ARGUMENT or --name[=ARGUMENT], and what it does."""

    def __init__(self, head, text):
        self.name, behind = re.fullmatch(r"--([a-z0-9-]+)(.*)", head).groups()
        self.optional = behind.startswith("[=")
        self.argument = behind[2:-1] if self.optional else behind[1:]
        self.text = text

    @property
    def values(self):
        """Those that can be offered; one that ends with a colon goes on."""
        if not self.argument or self.argument.startswith("FILE") or self.argument == "DIR":
            return []
        if self.optional:
            return [self.argument]
        if self.argument == "T":  # a line each
            return [line.split()[0] for line in self.text.split("\n")]
        if self.argument in IN_PROSE:
            return IN_PROSE[self.argument]
        text = re.sub(r"\[[^]]*\]", "", re.sub(r"\([^)]*\)", ",", self.text.partition("e.g.")[0]))
        words = [word.strip() for word in re.split(r",|\bor\b", text)]
        return [match.group(1) for match in (re.fullmatch(r"([a-z0-9][a-z0-9.-]*:?)[A-Z]*", word) for word in words)
                if match]

    @property
    def takes_file(self):
        """Whether a path is offered."""
        return bool(self.argument) and (self.argument.startswith("FILE") or self.argument in ("DIR", "K"))


class Usage:
    """Usage line, introduction, options, and the paragraph with the exit statuses."""

    def __init__(self, text):
        paragraphs = [part for part in text.strip("\n").split("\n\n")]
        first = paragraphs[0].split("\n")
        self.synopsis = re.sub(r"^usage: ", "", first[0])
        rest = ["\n".join(first[1:])] + paragraphs[1:]
        self.options, self.intro, self.status = [], [], ""
        for part in rest:
            if part.startswith("  --"):
                self.options += self.read_options(part)
            elif part.startswith("Exit status: "):
                self.status = part.removeprefix("Exit status: ")
            elif part.strip():
                self.intro.append(part)
        if not self.options or not self.status:
            raise SystemExit("this is no --help: it lacks options or exit statuses")

    @staticmethod
    def read_options(part):
        """Lines that go on are indented further."""
        heads = []
        for line in part.split("\n"):
            match = re.match(r"  (?:-h, )?(--\S+)\s*(.*)", line)
            if match:
                heads.append([match.group(1), match.group(2)])
            else:
                heads[-1][1] += "\n" + line.strip()
        return [Option(head, text) for head, text in heads]
