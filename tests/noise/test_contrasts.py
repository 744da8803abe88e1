"""Contrasts find what is fragile by construction, and nothing where nothing is."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from signal_perception.models.core.taps import Weights
from signal_perception.noise import contrasts, findings
from signal_perception.noise.options import Options
from signal_perception.noise.outcomes import Outcomes
from signal_perception.noise.perturbation import Disturber
from signal_perception.statistics.comparison import hierarchical_p_value, holm
from signal_perception.statistics.intervals import hierarchical_interval, resamples
from tests.support.outcomes import CLASSES, from_hits, parts_of, plan, settings, write

PARTS = {"panels": "parts", "sigma": [0.2, 0.4], "gamma": [0.5], "rho": [1.0]}
THIRDS = PARTS | {"panels": "thirds"}
VIDEOS, REPEATS = 160, 5
GROUPS = np.arange(VIDEOS) // 4
LAYERS, WIDTH = 6, 16


def _hits(grids, loss: dict[str, float], seed: int = 0) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Hits of every cell, where its component or pool loses a share of what was right."""
    rng = np.random.default_rng(seed)
    clean = rng.random(VIDEOS) < 0.8
    hits = {}
    for number, cell in enumerate(grids.cells):
        name = cell.component[-1] if cell.pool == "all" else cell.pool
        hits[number] = clean & (rng.random((REPEATS, VIDEOS)) >= loss[name] * cell.sigma / 0.4)
    return hits, clean


def _row(table: pd.DataFrame, first: str, second: str, **where: object) -> dict[str, Any]:
    wanted = {"first": first, "second": second, "k": 1} | where
    rows = table.to_dict("records")
    (row,) = (row for row in rows if all(row[name] == value for name, value in wanted.items()))
    return {str(name): value for name, value in row.items()}


def _top(table: pd.DataFrame, k: int) -> dict[str, np.ndarray]:
    """Columns of the rows of this k."""
    found = table.loc[table["k"] == k, :]
    return {name: found[name].to_numpy() for name in found.columns}


def test_a_row_is_the_paired_difference_over_matched_cells(tmp_path: Path):
    grids = plan(settings({"figure2": PARTS}))
    hits, clean = _hits(grids, {"q": 0.2, "k": 0.2, "v": 0.7})
    found = from_hits(tmp_path, grids, hits, clean, GROUPS)
    table = contrasts.table("d", "m", found)
    assert list(table.columns) == list(contrasts.COLUMNS)
    v, q, k = (f"spatial_attn.{part}" for part in "vqk")
    pairs = list(dict.fromkeys(zip(table["first"], table["second"], strict=True)))
    assert pairs == [(v, q), (v, k), (q, k)]
    row = _row(table, v, q)
    numbers = {name: [p.cell for p in grids.places if p.panel == name] for name in (v, q)}
    stacked = {name: np.mean([hits[i] for i in numbers[name]], axis=0) for name in (v, q)}
    difference = 100 * (stacked[v] - stacked[q])
    assert row["cells"] == 2
    assert row["difference"] == pytest.approx(difference.mean())
    bounds = hierarchical_interval(difference, found.resamples)
    assert (row["low"], row["high"]) == pytest.approx(bounds)
    assert row["p"] == pytest.approx(hierarchical_p_value(difference, found.resamples))
    assert row["kappa_first"] == pytest.approx(np.mean([0.1 * (i + 1) for i in numbers[v]]))
    for each in (1, 5):
        same = _top(table, each)
        assert same["p_holm"] == pytest.approx(holm(same["p"]))
    assert len(table) == 6


def test_only_cells_of_one_setting_are_compared_and_none_that_is_clean(tmp_path: Path):
    """Of four layers, ρ = 0.5 and 0.6 are one cell in both panels, and count once."""
    names = ["spatial_attn.v", "spatial_attn.q/front"]
    own = {"panels": names, "sigma": [0.0, 0.2], "gamma": [0.5], "rho": [0.5, 0.55]}
    grids = plan(settings({"own": own}))
    assert len(grids.cells) == 4
    hits, clean = _hits(grids, {"v": 0.8, "front": 0.1})
    found = from_hits(tmp_path, grids, hits, clean, GROUPS)
    table = contrasts.table("d", "m", found)
    assert table["cells"].tolist() == [1, 1]
    assert table["first"].tolist() == [names[0]] * 2
    assert _row(table, *names)["weaker"] == names[0]
    assert _row(table, *names)["finding"].startswith("V loses")


def test_kinds_of_noise_are_compared_apart_and_corrected_together(tmp_path: Path):
    grids = plan(settings({"figure3": THIRDS, "figure2": PARTS}, worst_case=True))
    loss = {"q": 0.3, "k": 0.3, "v": 0.3, "front": 0.3, "middle": 0.8, "rear": 0.3}
    found = from_hits(tmp_path, grids, *_hits(grids, loss), GROUPS)
    table = contrasts.table("d", "m", found)
    assert len(table) == 2 * 2 * 3 * 2
    thirds = table.query("grid == 'figure3' and k == 1")
    pairs = list(zip(thirds["first"], thirds["second"], strict=True))
    assert pairs == [("front", "middle"), ("middle", "rear"), ("front", "rear")] * 2
    worst = _row(table, "middle", "rear", kind="gradient")
    assert worst["weaker"] == "middle"
    assert worst["finding"].startswith("In the worst case, the middle third loses")
    plain = _row(table, "middle", "rear", kind="weights")
    assert plain["finding"].startswith("The middle third loses")
    top1 = _top(table, 1)
    assert top1["p_holm"] == pytest.approx(holm(top1["p"]))


def test_stopped_cells_are_compared_on_the_videos_that_all_have(tmp_path: Path):
    grids = plan(settings({"figure2": PARTS}))
    hits, clean = _hits(grids, {"q": 0.2, "k": 0.2, "v": 0.7})
    found = from_hits(tmp_path, grids, hits, clean, GROUPS, asked=2.0, stops={0: 1})
    table = contrasts.table("d", "m", found)
    videos = found.cells[0].videos
    q, k, v = (
        np.mean([hits[p.cell] for p in grids.places if p.panel[-1] == part], axis=0)
        for part in "qkv"
    )
    first = _row(table, "spatial_attn.v", "spatial_attn.q")
    assert first["difference"] == pytest.approx(100 * (v - q)[:, videos].mean())
    second = _row(table, "spatial_attn.v", "spatial_attn.k")
    assert second["difference"] == pytest.approx(100 * (v - k).mean())


NONE = "No difference shown between V and Q"


@pytest.mark.parametrize(
    ("mean", "low", "high", "p", "weaker", "finding"),
    [
        (-12.34, -16.5, -8.1, 0.003, "v", "V loses 12.3 points more than Q (8.1 to 16.5, p = .003"),
        (3.0, 1.0, 5.0, 0.0004, "q", "Q loses 3.0 points more than V (1.0 to 5.0, p < .001"),
        (0.4, -1.2, 2.0, 0.5, "", f"{NONE} (0.4, −1.2 to 2.0)"),
        (-0.04, np.nan, np.nan, np.nan, "", f"{NONE} (0.0, no interval)"),
    ],
)
def test_a_finding_is_one_sentence(
    mean: float, low: float, high: float, p: float, weaker: str, finding: str
):
    row = {"difference": mean, "low": low, "high": high, "p_holm": p, "kind": "weights"}
    panels = {"first": "a.v", "second": "a.q", "weaker": weaker and f"a.{weaker}"}
    assert findings.in_words(row | panels) == finding + " after Holm)" * bool(weaker)


def test_the_same_part_of_two_attentions_is_told_apart():
    values = {"difference": 0, "low": -1, "high": 1, "p_holm": 1, "weaker": "", "kind": "weights"}
    text = findings.in_words(values | {"first": "a.v", "second": "b.v"})
    assert text == "No difference shown between a.v and b.v (0.0, −1.0 to 1.0)"


def test_one_panel_has_nothing_to_be_compared_with(tmp_path: Path):
    own = PARTS | {"panels": ["spatial_attn.v"]}
    grids = plan(settings({"own": own}))
    found = from_hits(tmp_path, grids, *_hits(grids, {"v": 0.5}), GROUPS)
    table = contrasts.table("d", "m", found)
    assert len(table) == 0
    assert list(table.columns) == list(contrasts.COLUMNS)


class Parallel(nn.Module):
    """Logits as the mean of those of the q, k and v parts of all layers.

    All parts of all layers see the input and do the same, so none is more fragile than another,
    except by its gain: a part works on input · gain with weights that are that much smaller, so
    that noise of one size on the weights is that much stronger.
    """

    def __init__(self, truth: Tensor, gain: dict[tuple[int, str], float]):
        super().__init__()
        self.gain = gain
        self.parts = {}
        for layer, part in itertools.product(range(LAYERS), "qkv"):
            linear = nn.Linear(WIDTH, CLASSES, bias=False)
            linear.weight = nn.Parameter(truth / gain.get((layer, part), 1.0))
            self.add_module(f"{layer}{part}", linear)
            self.parts[layer, part] = linear

    def forward(self, x: Tensor) -> Tensor:
        weights = [part.weight * self.gain.get(at, 1.0) for at, part in self.parts.items()]
        return x @ torch.stack(weights).mean(dim=0).T


def _weights() -> dict[str, list[Weights]]:
    found = {
        f"spatial_attn.{part}": [
            Weights(f"spatial_attn.{part}", b, f"{b}{part}.weight", 0, CLASSES)
            for b in range(LAYERS)
        ]
        for part in "qkv"
    }
    return found | {
        "spatial_attn": [w for block in zip(*found.values(), strict=True) for w in block]
    }


def _findings(folder: Path, gain: dict[tuple[int, str], float], seed: int) -> pd.DataFrame:
    """The contrasts of such a network, its grids run through the code of the stage."""
    noise = settings({"figure2": PARTS | {"sigma": [1.0, 2.0]}, "figure3": THIRDS}, repeats=5)
    grids = plan(noise)
    rng = np.random.default_rng(seed)
    truth = torch.from_numpy(rng.standard_normal((CLASSES, WIDTH))).float()
    clips = rng.standard_normal((VIDEOS // 4, WIDTH))[GROUPS] + rng.standard_normal((VIDEOS, WIDTH))
    x = torch.from_numpy(clips).float()
    model = Parallel(truth, gain)
    disturber = Disturber(model, _weights(), Options(seed=seed))

    @torch.no_grad()
    def score(number: int, repeat: int) -> np.ndarray:
        with disturber.disturbed(grids.cells[number], repeat):
            return model(x).numpy()

    with torch.no_grad():
        clean = model(x).numpy()
    noisy = clean + 0.7 * rng.standard_normal(clean.shape)
    labels, parts = noisy.argmax(axis=1), parts_of(VIDEOS, None)
    folder.mkdir(exist_ok=True)
    units = write(folder, grids, score, parts, 5)
    drawn = resamples(GROUPS, seed)
    return contrasts.table("d", "m", Outcomes(grids, units, clean, labels, parts, drawn))


def test_a_fragile_v_is_found(tmp_path: Path):
    gain = {(layer, "v"): 4.0 for layer in range(LAYERS)}
    table = _findings(tmp_path, gain, seed=0)
    for other in "qk":
        row = _row(table, "spatial_attn.v", f"spatial_attn.{other}")
        assert row["weaker"] == "spatial_attn.v"
        assert row["p_holm"] < 0.05
        assert row["high"] < 0
        assert row["finding"].startswith("V loses ")
    assert _row(table, "spatial_attn.q", "spatial_attn.k")["weaker"] == ""


def test_a_network_without_a_weak_part_has_hardly_a_finding(tmp_path: Path):
    """Of 12 networks, with Holm over six contrasts each; 1 in 20 may err."""
    wrong = [
        (_top(_findings(tmp_path / str(seed), {}, seed), 1)["weaker"] != "").any()
        for seed in range(12)
    ]
    assert sum(wrong) <= 1


def test_a_fragile_middle_third_is_found(tmp_path: Path):
    gain = {(layer, part): 8.0 for layer in (2, 3) for part in "qkv"}
    table = _findings(tmp_path, gain, seed=0)
    assert _row(table, "front", "middle")["weaker"] == "middle"
    assert _row(table, "middle", "rear")["weaker"] == "middle"
    assert _row(table, "front", "rear")["weaker"] == ""
    for first, second in (("v", "q"), ("v", "k"), ("q", "k")):
        row = _row(table, f"spatial_attn.{first}", f"spatial_attn.{second}")
        assert row["weaker"] == ""
