"""Noise and spectrum: Δ under noise minus Δ of the clean model along the depth."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from signal_perception.report.figures import lines, style
from signal_perception.report.findings import motion, noise_spectra
from signal_perception.report.results import depth, palette


def noise_spectra_figure(tables: Mapping[str, pd.DataFrame], grid: str, *, dpi: int) -> Figure:
    """A panel per model, in it a line with its 95 % band per panel of the grid.

    Markers are filled where p < .05 after Holm; lines break where T' changes.

    Parameters
    ----------
    tables: model → a row per panel and tap; models that were not heard in this grid are left out.
    """
    heard = {model: noise_spectra.panels(table, grid) for model, table in tables.items()}
    heard = {model: panels for model, panels in heard.items() if panels}
    titles = [title for panels in heard.values() for title in panels]
    with style.look():
        figure, axes = lines.panels(list(heard), dpi=dpi, sharey=True)
        for model, axis in axes.items():
            _panel(axis, heard[model], palette.of_panels(titles))
        every = pd.concat([taps for panels in heard.values() for taps in panels.values()])
        values = depth.numbers(every, "value", "low", "high")
        for axis in axes.values():
            axis.set_ylim(*lines.limits(np.asarray(values), least=0.1))
        lines.label_first_column(axes, "noise − clean, Δ log amplitude")
        handles = [
            *lines.panel_handles(titles, linestyle="-"),
            *lines.significance_handles(),
        ]
        style.legend(figure, handles, "outside lower center")
    return figure


def _panel(
    axis: Axes, panels: Mapping[str, pd.DataFrame], looks: Mapping[str, tuple[str, str]]
) -> None:
    axis.axhline(0, color="#333333", linewidth=0.9)
    for title, taps in panels.items():
        color, marker = looks[title]
        drawn = lines.broken(taps)
        lines.band(axis, drawn, color)
        lines.line(axis, drawn, color=color, linewidth=1.2)
        lines.markers(axis, taps, motion.significant(taps), color, marker)
