"""Which columns each kind of table has: one declaration, for all who read tables.

docs/map.md says what they mean.
"""

from signal_perception.decode import table as decoding
from signal_perception.tabular import Kind

_THIRDS = ("front", "middle", "rear")
_PAIRS = ("front_middle", "front_rear", "middle_rear")
_TESTED = ("difference", "low", "high", "p", "p_holm")
_WHOSE = ("dataset", "model", "weights", "weights_sha256")
_SCORES = tuple(
    name
    for k in (1, 5)
    for name in (
        *(f"top{k}_mean", f"top{k}_sd", f"top{k}_low", f"top{k}_high"),
        *(f"clean_top{k}", f"chance_top{k}"),
    )
)
_COLUMNS: dict[str, tuple[str, ...]] = {
    "curves": ("epoch", "lr", "loss", "top1"),
    "calibration": (
        *("bin", "low", "high", "n", "confidence", "accuracy", "accuracy_low", "accuracy_high"),
    ),
    "classes": ("class", "n", "correct", "top1", "low", "high", "ece", "ece_low", "ece_high"),
    "confusion": ("label", "predicted", "videos"),
    "correct": ("video", "group", "top1", "top5"),
    "spectra": (
        *(*_WHOSE, "transform", "control", "tap", "order", "kind", "block", "side", "tokens"),
        *("height", "width", "bin", "omega", "hz", "quantity", "statistic", "value", "low"),
        *("high", "p", "p_holm", "is_poster", "is_nyquist", "n_videos", "n_clusters"),
        *("dead_share", "epsilon"),
    ),
    "depth": (
        *(*_WHOSE, "control", "tap", "order", "kind", "block", "side", "tokens", "point"),
        *("omega", "hz", "quantity", "statistic", "value", "low", "high", "p", "p_holm"),
        *("reason", "n_videos", "n_clusters", "dead_share"),
    ),
    "probe": (
        *(*_WHOSE, "tap", "kind", "block", "depth", "channels", "c", "folds", "converged"),
        *("top1", "low", "high", "correct", "total", "n_clusters", "chance", "own_top1"),
        *("difference", "difference_low", "difference_high", "p", "p_holm"),
        *("cka", "cka_low", "cka_high", "cka_of_shuffled"),
    ),
    "noise": (
        *("dataset", "model", "grid", "panel", "kind", "component", "pool", "x", "y"),
        *("sigma", "gamma", "rho", "layers", "pool_layers", "kappa", "repeats", *_SCORES),
        *("retention", "retention_low", "retention_high", "robustness", "tied_videos"),
        *("nan_videos", "n_videos", "n_clusters", "delta_sha256", "views"),
    ),
    "contrasts": (
        *("dataset", "model", "grid", "kind", "k", "first", "second", "cells", *_TESTED),
        *("kappa_first", "kappa_second", "n_videos", "n_clusters", "weaker", "finding"),
    ),
    # and of each grid and repeat a column, "figure2.0"
    "robustness": ("video", "group", "clean"),
    "noise_spectra": (
        *("dataset", "model", "grid", "panel", "component", "pool", "kind", "sigma", "gamma"),
        *("rho", "layers", "pool_layers", "kappa", "tap", "tap_kind", "block", "tokens"),
        *("omega", "clean", "delta", *_TESTED, "reason", "repeats", "n_videos", "n_clusters"),
    ),
    "table1": (
        *("dataset", "model", "pretrained", "views", "total", "dropped"),
        *(f"{name}{k}" for k in (1, 5) for name in ("top", "low", "high", "correct")),
        *("poster_pretraining", "poster_top1", "poster_top5", "reference_top1"),
        *(f"poster_{name}{k}" for k in (1, 5) for name in _TESTED),
        "untested",
    ),
    "mcnemar": (
        *("dataset", "k", "first", "second", "n_videos", "n_clusters"),
        *("first_only", "second_only", *_TESTED),
    ),
    "thirds": (
        *("dataset", "model", "grid", "kind", "cells", "clean_top1"),
        *(f"{third}{part}" for third in _THIRDS for part in ("", "_low", "_high", "_kappa")),
        *(f"{pair}{part}" for pair in _PAIRS for part in ("", "_low", "_high", "_p_holm")),
        *("weakest", "strongest", "verdict"),
    ),
}
_TEXTS = frozenset(
    {
        *("label", "group", "class", "predicted", "video", "dataset", "model", "weights"),
        *("weights_sha256", "transform", "control", "tap", "tap_kind", "kind", "side", "point"),
        *("quantity", "statistic", "reason", "grid", "panel", "component", "pool", "x", "y"),
        *("delta_sha256", "first", "second", "weaker", "finding", "pretrained", "verdict"),
        *("poster_pretraining", "untested", "weakest", "strongest"),
    }
)
# The same word is a number in another kind of table.
_TEXTS_OF = {"table1": {"views"}}
_ALSO = {"curves": ("validation_loss", "validation_top1")}
# Kind of table (its folder below reports/tables, or its name) → what it is made of.
TABLES: dict[str, Kind] = {"decode": decoding.KIND} | {
    name: Kind(columns, _TEXTS | _TEXTS_OF.get(name, set()), _ALSO.get(name, ()))
    for name, columns in _COLUMNS.items()
}
# What the metrics of the stage evaluate have in any case.
ACCURACY = (
    *("total", "n_listed", "dropped", "n_clusters", "controls"),
    *(f"{name}{k}" for k in (1, 5) for name in ("top", "low", "high", "correct", "chance")),
)
