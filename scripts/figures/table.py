# SPDX-License-Identifier: MIT
"""The figures as a table for a terminal, and what docs/performance.md has of them."""
import textwrap

from figures import headline, peers

HEAD = ("what", "floor", "minivmm", "beyond", "aim")
COLUMNS, WIDEST = 80, 11  # of a terminal; of a figure that has its column
BEGIN, END = "<!-- scripts/bench --update writes from here -->\n", "<!-- to here -->\n"


def missed(row, result):
    return row.aim is not None and result["minivmm"] > row.aim.limit(result.get("floor"))


def beyond(row, result):
    base, value = result.get("floor"), result["minivmm"]
    if not base:
        return ""
    # "one / the other" asks how many times as much.
    if row.aim and not row.aim.plus or " / " in row.name or value > 2 * base:
        return f"{value / base:.{2 if value * 10 > base else 4}f} x"
    return f"{value - base:+,}"


def cells(row, result):
    """A row of the table."""
    base = result.get("floor")
    aim = row.aim.text() + (" !" if missed(row, result) else "") if row.aim else ""
    return (row.name, "" if base is None else f"{base:,}", f"{result['minivmm']:,}", beyond(row, result), aim)


def plain(rows, results):
    """Lines for a terminal, under a heading per unit. What does not fit beside the other figures has two lines."""
    table = {row: cells(row, results[row.name]) for row in rows}
    widths = [max(len(text) for text in (head, *column) if len(text) <= WIDEST) for head, *column in zip(HEAD, *table.values())]
    widths[0] = COLUMNS - sum(width + 2 for width in widths[1:])

    def line(row):
        return "  ".join(text.rjust(width) if 1 <= i <= 3 else text.ljust(width)
                         for i, (text, width) in enumerate(zip(row, widths))).rstrip()

    yield line(HEAD)
    for unit in dict.fromkeys(row.unit for row in rows):
        yield f"-- {unit}"
        for row in rows:
            if row.unit == unit:
                *before, last = textwrap.wrap(row.name, widths[0], subsequent_indent="  ")
                yield from before
                if len(line((last, *table[row][1:]))) > COLUMNS:
                    yield last
                    last = ""
                yield line((last, *table[row][1:]))[-COLUMNS:]
    if any(missed(row, results[row.name]) for row in rows):
        yield "! is above its aim"


def kind(row):
    """What rows have in common."""
    return ", ".join(row.name.split(", ")[:2 if row.name.startswith("hop") else 1])


def late(rows, results):
    """What is above its aim and what holds it there: an item for each reason, with the worst row of each kind."""
    reasons = {}
    for row in rows:
        if missed(row, results[row.name]):
            kinds = reasons.setdefault(row.why or "nobody has looked yet.", {})
            kinds.setdefault(kind(row), []).append(row)
    for why, kinds in reasons.items():
        names = []
        for name, late_rows in kinds.items():
            worst = max(late_rows, key=lambda row: results[row.name]["minivmm"] / row.aim.limit(results[row.name].get("floor")))
            alike = sum(kind(row) == name and row.why == why for row in rows)
            number = f"{len(late_rows)} of {alike} rows, at most " if len(late_rows) > 1 else ""
            figure = beyond(worst, results[worst.name]) if worst.aim.factor else f"{results[worst.name]['minivmm']:,} {worst.unit}"
            names.append(f"**{name if number else worst.name}** ({number}{figure}; "
                         f"the aim is {worst.aim.text()})")
        yield f"* {', '.join(names)}: {why}\n"


def markdown(rows, results, others):
    """The headline, other VMMs, the pictures and what holds the figures that are above their aims."""
    yield from headline.markdown(results)
    yield from peers.markdown(others)
    items = list(late(rows, results))
    if items:
        yield "\n## Above their aims\n\n"
        yield from items


def rewrite(text, rows, results, others):
    """TEXT with all between its two marks made anew."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "".join(markdown(rows, results, others)) + END + rest.split(END)[1]
