"""The confusion matrix as cells of colour: true classes down, predicted ones across."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from signal_perception.report.figures import style
from signal_perception.report.results import naming

# With more classes than this there is no room for numbers in the cells.
_NUMBERED = 16


def confusion_figure(counts: pd.DataFrame, model: str, *, dpi: int) -> Figure:
    """Percent of a true class's videos in each cell, as colour; with few classes, videos as number.

    counts: videos, as `confusion.matrix` has them.
    """
    totals = np.maximum(counts.sum(axis=1).to_numpy(np.float64), 1)
    percent = 100 * counts.to_numpy(np.float64) / totals[:, None]
    rows, columns = counts.shape
    few = rows <= _NUMBERED
    cell, font = (0.42, 8) if few else (0.155, 6)
    letters = max(len(str(name)) for name in [*counts.index, *counts.columns])
    margin = 0.075 * letters * font / 8 + 0.6
    with style.look():
        figure = style.figure((cell * columns + margin + 0.9, cell * rows + margin + 0.3), dpi)
        axis = figure.subplots()
        axis.grid(visible=False)
        drawn = axis.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="equal")
        axis.set_xticks(range(columns), list(counts.columns), rotation=90, fontsize=font)
        axis.set_yticks(range(rows), list(counts.index), fontsize=font)
        axis.tick_params(length=0)
        axis.set(xlabel="predicted", ylabel="true")
        axis.set_title(naming.model(model))
        for y, x in zip(*np.nonzero(counts.to_numpy())) if few else ():
            color = "white" if percent[y, x] > 60 else "#1d1d1f"
            number = str(counts.iat[y, x])
            axis.text(x, y, number, ha="center", va="center", color=color, fontsize=font)
        bar = figure.colorbar(drawn, ax=axis, aspect=30, pad=0.02)
        bar.set_label("% of the true class")
    return figure
