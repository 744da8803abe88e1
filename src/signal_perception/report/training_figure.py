"""How the models learnt: loss, accuracy on the training clips and learning rate by epoch."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report import style

_PANELS = {"loss": "training loss", "top1": "top-1 on training clips, %", "lr": "learning rate"}


def curves_figure(curves: Mapping[str, pd.DataFrame], *, dpi: int) -> Figure:
    """Three panels over epochs, one line per run of a model; one without numbers is left out.

    curves: model → columns epoch, lr, loss, top1, and `run` where a model has several.
    """
    looks = style.looks(list(curves))
    with style.look():
        figure = style.figure((13, 3.6), dpi)
        for axis, (column, label) in zip(figure.subplots(1, 3), _PANELS.items()):
            for model in _drawn(curves, column):
                _line(axis, curves[model], column, looks[model])
            axis.set(title=label, xlabel="epoch")
            axis.set_ylim(bottom=0)
            axis.xaxis.get_major_locator().set_params(integer=True)
        handles = [
            Line2D([], [], color=color, label=style.name(model))
            for model, (color, _) in looks.items()
        ]
        style.legend(figure, handles, "outside lower center")
    return figure


def without_top1(curves: Mapping[str, pd.DataFrame]) -> list[str]:
    """The models whose top-1 on training clips is not defined: those trained with mixup."""
    drawn = _drawn(curves, "top1")
    return [model for model in curves if model not in drawn]


def _drawn(curves: Mapping[str, pd.DataFrame], column: str) -> list[str]:
    """The models that have numbers in a column."""
    return [model for model, table in curves.items() if table.loc[:, column].notna().any()]


def _line(axis: Axes, table: pd.DataFrame, column: str, look: tuple[str, str]) -> None:
    color, marker = look
    runs = [run for _, run in table.groupby("run")] if "run" in table else [table]
    for run in runs:
        # a single epoch makes no line
        shape = marker if len(run) == 1 else "None"
        axis.plot(run["epoch"] + 1, run[column], color=color, marker=shape)
