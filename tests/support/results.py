"""The other tables of a study made by hand, and all of them as a report reads them."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from signal_perception.report.results.tables import Results
from tests.support.accuracy_tables import (
    calibration_table,
    classes_table,
    confusion_table,
    correct_table,
)
from tests.support.noise_tables import (
    contrasts_table,
    noise_spectra_table,
    noise_table,
    robustness_table,
)
from tests.support.probe_tables import probe_table
from tests.support.spectral_tables import depth_table, spectra_table


def accuracy(correct1: int = 97, total: int = 128, dropped: int = 0) -> dict[str, Any]:
    """Metrics of the stage evaluate."""
    metrics: dict[str, Any] = {
        "total": total,
        "dropped": dropped,
        "tied": 0,
        "not_finite": 0,
        "pretrained": None,
        "n_clusters": 32,
        "n_listed": total + dropped,
        "views": 1,
        "clips": 1,
        "crops": 1,
        "above_chance": True,
        "ece": 4.0,
        "ece_low": 1.5,
        "ece_high": 9.0,
        "weights_sha256": "0123abcd" * 8,
        "controls": {"shuffled": {"top1": 14.0625, "correct1": 18, "total": 128}},
    }
    for k, correct in ((1, correct1), (5, 120)):
        top = 100 * correct / total
        metrics |= {
            f"top{k}": top,
            f"correct{k}": correct,
            f"low{k}": top - 3,
            f"high{k}": top + 3,
            f"chance{k}": 12.5 * k,
        }
    return metrics


def decode_table() -> pd.DataFrame:
    """One good, one short and one refused video."""
    good = {
        "id": "a.mp4",
        "label": "turns",
        "split": "test",
        "group": "g1",
        "promised": 24,
        "decoded": 24,
        "fps": 12.0,
        "seconds": 2.0,
        "width": 64,
        "height": 64,
        "codec": "h264",
        "decoder": "decord",
        "verdict": "ok",
        "sha256": "00" * 32,
        "frames_hash": "11" * 32,
    }
    short = good | {"id": "b.mp4", "label": "grows", "decoded": 20, "verdict": "short"}
    nothing = {"decoded": 0, "codec": None, "decoder": None}
    refused = good | nothing | {"id": "c.avi", "verdict": "refused: <moov> is missing"}
    return pd.DataFrame([good, short, refused])


def curve(epochs: int = 3) -> pd.DataFrame:
    """A training curve."""
    columns = {"lr": [0.1, 0.2, 0.1], "loss": [2.0, 1.0, 0.5], "top1": [10.0, 40.0, 70.0]}
    rows = {name: values[:epochs] for name, values in columns.items()}
    return pd.DataFrame({"epoch": range(epochs), **rows})


def sampling(seconds: float | None = 0.25) -> dict[str, Any]:
    """What the stage evaluate says of the frames of the test clips."""
    return {
        "clips": 1,
        "frames": 8,
        "distinct": 7.5,
        "repeated": 12.5,
        "looped": 3.125,
        "seconds": seconds,
    }


def results(dataset: str = "shapes") -> Results:
    """A data set with two models, one of which has no noise and one video less.

    TimeSformer's maps have a spatial spectrum and its static clip is its clip; I3D's maps are too
    small, its T' changes from 8 to 4 and 2, and it sees motion.
    """
    models = ("timesformer_divided", "i3d")
    known: dict[str, dict[str, Any]] = {
        "timesformer_divided": {"dataset": dataset, "own": 1000},
        "i3d": {"dataset": dataset, "size": 2},
    }
    return Results(
        dataset,
        models,
        decode_table(),
        {model: accuracy(dropped=int(model == "i3d")) for model in models},
        {model: spectra_table(model, **known[model]) for model in models},
        {model: depth_table(model, **known[model]) for model in models},
        {"timesformer_divided": noise_table()},
        dict.fromkeys(models, curve()),
        contrasts={"timesformer_divided": contrasts_table()},
        robustness={"timesformer_divided": [robustness_table()]},
        noise_spectra={"timesformer_divided": noise_spectra_table()},
        classes=dict.fromkeys(models, classes_table()),
        confusion=dict.fromkeys(models, confusion_table()),
        calibration=dict.fromkeys(models, calibration_table()),
        correct={"timesformer_divided": correct_table(97), "i3d": correct_table(77)},
        probes={"i3d": {dataset: probe_table(dataset=dataset, weights=dataset)}},
    )


def others(dataset: str = "shapes") -> dict[str, dict[str, pd.DataFrame]]:
    """Depth tables of I3D with other weights: its start, and those fine-tuned on gestures."""
    return {
        "i3d": {
            weights: depth_table("i3d", dataset=dataset, weights=weights, size=2)
            for weights in (f"{dataset}-start", "gestures")
        }
    }


def write(path: Path, content: pd.DataFrame | dict[str, Any]) -> None:
    """A table or metrics, as a stage writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        path.write_text(json.dumps(content), encoding="utf-8")
    else:
        content.to_csv(path, index=False)
