# SPDX-License-Identifier: MIT
"""Reads minivmm's records, and the facts that scripts/demo or a bundle's run leaves beside them. What can be read is
kept; what cannot is named, for the page to show."""
import json
import os

from reports import bundle_results
from reports.records import Broken, Run, Site

FACTS = "facts.json"
KEYS = {
    "run": {"mode": str, "vcpus": int},
    "window": {"vcpu": int, "window": int, "cpu": int, "stayed": bool, "hops": int, "time_ns": int, "cntvct": int,
               "cycles": int, "cntvct_end": int, "cycles_end": int, "interrupts": int},
    "hop": {"vcpu": int, "from": int, "to": int, "time_ns": int},
    "refusal": {"vcpu": int, "cpu": int, "back": int, "time_ns": int},
    "reset": {"time_ns": int},
    "end": {"status": int, "time_ns": int},
}


def read_text(path):
    """A file's text; what is no UTF-8 cannot be JSON either."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise Broken(f"{path}: {error.strerror}") from None


def entry_of(line, where):
    """A line must have what its type promises, or the report could not be trusted."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        cause = " (it holds NUL bytes, as after a power cut)" if "\0" in line else ""
        raise Broken(f"{where}: not a line of a minivmm record{cause}") from None
    kind = entry.get("type") if isinstance(entry, dict) else None
    if not isinstance(kind, str):
        raise Broken(f"{where}: not a line of a minivmm record")
    for key, wanted in KEYS.get(kind, {}).items():
        if type(entry.get(key)) is not wanted:  # a bool is an int too
            raise Broken(f"{where}: the {kind} has no usable \"{key}\"")
    return entry


def read_runs(path):
    """[the entries of each run in a record], and what could not be read: two runs may have been appended to one file, and
    the last line may be cut where a run was broken off."""
    try:
        text = read_text(path)
    except Broken as error:
        return [], str(error)
    if not text:
        return [], f"{path}: empty, so the run recorded nothing"
    runs, problem = [], ""
    *lines, cut = text.split("\n")
    for number, line in enumerate(lines, 1):
        try:
            entry = entry_of(line, f"{path}:{number}")
        except Broken as error:
            problem = f"{error}; {len(lines) - number + 1} lines are left out"
            break
        if entry["type"] == "run":
            runs.append([])
        elif not runs:
            return [], f"{path}: does not begin with the run line of a minivmm record"
        runs[-1].append(entry)
    if not runs and not problem:
        problem = f"{path}: does not begin with the run line of a minivmm record{' (it is cut)' if cut else ''}"
    return runs, problem


def runs_of(path, facts):
    """The file's runs: one, but for a file that several have been appended to."""
    all_entries, problem = read_runs(path)
    if len(all_entries) < 2:
        return [Run(*all_entries or [[]], facts, problem, path)]
    runs = []
    for number, entries in enumerate(all_entries, 1):
        of = f"run {number} of {len(all_entries)} in this file"
        title = facts.get("title") or entries[0]["mode"]
        # What the facts say of the run need not be about this one.
        runs.append(Run(entries, {"name": f"{facts['name']}-{number}", "title": f"{title}, {of}",
                                  "chapter": facts.get("chapter"), "shown": facts.get("shown", 200)},
                        problem if number == len(all_entries) else "", path))
    return runs


def read_facts(folder):
    """facts.json, or what a bundle's run has left instead, or {} if there is neither."""
    path = os.path.join(folder, FACTS)
    if bundle_results.is_one(folder):
        try:
            return bundle_results.facts(folder)
        except (KeyError, ValueError):
            raise Broken(f"{folder}: not the results of a bundle's run") from None
    if not os.path.exists(path):
        return {}
    try:
        facts = json.loads(read_text(path))
    except ValueError as error:
        raise Broken(f"{path}: not JSON: {error}") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("runs"), list):
        raise Broken(f"{path}: not the facts of scripts/demo")
    return facts


def load_folder(folder):
    """The site that a folder holds: with facts what they list, else every *.jsonl."""
    facts = read_facts(folder)
    if not facts:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))
        if not names:
            raise Broken(f"{folder}: no records (*.jsonl) here")
        return load_files([os.path.join(folder, name) for name in names])
    runs = []
    try:
        for run in facts["runs"]:
            record = run.get("record")
            runs += runs_of(os.path.join(folder, os.path.basename(record)), run) if record else [Run([], run)]
        return Site(runs, facts)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Broken(f"{os.path.join(folder, FACTS)}: not the facts of scripts/demo") from None


def load_files(paths):
    """A site of records without facts. What a run is called tells it from all others."""
    bases = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    runs = []
    for path, base in zip(paths, bases):
        name = base if [other.lower() for other in bases].count(base.lower()) == 1 else os.path.splitext(path)[0]
        runs += runs_of(path, {"name": name})
    if len(runs) > 1:
        for run in runs:
            run.title = f"{run.name}: {run.head['mode']}" if run.head else run.name
    return Site(runs, {})


def load(paths):
    """The sites of the command line: one per folder, one of all single records."""
    sites = [load_folder(path) for path in paths if os.path.isdir(path)]
    files = [path for path in paths if not os.path.isdir(path)]
    sites += [load_files(files)] if files else []
    problems = [problem for site in sites for problem in site.problems]
    if problems and not any(len(run.entries) > 1 for site in sites for run in site.runs):
        raise Broken(problems[0])
    return sites
