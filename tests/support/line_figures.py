"""Lines of matplotlib as the numbers that they draw."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D


def ys(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_ydata(), np.float64)


def xs(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_xdata(), np.float64)


def of_style(axis: Axes, linestyle: str) -> list[Line2D]:
    """The lines of an axis that are drawn so, e.g. "--"."""
    return [line for line in axis.lines if line.get_linestyle() == linestyle]
