"""The poster's grids have the cells the method counts, and their tables say what the logits say."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_perception.noise import grid, run, tables
from signal_perception.noise.engine import CLEAN
from signal_perception.noise.settings import Grid, GridName
from signal_perception.pipeline.errors import UserError
from signal_perception.statistics.intervals import resamples

GAMMA = (0.05, 0.25, 0.45, 0.65, 0.85)
POSTER: dict[GridName, Grid] = {
    "figure2": Grid(panels="parts", sigma=(0.1, 0.2, 0.3, 0.4, 0.5), gamma=GAMMA, rho=(0.5,)),
    "figure3": Grid(panels="thirds", sigma=(0.1, 0.15, 0.2, 0.25, 0.3), gamma=GAMMA, rho=(0.5,)),
    "figure4": Grid(panels="thirds", sigma=(0.2,), gamma=GAMMA, rho=(0.25, 0.5, 0.75, 1.0)),
}
ATTENTION = ["spatial_attn", "spatial_attn.q", "spatial_attn.k", "spatial_attn.v", "mlp"]


def test_the_poster_has_210_places_and_runs_the_15_shared_cells_once() -> None:
    cells, places = grid.plan(POSTER, "spatial_attn", ATTENTION)
    assert len(places) == 75 + 75 + 60
    assert len(cells) == 210 - 15
    shared = [p.cell for p in places if p.grid == "figure3" and cells[p.cell].sigma == 0.2]
    assert sorted(shared) == sorted(
        p.cell for p in places if p.grid == "figure4" and cells[p.cell].rho == 0.5
    )
    assert {p.panel for p in places if p.grid == "figure2"} == {
        f"spatial_attn.{part}" for part in "qkv"
    }


def test_a_component_without_parts_is_one_panel_and_an_unknown_one_is_refused() -> None:
    _, places = grid.plan(POSTER, "mlp", ATTENTION)
    assert {p.panel for p in places if p.grid == "figure2"} == {"mlp"}
    with pytest.raises(UserError, match="no component 'conv' to disturb; it has mlp, spatial_attn"):
        grid.plan(POSTER, "conv", ATTENTION)


def test_units_cover_every_cell_of_every_repeat_once(tmp_path: Path) -> None:
    cells, _ = grid.plan(POSTER, "mlp", ATTENTION)
    units = run.units(cells, 3, tmp_path)
    assert units[0].item == CLEAN
    scored = [(unit.item.repeat, unit.item.number) for unit in units[1:]]
    assert scored == [(repeat, number) for repeat in range(3) for number in range(len(cells))]
    assert len({unit.result for unit in units}) == len(units)


def test_a_cell_has_the_same_file_in_every_grid(tmp_path: Path) -> None:
    cells, _ = grid.plan(POSTER, "mlp", ATTENTION)
    before = {unit.item.cell: unit.result for unit in run.units(cells, 1, tmp_path)}
    other: dict[GridName, Grid] = {
        "figure2": Grid(panels="parts", sigma=(0.7, 0.2), gamma=GAMMA, rho=(0.5,))
    }
    fewer, _ = grid.plan(other, "mlp", ATTENTION)
    after = {unit.item.cell: unit.result for unit in run.units(fewer, 2, tmp_path)}
    shared = set(before) & set(after) - {None}
    assert len(shared) == len(GAMMA)
    again = {unit.result for unit in run.units(fewer, 2, tmp_path)}
    assert all(before[cell] in again for cell in shared)


def test_tables_say_what_the_logits_say(tmp_path: Path) -> None:
    one: dict[GridName, Grid] = {
        "figure2": Grid(panels="parts", sigma=(0.1,), gamma=(0.5,), rho=(1.0,))
    }
    cells, places = grid.plan(one, "mlp", ["mlp"])
    units = run.units(cells, 2, tmp_path)
    labels = np.array([0, 1, 2, 3])
    right = np.eye(4, dtype=np.float16)
    broken = right.copy()
    broken[3, 0] = np.nan
    wrong = np.roll(right, 1, axis=1)
    half = np.where(np.arange(4)[:, None] < 2, right, wrong)
    for unit, scores in zip(units, (right, broken, half), strict=True):
        np.savez(unit.result, scores=scores, sha256="abc", kappa=0.25)
    outcomes = tables.Outcomes(units, labels, resamples(list("wxyz"), seed=0, draws=200))
    row = tables.table("shapes", "toy", cells, places, outcomes).iloc[0]
    assert row["clean_top1"] == 100
    assert row["top1_mean"] == pytest.approx((75 + 50) / 2)
    assert row["top1_sd"] == pytest.approx(np.std([75, 50], ddof=1))
    assert row["retention"] == pytest.approx((62.5 - 25) / 75)
    assert row["robustness"] == pytest.approx(0.625)
    assert (row["nan_videos"], row["repeats"], row["kappa"], row["delta_sha256"]) == (
        1,
        2,
        0.25,
        "abc",
    )
    assert row["top1_low"] <= 62.5 <= row["top1_high"]

    tables.write_logits(units, list("wxyz"), labels, tmp_path / "logits.parquet")
    table = pd.read_parquet(tmp_path / "logits.parquet")
    assert len(table) == 3 * 4
    second = table.loc[(table["repeat"] == 1) & (table["cell"] == 0), "logits"]
    assert np.array_equal(np.stack(list(second)), half)
    assert table.loc[table["cell"] == CLEAN.number, "sigma"].eq(0).all()


def test_metrics_are_json_even_where_the_clean_model_is_at_chance() -> None:
    rows = {
        "grid": ["figure2", "figure2", "figure3"],
        "panel": ["q", "q", "front"],
        "retention": [0.5, 0.25, np.nan],
        "top1_mean": [60.0, 40.0, 12.5],
    }
    found = tables.metrics(pd.DataFrame(rows))
    assert found["figure2/q"] == {"retention": 0.375, "lowest_top1": 40.0}
    assert found["figure3/front"] == {"retention": None, "lowest_top1": 12.5}
    json.dumps(found, allow_nan=False)
