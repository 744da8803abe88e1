"""A chart as the page holds it: its data as CSV text, and its specification, both as JSON.

Nothing in it can end the script element that holds it: < is written as \\u003c.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from pandas.api import types

from signal_perception.report.charts.chart import Chart
from signal_perception.report.results import palette

# Types of scales whose colours are mixed, for which they must be numbers and not names.
_MIXED = ("quantitative", "temporal")


@dataclass(frozen=True)
class Embedded:
    """A chart in a data set's section. files: names of the same figure as files."""

    dataset: str
    chart: Chart
    files: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The chart's address in the page, without #."""
        return address(self.dataset, self.chart.name)

    @cached_property
    def csv(self) -> str:
        """The data, as the page offers them for download."""
        return self.chart.table.to_csv(index=False)

    @property
    def json(self) -> str:
        """What page.js reads: csv, types (column → number, boolean or string) and spec."""
        content = {
            "csv": self.csv,
            "types": column_types(self.chart.table),
            "spec": with_variables(self.chart.spec),
        }
        return embeddable(content)


def address(*names: str) -> str:
    """An id of the page: letters, figures and hyphens alone stay as they are."""
    return "-".join(re.sub(r"[^\w-]+", "-", name) for name in names)


def embeddable(content: Any) -> str:
    """JSON that can stand in a script element."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace("<", r"\u003c")


def column_types(table: pd.DataFrame) -> dict[str, str]:
    """Column → its type as Vega calls it; a name stays one where it looks like a number."""
    return {str(name): _type(table.loc[:, name]) for name in table.columns}


def with_variables(spec: Any) -> Any:
    """A specification whose colours of the palette are CSS variables, which dark mode changes.

    Colours between which a scale mixes stay as they are.
    """
    if isinstance(spec, str):
        return variable(spec) if spec.lower() in palette.DARK | palette.GRID else spec
    if isinstance(spec, Mapping):
        mixed = spec.get("type") in _MIXED
        return {
            key: part if mixed and key == "scale" else with_variables(part)
            for key, part in spec.items()
        }
    if isinstance(spec, list | tuple):
        return [with_variables(part) for part in spec]
    return spec


def variable(colour: str) -> str:
    """The CSS variable of a colour of the palette, which is named after it."""
    return f"var(--c-{colour.lower().removeprefix('#')})"


def _type(column: pd.Series) -> str:
    if types.is_bool_dtype(column):
        return "boolean"
    return "number" if types.is_numeric_dtype(column) else "string"
