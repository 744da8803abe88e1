"""How the models learnt: loss, accuracy and learning rate by epoch.

Both on training clips, and dashed on the validation split where videos were kept out for one.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report.figures import style
from signal_perception.report.results import naming, palette

_PANELS = {"loss": "loss", "top1": "top-1, %", "lr": "learning rate"}
# Column → the same on the videos kept out of training, where there are any.
_VALIDATION = {"loss": "validation_loss", "top1": "validation_top1"}


def curves_figure(curves: Mapping[str, pd.DataFrame], *, dpi: int) -> Figure:
    """Three panels over epochs, one line per run of a model; one without numbers is left out.

    curves: model → columns epoch, lr, loss, top1, of a validation split validation_loss and
    validation_top1, and `run` where a model has several.
    """
    looks = palette.of_models(list(curves))
    with style.look():
        figure = style.figure((13, 3.6), dpi)
        for axis, (column, label) in zip(figure.subplots(1, 3), _PANELS.items()):
            for model in _drawn(curves, column):
                _line(axis, curves[model], column, looks[model])
            for model in _drawn(curves, _VALIDATION.get(column, "")):
                _line(axis, curves[model], _VALIDATION[column], looks[model], "--")
            axis.set(title=label, xlabel="epoch")
            axis.set_ylim(bottom=0)
            axis.xaxis.get_major_locator().set_params(integer=True)
        handles = [
            Line2D([], [], color=color, label=naming.model(model))
            for model, (color, _) in looks.items()
        ]
        if validated(curves):
            handles.append(Line2D([], [], color="#555555", linestyle="--", label="validation"))
        style.legend(figure, handles, "outside lower center")
    return figure


def validated(curves: Mapping[str, pd.DataFrame]) -> list[str]:
    """The models that have numbers of a validation split."""
    found = [_drawn(curves, column) for column in _VALIDATION.values()]
    return [model for model in curves if any(model in models for models in found)]


def _drawn(curves: Mapping[str, pd.DataFrame], column: str) -> list[str]:
    """The models that have numbers in a column."""
    having = {model: table for model, table in curves.items() if column in table}
    return [model for model, table in having.items() if table.loc[:, column].notna().any()]


def _line(
    axis: Axes, table: pd.DataFrame, column: str, look: tuple[str, str], linestyle: str = "-"
) -> None:
    color, marker = look
    runs = [run for _, run in table.groupby("run")] if "run" in table else [table]
    for run in runs:
        # a single epoch makes no line
        shape = marker if len(run) == 1 else "None"
        axis.plot(run["epoch"] + 1, run[column], color=color, marker=shape, linestyle=linestyle)
