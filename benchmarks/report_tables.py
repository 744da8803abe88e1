"""Tables of a full-size study made by hand, where the stages of the poster's study write theirs.

Nine models on HMDB51 and UCF101: spectra of all taps under four inputs, the poster's grids of 210
cells in five repeats, a row per test video where the stages have one. The numbers are drawn; only
their amount and their form are those of a study.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signal_perception.pipeline import dvcfile
from signal_perception.seeding import generator
from tests.support.noise_tables import noise_spectra_table
from tests.support.planted import contrasts
from tests.support.probe_tables import probe_table
from tests.support.results import accuracy, sampling, write
from tests.support.spectral_tables import BACKBONES, Stretch, depth_table, spectra_table

# Test videos, classes, sources of the test split; all videos.
SIZES = {"hmdb51": (1530, 51, 700, 6766), "ucf101": (3783, 101, 707, 13320)}
_TRANSFORMER: list[Stretch] = [(("joint_attn", "mlp"), 12, 8)]
MODELS: dict[str, list[Stretch]] = {
    "i3d": BACKBONES["i3d"],
    "i3d_inception": [(("conv",), 9, 8)],
    "timesformer_divided": BACKBONES["timesformer_divided"],
    "timesformer_joint": _TRANSFORMER,
    "videomae_v1": _TRANSFORMER,
    "videomae_v2": _TRANSFORMER,
    "uniformer_v1": BACKBONES["uniformer_v1"],
    "uniformer_v2": BACKBONES["uniformer_v2"],
    "swin": BACKBONES["swin"],
}
CONTROLS = ("clip", "static", "shuffled", "reversed")
STATISTICS = ("mean_log", "log_mean", "log_rms")
REPEATS = 5
_GAMMAS = (0.05, 0.25, 0.45, 0.65, 0.85)
_THIRDS = ("front", "middle", "rear")
# Grid → σ and ρ.
_GRIDS = {
    "figure2": ((0.1, 0.2, 0.3, 0.4, 0.5), (0.5,)),
    "figure3": ((0.1, 0.15, 0.2, 0.25, 0.3), (0.5,)),
    "figure4": ((0.2,), (0.25, 0.5, 0.75, 1.0)),
}


def plant(stages: Mapping[str, dvcfile.Stage], folder: Path) -> None:
    """Write every small table that the stage report reads, of one run of each model."""
    for dataset in SIZES:
        write(folder / stages[f"decode@{dataset}"].out("reports/decode"), _decode(dataset))
        for model in MODELS:
            for stage, beginning, content in _of_model(dataset, model):
                write(folder / stages[stage].out(beginning), content)


def _of_model(dataset: str, model: str) -> Iterator[tuple[str, str, Any]]:
    """Stage, beginning of the path, table."""
    run = f"{dataset}-{model}"
    known: dict[str, Any] = {
        "controls": CONTROLS,
        "backbone": MODELS[model],
        "dataset": dataset,
        "statistics": STATISTICS,
    }
    for weights in ("hmdb51", "ucf101", "hmdb51-start"):
        spectra = f"spectra@{run}-{weights}-0"
        yield spectra, "reports/tables/depth", depth_table(model, weights=weights, **known)
        if weights == dataset:
            yield spectra, "reports/tables/spectra", spectra_table(model, **known)
        probe = probe_table(model, weights, dataset, taps=_blocks(model))
        yield f"probe@{run}-{weights}-0", "reports/tables/probe", probe
    yield f"finetune@{run}-0", "reports/curves", _curve()
    evaluated = {
        "metrics": _metrics(dataset, model),
        "tables/classes": _classes(dataset, model),
        "tables/confusion": _confusion(dataset, model),
        "tables/calibration": _calibration(),
        "tables/correct": _correct(dataset, model),
    }
    for name, content in evaluated.items():
        yield f"evaluate@{run}-0", f"reports/{name}", content
    panels = _panels(model)
    disturbed = {
        "noise": pd.concat([_cells(dataset, model, grid, panels[grid]) for grid in _GRIDS]),
        "contrasts": pd.concat([_contrasts(model, grid, panels[grid]) for grid in _GRIDS]),
        "robustness": _robustness(dataset, model),
        "noise_spectra": pd.concat(
            [
                noise_spectra_table(
                    model, grid, dict.fromkeys(panels[grid], 0.3), tokens=[8] * 2 * _blocks(model)
                )
                for grid in ("figure2", "figure3")
            ]
        ),
    }
    for name, content in disturbed.items():
        yield f"noise@{run}-0", f"reports/tables/{name}", content


def _random(*names: str) -> np.random.Generator:
    return generator(0, "planted", *names)


def _blocks(model: str) -> int:
    return sum(blocks for _, blocks, _ in MODELS[model])


def _panels(model: str) -> dict[str, tuple[str, ...]]:
    own = "joint_attn" if model != "timesformer_divided" else "spatial_attn"
    parts = tuple(f"{own}.{part}" for part in "qkv")
    if model.startswith("i3d"):
        parts = ("conv",)
    return {"figure2": parts, "figure3": _THIRDS, "figure4": _THIRDS}


def _cells(dataset: str, model: str, grid: str, panels: tuple[str, ...]) -> pd.DataFrame:
    videos, classes, sources, _ = SIZES[dataset]
    sigmas, rhos = _GRIDS[grid]
    random, rows = _random(dataset, model, grid), []
    for number, panel in enumerate(panels):
        for rho in rhos:
            for sigma in sigmas:
                for gamma in _GAMMAS:
                    lost = min(150 * sigma * gamma * (1 + number / 3), 70) + random.normal()
                    rows.append(
                        {
                            "dataset": dataset,
                            "model": model,
                            "grid": grid,
                            "panel": panel,
                            "kind": "weights",
                            "component": "joint_attn" if panel in _THIRDS else panel,
                            "pool": panel if panel in _THIRDS else "all",
                            "x": "gamma",
                            "y": "rho" if len(rhos) > 1 else "sigma",
                            "sigma": sigma,
                            "gamma": gamma,
                            "rho": rho,
                            "layers": round(4 * rho),
                            "pool_layers": 4,
                            "kappa": 10 * sigma * (gamma * rho) ** 0.5,
                            "repeats": REPEATS,
                            **_top(75 - lost, classes),
                            "tied_videos": 0,
                            "nan_videos": 0,
                            "n_videos": videos,
                            "n_clusters": sources,
                            "delta_sha256": "ab" * 32,
                            "views": 1,
                        }
                    )
    return pd.DataFrame(rows)


def _top(top1: float, classes: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for k, mean, clean in ((1, top1, 75.0), (5, top1 + 18, 93.0)):
        mean, chance = min(max(mean, 1), 99), 100 * k / classes
        found |= {
            f"top{k}_mean": mean,
            f"top{k}_sd": 1.0,
            f"top{k}_low": mean - 1,
            f"top{k}_high": mean + 1,
            f"clean_top{k}": clean,
            f"chance_top{k}": chance,
        }
    kept = (found["top1_mean"] - 100 / classes) / (75 - 100 / classes)
    return found | {
        "retention": kept,
        "retention_low": kept - 0.02,
        "retention_high": kept + 0.02,
        "robustness": found["top1_mean"] / 75,
    }


def _contrasts(model: str, grid: str, panels: tuple[str, ...]) -> pd.DataFrame:
    return contrasts({panel: 10.0 * n for n, panel in enumerate(panels)}, model, grid)


def _videos(dataset: str) -> dict[str, list[str]]:
    videos, _, sources, _ = SIZES[dataset]
    groups = np.sort(_random(dataset, "groups").integers(0, sources, videos))
    return {
        "video": [f"class/{n:05d}.avi" for n in range(videos)],
        "group": [f"source{n:03d}" for n in groups],
    }


def _robustness(dataset: str, model: str) -> pd.DataFrame:
    random, names = _random(dataset, model, "robustness"), _videos(dataset)
    videos = len(names["video"])
    easy = random.beta(3, 1, videos)
    columns = {
        f"{grid}.{repeat}": 100 * random.binomial(75, easy * (0.6 + 0.01 * len(model))) / 75
        for grid in _GRIDS
        for repeat in range(REPEATS)
    }
    clean = 100.0 * (random.random(videos) < easy)
    return pd.DataFrame({**names, "clean": clean, **columns})


def _correct(dataset: str, model: str) -> pd.DataFrame:
    names = _videos(dataset)
    drawn = _random(dataset, model, "correct").random((2, len(names["video"])))
    return pd.DataFrame({**names, "top1": 1.0 * (drawn[0] < 0.75), "top5": 1.0 * (drawn[1] < 0.95)})


def _metrics(dataset: str, model: str) -> dict[str, Any]:
    videos, classes, sources, _ = SIZES[dataset]
    metrics = accuracy(int(_random(dataset, model).integers(videos * 2 // 3, videos)), videos)
    chances = {"chance1": 100 / classes, "chance5": 500 / classes}
    return metrics | chances | {"n_clusters": sources, "sampling": sampling()}


def _classes(dataset: str, model: str) -> pd.DataFrame:
    videos, classes, *_ = SIZES[dataset]
    top1 = _random(dataset, model, "classes").uniform(40, 100, classes)
    return pd.DataFrame(
        {
            "class": [f"class {n:03d}" for n in range(classes)],
            "n": videos // classes,
            "correct": top1 * videos / classes / 100,
            "top1": top1,
            "low": np.maximum(top1 - 15, 0),
            "high": np.minimum(top1 + 15, 100),
            "ece": 5.0,
            "ece_low": 1.0,
            "ece_high": 12.0,
        }
    )


def _confusion(dataset: str, model: str) -> pd.DataFrame:
    classes = SIZES[dataset][1]
    counts = _random(dataset, model, "confusion").poisson(0.2, (classes, classes))
    counts += 20 * np.eye(classes, dtype=np.int64)
    label, predicted = np.nonzero(counts)
    return pd.DataFrame(
        {
            "label": [f"class {n:03d}" for n in label],
            "predicted": [f"class {n:03d}" for n in predicted],
            "videos": counts[label, predicted],
        }
    )


def _calibration() -> pd.DataFrame:
    edges = 100 * np.arange(16) / 15
    middle = (edges[1:] + edges[:-1]) / 2
    ends = {"accuracy_low": np.maximum(middle - 8, 0), "accuracy_high": middle.clip(max=92) + 8}
    numbers = {"bin": range(1, 16), "low": edges[:-1], "high": edges[1:], "n": 100}
    return pd.DataFrame({**numbers, "confidence": middle, "accuracy": middle, **ends})


def _curve() -> pd.DataFrame:
    epochs = np.arange(30)
    columns = {"lr": 0.1 / (1 + epochs), "loss": 4 / (1 + epochs), "top1": 90 * epochs / 30}
    return pd.DataFrame({"epoch": epochs, **columns})


def _decode(dataset: str) -> pd.DataFrame:
    tested, classes, _, videos = SIZES[dataset]
    number = np.arange(videos)
    verdict = np.where(number % 500 == 7, "short", "ok")
    return pd.DataFrame(
        {
            "id": [f"class {n % classes:03d}/{n:05d}.avi" for n in number],
            "label": [f"class {n % classes:03d}" for n in number],
            "split": np.where(number < tested, "test", "train"),
            "group": [f"source{n % 700:03d}-{int(n >= tested)}" for n in number],
            "promised": 90,
            "decoded": 90 - 2 * (verdict == "short"),
            "fps": 25.0,
            "seconds": 3.6,
            "width": 320,
            "height": 240,
            "codec": "mpeg4",
            "decoder": "decord",
            "verdict": verdict,
            "sha256": "00" * 32,
            "frames_hash": [f"{n:064x}" for n in number],
        }
    )
