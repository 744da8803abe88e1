"""The fair comparison of models: Δ as on the poster, and freed of what T' and the frame rate do."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from signal_perception.fourier import definitions
from signal_perception.report.figures import lines, style
from signal_perception.report.results import depth, palette
from signal_perception.report.results.depth import Reading, Tables

_POINTS = {"poster": "poster bin", "nyquist": "Nyquist bin"}


def comparison_figure(depths: Tables, bins: Tables, reading: Reading, *, dpi: int) -> Figure:
    """Four panels: Δ, Δ + ½ ln T' and Δ at ω = 0.5π along the depth; the last tap against Hz.

    depths, bins: model → table per tap, and per bin.
    """
    point = _POINTS[reading.point]
    quantities = {
        "delta": f"Δ, {point}",
        "corrected": f"Δ + ½ ln T′, {point}",
        "matched": "Δ at ω = 0.5π",
    }
    with style.look():
        figure = style.figure((13, 4.3), dpi)
        axes = figure.subplots(1, 4)
        for axis, (quantity, title) in zip(axes, quantities.items()):
            _along_the_depth(axis, depths, reading, quantity)
            axis.set(title=title, xlabel=lines.X_LABEL, xlim=(-0.03, 1.03))
        axes[0].set_ylabel(lines.Y_LABEL)
        _against_hertz(axes[3], bins, reading)
        lines.one_scale(list(axes))
        style.legend(figure, lines.model_handles(list(depths)), "outside lower center")
    return figure


def last_spectrum(table: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """Bins beyond 0 of the last tap of panel (a) that has any: columns hz, value = Δ + ½ ln T'."""
    rows = depth.spectra(table, statistic)
    rows = rows.loc[(rows["bin"] > 0) & rows["value"].notna()]
    rows = rows.loc[rows["order"] == rows["order"].max()]
    value = [definitions.corrected(v, int(t)) for v, t in zip(rows["value"], rows["tokens"])]
    return rows.assign(value=value)


def _along_the_depth(axis: Axes, tables: Tables, reading: Reading, quantity: str) -> None:
    for model, (color, marker) in palette.of_models(list(tables)).items():
        taps = depth.profile(tables[model], "a", reading, quantity=quantity)
        drawn = lines.broken(taps)
        lines.band(axis, drawn, color)
        size = 0.75 * lines.marker_size(taps)
        lines.line(axis, drawn, color=color, marker=marker, markersize=size, linewidth=1.2)


def _against_hertz(axis: Axes, tables: Tables, reading: Reading) -> None:
    """Spectrum of each model's last tap; the point of the other panels is the large marker."""
    for model, (color, marker) in palette.of_models(list(tables)).items():
        rows = last_spectrum(tables[model], reading.statistic)
        rows = rows.loc[rows["hz"].notna()]
        if not len(rows):
            continue
        axis.plot(rows["hz"], rows["value"], color=color, marker=marker, markersize=2.5)
        there = rows.loc[rows[f"is_{reading.point}"].astype(bool)]
        look = {"color": color, "marker": marker, "markersize": 7, "linestyle": "None"}
        axis.plot(there["hz"], there["value"], **look)
    if axis.lines:
        axis.set_xscale("log")
        ticks = [
            hz for hz in 2.0 ** np.arange(-4, 6) if axis.get_xlim()[0] <= hz <= axis.get_xlim()[1]
        ]
        axis.set_xticks(ticks, [f"{hz:g}" for hz in ticks])
        axis.minorticks_off()
    axis.set(title="last tap, Δ + ½ ln T′", xlabel="Hz")
