"""Tables of a study made by hand, as the stages would write them, with numbers known beforehand."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from signal_perception.report.tables import Results
from signal_perception.spectra import definitions

# kinds of a block, number of such blocks, temporal tokens
Stretch = tuple[tuple[str, ...], int, int]

# as in the published architectures
BACKBONES: dict[str, list[Stretch]] = {
    "timesformer_divided": [(("temporal_attn", "spatial_attn", "mlp"), 12, 8)],
    "uniformer_v1": [(("local_attn", "mlp"), 13, 8), (("joint_attn", "mlp"), 27, 8)],
    "uniformer_v2": [
        (("local_attn", "spatial_attn", "mlp"), 8, 8),
        (("spatial_attn", "mlp", "global_attn"), 4, 8),
    ],
    "swin": [(("joint_attn", "mlp"), 24, 16)],
    "i3d": [(("conv",), 13, 8), (("conv",), 3, 2)],
}
LEVELS = {"clip": -1.0, "static": -9.0, "shuffled": -0.5, "reversed": -1.0}


def spectra_table(
    model: str,
    dataset: str = "shapes",
    controls: Sequence[str] = ("clip", "static", "shuffled"),
    backbone: Sequence[Stretch] = (),
) -> pd.DataFrame:
    """Spectra whose Δ is level − bin/10 − order/100; the input pixels lie one below."""
    taps = [("input", "input", -1, 16)]
    for kinds, blocks, tokens in backbone or BACKBONES[model]:
        first = taps[-1][2] + 1
        taps += [
            (f"{block:02d}.{kind}", kind, block, tokens)
            for block in range(first, first + blocks)
            for kind in kinds
        ]
    rows = [
        {"dataset": dataset, "model": model, "control": control, "statistic": statistic, **row}
        for control in controls
        for order, tap in enumerate(taps)
        for statistic in ("log_mean", "log_rms")
        for row in _bins(*tap, order, LEVELS[control])
    ]
    return pd.DataFrame(rows)


def _bins(
    tap: str, kind: str, block: int, tokens: int, order: int, level: float
) -> list[dict[str, Any]]:
    poster, nyquist = (definitions.representative(tokens, p).index for p in ("poster", "nyquist"))
    rows = []
    for k, omega in enumerate(definitions.omega(tokens)):
        delta = (level - k / 10 - order / 100 - (tap == "input")) if k else 0.0
        rows.append(
            {
                "tap": tap,
                "order": order,
                "kind": kind,
                "block": block,
                "side": "stream",
                "tokens": tokens,
                "bin": k,
                "omega": omega,
                "hz": omega * 3,
                "delta": delta,
                "low": delta - 0.05,
                "high": delta + 0.05,
                "is_poster": k == poster,
                "is_nyquist": k == nyquist,
                "n_videos": 128,
                "n_clusters": 32,
                "dead_share": 0.125 if kind == "conv" else 0.0,
            }
        )
    return rows


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


def results(dataset: str = "shapes") -> Results:
    """A data set with two models, one of which has no weight noise and one video less."""
    models = ("timesformer_divided", "i3d")
    return Results(
        dataset,
        models,
        decode_table(),
        {model: accuracy(dropped=int(model == "i3d")) for model in models},
        {model: spectra_table(model, dataset) for model in models},
        {"timesformer_divided": noise_table()},
        dict.fromkeys(models, curve()),
    )
