# SPDX-License-Identifier: MIT
"""The results folder of a bundle's run, as the facts that a report is made of."""
import json
import os
import re

from reports.chapters import CHAPTERS
from reports.records import clusters

RUNS, HOST = "runs.tsv", "host.json"
COLUMNS = ("name", "title", "chapter", "shown", "status", "command", "said")
SHOWN = 12  # failed cases that a report names


def is_one(folder):
    """Whether a bundle's run left this folder."""
    return any(os.path.exists(os.path.join(folder, name)) for name in ("status", RUNS, "host.txt"))


def lines(folder, name):
    """Of a file that may not be there: a run can end early."""
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def runs(folder):
    """What runs.tsv says of each guest."""
    for line in lines(folder, RUNS):
        run = dict(zip(COLUMNS, line.split("\t")))
        if len(run) < len(COLUMNS):
            continue  # cut: the disk was full, or the board died
        if not run["shown"].isdecimal() or not run["status"].isdecimal():
            continue  # NUL bytes, after a power cut
        run["shown"], run["status"] = int(run["shown"]), int(run["status"])
        run["said"] = run["said"].removeprefix(f"{run['title']}: ")
        record = f"{os.path.basename(run['name'])}.jsonl"
        if os.path.exists(os.path.join(folder, record)):
            run["record"] = record
        yield run


def verdict(ktap, status):
    """pmu-regress's totals, and the cases that failed."""
    totals = [line for line in ktap if line.startswith("# Totals: ")]
    nothing = [line.partition("# SKIP ")[2] for line in ktap if line.startswith("ok 1 pmu-regress # SKIP ")]
    failed = [re.sub(r"not ok \d+ (- )?", "", line) for line in ktap if line.startswith("not ok ")]
    if nothing:
        text = f"nothing could run: {nothing[0]}"
    elif totals:
        text = ", ".join(f"{count} {word}" for word, count in re.findall(r"(\w+):(\d+)", totals[-1]))
    else:
        text = "interrupted" if ktap else "not run"
    names = ", ".join(failed[:SHOWN]) + (f" and {len(failed) - SHOWN} more" if len(failed) > SHOWN else "")
    return f"{text} (status {status})" + (f"; failed: {names}" if failed else "")


def facts(folder):
    """The facts of this folder, keyed as scripts/demo's."""
    pairs = [line.split(": ", 1) for line in lines(folder, "host.txt") if ": " in line]
    said = dict(pairs)
    ran = list(runs(folder))
    status = (lines(folder, "status") or ["none"])[0]
    shown = {"pmu-regress": verdict(lines(folder, "regress.ktap"), status)}
    shown |= {key: said[key] for key in ("machine", "kernel", "system", "minivmm", "date", "load") if said.get(key)}
    warnings = [text for key, text in pairs if key == "warning"]
    shown |= {"warnings": "; ".join(warnings)} if warnings else {}
    result = {"where": f"a board: {said.get('machine') or 'of unknown name'}, {said.get('kernel', 'no kernel named')}",
              "short": said.get("machine") or "a board", "facts": shown, "runs": ran,
              "chapters": [chapter for chapter in CHAPTERS
                           if any(run["chapter"] == chapter["id"] for run in ran)]}
    if lines(folder, HOST):
        host = read_host("\n".join(lines(folder, HOST)))
        result |= {"host": host} if host else {
            "problems": [f"{os.path.join(folder, HOST)}: not what minivmm --probe=json prints, so the windows tell the clusters"]}
    return result


def read_host(text):
    """What minivmm --probe=json has printed; None if that cannot be read."""
    try:
        host = json.loads(text)
        clusters(host)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return host
