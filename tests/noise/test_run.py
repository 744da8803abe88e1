"""Finished cells live on: a changed grid scores its new cells alone, a changed interval none."""

from pathlib import Path

import numpy as np
import pytest

from signal_perception.clips.settings import Input
from signal_perception.noise import grid, run
from signal_perception.noise.engine import Scored
from signal_perception.noise.settings import Settings

INPUT = Input(
    frames=8,
    stride=1,
    size=32,
    resize=None,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    sampling="uniform",
    fusion="logits",
)


def _settings(sigma: list[float], repeats: int = 2, bootstrap: int = 100) -> Settings:
    return Settings.model_validate(
        {
            "seed": 0,
            "cpu_threads": 1,
            "finetune": {"precision": "float32"},
            "noise": {
                "repeats": repeats,
                "scale": "absolute",
                "mask": "exact",
                "order": "random",
                "bootstrap": bootstrap,
                "grids": {
                    "figure2": {"panels": "parts", "sigma": sigma, "gamma": [0.5], "rho": [1.0]}
                },
            },
            "model": {"network": {}, "input": INPUT.model_dump(), "disturb": "mlp"},
        }
    )


class Recorder:
    """An engine that notes what it is asked to score."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, int]] = []

    def score(self, scored: Scored, path: Path) -> None:
        self.asked.append((scored.cell.sigma if scored.cell else 0.0, scored.repeat))
        with path.open("wb") as file:
            np.savez(file, scores=np.zeros((1, 2), np.float16), sha256="", kappa=0.0)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    monkeypatch.setattr(run, "_engine", lambda *_: found)
    monkeypatch.setattr(run.Engine, "score", Recorder.score)
    monkeypatch.setattr(run, "ClipStore", lambda _: type("Store", (), {"classes": ("a", "b")}))
    monkeypatch.setattr(run, "prepare_clips", lambda _, path: path.touch())
    monkeypatch.setattr(run, "test_clips", lambda *_, **__: [])
    return found


def _score(settings: Settings, folder: Path) -> None:
    cells, _ = grid.plan(settings.noise.grids, "mlp", ["mlp"])
    cache = folder / "cache"
    cache.mkdir(exist_ok=True)
    run.score_all(
        settings,
        "toy",
        cells,
        clips=folder,
        weights=folder,
        work=folder,
        cache=cache,
        label="noise",
    )


def test_only_new_cells_are_scored(tmp_path: Path, recorder: Recorder) -> None:
    _score(_settings([0.1, 0.2]), tmp_path)
    assert recorder.asked == [(0.0, 0), (0.1, 0), (0.2, 0), (0.1, 1), (0.2, 1)]
    recorder.asked.clear()
    _score(_settings([0.2, 0.3]), tmp_path)
    assert recorder.asked == [(0.3, 0), (0.3, 1)]
    recorder.asked.clear()
    _score(_settings([0.1, 0.2, 0.3], repeats=3), tmp_path)
    assert recorder.asked == [(0.1, 2), (0.2, 2), (0.3, 2)]
    recorder.asked.clear()
    _score(_settings([0.3], bootstrap=500), tmp_path)
    assert recorder.asked == []
