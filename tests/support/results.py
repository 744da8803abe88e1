"""The other tables of a study made by hand, and all of them as a report reads them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from signal_perception.report.tables import Results
from tests.support.spectral_tables import depth_table, spectra_table


def noise_table(
    model: str = "timesformer_divided",
    grid: str = "figure2",
    panels: Sequence[str] = ("spatial_attn.q", "spatial_attn.v"),
    sigmas: Sequence[float] = (0.1, 0.3),
    rhos: Sequence[float] = (0.5,),
) -> pd.DataFrame:
    """Cells whose top-1 falls from 80 by 100σγ, a little more in every further panel."""
    rows = [
        {
            "dataset": "shapes",
            "model": model,
            "grid": grid,
            "panel": panel,
            "component": panel,
            "pool": "all",
            **_cell(sigma, gamma, rho, top1=80 - 100 * sigma * gamma - number),
        }
        for number, panel in enumerate(panels)
        for rho in rhos
        for sigma in sigmas
        for gamma in (0.05, 0.45, 0.85)
    ]
    return pd.DataFrame(rows)


def _cell(sigma: float, gamma: float, rho: float, top1: float) -> dict[str, Any]:
    cell: dict[str, Any] = {"sigma": sigma, "gamma": gamma, "rho": rho, "repeats": 3}
    for k, mean in ((1, top1), (5, top1 + 15)):
        cell |= {
            f"top{k}_mean": mean,
            f"top{k}_sd": 1.0,
            f"top{k}_low": mean - 2,
            f"top{k}_high": mean + 2,
            f"clean_top{k}": {1: 80.0, 5: 95.0}[k],
            f"chance_top{k}": 12.5 * k,
        }
    return cell | {
        "retention": (top1 - 12.5) / 67.5,
        "robustness": top1 / 80,
        "kappa": 10 * sigma,
        "nan_videos": 1,
        "n_videos": 128,
        "n_clusters": 32,
        "delta_sha256": "ab" * 32,
    }


def accuracy(correct1: int = 97, total: int = 128, dropped: int = 0) -> dict[str, Any]:
    """Metrics of the stage evaluate."""
    metrics: dict[str, Any] = {
        "total": total,
        "dropped": dropped,
        "pretrained": None,
        "n_clusters": 32,
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
        "width": 64,
        "height": 64,
        "codec": "h264",
        "decoder": "decord",
        "verdict": "ok",
        "sha256": "00" * 32,
    }
    short = good | {"id": "b.mp4", "decoded": 20, "verdict": "short"}
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
    """A data set with two models, one of which has no weight noise and one video less.

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
    )


def others(dataset: str = "shapes") -> dict[str, dict[str, pd.DataFrame]]:
    """Depth tables of I3D with other weights: its start, and those fine-tuned on gestures."""
    return {
        "i3d": {
            weights: depth_table("i3d", dataset=dataset, weights=weights, size=2)
            for weights in (f"{dataset}-start", "gestures")
        }
    }
