"""What readers choose: inputs below a chart, and entries of its legend."""

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from signal_perception.report.results.noise_cells import column

# With more options than these a list takes less room than buttons.
_BUTTONS = 4


def choice(
    name: str,
    label: str,
    options: Sequence[str | float],
    shown: Sequence[str] = (),
    *,
    start: str | float | None = None,
) -> alt.Parameter:
    """A parameter with one of these values; a constant without an input where there is only one.

    name: in expressions. label: before the input. shown: of each option, where that is not itself.
    start: the first value, else the first option.
    """
    options = list(options)
    value = options[0] if start is None else start
    if len(options) == 1:
        return alt.param(name=name, value=value)
    binding = alt.binding_select if len(options) > _BUTTONS else alt.binding_radio
    labels = list(shown) or [str(option) for option in options]
    bind = binding(options=options, labels=labels, name=f"{label}: ")
    return alt.param(name=name, value=value, bind=bind)


def known(table: pd.DataFrame, columns: Mapping[str, str]) -> dict[str, str]:
    """Those of the columns (→ label) in which a table has any number."""
    return {name: to for name, to in columns.items() if np.isfinite(column(table, name)).any()}


def in_legend(name: str, field: str) -> alt.Parameter:
    """The entries of the legend of a field that were clicked; all while none was."""
    return alt.selection_point(name=name, fields=[field], bind="legend", toggle="true")
