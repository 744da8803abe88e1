"""All models side by side: what each panel of each grid leaves of a model's accuracy."""

from collections.abc import Mapping, Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from signal_perception.report.figures import style
from signal_perception.report.results import naming, noise_cells, palette

_EMPTY = "#dddddd"


def models_figure(tables: Mapping[str, pd.DataFrame], *, dpi: int) -> Figure:
    """A map per grid: a row per model, a column per panel; retention, mean over the cells, and κ.

    One scale of colour for all, from 0 (chance) to 1 (clean), beyond which colours stay. A panel
    that a model does not have stays grey, and so does a model that is not shown to be above chance:
    it has nothing to retain. tables: model → cells of all grids.
    """
    means = summary(tables)
    grids = list(dict.fromkeys(means["grid"]))
    columns = [palette.order(means.loc[means["grid"] == grid, "title"]) for grid in grids]
    # limits and no norm: of values that are all missing seaborn would look for the lowest
    colours = {"cmap": "viridis", "vmin": 0.0, "vmax": 1.0}
    widths = [max(0.95 * len(titles), 1.6) for titles in columns]
    with style.look():
        figure = style.figure((sum(widths) + 2.9, 0.46 * len(tables) + 1.2), dpi)
        axes = figure.subplots(1, len(grids), width_ratios=widths, squeeze=False)[0]
        with style.at_rest(figure):
            for axis, grid, titles in zip(axes, grids, columns):
                part = means.loc[means["grid"] == grid]
                _map(axis, part, list(tables), titles, colours, first=axis is axes[0])
                axis.set_title(noise_cells.grid_title(grid))
        scale = ScalarMappable(Normalize(0, 1), "viridis")
        bar = figure.colorbar(scale, ax=list(axes), pad=0.01, aspect=25)
        bar.set_label("retention")
    return figure


def summary(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Means over the distinct cells of each panel: model, grid, title, retention, kappa.

    Retention is NaN where it is not defined.
    """
    rows = []
    for model, table in tables.items():
        table = noise_cells.without_worst_case(table)
        for grid in dict.fromkeys(table["grid"]):
            inside = table.loc[table["grid"] == grid]
            for panel, title in noise_cells.titles(inside["panel"]).items():
                cells = noise_cells.distinct(inside.loc[inside["panel"] == panel])
                kappa = float(noise_cells.column(cells, "kappa").mean())
                retention = float(noise_cells.column(cells, "retention").mean())
                if not noise_cells.retention_is_defined(cells).all():
                    retention = float("nan")
                rows.append((model, grid, title, retention, kappa))
    return pd.DataFrame(rows, columns=["model", "grid", "title", "retention", "kappa"])


def _map(
    axis: Axes,
    means: pd.DataFrame,
    models: Sequence[str],
    titles: Sequence[str],
    colours: Mapping,
    *,
    first: bool,
) -> None:
    retention, kappa = (
        means.pivot(index="model", columns="title", values=name).reindex(models, columns=titles)
        for name in ("retention", "kappa")
    )
    texts = [
        [_text(*cell) for cell in zip(*row)] for row in zip(retention.to_numpy(), kappa.to_numpy())
    ]
    axis.set_facecolor(_EMPTY)
    axis.grid(visible=False)
    sns.heatmap(
        retention,
        ax=axis,
        annot=pd.DataFrame(texts, index=retention.index, columns=retention.columns),
        fmt="",
        annot_kws={"fontsize": 7.5, "linespacing": 1.05},
        cbar=False,
        linewidths=0.5,
        linecolor="white",
        xticklabels=[title.replace(" third", "") for title in titles],
        yticklabels=[naming.model(model) for model in models] if first else False,
        **colours,
    )
    axis.set(xlabel="", ylabel="")
    axis.tick_params(length=0, rotation=0)


def _text(retention: float, kappa: float) -> str:
    """A cell's two numbers; κ is not known of activations at absolute σ."""
    return f"{retention:.2f}" + ("" if pd.isna(kappa) else f"\nκ {kappa:.2g}")
