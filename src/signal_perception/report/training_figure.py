"""How the models learnt: loss, accuracy on the training clips and learning rate by epoch."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report import style

_PANELS = {"loss": "training loss", "top1": "top-1 on training clips, %", "lr": "learning rate"}


def curves_figure(curves: Mapping[str, pd.DataFrame], *, dpi: int) -> Figure:
    """Three panels over epochs, one line per model; `curves` holds columns epoch, lr, loss, top1 by model."""
    looks = style.looks(list(curves))
    with style.look():
        figure = Figure(figsize=(13, 3.6), dpi=dpi, layout="constrained")
        for axis, (column, label) in zip(figure.subplots(1, 3), _PANELS.items()):
            for model, table in curves.items():
                alone = {"marker": looks[model][1]} if len(table) == 1 else {}
                axis.plot(table["epoch"] + 1, table[column], color=looks[model][0], **alone)
            axis.set(title=label, xlabel="epoch")
            axis.set_ylim(bottom=0)
            axis.xaxis.get_major_locator().set_params(integer=True)
        handles = [Line2D([], [], color=color, label=style.name(model)) for model, (color, _) in looks.items()]
        style.legend(figure, handles, "outside lower center")
    return figure
