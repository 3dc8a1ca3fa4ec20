# SPDX-License-Identifier: MIT
"""A report as sections of facts, tables and items; as text for a mail, and as HTML."""
import textwrap
from html import escape
from typing import NamedTuple

import page

WIDTH = 72  # what a mail shows, and keeps as it is


class Text(NamedTuple):
    """A paragraph."""
    text: str


class Table(NamedTuple):
    """Rows of texts below a head; columns but the first are numbers."""
    head: tuple
    rows: list


class Items(NamedTuple):
    """[(what, [what is to be said of it])]"""
    items: list


class Section(NamedTuple):
    """A heading, and what is below it."""
    title: str
    parts: list


def wrap(text, indent=0, more=0):
    """Its lines, none longer than WIDTH; the later ones are indented by MORE too."""
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent=" " * indent,
                         subsequent_indent=" " * (indent + more), break_on_hyphens=False) or [""]


def table_lines(table):
    """Columns as wide as their widest cell; what does not fit wraps in the first."""
    rows = [[str(cell) for cell in row] for row in (table.head, *table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    first = min(widths[0], WIDTH - sum(width + 2 for width in widths[1:]))
    for name, *cells in rows:
        *above, last = textwrap.wrap(name, first, break_on_hyphens=False) or [""]
        yield from above
        yield "  ".join([last.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths[1:]))]).rstrip()


def part_lines(part):
    """A part of a section."""
    if isinstance(part, Text):
        return wrap(part.text)
    if isinstance(part, Table):
        return list(table_lines(part))
    return [line for what, said in part.items
            for line in [*wrap(what, 2, 4), *(line for text in said for line in wrap(text, 6))]]


def plain(sections):
    """The text."""
    lines = []
    for section in sections:
        lines += [*wrap(section.title), "-" * min(len(section.title), WIDTH), ""]
        for part in section.parts:
            lines += [*part_lines(part), ""]
    return "\n".join(lines)


def part_html(part):
    """The same."""
    if isinstance(part, Text):
        return f"<p>{page.prose(part.text)}</p>"
    if isinstance(part, Table):
        return page.table(part.head, part.rows)
    return "<ul>" + "".join(f"<li><b>{escape(what)}</b>" + "".join(f"<br>{escape(text)}" for text in said)
                            + "</li>" for what, said in part.items) + "</ul>"


def html(sections):
    """The sections, for page.document(), whose headline is the first one's title."""
    return "".join((f"<h2>{escape(section.title)}</h2>" if section is not sections[0] else "")
                   + "".join(map(part_html, section.parts)) for section in sections)
