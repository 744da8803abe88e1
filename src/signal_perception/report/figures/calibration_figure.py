"""Are models right as often as they are sure? Accuracy over confidence, a panel per model."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from signal_perception.report.figures import style
from signal_perception.report.results import naming, palette

_COLUMNS = 4
_NUMBERS = ("n", "confidence", "accuracy", "accuracy_low", "accuracy_high")


def calibration_figure(tables: Mapping[str, pd.DataFrame], *, dpi: int) -> Figure:
    """A point per bin of confidence that has videos, larger with more, with its interval.

    tables: model → columns n, confidence, accuracy, accuracy_low, accuracy_high (percent).
    """
    columns = min(len(tables), _COLUMNS)
    rows = -(-len(tables) // columns)
    looks = palette.of_models(list(tables))
    with style.look():
        figure = style.figure((2.9 * columns + 0.4, 2.8 * rows + 0.3), dpi)
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axis, (model, table) in zip(axes, tables.items()):
            _panel(axis, table, looks[model][0])
            axis.set_title(naming.model(model))
        for axis in axes[len(tables) :]:
            axis.set_axis_off()
        figure.supxlabel("confidence in the predicted class, %", fontsize=9.5)
        figure.supylabel("top-1, %", fontsize=9.5)
    return figure


def _panel(axis: Axes, table: pd.DataFrame, color: str) -> None:
    axis.plot([0, 100], [0, 100], color="#999999", linewidth=1, linestyle=":")
    axis.set(xlim=(0, 103), ylim=(-3, 103), aspect="equal")
    filled = table.loc[table["n"] > 0, list(_NUMBERS)].to_numpy(np.float64)
    if not len(filled):
        return
    n, confidence, accuracy, low, high = filled.T
    # rounding may put a bound past the share itself; a bin of one source has no bounds
    reach = np.maximum([accuracy - low, high - accuracy], 0)
    axis.errorbar(confidence, accuracy, yerr=reach, color=color, linewidth=0, elinewidth=1)
    size = 8 + 70 * n / n.max()
    axis.scatter(confidence, accuracy, s=size, color=color, edgecolor="white", zorder=3)
