"""An interactive chart: what is drawn, and the table that it draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

# What a specification calls its data; the page puts `Chart.table` there.
DATA = "table"


@dataclass(frozen=True)
class Chart:
    """A chart of one data set.

    name: unique in its section, e.g. "figure1"; the page's address of it is #<data set>-<name>.
    title, caption: as under a figure. table: what is drawn, as the CSV below the chart has it:
    numbers in full, names as readers know them. spec: Vega-Lite, whose data is named DATA and lies
    elsewhere; its params and parts have names of their own, so that the same tables give the
    same bytes. figure: name of the same figure as a file, without suffix; empty where there is
    none.
    """

    name: str
    title: str
    caption: Sequence[str]
    table: pd.DataFrame
    spec: Mapping[str, Any]
    figure: str = ""
