# SPDX-License-Identifier: MIT
"""The figures as a table: for a terminal, and for docs/performance.md."""

HEAD = ("what", "unit", "floor", "minivmm", "beyond", "aim")
BEGIN, END = "<!-- scripts/bench --update writes from here -->\n", "<!-- to here -->\n"


def missed(row, result):
    return row.aim is not None and result["minivmm"] > row.aim.limit(result.get("floor"))


def beyond(row, result):
    base, value = result.get("floor"), result["minivmm"]
    if not base:
        return ""
    if row.aim and not row.aim.plus or value > 2 * base:
        return f"{value / base:.{2 if value * 10 > base else 4}f} x"
    return f"{value - base:+,}"


def cells(row, result):
    """A row of the table."""
    base = result.get("floor")
    aim = row.aim.text() + (", missed" if missed(row, result) else "") if row.aim else ""
    return (row.name, row.unit, "" if base is None else f"{base:,}", f"{result['minivmm']:,}",
            beyond(row, result), aim)


def plain(rows, results):
    """Lines for a terminal."""
    table = [HEAD, *(cells(row, results[row.name]) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        yield "  ".join(text.rjust(width) if 2 <= i <= 4 else text.ljust(width)
                        for i, (text, width) in enumerate(zip(line, widths))).rstrip()


def markdown(rows, results):
    """The table and what holds the figures that are above their aims."""
    yield "| " + " | ".join(HEAD) + " |\n| --- | --- | --: | --: | --: | --- |\n"
    for row in rows:
        yield "| " + " | ".join(cells(row, results[row.name])) + " |\n"
    late = [row for row in rows if missed(row, results[row.name])]
    if late:
        yield "\nAbove their aims:\n\n"
    reasons = {}
    for row in late:
        reasons.setdefault(row.why or "nobody has looked yet.", []).append(row.name)
    for why, names in reasons.items():
        yield f"* {'; '.join(names)}: {why}\n"


def rewrite(text, rows, results):
    """TEXT with all between its two marks made anew."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "".join(markdown(rows, results)) + END + rest.split(END)[1]
