"""The small tables behind `dvc plots`: two experiments' Figure 1 and retention curves overlaid.

One table per data set and figure; the templates in .dvc/plots draw a panel per model.
"""

from collections.abc import Sequence

import pandas as pd

from signal_perception.report.results import depth, naming, noise_cells
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.noise_cells import SYMBOLS, THIRDS
from signal_perception.report.results.tables import Results

# The figures, by the name of their template and of the folder of their tables.
FIGURE1, RETENTION = "figure1", "retention"
# Panels of Figure 1 that together have every tap once.
_PANELS = (("b", ("MSA", "Conv")), ("c", ("MLP",)))


def plots(results: Sequence[Results], reading: Reading) -> dict[str, pd.DataFrame]:
    """Name of a file, <figure>/<data set>.csv → its table; none without a row."""
    drawn = {
        f"{name}/{each.dataset}.csv": table(each)
        for each in results
        for name, table in (
            (FIGURE1, lambda found: figure1(found, reading)),
            (RETENTION, retention),
        )
    }
    return {name: table for name, table in drawn.items() if len(table)}


def figure1(results: Results, reading: Reading) -> pd.DataFrame:
    """Δ log amplitude of every tap with a value, along the depth of its kind (panels b and c).

    Returns
    -------
    Columns dataset, model (for readers), kind, part (a line ends where T' changes: this counts its
    parts), tap, depth (0 to 1), delta, low, high (95 %), tokens (T').
    """
    rows = []
    for model, table in results.depth.items():
        for panel, roles in _PANELS:
            taps = depth.profile(table, panel, reading)
            part = (taps["tokens"] != taps["tokens"].shift()).cumsum()
            taps = taps.assign(kind=taps["role"], part=part, **_names(results, model))
            rows.append(taps.loc[taps["kind"].isin(roles) & taps["value"].notna()])
    names = {"x": "depth", "value": "delta"}
    columns = ["dataset", "model", "kind", "part", "tap", "depth", "delta", "low", "high", "tokens"]
    if not rows:
        return pd.DataFrame(columns=columns)
    return pd.concat(rows, ignore_index=True).rename(columns=names).loc[:, columns]


def retention(results: Results) -> pd.DataFrame:
    """What is left of top-1 along the strength of the noise, third by third.

    Of the first grid of thirds in which σ or γ has several values: the cells along that axis, at
    the middle one of the other values. The strength is κ, so that experiments with other σ, γ or
    ρ lie on one axis. Begins at 1 without noise. Models that are not shown to be above chance have
    nothing to retain and are left out.

    Returns
    -------
    Columns dataset, model, third (for readers), kappa, retention, low, high (95 %), and σ, γ, ρ.
    """
    rows = []
    for model, cells in results.noise.items():
        if not len(cells) or not noise_cells.retention_is_defined(cells).all():
            continue
        for third, line in _lines(cells):
            start = {"kappa": 0.0, "retention": 1.0, "retention_low": 1.0, "retention_high": 1.0}
            line = pd.concat([pd.DataFrame([start]), line], ignore_index=True)
            rows.append(line.assign(third=third, **_names(results, model)))
    names = {"retention_low": "low", "retention_high": "high"}
    columns = ["dataset", "model", "third", "kappa", "retention", "low", "high", *SYMBOLS]
    if not rows:
        return pd.DataFrame(columns=columns)
    return pd.concat(rows, ignore_index=True).rename(columns=names).loc[:, columns]


def _lines(cells: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each third with its cells from weak to strong noise."""
    cells = cells.loc[cells["panel"].isin(THIRDS) & (cells["kind"] == "weights")]
    for _, inside in cells.groupby("grid", sort=False):
        counts = {name: len(set(inside[name])) for name in ("sigma", "gamma")}
        axis = max(counts, key=lambda name: counts[name])
        if counts[axis] > 1:
            for name in (name for name in SYMBOLS if name != axis):
                values = sorted(set(inside[name]))
                inside = inside.loc[inside[name] == values[len(values) // 2]]
            names = noise_cells.titles(THIRDS)
            return [
                (names[third], inside.loc[inside["panel"] == third].sort_values("kappa"))
                for third in THIRDS
            ]
    return []


def _names(results: Results, model: str) -> dict[str, str]:
    """Columns that name a row for readers."""
    return {"dataset": naming.dataset(results.dataset), "model": naming.model(model)}
