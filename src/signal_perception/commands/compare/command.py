"""The command: what changed, what moved, on the terminal, as JSON, and as a page."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from signal_perception.commands.compare import page, revisions
from signal_perception.commands.compare.comparison import RULE, Comparison, compare
from signal_perception.commands.compare.numbers import Number
from signal_perception.commands.compare.text import interval, kinds, named, value
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import write_atomically
from signal_perception.report.results import rounding

PAGE = Path("reports/compare.html")
# Moved numbers of one kind that the terminal lists; the page and JSON have all.
_MOST = 5


def command(first: str, second: str | None, as_json: bool, html: Path | None) -> None:
    """Compare two experiments; the page is written unless JSON alone was asked for."""
    with TemporaryDirectory() as folder:
        names = [first, second or revisions.WORKSPACE]
        roots = [Path(folder) / side for side in ("first", "second")]
        both = [revisions.experiment(name, root) for name, root in zip(names, roots)]
        if both[0].commit == both[1].commit:
            raise UserError(
                f"{names[0]} and {names[1]} are the same revision; name two that differ."
            )
        found = compare(*both)
        target = html or (None if as_json else PAGE)
        if target:
            text = page.page(found)
            write_atomically(target, lambda path: path.write_text(text, encoding="utf-8"))
    if as_json:
        print(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        _show(found, Console())
        print(f"\nBoth side by side, with figures: {target}")


def _show(found: Comparison, console: Console) -> None:
    names = [escape(each.name) for each in (found.first, found.second)]
    console.print(f"[bold]{names[0]}[/bold] → [bold]{names[1]}[/bold]\n")
    if found.changes:
        rows = [(each.file, each.key, each.old, each.new) for each in found.changes]
        console.print(_table("Parameters", ["file", "key", *names], rows))
    else:
        console.print("Parameters: the same in both.")
    if found.code:
        console.print(f"Code differs in {len(found.code)} files of src and stages.")
    if found.changed:
        rows = [
            (each.dataset, each.model, each.name, value(each.first), value(each.second))
            for each in found.changed
        ]
        console.print(_table("Summary", ["data set", "model", "number", *names], rows))
    elif found.lines:
        console.print("Summary: the same in both.")
    counted = [(kind, *map(str, counts)) for kind, *counts in kinds(found.numbers)]
    console.print(_table("Numbers", ["", "compared", "the same", "moved"], counted))
    for kind in dict.fromkeys(each.kind for each in found.moved):
        _show_moved(kind, [each for each in found.moved if each.kind == kind], names, console)
    for note in (RULE, *found.notes):
        console.print(note, markup=False, style="dim" if note == RULE else None)


def _show_moved(kind: str, moved: Sequence[Number], names: Sequence[str], console: Console) -> None:
    surest = sorted(moved, key=lambda each: each.p_holm)[:_MOST]
    rows = [
        (
            *named(each),
            value(each.first),
            value(each.second),
            value(each.difference, signed=True),
            interval(each),
            rounding.p_alone(each.p_holm),
        )
        for each in surest
    ]
    more = f", the surest {len(rows)} of {len(moved)}" if len(moved) > len(rows) else ""
    heads = ["data set", "model", "where", *names, "change", "95 % interval", "p (Holm)"]
    console.print(_table(f"Moved: {kind}, {moved[0].unit}{more}", heads, rows))


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table without a column for the data set where there is one alone."""
    if heads[0] == "data set" and len({row[0] for row in rows}) == 1:
        title, heads, rows = f"{title} ({rows[0][0]})", heads[1:], [row[1:] for row in rows]
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table
