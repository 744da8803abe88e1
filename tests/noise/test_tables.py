"""Tables of noise against what the hits say by hand, and every score in the parquet file."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_perception.evaluate import predictions
from signal_perception.noise import tables
from signal_perception.noise.outcomes import Outcomes
from signal_perception.statistics.accuracy import accuracy, ranking
from signal_perception.statistics.intervals import hierarchical_interval, resamples
from tests.support import predicted
from tests.support.outcomes import (
    CLASSES,
    from_hits,
    parts_of,
    plan,
    scores_of,
    settings,
    write,
)

THIRDS = {"panels": "thirds", "sigma": [0.0, 0.2], "gamma": [0.5], "rho": [0.5, 1.0]}
VIDEOS, REPEATS = 160, 3
GROUPS = np.arange(VIDEOS) // 4

COLUMNS = [
    *("dataset", "model", "grid", "panel", "kind", "component", "pool", "x", "y"),
    *("sigma", "gamma", "rho", "layers", "pool_layers", "kappa", "repeats"),
    *("top1_mean", "top1_sd", "top1_low", "top1_high", "clean_top1", "chance_top1"),
    *("top5_mean", "top5_sd", "top5_low", "top5_high", "clean_top5", "chance_top5"),
    *("retention", "retention_low", "retention_high", "robustness"),
    *("tied_videos", "nan_videos", "n_videos", "n_clusters", "delta_sha256", "views"),
]


def _hits(grids, seed: int = 0) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Clean hits, and in each disturbed cell some of them lost."""
    rng = np.random.default_rng(seed)
    clean = rng.random(VIDEOS) < 0.8
    hits = {
        number: clean & (rng.random((REPEATS, VIDEOS)) < 0.9 - 0.1 * number)
        for number, cell in enumerate(grids.cells)
        if not cell.clean
    }
    return hits, clean


def test_a_row_per_place_says_what_the_hits_say(tmp_path: Path):
    grids = plan(settings({"figure3": THIRDS}))
    hits, clean = _hits(grids)
    found = from_hits(tmp_path, grids, hits, clean, GROUPS)
    table = tables.cells("d", "m", found, views=1)
    assert list(table.columns) == COLUMNS
    assert len(table) == len(grids.places) == 3 * 2 * 2
    for place, row in zip(grids.places, table.to_dict("records"), strict=True):
        cell = grids.cells[place.cell]
        assert (row["panel"], row["rho"], row["layers"]) == (place.panel, place.rho, cell.layers)
        assert (row["x"], row["y"]) == place.axes
        right = np.tile(clean, (REPEATS, 1)) if cell.clean else hits[place.cell]
        each = 100 * right.mean(axis=1)
        assert row["top1_mean"] == pytest.approx(each.mean())
        assert row["top1_sd"] == pytest.approx(each.std(ddof=1))
        bounds = hierarchical_interval(100.0 * right, found.resamples, bounds=(0, 100))
        assert (row["top1_low"], row["top1_high"]) == pytest.approx(bounds)
        assert (row["clean_top1"], row["chance_top1"]) == (100 * clean.mean(), 12.5)
        left = (each.mean() - 12.5) / (100 * clean.mean() - 12.5)
        assert row["retention"] == pytest.approx(left)
        assert row["retention_low"] <= left <= row["retention_high"]
        assert row["robustness"] == pytest.approx(each.mean() / (100 * clean.mean()))
        # wrong ones rank sixth
        assert row["top5_mean"] == row["top1_mean"]
        assert (row["repeats"], row["n_videos"], row["n_clusters"]) == (REPEATS, VIDEOS, 40)
        assert row["delta_sha256"] == ("" if cell.clean else f"hash {place.cell} 0")


def test_a_clean_cell_keeps_all_for_certain(tmp_path: Path):
    grids = plan(settings({"figure3": THIRDS}))
    found = from_hits(tmp_path, grids, *_hits(grids), GROUPS)
    table = tables.cells("d", "m", found, views=1)
    rows = [row for row in table.to_dict("records") if row["sigma"] == 0]
    assert len(rows) == 6
    for row in rows:
        assert row["retention"] == row["retention_low"] == row["retention_high"] == 1
        assert (row["robustness"], row["kappa"], row["top1_sd"]) == (1, 0, 0)


def test_the_clean_accuracy_is_that_of_evaluate_to_the_video(tmp_path: Path):
    """With ties and broken scores, read from the file that evaluate's own numbers are made of."""
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 3, (VIDEOS, CLASSES)).astype(np.float32)
    scores[3, 2], scores[7, 0] = np.nan, np.inf
    labels = np.arange(VIDEOS) % CLASSES
    ids = [f"{i:03d}" for i in range(VIDEOS)]
    written = pd.DataFrame(
        {"control": "clip", "video": ids, "group": "g", "label": "x", "scores": list(scores)}
    )
    file = predicted.write(written, tmp_path / "clip.parquet")
    clean = predictions.read(file, videos=ids).scores
    grids = plan(settings({"figure3": THIRDS}))
    drawn = resamples(GROUPS, 0, 100)
    parts = parts_of(VIDEOS, None)
    units = write(tmp_path, grids, lambda *_: scores[::-1], parts, REPEATS)
    found = Outcomes(grids, units, clean, labels, parts, drawn)
    row = tables.cells("d", "m", found, views=1).iloc[0]
    evaluated = accuracy(ranking(scores, labels), drawn)
    assert (row["clean_top1"], row["clean_top5"]) == (evaluated["top1"], evaluated["top5"])
    assert row["tied_videos"] == REPEATS * evaluated["tied"]
    assert row["nan_videos"] == REPEATS * evaluated["not_finite"] == 2 * REPEATS
    assert math.fsum(tables.videos(found, ids, GROUPS)["clean"]) == pytest.approx(
        100 * evaluated["correct1"]
    )


def test_a_video_has_its_mean_over_the_cells_of_a_grid(tmp_path: Path):
    activations = THIRDS | {"panels": ["mlp"], "kind": "activations"}
    own = THIRDS | {"panels": ["spatial_attn.q"], "sigma": [0.2, 0.4]}
    grids = plan(settings({"figure3": THIRDS, "own": own, "heard": activations}, worst_case=True))
    hits, clean = _hits(grids)
    found = from_hits(tmp_path, grids, hits, clean, GROUPS)
    table = tables.videos(found, list(map(str, range(VIDEOS))), GROUPS)
    names = [f"{grid}.{repeat}" for grid in ("figure3", "own") for repeat in range(REPEATS)]
    assert list(table.columns) == ["video", "group", "clean", *names]
    assert table["clean"].tolist() == (100 * clean).tolist()
    places = {place.cell for place in grids.places if place.grid == "own"}
    numbers = [number for number in places if grids.cells[number].kind == "weights"]
    assert len(numbers) == 4
    expected = 100 * np.mean([hits[number][1] for number in numbers], axis=0)
    assert table["own.1"].to_numpy() == pytest.approx(expected)


def test_a_stopped_cell_is_estimated_and_leaves_its_other_videos_empty(tmp_path: Path):
    grids = plan(settings({"own": THIRDS | {"panels": ["spatial_attn.q"], "sigma": [0.2]}}))
    hits, clean = _hits(grids)
    found = from_hits(tmp_path, grids, hits, clean, GROUPS, asked=2.0, stops={1: 1})
    row, stopped = (tables.cells("d", "m", found, views=1).iloc[i] for i in (0, 1))
    assert (row["n_videos"], stopped["n_videos"]) == (VIDEOS, 96)
    assert stopped["n_clusters"] == len(set(GROUPS[found.cells[1].videos]))
    # the clean model is known for all videos
    assert stopped["clean_top1"] == 100 * clean.mean()
    sample = found.sample(1, 1)
    assert stopped["top1_mean"] == 100 * sample.mean != 100 * sample.hits.mean()
    assert stopped["retention"] == pytest.approx(sample.retention(1 / 8)[0])
    table = tables.videos(found, list(map(str, range(VIDEOS))), GROUPS)
    assert table["own.0"].notna().to_numpy().nonzero()[0].tolist() == list(found.cells[1].videos)


def test_metrics_are_the_means_of_panels_and_the_worst_case_apart(tmp_path: Path):
    grids = plan(settings({"figure3": THIRDS}, worst_case=True))
    found = from_hits(tmp_path, grids, *_hits(grids), GROUPS)
    table = tables.cells("d", "m", found, views=1)
    metrics = tables.metrics(table)
    thirds = ("front", "middle", "rear")
    names = {f"figure3/{third}{end}" for third in thirds for end in ("", "/gradient")}
    assert set(metrics) == names
    part = table[(table["panel"] == "rear") & (table["kind"] == "gradient")]
    assert metrics["figure3/rear/gradient"] == {
        "retention": pytest.approx(part["retention"].mean()),
        "lowest_top1": part["top1_mean"].min(),
    }


@pytest.mark.parametrize("asked", [None, 2.0])
def test_every_score_is_in_the_file_bit_for_bit(asked: float | None, tmp_path: Path):
    grids, parts = plan(settings({"figure3": THIRDS})), parts_of(VIDEOS, asked)
    labels, ids = np.arange(VIDEOS) % CLASSES, [f"{i:03d}" for i in range(VIDEOS)]
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((len(grids.cells), REPEATS, VIDEOS, CLASSES)).astype(np.float32)
    scores[0], clean = np.nan, scores_of(np.zeros(VIDEOS, int), labels)
    units = write(tmp_path, grids, lambda *at: scores[at], parts, REPEATS)
    target, other = tmp_path / "scores.parquet", tmp_path / "other.parquet"
    tables.write_scores(units, clean, ids, labels, parts, target)
    table = pd.read_parquet(target)
    assert list(table.columns) == [
        *("cell", "repeat", "component", "pool", "layers", "pool_layers", "sigma", "gamma"),
        *("kind", "delta_sha256", "video", "label", "scores"),
    ]
    disturbed = [number for number, cell in enumerate(grids.cells) if not cell.clean]
    assert table["cell"].unique().tolist() == [-1, *disturbed]
    for key, part in table.groupby(["cell", "repeat"]):
        number, repeat = np.array(key)
        part = part.sort_values("video")
        expected = clean if number < 0 else scores[number, repeat]
        found = np.stack(list(part["scores"]))
        assert found.dtype == np.float32
        assert np.array_equal(found, expected, equal_nan=True)
        assert part["video"].tolist() == ids
        assert part["label"].tolist() == labels.tolist()
        if number >= 0:
            assert set(part["delta_sha256"]) == {f"hash {number} {repeat}"}
            assert set(part["component"]) == {grids.cells[number].component}
    # the order in which units were finished does not show
    tables.write_scores(units[::-1], clean, ids, labels, parts, other)
    assert target.read_bytes() == other.read_bytes()
