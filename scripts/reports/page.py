# SPDX-License-Identifier: MIT
"""Writes the report: one HTML file with everything in it, and the pictures as files too."""
import itertools
import os
import re
from html import escape
from urllib.parse import quote

from reports import plot, side_by_side
from reports.picture import Picture
from reports.records import cluster_rows, overview_head, overview_row, plural, verdict
from reports.verdicts import compared, shown_on_top, verdict_of

STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--soft:#5c5c5c;--line:#d0d0d0;--bad:#a33b00;--good:#1f6b2d}
@media (prefers-color-scheme:dark){
:root{--ink:#e6e6e6;--paper:#16181c;--soft:#a8a8a8;--line:#3c4048;--bad:#ff9a5c;--good:#7fd08f}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:100rem;background:var(--paper);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.25rem;line-height:1.3;margin:2.5rem 0 .5rem;border-top:1px solid var(--line);padding-top:1rem}
h3{font-size:1rem;margin:0}
p,li,dd{max-width:50rem}
.soft,figcaption{color:var(--soft)}
.bad{color:var(--bad);font-weight:600}
.verdict{font-size:2rem;line-height:1.25;font-weight:700;max-width:none;padding:.75rem 1rem;border-left:.5rem solid var(--good);
color:var(--good)}
.verdict.bad{border-color:var(--bad);color:var(--bad)}
details{margin:.5rem 0}summary{cursor:pointer;max-width:50rem}details details{margin-left:1rem}
pre{font-size:.875rem;overflow-x:auto;margin:.25rem 0}
.windows rect:hover{fill-opacity:.15}
.grid{display:grid;gap:1.5rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,27rem),1fr))}
.pairs{grid-template-columns:repeat(var(--sites),minmax(0,1fr))}@media (max-width:700px){.pairs{grid-template-columns:1fr}}
figure{margin:0;min-width:0}
figure svg{display:block;width:100%;height:auto;max-width:40rem}
figcaption{font-size:.875rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;margin:.5rem 0}
th,td{padding:.15rem .6rem .15rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);
font-variant-numeric:tabular-nums;overflow-wrap:break-word}
th{font-weight:600}
code{font-size:.9em;white-space:nowrap}
dt{font-weight:600;margin-top:.5rem}dd{margin:0}
@media (max-width:700px){.rows thead{display:none}.rows tr{display:block;padding:.4rem 0;
border-bottom:1px solid var(--line)}.rows td{display:flex;justify-content:space-between;gap:1rem;
border:0;padding:0}.rows td::before{content:attr(data-head);color:var(--soft);flex:0 0 auto}
.rows td{text-align:right}}
figcaption :is(th,td){font-size:.75rem;padding-right:.3rem}
.strip{list-style:none;padding:0;display:grid;gap:.5rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))}
.strip li{border-left:.4rem solid var(--good);padding:.1rem .75rem}
.strip .bad{border-color:var(--bad);font-weight:400}.strip .unknown{border-color:var(--line)}
nav a{margin-right:1rem;display:inline-block}a{color:inherit}
@media print{@page{margin:1cm}body{font-size:9pt;padding:0;max-width:none}nav,.links{display:none}h1,h2,h3{break-after:avoid}
p:has(+.grid,+ul,+.wide),ul:has(+.grid){break-after:avoid}
h2{margin-top:1rem}figure,ul,tr,p,.wide:not(:has(.runs)){break-inside:avoid}.wide,pre{overflow:visible}
.runs{font-size:6pt}.runs :is(th,td):last-child{display:none}
.grid{display:block;orphans:1;widows:1}.grid figure{display:inline-block;vertical-align:top;width:31%;margin:0 2% .5rem 0}
.pairs figure{width:calc(98%/var(--sites) - 2%)}table,figcaption{font-size:7pt;line-height:1.25}
figcaption p{margin:.3rem 0}figcaption table{width:100%}figcaption :is(th,td){font-size:6pt;padding-right:.2rem}
dl{columns:2}dt,dd{break-inside:avoid}dt{break-after:avoid}code{white-space:normal}}
"""


def prose(text):
    """A sentence of minivmm's, in which no option breaks after its hyphens."""
    return re.sub(r"--[a-z][a-z=-]*", r"<code>\g<0></code>", escape(text))


class Html(str):
    """Text of a table's cell that is HTML."""


def table(head, rows, kind=""):
    """An HTML table; .rows turns into a list of pairs on a narrow screen."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    cells = [[cell if isinstance(cell, Html) else escape(str(cell)) for cell in row] for row in rows]
    body = "".join("<tr>" + "".join(f'<td data-head="{escape(name)}"><span>{cell}</span></td>' for name, cell in zip(head, row))
                   + "</tr>" for row in cells)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def describe(picture, site):
    """What the picture shows, for readers who cannot see it."""
    run = picture.run
    shown = f"the first {len(picture.windows)} of {picture.of} windows"
    if len(picture.windows) == picture.of:
        shown = plural(picture.of, "window")
    text = (f"{shown}, {plural(len(picture.hops), 'hop')}, {plural(len(picture.refused), 'refusal')}"
            f", {plural(len(picture.interrupts), 'window')} with overflow interrupts. PMCCNTR_EL0 "
            f"goes from {picture.begin} to {picture.windows[-1]['cycles_end']} in {picture.span()}. ")
    text += " ".join(picture.notes())
    for pmu, cpus, count, least, _, most, stopped in cluster_rows(run, site.groups):
        text += (f" {pmu} ({cpus}): {plural(count, 'window')} of {least} to {most} cycles, {stopped} "
                 "of them stopped.")
    return text[0].upper() + text[1:]


def figure(picture, site, folder):
    """The picture, what minivmm said of the run, and its numbers."""
    run = picture.run
    path = os.path.join(folder, f"{picture.name}.svg")
    title = f"{run.title}: the cycle counter over time"
    with open(path, encoding="utf-8") as file:
        svg = plot.adapt(file.read(), picture.name, escape(title), escape(describe(picture, site)), plot.overlay(picture))
    with open(path, "w", encoding="utf-8") as file:
        file.write(svg)
    return f"<figure><h3>{heading(run, site, picture)}</h3>{svg}{caption(run, site, folder, picture)}</figure>"


def heading(run, site, picture=None):
    """The run's title, and on which kernel if there are two."""
    text = escape(run.title)
    if picture and run.head["vcpus"] > 1:
        text += f", vCPU {picture.vcpu}"
    return text + (f' <span class="soft">{escape(site.short)}</span>' if site.compared else "")


def links(run, folder):
    """To the files that a run left, from the page in FOLDER."""
    return ", ".join(f'<a href="{escape(quote(os.path.relpath(path, folder)))}">{escape(name)}</a>' for name, path in run.files)


def caption(run, site, folder, picture=None):
    """minivmm's sentence and the run's numbers."""
    names = plot.short_names(pmu for _, pmu in site.groups)
    parts = []
    if run.problem:
        parts.append(f'<p class="bad">{escape(run.problem)}</p>')
    elif run.broken_off:
        parts.append('<p class="bad">This run was interrupted: its record has no end.</p>')
    if picture and picture.of > len(picture.windows):
        parts.append(f"<p>Drawn: the first {len(picture.windows)} of {picture.of} windows. The "
                     "table has all.</p>")
    parts += [f"<p>{escape(text)}</p>" for text in picture.notes()] if picture else []
    if run.windows:
        rows = [(f"{names.get(pmu, pmu)}, {cpus}", *numbers)
                for pmu, cpus, *numbers in cluster_rows(run, site.groups)]
        parts.append(table(["cycles on", "windows", "least", "median", "most", "stopped"], rows))
        parts.append(f"<p>{plural(len(run.hops), 'hop')}, {plural(len(run.refusals), 'refusal')}, "
                     f"{plural(run.interrupts, 'overflow interrupt')}.</p>")
    if run.said:
        parts.append(f"<p>{prose(run.said)}</p>")
    if run.files:
        parts.append(f'<p class="links">{links(run, folder)}</p>')
    return f"<figcaption>{''.join(parts)}</figcaption>"


def bare(run, site, folder):
    """A run without windows has no picture: the words say why."""
    return f"<figure><h3>{heading(run, site)}</h3>{caption(run, site, folder)}</figure>"


def verdicts(sites, chapter):
    """A line for each guest that divides by its cycle counter."""
    lines = []
    for run, site in pairs(sites, chapter):
        bad = "bad" if run.entries and run.status else ""
        lines.append(f'<li class="{bad}"><b>{heading(run, site)}</b>: {escape(verdict(run))}</li>')
    return f"<ul>{''.join(lines)}</ul>"


def overviews(sites, chapter):
    """The table over all modes and the sentences, for each kernel."""
    parts = []
    for site in sites:
        runs = site.of_chapter(chapter)
        if site.compared:
            parts.append(f"<h3>{escape(site.where or site.short)}</h3>")
        parts.append(table(overview_head(site.groups),
                           [overview_row(run, site.groups) for run in runs], "rows"))
        said = [f"{'; '.join(site.reasons)}."] if site.reasons else []
        said += [f"{run.title}: {run.said}" for run in runs if run.title != "auto" and run.said]
        parts += [f"<p>{prose(text)}</p>" for text in said]
    return "".join(parts)


def pairs(sites, chapter):
    """(run, site): the same run on each kernel, side by side."""
    columns = [[(run, site) for run in site.of_chapter(chapter)] for site in sites]
    longest = max(len(column) for column in columns)
    return [column[i] for i in range(longest) for column in columns if i < len(column)]


def facts(sites, folder):
    """What makes the report reproducible."""
    parts = []
    for site in sites:
        if site.compared:
            parts.append(f"<h3>{escape(site.where or site.short)}</h3>")
        parts.append("<dl>" + "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
            for name, value in (site.facts or {"facts": "none beside these records"}).items())
            + "</dl>")
        rows = [(run.name, run.command or "-", "-" if run.status is None else run.status, Html(links(run, folder) or "-"))
                for run in site.runs]
        parts.append(table(["run", "command", "status", "files"], rows, "rows runs"))
    return "".join(parts)


def pictures_of(sites):
    """{chapter's id: [Picture]}."""
    drawn, taken = {}, set()
    for number, site in enumerate(sites, 1):
        for chapter in site.chapters:
            if chapter["kind"] == "table":
                continue
            for run in site.of_chapter(chapter):
                for vcpu in sorted({window["vcpu"] for window in run.windows}):
                    picture = Picture(run, vcpu, site.groups)
                    picture.name += f"-{number}" if site.compared else ""
                    # Names that differ in case or a blank would be one file.
                    picture.name = next(name for name in itertools.chain(
                        [picture.name], (f"{picture.name}-{i}" for i in itertools.count(2))) if name not in taken)
                    taken.add(picture.name)
                    drawn.setdefault(chapter["id"], []).append(picture)
    return drawn


def chapter_text(chapter, sites, pictures, folder):
    """A chapter of the report."""
    parts = [f"<h2 id=\"{anchor(chapter)}\">{escape(chapter['title'])}</h2>"]
    if chapter.get("text"):
        parts.append(f"<p>{prose(chapter['text'])}</p>")
    if chapter["kind"] == "table":
        return "".join(parts) + overviews(sites, chapter)
    if chapter["kind"] == "verdict":
        parts.append(verdicts(sites, chapter))
    compared_by = f' pairs" style="--sites:{len(sites)}' if len(sites) > 1 else ""
    parts.append(f'<div class="grid{compared_by}">')
    for run, site in pairs(sites, chapter):
        mine = [picture for picture in pictures.get(chapter["id"], []) if picture.run is run]
        parts += [figure(picture, site, folder) for picture in mine] or [bare(run, site, folder)]
    return "".join(parts) + "</div>"


def anchor(chapter):
    """What a link to a chapter names."""
    return f"chapter-{chapter['id'] or 'records'}"


def in_order(chapters):
    """The best pictures first: hops that the guest asks for."""
    return sorted(chapters, key=lambda chapter: chapter["id"] != side_by_side.CHAPTER)


def top_of(sites):
    """What a reader wants to know first: what could not be read, the verdicts, and where the rest is."""
    parts = []
    for site in sites:
        first = [site.where, *(str(site.facts[fact]) for fact in ("date", "command") if fact in site.facts)]
        parts += [f'<p class="soft">{prose("; ".join(text for text in first if text))}</p>'] if any(first) else []
        parts += [f"<p><b>pmu-regress</b>: {escape(site.facts['pmu-regress'])}</p>"] if "pmu-regress" in site.facts else []
        parts += [f'<p class="bad">Cannot be shown: {escape(problem)}</p>' for problem in site.problems]
        lines = []
        for run in shown_on_top(site):
            text, kind = verdict_of(run)
            lines.append(f'<li class="{kind}"><b>{escape(run.title)}</b>: {prose(text)}</li>')
        parts.append(f'<ul class="strip">{"".join(lines)}</ul>')
    if compared(sites):
        parts.append(table(["mode", "the two compared"], compared(sites)))
    links = [(anchor(chapter), chapter["title"]) for chapter in in_order(sites[0].chapters)] + [("facts", "Facts")]
    return "".join(parts) + "<nav>" + "".join(f'<a href="#{where}">{escape(title)}</a>' for where, title in links) + "</nav>"


def body_of(sites, folder, program):
    """Draws everything, and returns it as HTML."""
    for site in sites:
        site.compared = len(sites) > 1
        site.facts = {**site.facts, "drawn by": f"{plot.version()}; {program}"}
    pictures = pictures_of(sites)
    # Pictures of a chapter are there to be compared; records without facts may be anything.
    for title, chapter in pictures.items():
        for picture in chapter:
            picture.scale = plot.axes(chapter if title else [picture])
    names = plot.short_names(pmu for site in sites for _, pmu in site.groups)
    plot.draw([picture for chapter in pictures.values() for picture in chapter], folder, names)
    side_by_side.draw(pictures, folder, names)
    body = [chapter_text(chapter, sites, pictures, folder) for chapter in in_order(sites[0].chapters)]
    return f"""{top_of(sites)}
{"".join(body)}
<h2 id="facts">Facts</h2>{facts(sites, folder)}
<p class="soft">Every number above is computed from the records of these runs.</p>
"""


def document(path, title, headline, body):
    """One page with everything in it."""
    text = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head><body>
<h1>{escape(headline)}</h1>{body}</body></html>
"""
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"[ \t]+\n", "\n", text))


def write(sites, folder, program):
    """Draws and writes everything; returns the page's path."""
    path = os.path.join(folder, "report.html")
    where = " and ".join(site.where for site in sites if site.where)
    document(path, f"{where or 'Records'}: what KVM does to a guest's PMU",
             "What KVM does to a guest's PMU when its vCPU hops between CPU clusters", body_of(sites, folder, program))
    return path
