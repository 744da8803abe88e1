"""The sentences under the figures of noise, and beside its tables."""

from collections.abc import Mapping, Sequence

import pandas as pd

from signal_perception.report.captions import spectral_captions
from signal_perception.report.figures.heatmap_figure import FEWER
from signal_perception.report.figures.retention_figure import Slice
from signal_perception.report.findings.kappa import Curve
from signal_perception.report.findings.losses import Comparison
from signal_perception.report.results import noise_cells, poster, runs
from signal_perception.report.results.noise_cells import SYMBOLS, WORST_CASE

KAPPA = (
    "κ = σ√(γ·p/P) / rms(W) is the amplitude of the noise relative to that of the weights of the "
    "pool, of whose P layers p are disturbed in each repeat."
)
RETENTION = "Retention = (A − chance) / (A clean − chance): 1 is the clean model, 0 is chance."
_DISTURBED = {
    "weights": "Gaussian noise of standard deviation σ on a share γ of each weight slice of "
    "{components}, in p of the P layers of a pool",
    "activations": "Gaussian noise of standard deviation σ on a share γ of what the taps of "
    "{components} pass on, at p of the P of a pool",
}
# Points of clean accuracy from which models start unequally.
_UNEQUAL = 1.0


def cells(
    table: pd.DataFrame, dataset: str, model: str, grid: str, *, videos: int, views: int | None
) -> list[str]:
    """Sentences under the map of one grid of one model.

    videos: in the test split. views: of each that Table 1 rests on, None where it has no such row.
    """
    main = noise_cells.without_worst_case(table)
    what = _DISTURBED[main["kind"].iloc[0]].format(
        components=", ".join(dict.fromkeys(main["component"]))
    )
    fixed = noise_cells.fixed(main)
    found = [
        f"{what}{f' ({fixed})' if fixed else ''}. Each cell: the mean over {_repeats(table)} of "
        "the noise, and the 95 % interval over repeats and "
        f"{spectral_captions.videos({model: table})}. {_clean(main, views)} Colours run from "
        "chance to clean: beyond these ends they stay, and grey is no value.",
        runs.in_words([runs.number(table)]),
        KAPPA,
    ]
    if WORST_CASE in set(table["kind"]):
        found.append(
            "Worst case: instead of noise, one step of equal energy up the loss, the worst that "
            "can happen to first order."
        )
    found += [*_equal(main), *_fewer(table, videos), *_counted(table)]
    if (dataset, model) == (poster.NOISE_DATASET, poster.NOISE_MODEL):
        found += _of_the_poster(grid)
    return found


def surfaces(table: pd.DataFrame) -> list[str]:
    """Sentences under the surfaces of one grid."""
    x, y = (SYMBOLS[table[axis].iloc[0]] for axis in ("x", "y"))
    return [
        f"The same means over {x} and {y}, top-1 above and top-5 below, all from 0 to 100 %; the "
        "planes are the clean model."
    ]


def models(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Sentences under all models side by side."""
    return [
        "Retention of top-1, mean over the cells of a panel, and below it the mean κ of these "
        "cells: panels with other κ are not disturbed alike. Grey: the model has no such panel, or "
        "is not shown to be above chance without noise, and has nothing to retain.",
        f"{RETENTION} {KAPPA} Means over {spectral_captions.videos(tables)}; the contrasts above "
        "are what is tested.",
    ]


def retention(cut: Slice) -> list[str]:
    """Sentences under retention by third."""
    axis = SYMBOLS[cut.axis]
    return [
        f"Retention of top-1 against {axis}, at {cut.fixed} ({noise_cells.grid_title(cut.grid)}). "
        f"Bands: 95 % over {_repeats(pd.concat(cut.tables.values()))} and "
        f"{spectral_captions.videos(cut.tables)}; {axis} = 0 is the clean model itself. "
        f"{runs.in_words(runs.numbers(cut.tables))}",
        f"{RETENTION} Models that are not shown to be above chance without noise are left out: "
        "they have nothing to retain.",
    ]


def kappa(curves: Sequence[Curve]) -> list[str]:
    """Sentences under accuracy against κ."""
    return [
        "Top-1 of every cell of noise on weights that changes something, each once. The curve is "
        "the best decreasing one through all cells of a model (isotonic regression), free in "
        "shape, so it explains more than a curve of few parameters would.",
        KAPPA,
        "Where the cells of a panel have a κ that no other panel has, the curve follows them.",
    ]


def spectra(tables: Mapping[str, pd.DataFrame], grid: str) -> list[str]:
    """Sentences under what noise does to the spectrum."""
    inside = {m: t.loc[t["grid"] == grid] for m, t in tables.items() if grid in set(t["grid"])}
    every = pd.concat(inside.values())
    axes = ", ".join(f"{SYMBOLS[a]} = {v:g}" for a in SYMBOLS for v in sorted(set(every[a])))
    return [
        "Δ log amplitude under noise minus that of the clean model, paired by video "
        f"(log_mean, the poster's bin k = ⌊T′/2⌋ − 1), at {axes}, along the depth of all taps "
        "that were listened to. Above 0 more of the amplitude is fast: the spectrum is whiter. "
        "Noise that is white in time would have Δ = +0.105.",
        f"Bands: 95 % over {_repeats(every)} of the noise and "
        f"{spectral_captions.videos(inside)}. Filled markers: p < .05 after Holm's correction "
        "over the taps of one panel. Lines break where T′ changes. "
        f"{runs.in_words(runs.numbers(inside))}",
    ]


def losses(found: Comparison, scale: str) -> list[str]:
    """What to know when models are compared."""
    if not found.losses:
        return []
    clean = {loss.model: loss.clean for loss in found.losses}
    low, high = min(clean, key=clean.__getitem__), max(clean, key=clean.__getitem__)
    alike = (
        "σ is absolute, so equal σ is not equal noise relative to the weights: κ says how much "
        "each model was disturbed."
        if scale == "absolute"
        else f"σ is relative to the weights of each slice ({scale}), so equal σ is equal relative "
        "noise."
    )
    lines = [
        "Lost: points of top-1, clean minus the mean over the cells of a grid, paired by video; "
        "intervals over repeats and videos, p after Holm's correction over all pairs and grids of "
        f"this data set. {runs.in_words(found.runs, 'intervals')} {alike}"
    ]
    if clean[high] - clean[low] >= _UNEQUAL:
        lines.append(
            f"The models do not start alike: {high} has {clean[high]:.1f} % without noise, {low} "
            f"{clean[low]:.1f} %, and who has more can lose more; retention above takes this out."
        )
    return lines


def _clean(table: pd.DataFrame, views: int | None) -> str:
    """Which accuracy the clean one is."""
    scored = int(noise_cells.column(table, "views")[0])
    if views is None:
        return f"Clean is the accuracy without noise, on {_of_views(scored)} of each video."
    if scored == views:
        return "Clean is the accuracy of Table 1."
    return (
        f"Clean is the accuracy on {_of_views(scored)} of each video, its middle one, and differs "
        f"from that of Table 1, which rests on {_of_views(views)}."
    )


def _of_views(count: int) -> str:
    return "1 view" if count == 1 else f"{count} views"


def _equal(table: pd.DataFrame) -> list[str]:
    """Which ρ are one cell."""
    rhos = noise_cells.merged(table)["rhos"]
    shared = [text for text in dict.fromkeys(rhos) if "," in text]
    if not shared:
        return []
    return [f"ρ = {' and '.join(shared)} disturb as many layers, and are one cell."]


def _fewer(table: pd.DataFrame, videos: int) -> list[str]:
    """Which cells were not scored on all videos, since they were known well enough."""
    once = noise_cells.distinct(table)
    fewer = [int(count) for count in once["n_videos"] if count < videos]
    if not fewer:
        return []
    low, high = min(fewer), max(fewer)
    counts = f"{low}" if low == high else f"{low} to {high}"
    return [
        f"{FEWER} {len(fewer)} of {len(once)} cells were known well enough (noise.precision) after "
        f"{counts} of {videos} videos."
    ]


def _counted(table: pd.DataFrame) -> list[str]:
    """Ties, and scores that are no numbers."""
    once = noise_cells.distinct(table)
    tied, broken, videos, repeats = (
        noise_cells.column(once, name).astype(int)
        for name in ("tied_videos", "nan_videos", "n_videos", "repeats")
    )
    number = runs.number(table)
    of_runs = " and repeats" if number == 1 else ", repeats and runs"
    return [
        f"Of {sum(videos * repeats) * number} scored videos in all cells{of_runs}, {sum(tied)} "
        "have another class tied with the true one and count by their chance to be right, and "
        f"{sum(broken)} have scores that are not finite and count as wrong."
    ]


def _of_the_poster(grid: str) -> list[str]:
    if grid not in poster.NOISE_RANGES:
        return []
    (low1, low5), (high1, high5) = poster.NOISE_RANGES[grid]
    return [
        f"On the poster top-1 falls from {high1} to {low1} % and top-5 from {high5} to {low5} %."
    ]


def _repeats(table: pd.DataFrame) -> str:
    counts = sorted({int(count) for count in table["repeats"]})
    return f"{' or '.join(map(str, counts))} repeat{'s' if counts != [1] else ''}"
