"""The sentences under the figures: what is drawn, over how many videos, and how it can mislead."""

from collections.abc import Mapping

import pandas as pd

from signal_perception.report import depth, noise_figures, poster, style, training_figure

_STATISTICS = {
    "mean_log": "mean of ln(A + ε) over space and channels",
    "log_mean": "ln(mean of A over space and channels + ε)",
    "log_rms": "½ ln(mean of A² over space and channels + ε²)",
}
_POINTS = {
    "poster": "k = ⌊T′/2⌋ − 1, the poster's bin, which is not the Nyquist bin and does not exist "
    "for T′ < 4",
    "nyquist": "k = ⌊T′/2⌋, the last bin",
}
_SIDES = {"stream": "residual stream", "branch": "branch, before its addition to the stream"}
_CONTROLS = {
    "static": "The static clip repeats its first frame: nothing moves.",
    "shuffled": "Shuffled frames keep every frame and lose their order.",
    "reversed": "The reversed clip has the amplitudes of the clip in its pixels.",
}
_WHITE_NOISE = {"mean_log": "+0.347", "log_mean": "+0.105", "log_rms": "0"}


def curves(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Sentences under the training curves; none where there is nothing to explain."""
    models = training_figure.without_top1(tables)
    if not models:
        return []
    return [
        f"No top-1 of {', '.join(map(style.name, models))}: under mixup a training clip is a "
        "mixture of two and has no one class."
    ]


def figure1(table: pd.DataFrame, *, point: str, statistic: str, reference: bool) -> list[str]:
    """Sentences under Figure 1."""
    lines = [
        f"Δ log amplitude = L[k] − L[0] of the temporal spectrum ({statistic}: L = "
        f"{_STATISTICS[statistic]}) at {_POINTS[point]}, against normalised depth i/(n − 1) over "
        f"the n taps of each panel; taps on the {_SIDES[depth.side(table)]}. MSA is the tap after "
        "a block's last attention, temporal attention aside; MLP the block's output; Conv a "
        "convolutional block's output.",
        f"Bands: 95 % percentile bootstrap over {_videos(table)}. Lines break where a tap has no "
        "such bin.",
        f"Biases: zero-mean white noise gives {_WHITE_NOISE[statistic]} with this statistic at "
        "interior bins and 0 at Nyquist; T′ alone shifts Δ by −½ ln T′"
        f"{_several_tokens(table, point, statistic)}; a slow ramp is low in every bin, so low "
        "values do not prove fast content; series of mostly zeros (ReLU) pull mean_log towards 0.",
    ]
    if reference:
        lines.append(
            "Dotted: the poster's curves, read off its Figure 1 (±0.03), with gaps where they are "
            "hidden."
        )
    return lines


def controls(table: pd.DataFrame) -> list[str]:
    """Sentences under the figure of controls."""
    return [
        "The taps of panel (a) for the clip and for its controls; thin horizontal lines are the "
        "input pixels themselves.",
        *(_CONTROLS[control] for control in depth.controls(table)),
        "A curve that does not stand apart from its controls says nothing about motion. Means over "
        f"{_videos(table)}.",
    ]


def noise(table: pd.DataFrame, dataset: str, model: str, grid: str) -> list[str]:
    """Sentences under one of Figures 2–4."""
    first = table.iloc[0]
    components = ", ".join(dict.fromkeys(table["component"]))
    fixed = noise_figures.fixed(table)
    shared = f" ({fixed})" if fixed else ""
    clean, chance = (
        f"{first[f'{what}_top1']:.2f} / {first[f'{what}_top5']:.2f} %"
        for what in ("clean", "chance")
    )
    lines = [
        "Gaussian noise of standard deviation σ on a share γ of each weight slice of "
        f"{components}, in a share ρ of the layers{shared}. Each number is the mean over "
        f"{first['repeats']} repeats of the noise; below it the 95 % interval, from a bootstrap "
        f"over repeats, then over {_videos(table)}. Planes and titles: the clean model, {clean}; "
        f"chance is {chance}.",
        "κ = σ√γ / rms(W) is the amplitude of the noise relative to that of the weights, as if all "
        "layers of the pool were disturbed (ρ = 1); retention = (A − chance) / (A clean − chance). "
        f"Scores that were not finite count as wrong: {sum(table['nan_videos'])} of all videos in "
        "all cells.",
    ]
    if (dataset, model) == (poster.NOISE_DATASET, poster.NOISE_MODEL):
        (low1, low5), (high1, high5) = poster.NOISE_RANGES[grid]
        lines.append(
            f"On the poster top-1 falls from {high1} to {low1} % and top-5 from {high5} to "
            f"{low5} %."
        )
    return lines


def _several_tokens(table: pd.DataFrame, point: str, statistic: str) -> str:
    """A warning where the taps differ in T′, else nothing."""
    summaries = depth.summaries(table, point=point, statistic=statistic)
    tokens = sorted({t for summary in summaries for t in summary.tokens})
    if len(tokens) < 2:
        return ""
    return (
        f" (here T′ is {', '.join(map(str, tokens))}: compare models by Δ + ½ ln T′ or at "
        "ω = 0.5π, below)"
    )


def _videos(table: pd.DataFrame) -> str:
    """How many videos and clusters, and between what numbers they lie where models differ."""
    videos, clusters = (_span(table.loc[:, column]) for column in ("n_videos", "n_clusters"))
    return f"{videos} videos in {clusters} clusters of one source"


def _span(numbers: pd.Series) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"
