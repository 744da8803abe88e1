"""Tables of the stage probe, made by hand."""

import pandas as pd


def probe_table(
    model: str = "i3d",
    weights: str = "shapes",
    dataset: str = "shapes",
    worse: int = 0,
    taps: int = 4,
) -> pd.DataFrame:
    """Probes that rise from 50 to 80 %; of other weights, 20 points worse at the first `worse`.

    Their CKA falls from 0.9 to 0 along the depth.
    """
    rows = []
    for order in range(taps):
        depth = order / (taps - 1)
        own, lost, nan = 50 + 30 * depth, 20.0 * (order < worse), float("nan")
        cka = 0.9 * (1 - depth)
        compared = {
            "own_top1": own,
            "difference": -lost,
            "difference_low": -lost - 5,
            "difference_high": -lost + 5,
            "p": 0.001 if lost else 1.0,
            "p_holm": 0.004 if lost else 1.0,
            "cka": cka,
            "cka_low": cka - 0.1,
            "cka_high": cka + 0.05,
            "cka_of_shuffled": 0.03,
        }
        rows.append(
            {
                "dataset": dataset,
                "model": model,
                "weights": weights,
                "weights_sha256": "ab" * 32,
                "tap": f"{order:02d}.conv",
                "kind": "conv",
                "block": order,
                "depth": depth,
                "channels": 32,
                "c": 0.1,
                "folds": 3,
                "converged": True,
                "top1": own - lost,
                "low": own - lost - 8,
                "high": own - lost + 8,
                "correct": round((own - lost) * 1.28),
                "total": 128,
                "n_clusters": 32,
                "chance": 12.5,
                **(compared if weights != dataset else dict.fromkeys(compared, nan)),
            }
        )
    return pd.DataFrame(rows)
