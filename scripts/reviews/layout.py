# SPDX-License-Identifier: MIT
"""A report as sections; as text for a mail, and as HTML in the same order."""
import textwrap
from html import escape
from typing import NamedTuple

from reports import page

WIDTH = 72  # what a mail shows, and keeps as it is
LINES = 60  # of what is read to its end


class Verdict(NamedTuple):
    """The one sentence that everything else explains."""
    text: str
    good: bool


class Text(NamedTuple):
    """A paragraph."""
    text: str


class Line(NamedTuple):
    """A line that is copied, and so never wrapped."""
    text: str


class Table(NamedTuple):
    """Rows of texts below a head; columns but the first are numbers."""
    head: tuple
    rows: list


class Items(NamedTuple):
    """[(what, [what is to be said of it])]"""
    items: list


class Heading(NamedTuple):
    """Of the faults below it."""
    text: str


class Fault(NamedTuple):
    """A promise that is broken."""
    title: str
    facts: list  # [(name, text)]
    command: list  # words of the shell
    cases: list  # [(case, [board])], all of them


class Section(NamedTuple):
    """A heading, and what is below it."""
    title: str
    parts: list


def wrap(text, indent=0, more=0):
    """Its lines, none longer than WIDTH; the later ones are indented by MORE too."""
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent=" " * indent,
                         subsequent_indent=" " * (indent + more), break_on_hyphens=False) or [""]


def command_lines(words, indent):
    """A command that can be copied: lines end with a backslash; a word that is too long is broken the same way."""
    lines, line = [], " " * indent
    for word in words:
        if len(line) + len(word) > WIDTH - 2 and line.strip():
            lines.append(line + "\\")
            line = " " * (indent + 4)
        while len(line) + len(word) > WIDTH - 2:
            room = WIDTH - 2 - len(line)
            lines.append(line + word[:room] + "\\")
            line, word = "", word[room:]
        line += word + " "
    return [*lines, line.rstrip()]


def table_lines(table):
    """Columns as wide as their widest cell; what does not fit wraps in the first."""
    rows = [[str(cell) for cell in row] for row in (table.head, *table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    first = min(widths[0], WIDTH - sum(width + 2 for width in widths[1:]))
    for name, *cells in rows:
        *above, last = textwrap.wrap(name, first, break_on_hyphens=False) or [""]
        yield from above
        yield "  ".join([last.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths[1:]))]).rstrip()


def fault_lines(fault):
    """What it is, what was promised and seen, and how to see it again."""
    yield from wrap(fault.title, 2, 4)
    for name, text in fault.facts:
        yield from wrap(f"{name}: {text}", 4, 4)
    yield "    repeat:"
    yield from command_lines(fault.command, 6)


def part_lines(part):
    """A part of a section."""
    if isinstance(part, (Text, Verdict)):
        return wrap(part.text)
    if isinstance(part, Line):
        return [part.text]
    if isinstance(part, Heading):
        return wrap(part.text)
    if isinstance(part, Table):
        return list(table_lines(part))
    if isinstance(part, Fault):
        return list(fault_lines(part))
    return [line for what, said in part.items
            for line in [*wrap(what, 2, 4), *(line for text in said for line in wrap(text, 6))]]


def plain(sections):
    """The text. A section that begins with a paragraph has its title in front of it."""
    first, *others = sections
    lines = [*wrap(first.title), "-" * min(len(first.title), WIDTH), ""]
    for section in (first, *others):
        parts = list(section.parts)
        if section is not first:
            begins = isinstance(parts[0], Text)
            lines += wrap(f"{section.title}: {parts.pop(0).text}" if begins else f"{section.title}:")
        for part in parts:
            lines += ["", *part_lines(part)] if isinstance(part, Heading) and lines[-1] else part_lines(part)
        lines.append("")
    return "\n".join(lines)


def cases_html(cases):
    """All of them, folded."""
    rows = [(case, ", ".join(boards)) for case, boards in cases]
    return f"<details><summary>{len(rows)} cases</summary>{page.table(('case', 'boards'), rows)}</details>"


def part_html(part):
    """The same."""
    if isinstance(part, Verdict):
        return f'<p class="verdict {"good" if part.good else "bad"}">{page.prose(part.text)}</p>'
    if isinstance(part, Text):
        return f"<p>{page.prose(part.text)}</p>"
    if isinstance(part, Line):
        return f"<pre>{escape(part.text)}</pre>"
    if isinstance(part, Heading):
        return f"<h3>{escape(part.text)}</h3>"
    if isinstance(part, Table):
        return page.table(part.head, part.rows)
    if isinstance(part, Fault):
        facts = "".join(f"<dt>{escape(name)}</dt><dd>{page.prose(text)}</dd>" for name, text in part.facts)
        command = escape("\n".join(command_lines(part.command, 0)))
        return (f"<details><summary>{escape(part.title)}</summary><dl>{facts}<dt>repeat</dt><dd><pre>{command}</pre></dd></dl>"
                f"{cases_html(part.cases)}</details>")
    return "<ul>" + "".join(f"<li><b>{escape(what)}</b>" + "".join(f"<br>{escape(text)}" for text in said)
                            + "</li>" for what, said in part.items) + "</ul>"


def anchor(section):
    """What a link to it is called."""
    return section.title.lower().replace(" ", "-")


def html(sections):
    """The sections, for page.document(), whose headline is the first one's title; links to all follow the verdict."""
    first, *others = sections
    links = " · ".join(f'<a href="#{anchor(section)}">{escape(section.title)}</a>' for section in others)
    return ("".join(map(part_html, first.parts)) + f"<nav>{links}</nav>"
            + "".join(f'<h2 id="{anchor(section)}">{escape(section.title)}</h2>' + "".join(map(part_html, section.parts))
                      for section in others))
