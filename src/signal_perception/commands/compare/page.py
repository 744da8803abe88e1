"""The comparison as one page: no script, no link to another file.

The charts are those of `dvc plots diff`: the same tables in the same templates, drawn as SVG.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from signal_perception.commands.compare import text
from signal_perception.commands.compare.comparison import RULE, Comparison
from signal_perception.pipeline.errors import UserError
from signal_perception.report import plots
from signal_perception.report.results import rounding

TEMPLATES = Path(".dvc/plots")
_TITLES = {
    plots.FIGURE1: "Figure 1, temporal spectra along the depth",
    plots.RETENTION: "Accuracy kept under weight noise",
}
# The templates are written for the Vega-Lite that DVC loads; the oldest one at hand is next to it.
_VEGA_LITE = "5.8"


def page(found: Comparison) -> str:
    """The whole page as text."""
    environment = Environment(
        loader=PackageLoader("signal_perception.commands.compare", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = {name: getattr(text, name) for name in ("value", "interval", "named")}
    names["p"] = rounding.p_alone
    environment.globals.update(names)
    moved = {
        kind: [each for each in found.moved if each.kind == kind]
        for kind in dict.fromkeys(each.kind for each in found.moved)
    }
    return environment.get_template("page.html.j2").render(
        found=found,
        rule=RULE,
        kinds=text.kinds(found.numbers),
        moved=moved,
        charts=charts(found),
    )


def charts(found: Comparison) -> list[Markup]:
    """Both experiments' curves overlaid, as SVG: per data set Figure 1 and retention."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for each in (found.first, found.second):
        for name, table in plots.plots(each.results, found.second.reading).items():
            tables.setdefault(name, []).append(table.assign(rev=each.name))
    return [
        Markup(vl_convert.vegalite_to_svg(filled(Path(name).parent.name, parts), _VEGA_LITE))
        for name, parts in sorted(tables.items())
    ]


def filled(name: str, tables: list[pd.DataFrame]) -> dict[str, Any]:
    """A template of DVC's plots with data in it, as DVC fills it."""
    path = TEMPLATES / f"{name}.json"
    if not path.is_file():
        raise UserError(f"{path} is missing; restore it (git checkout {path}).")
    rows = json.loads(str(pd.concat(tables).to_json(orient="records")))
    return _filled(json.loads(path.read_text(encoding="utf-8")), rows, _TITLES[name])


def _filled(part: Any, rows: list[dict], title: str) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, rows, title) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, rows, title) for value in part]
    if part == "<DVC_METRIC_DATA>":
        return rows
    return part.replace("<DVC_METRIC_TITLE>", title) if isinstance(part, str) else part
