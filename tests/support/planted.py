"""Contrasts whose weakest panel is known, made by hand."""

from collections.abc import Mapping

import pandas as pd

_WIDTH = 2.0


def contrasts(
    lost: Mapping[str, float],
    model: str = "timesformer_divided",
    grid: str = "figure2",
    sure: bool = True,
) -> pd.DataFrame:
    """All pairs of panels, by the points that each loses; equal ones, or all, are not significant.

    The interval of a difference reaches 2 points to either side, 40 where it is not sure.
    """
    panels = list(lost)
    pairs = [(a, b) for n, a in enumerate(panels) for b in panels[n + 1 :]]
    rows = []
    for first, second in pairs:
        difference = lost[second] - lost[first]
        apart = sure and difference != 0
        width = _WIDTH if sure else 20 * _WIDTH
        weaker = (first if difference < 0 else second) if apart else ""
        for k in (1, 5):
            rows.append(
                {
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
                    "p": 0.001 if apart else 0.4,
                    "p_holm": 0.003 if apart else 1.0,
                    "kappa_first": 0.5,
                    "kappa_second": 0.5,
                    "n_videos": 128,
                    "n_clusters": 32,
                    "weaker": weaker,
                    "finding": "",
                }
            )
    return pd.DataFrame(rows)
