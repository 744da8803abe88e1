"""Tables of the stage noise, made by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from signal_perception.report.results.noise_cells import THIRDS


def noise_table(
    model: str = "timesformer_divided",
    grid: str = "figure2",
    panels: Sequence[str] = ("spatial_attn.q", "spatial_attn.v"),
    sigmas: Sequence[float] = (0.1, 0.3),
    rhos: Sequence[float] = (0.5,),
    kinds: Sequence[str] = ("weights",),
    size: int = 2,
) -> pd.DataFrame:
    """Cells whose top-1 falls from 80 by 100σγ, a little more in every further panel.

    Their pools have `size` layers. The worst case is twice as far from 80.
    """
    several = len(sigmas) > 1 or len(rhos) == 1
    rows = [
        {
            "dataset": "shapes",
            "model": model,
            "grid": grid,
            "panel": panel,
            "kind": kind,
            "component": "spatial_attn" if panel in THIRDS else panel,
            "pool": panel if panel in THIRDS else "all",
            "x": "gamma",
            "y": "sigma" if several else "rho",
            **_cell(sigma, gamma, rho, size, lost=_lost(sigma, gamma, number, kind)),
        }
        for number, panel in enumerate(panels)
        for rho in rhos
        for sigma in sigmas
        for gamma in (0.05, 0.45, 0.85)
        for kind in kinds
    ]
    return pd.DataFrame(rows)


def _lost(sigma: float, gamma: float, number: int, kind: str) -> float:
    """Points of top-1."""
    return (100 * sigma * gamma + number) * (2 if kind == "gradient" else 1)


def _cell(sigma: float, gamma: float, rho: float, size: int, lost: float) -> dict[str, Any]:
    top1 = 80 - lost
    layers = max(int(rho * size + 0.5), 1)
    cell: dict[str, Any] = {
        "sigma": sigma,
        "gamma": gamma,
        "rho": rho,
        "layers": layers,
        "pool_layers": size,
        "kappa": 10 * sigma * (gamma * layers / size) ** 0.5,
        "repeats": 3,
    }
    for k, mean in ((1, top1), (5, top1 + 15)):
        cell |= {
            f"top{k}_mean": mean,
            f"top{k}_sd": 1.0,
            f"top{k}_low": mean - 2,
            f"top{k}_high": mean + 2,
            f"clean_top{k}": {1: 80.0, 5: 95.0}[k],
            f"chance_top{k}": 12.5 * k,
        }
    retention = (top1 - 12.5) / 67.5
    return cell | {
        "retention": retention,
        "retention_low": retention - 0.1,
        "retention_high": retention + 0.1,
        "robustness": top1 / 80,
        "tied_videos": 2,
        "nan_videos": 1,
        "n_videos": 128,
        "n_clusters": 32,
        "delta_sha256": "ab" * 32,
        "views": 1,
    }


def contrasts_table(model: str = "timesformer_divided") -> pd.DataFrame:
    """V against Q, significant, and two pairs of thirds that are not; top-1 and top-5 of each."""
    pairs = (
        ("figure2", "spatial_attn.v", "spatial_attn.q", -20.0, 0.001, "spatial_attn.v"),
        ("figure3", "front", "middle", 1.0, 0.8, ""),
        ("figure3", "front", "rear", -0.02, 0.9, ""),
    )
    rows = [
        contrast(first, second, difference / k, 2.0, model=model, grid=grid, k=k)
        | {
            "p": p / 3,
            "p_holm": p,
            "kappa_second": 0.25,
            "weaker": weaker,
            "finding": f"Top-{k}: {first} {'loses more than' if weaker else 'is as'} {second}",
        }
        for grid, first, second, difference, p, weaker in pairs
        for k in (1, 5)
    ]
    return pd.DataFrame(rows)


def contrast(
    first: str, second: str, difference: float, width: float, *, model: str, grid: str, k: int
) -> dict[str, object]:
    """A row, of a difference that is not significant; its interval reaches `width` to each side."""
    return {
        "dataset": "shapes",
        "model": model,
        "grid": grid,
        "kind": "weights",
        "k": k,
        "first": first,
        "second": second,
        "cells": 9,
        "difference": difference,
        "low": difference - width,
        "high": difference + width,
        "p": 0.4,
        "p_holm": 1.0,
        "kappa_first": 0.5,
        "kappa_second": 0.5,
        "n_videos": 128,
        "n_clusters": 32,
        "weaker": "",
        "finding": "",
    }


def robustness_table(
    lost: float = 30.0, grids: Sequence[str] = ("figure2",), videos: int = 32, repeats: int = 3
) -> pd.DataFrame:
    """Videos in groups of two that are right when clean, and lose `lost` points, give or take 2."""
    numbers = np.arange(videos)
    columns = {
        f"{grid}.{repeat}": 100.0 - lost + 2.0 * np.where((numbers // 4 + repeat) % 2, 1, -1)
        for grid in grids
        for repeat in range(repeats)
    }
    names = {"video": [f"{n}.mp4" for n in numbers], "group": [f"g{n // 2}" for n in numbers]}
    return pd.DataFrame({**names, "clean": 100.0, **columns})


def noise_spectra_table(
    model: str = "timesformer_divided",
    grid: str = "figure2",
    changes: Mapping[str, float] | None = None,
    reached: int = 0,
    tokens: Sequence[int] = (8, 8, 8, 8),
) -> pd.DataFrame:
    """Δ of each panel changed by a number at the taps from `reached` on, by nothing before.

    A change beyond ±0.1 is significant. T' < 4 has no such bin.
    """
    changes = {"spatial_attn.q": 0.05, "spatial_attn.v": 0.4} if changes is None else changes
    rows = []
    for panel, change in changes.items():
        for order, count in enumerate(tokens):
            on = order >= reached
            some = 1.0 if count >= 4 else float("nan")
            rows.append(
                {
                    "dataset": "shapes",
                    "model": model,
                    "grid": grid,
                    "panel": panel,
                    "component": panel,
                    "pool": "all",
                    "kind": "weights",
                    "sigma": 0.3,
                    "gamma": 0.45,
                    "rho": 0.5,
                    "layers": 1,
                    "pool_layers": 2,
                    "kappa": 0.4,
                    "tap": f"{order:02d}.mlp",
                    "tap_kind": "mlp",
                    "block": order,
                    "tokens": count,
                    "omega": 0.75 * some,
                    "clean": -1.5 * some,
                    "delta": (-1.5 + on * change) * some,
                    "difference": on * change * some,
                    "low": on * (change - 0.1) * some,
                    "high": on * (change + 0.1) * some,
                    "p": some * (0.001 if on and abs(change) > 0.1 else 1),
                    "p_holm": some * (0.004 if on and abs(change) > 0.1 else 1),
                    "reason": "" if count >= 4 else "needs 4 tokens",
                    "repeats": 3,
                    "n_videos": 128,
                    "n_clusters": 32,
                }
            )
    return pd.DataFrame(rows)
