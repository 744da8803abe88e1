"""Along the depth: top-1 of linear probes, and CKA with the data set's own weights."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report.figures import lines, style
from signal_perception.report.figures.weights_figure import OWN, looks_of
from signal_perception.report.findings import transfer
from signal_perception.report.findings.transfer import Probes
from signal_perception.report.results import weights

_CHANCE: dict[str, Any] = {"color": "#777777", "linestyle": (0, (1, 2)), "linewidth": 1.1}
_MODEL: dict[str, Any] = {"color": "#882255", "linestyle": "-", "linewidth": 1.0}


def probe_figure(probes: Probes, accuracy: Mapping[str, dict], dataset: str, *, dpi: int) -> Figure:
    """A panel per model: top-1 of the probe of each tap, a line and a band per weights.

    Markers of other weights are filled where p < .05 after Holm. Horizontal lines: chance, and
    top-1 of the fine-tuned model itself.

    accuracy: metrics by model, of those that were scored.
    """
    looks = looks_of(weights.every(transfer.others(probes, dataset)))
    with style.look():
        figure, axes = lines.panels(list(probes), dpi=dpi, sharey=True)
        for model, tables in probes.items():
            axis = axes[model]
            axis.set_ylim(0, 103)
            for each, table in tables.items():
                taps = _taps(table, "top1", "low", "high")
                axis.axhline(table["chance"].iloc[0], **_CHANCE)
                _draw(axis, taps, looks.get(each, (OWN, "-")))
                if each == dataset:
                    lines.line(axis, taps, color=OWN, linestyle="None", marker="o", markersize=3)
                else:
                    found = pd.Series(transfer.significant(table), taps.index)
                    lines.markers(axis, taps, found, looks[each][0], "o")
            if model in accuracy:
                found = accuracy[model]
                axis.axhline(found["top1"], **_MODEL)
                if found["low1"] is not None:
                    axis.axhspan(found["low1"], found["high1"], color=_MODEL["color"], alpha=0.08)
        lines.label_first_column(axes, "top-1 of the probe, %")
        handles = _handles(looks, dataset, own=True)
        handles.append(Line2D([], [], label="chance", **_CHANCE))
        if any(model in accuracy for model in probes):
            handles.append(Line2D([], [], label="the fine-tuned model", **_MODEL))
        if looks:
            handles += lines.significance_handles()
        style.legend(figure, handles, "outside lower center")
    return figure


def cka_figure(probes: Probes, dataset: str, *, dpi: int) -> Figure:
    """A panel per model: CKA of each tap with own weights, and the largest of shuffled videos.

    probes: of other weights, see `transfer.others`.
    """
    looks = looks_of(weights.every(probes))
    with style.look():
        figure, axes = lines.panels(list(probes), dpi=dpi, sharey=True)
        for model, tables in probes.items():
            axis = axes[model]
            axis.set_ylim(-0.25, 1.03)
            axis.axhline(0, color="#333333", linewidth=0.9)
            for each, table in tables.items():
                _draw(axis, _taps(table, "cka", "cka_low", "cka_high"), looks[each])
                shuffled = {"color": looks[each][0], "linewidth": 0.8, "alpha": 0.8}
                axis.plot(table["depth"], table["cka_of_shuffled"], linestyle=":", **shuffled)
        lines.label_first_column(axes, "CKA with own weights")
        handles = _handles(looks, dataset, own=False)
        dotted = {"color": "#555555", "linestyle": ":", "linewidth": 0.8}
        handles.append(Line2D([], [], label="shuffled videos", **dotted))
        style.legend(figure, handles, "outside lower center")
    return figure


def _taps(table: pd.DataFrame, value: str, low: str, high: str) -> pd.DataFrame:
    """One number of each tap, as `lines` draws it."""
    names = {"depth": "x", value: "value", low: "low", high: "high"}
    return table.loc[:, list(names)].rename(columns=names)


def _draw(axis: Axes, taps: pd.DataFrame, look: tuple[str, Any]) -> None:
    color, dashes = look
    lines.band(axis, taps, color)
    lines.line(axis, taps, color=color, linestyle=dashes, linewidth=1.2)


def _handles(looks: Mapping[str, Any], dataset: str, *, own: bool) -> list[Line2D]:
    drawn = {dataset: (OWN, "-")} if own else {}
    return [
        Line2D([], [], color=color, linestyle=dashes, label=weights.name(each, dataset))
        for each, (color, dashes) in {**drawn, **looks}.items()
    ]
