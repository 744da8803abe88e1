"""Interactive charts as Vega draws them, without a browser."""

import json
import re
from typing import Any
from xml.etree import ElementTree

import altair as alt
import vl_convert

from signal_perception.pipeline.params import Study
from signal_perception.report.charts.chart import DATA, Chart
from signal_perception.report.settings import Report, Settings

EVIL = "<img src=x onerror=alert(1)>"
# What names a column in a specification: its transforms, and expressions.
_MAKERS = ("as", "fold", "flatten", "groupby")
_IN_EXPRESSIONS = re.compile(r"datum\.(\w+)")


def settings(*models: str) -> Settings:
    """Of a study of shapes."""
    return Settings(
        seed=0,
        # not checked: a name that parameters refuse stays text in a chart, too
        study=Study.model_construct(
            name="mine",
            datasets=("shapes",),
            models=models or ("i3d",),
            weights=("shapes",),
            seeds=(0,),
            size="tiny",
        ),
        datasets={"shapes": {"source": {"kind": "synthetic"}}},
        views={},
        extract={},
        spectra={},
        probe={},
        noise={"bootstrap": 100, "scale": "absolute"},
        report=Report(dpi=50, statistic="log_mean", point="poster", controls=True),
    )


def svg(chart: Chart, **choices: str | float) -> ElementTree.Element:
    """The chart as it is drawn with some choices instead of the first ones."""
    spec = json.loads(json.dumps(chart.spec))
    values = json.loads(str(chart.table.to_json(orient="records", double_precision=15)))
    spec["data"] = {"name": DATA, "values": values}
    spec["width"] = 900
    params = {param["name"]: param for param in spec.get("params", [])}
    for name, value in choices.items():
        params[name]["value"] = value
    return ElementTree.fromstring(vl_convert.vegalite_to_svg(spec, show_warnings=True))


def marks(drawn: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """The marks of a layer of this name."""
    groups = [e for e in drawn.iter() if f"{name}_marks" in e.get("class", "").split()]
    assert groups, f"no layer {name}"
    return [mark for group in groups for mark in group if not _is_empty(mark)]


def labels(drawn: ElementTree.Element, name: str) -> list[str]:
    """What screen readers say of the marks of a layer."""
    return [mark.get("aria-label", "") for mark in marks(drawn, name)]


def texts(drawn: ElementTree.Element, name: str = "") -> list[str]:
    """Texts of a layer, or of the whole chart."""
    inside = marks(drawn, name) if name else [drawn]
    return [e.text or "" for each in inside for e in each.iter() if e.tag.endswith("text")]


def assert_is_sound(chart: Chart) -> None:
    """What every chart keeps: names of its own, labels for inputs, and columns that there are."""
    written = json.dumps(chart.spec)
    # raises where the schema of Vega-Lite is not kept
    alt.LayerChart.from_dict(dict(chart.spec))
    assert chart.spec["data"] == {"name": DATA}
    assert chart.spec["width"] == "container"
    assert chart.spec["description"].endswith(".")
    assert len(chart.table) and chart.title and all(chart.caption)
    assert not re.search(r'"(param|view|layer|concat)_\d+', written), "Altair counted"
    for param in chart.spec.get("params", []):
        bind = param.get("bind")
        if isinstance(bind, dict):
            assert bind["name"].endswith(": ")
            assert param["value"] in bind["options"]
            assert len(bind["labels"]) == len(bind["options"]) > 1
    made = {
        name for part in _parts(chart.spec) for maker in _MAKERS for name in _names(part, maker)
    }
    fields = {part["field"] for part in _parts(chart.spec) if isinstance(part.get("field"), str)}
    asked = fields | set(_IN_EXPRESSIONS.findall(written))
    assert asked <= made | set(chart.table.columns) | {"value", "label"}


def _is_empty(mark: ElementTree.Element) -> bool:
    """Text of nothing, or a line through nothing."""
    return mark.tag.endswith("path") and not mark.get("d")


def _parts(spec: Any) -> list[dict]:
    """Every object of a specification."""
    if isinstance(spec, dict):
        return [spec, *(part for value in spec.values() for part in _parts(value))]
    if isinstance(spec, list):
        return [part for value in spec for part in _parts(value)]
    return []


def _names(part: dict, maker: str) -> list[str]:
    value = part.get(maker, [])
    return [value] if isinstance(value, str) else [name for name in value if isinstance(name, str)]
