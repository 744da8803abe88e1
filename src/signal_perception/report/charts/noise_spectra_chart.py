"""Δ at each tap of one model under noise, less that of the clean model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from signal_perception.report.captions import noise_captions
from signal_perception.report.charts import (
    depth_choices,
    depth_layers,
    depth_rows,
    depth_steps,
    inputs,
    marks,
)
from signal_perception.report.charts.chart import Chart
from signal_perception.report.findings import noise_spectra
from signal_perception.report.results import depth, naming, noise_cells, runs

_COLUMNS = [
    *("model", "grid", "panel", "tap", "kind", "place_a", "stretch", "tokens", "omega"),
    *("value", "low", "high", "p_holm", "n_videos", "n_clusters", "n_runs"),
]


def noise_spectra_chart(tables: Mapping[str, pd.DataFrame]) -> Chart | None:
    """None where no taps were listened to. tables: model → a row per panel and tap."""
    heard = {model: table for model, table in tables.items() if len(table)}
    grids = noise_spectra.grids(heard)
    if not grids:
        return None
    panels = {
        (grid, model): noise_spectra.panels(table, grid)
        for grid in grids
        for model, table in heard.items()
    }
    parts = [
        _rows(taps, model, grid, noise_cells.plain(title))
        for (grid, model), of_model in panels.items()
        for title, taps in of_model.items()
    ]
    found = depth_rows.whole(pd.concat(parts, ignore_index=True))
    titles = [title for of_model in panels.values() for title in of_model]
    if set(found["n_runs"]) <= {1}:
        found = found.drop(columns="n_runs")
    about = []
    for grid in grids:
        first, *others = noise_captions.spectra(heard, grid)
        about += [f"{noise_cells.grid_title(grid)}: {first}", *others]
    return Chart(
        name="noise-spectra",
        title="Noise and spectrum: what noise does to Δ along the depth",
        caption=[depth_choices.HOVER, *dict.fromkeys(about)],
        table=found,
        spec=_spec(found, grids, titles),
        figure=f"noise-spectra-{grids[0]}",
    )


def _rows(taps: pd.DataFrame, model: str, grid: str, title: str) -> pd.DataFrame:
    """The taps of one panel, as lines along the depth need them."""
    tokens = taps["tokens"].to_numpy()
    return taps.assign(
        model=naming.model(model),
        grid=grid,
        panel=title,
        kind=[depth.ROLES.get(kind, kind) for kind in taps["tap_kind"]],
        place_a=np.arange(len(taps)),
        stretch=np.cumsum(np.append(0, tokens[1:] != tokens[:-1]))[: len(taps)],
        n_runs=runs.number(taps),
    ).loc[:, _COLUMNS]


def _spec(found: pd.DataFrame, grids: list[str], titles: list[str]) -> dict[str, Any]:
    names = list(dict.fromkeys(found["model"]))
    look = depth_layers.Look("panel", "noise in", marks.of_panels(titles))
    limits = depth_rows.limits(found, ["grid"], least=0.1)
    y = depth_layers.value_axis("noise − clean, Δ log amplitude", limits, "grid")
    tooltip = depth_layers.tooltip("noise − clean", list(found), "model", "panel", "tap", "kind")
    parts = depth_layers.drawn(look, y, tooltip, tested=True)
    clicked = depth_choices.clicked("panel")
    parts[-1] = parts[-1].add_params(clicked)
    cells = [noise_cells.grid_title(grid) for grid in grids]
    return depth_layers.finished(
        [*parts, depth_layers.beyond(limits, "grid")],
        [depth_choices.model(names), inputs.choice("grid", "Cells of", grids, cells)],
        [
            depth_steps.only("datum.grid === grid && datum.model === one"),
            *depth_steps.at_places("'a'", "panel"),
            depth_choices.in_clicked(clicked),
            *depth_steps.in_words("panel", hertz=False),
        ],
        "Lines of Δ under noise minus Δ of the clean model against normalised depth, one per "
        "panel of noise: above 0 noise whitens the spectrum.",
    )
