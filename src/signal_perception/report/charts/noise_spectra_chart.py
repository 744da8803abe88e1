"""Δ at each tap of one model under noise, less that of the clean model."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from signal_perception.report.captions import noise_captions
from signal_perception.report.charts import depth_choices, depth_layers, depth_rows, inputs, marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.findings import noise_spectra
from signal_perception.report.results import depth, naming, noise_cells, runs

_KEPT = ["tap", "kappa", "tokens", "omega", "clean", "value", "low", "high", "p_holm"]


def noise_spectra_chart(tables: Mapping[str, pd.DataFrame]) -> Chart | None:
    """None where no taps were listened to. tables: model → a row per panel and tap."""
    heard = {model: table for model, table in tables.items() if len(table)}
    grids = noise_spectra.grids(heard)
    if not grids:
        return None
    found = pd.concat(
        [
            _rows(taps, model, grid, noise_cells.plain(title))
            for grid in grids
            for model, table in heard.items()
            for title, taps in noise_spectra.panels(table, grid).items()
        ],
        ignore_index=True,
    )
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
        spec=_spec(found, heard, grids),
        figure=f"noise-spectra-{grids[0]}",
    )


def _rows(taps: pd.DataFrame, model: str, grid: str, title: str) -> pd.DataFrame:
    """The taps of one panel, as lines along the depth need them."""
    changes = taps["tokens"] != taps["tokens"].shift()
    counts = taps.loc[:, ["n_videos", "n_clusters"]]
    found = taps.loc[:, _KEPT].join(counts).assign(n_runs=runs.number(taps))
    places = {
        "model": naming.model(model),
        "grid": grid,
        "panel": title,
        "kind": taps["tap_kind"].map(depth.ROLES),
        "place_a": range(len(taps)),
        "stretch": changes.cumsum() - 1,
    }
    for column, values in reversed(places.items()):
        found.insert(0, column, values)
    return depth_rows.whole(found)


def _spec(
    found: pd.DataFrame, heard: Mapping[str, pd.DataFrame], grids: list[str]
) -> dict[str, Any]:
    names = [naming.model(model) for model in heard]
    panels = marks.of_panels(
        title
        for table in heard.values()
        for grid in grids
        for title in noise_spectra.panels(table, grid)
    )
    look = depth_layers.Look("panel", "noise in", panels)
    limits = depth_rows.limits(found, ["grid"], least=0.1)
    y = depth_layers.value_axis("noise − clean, Δ log amplitude", limits, "grid")
    tooltip = depth_layers.tooltip("noise − clean", list(found), "model", "panel", "tap", "kind")
    parts = depth_layers.drawn(look, y, tooltip, tested=True)
    clicked = depth_choices.clicked("panel")
    parts[-1] = parts[-1].add_params(clicked)
    titles = [noise_cells.grid_title(grid) for grid in grids]
    return depth_layers.finished(
        [*parts, depth_layers.beyond(limits, "grid")],
        [depth_choices.model(names), inputs.choice("grid", "Cells of", grids, titles)],
        [
            depth_layers.only("datum.grid === grid && datum.model === one"),
            *depth_layers.at_places("'a'", "panel"),
            depth_choices.in_clicked(clicked),
            *depth_layers.in_words("panel", hertz=False),
        ],
        "Lines of Δ under noise minus Δ of the clean model against normalised depth, one per "
        "panel of noise: above 0 noise whitens the spectrum.",
    )
